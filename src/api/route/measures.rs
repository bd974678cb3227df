//! The routes of what was measured.

use super::table::Route;
use crate::api::desk::Desk;
use crate::api::route::{Answered, AnyQuery, asked, blocking};
use crate::api::wire::{Fault, MeasureAsked, MeasurePast, MeasureRow};
use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use axum::routing::get;

/// They.
pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/v1/measures", "listMeasures", "The last sample of each series", || get(measures))
        .json::<Vec<MeasureRow>>(200, "By measure and labels.")
        .faults(&[Fault::Book]),
    Route::get("/api/v1/measures/{measure}", "getMeasure", "What was measured between two instants", || get(past))
        .more("Single samples are kept for a week, then sums of five minutes for 90 days, then of an hour for two years; as long as their runs are kept, samples are too.")
        .query::<MeasureAsked>()
        .json::<Vec<MeasurePast>>(200, "Each series with its points.")
        .faults(&[Fault::NoMeasure, Fault::Input, Fault::Book]),
];

async fn measures(State(desk): State<Desk>) -> Answered {
    Ok(Json(blocking(move || desk.measures()).await?).into_response())
}

async fn past(State(desk): State<Desk>, Path(measure): Path<String>, query: AnyQuery<MeasureAsked>) -> Answered {
    let asked = asked(query)?;
    Ok(Json(blocking(move || desk.past(&measure, &asked)).await?).into_response())
}
