//! Plots of stored measures: what stands under `plots:` of a report.

use crate::base::ids::StepId;
use crate::base::limits;
use crate::base::span::Span;
use crate::base::value::Value;
use crate::model::baseline::By;
use crate::model::kind::Kind;
use crate::model::param::Param;
use crate::model::step::{Step, StepKind};
use std::collections::BTreeMap;

/// Characters of a plot in a line of text.
const COLUMNS: usize = 40;

/// One plot, its texts rendered.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    /// The measure.
    pub measure: StepId,
    /// How far back.
    pub over: Span,
    /// Which series of it.
    pub labels: BTreeMap<String, String>,
    /// What is written over it.
    pub title: Option<String>,
    /// How samples become a point.
    pub by: By,
    /// Into how many stretches of time it is cut.
    pub points: usize,
}

/// What a plot is in the body of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A drawing in a page.
    Drawing,
    /// A line of text.
    Line,
    /// Instants and values.
    Data,
}

impl Form {
    /// The keys of a report whose texts see its plots.
    pub const BODIES: [(&'static str, Self); 4] =
        [("html", Self::Drawing), ("markdown", Self::Line), ("text", Self::Line), ("json", Self::Data)];

    /// The form that the body of a report asks for.
    #[must_use]
    pub fn of(params: &Param) -> Self {
        let written = Self::BODIES.into_iter().find(|(key, _)| params.get(key).is_some());
        written.map_or(Self::Line, |(_, form)| form)
    }

    fn points(self) -> usize {
        match self {
            Self::Line => COLUMNS,
            Self::Drawing | Self::Data => limits::MAX_PLOT_POINTS,
        }
    }
}

impl Plot {
    /// What is written, with its texts rendered; `None` where it is no plot, which the table of kinds does not let pass.
    #[must_use]
    pub fn read(written: &Value, form: Form) -> Option<Self> {
        let text = |key: &str| written.get(key).and_then(Value::as_str);
        let labels = written.get("labels").and_then(Value::as_object).into_iter().flatten();
        let labels = labels.map(|(name, value)| (name.clone(), crate::base::value::plain(value)));
        let points = written.get("points").and_then(Value::as_u64).and_then(|points| usize::try_from(points).ok());
        Some(Self {
            measure: StepId::parse(text("measure")?).ok()?,
            over: Span::from_millis(written.get("over")?.as_u64()?),
            // As in Prometheus: a label without a value is no label.
            labels: labels.filter(|(_, value)| !value.is_empty()).collect(),
            title: text("title").filter(|title| !title.is_empty()).map(str::to_owned),
            by: text("by").and_then(By::parse).unwrap_or(By::Mean),
            points: points.unwrap_or(form.points()).clamp(limits::MIN_PLOT_POINTS, limits::MAX_PLOT_POINTS),
        })
    }
}

/// The plots of a step, by name, as they are written.
#[must_use]
pub fn written(step: &Step) -> &[(String, Param)] {
    match &step.kind {
        StepKind::Act(action) if action.kind == Kind::Report => match action.params.get("plots") {
            Some(Param::Map(plots)) => plots,
            Some(Param::Value(_) | Param::Text(_) | Param::Expr(_) | Param::List(_)) | None => &[],
        },
        StepKind::Act(_)
        | StepKind::Steps(_)
        | StepKind::Watch(_)
        | StepKind::Remedy(_)
        | StepKind::Wait(_)
        | StepKind::Call(_)
        | StepKind::Compute(_)
        | StepKind::Log { .. }
        | StepKind::Fail(_)
        | StepKind::Pass(_)
        | StepKind::Approval(_) => &[],
    }
}

/// The measures that a step draws.
#[must_use]
pub fn measures(step: &Step) -> Vec<StepId> {
    let named = written(step).iter().filter_map(|(_, plot)| plot.get("measure").and_then(Param::value));
    named.filter_map(|name| StepId::parse(name.as_str()?).ok()).collect()
}
