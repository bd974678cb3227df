//! Plots of stored measures: what is asked of the past for them, and what they are in a report.
//!
//! Knows samples and thresholds; never where samples are stored ([`crate::engine::series`]). What a plot shows is in the
//! request, and so in its event: a replay draws nothing again.

mod line;
mod svg;

pub(crate) use line::bars;

use crate::base::address::Place;
use crate::base::arg::Arg;
use crate::base::span::{Span, show_size};
use crate::base::value::{Map, Value, json};
use crate::engine::series::{Past, Question, Series, Window};
use crate::engine::turn::Turn;
use crate::expr::Scope;
use crate::model::baseline::By;
use crate::model::kind::Kind;
use crate::model::measure::{Threshold, figure};
use crate::model::plot::{Form, Plot};
use crate::model::step::Action;
use crate::template::RenderError;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

const LARGEST: f64 = 1e100;

/// What is drawn.
struct Picture<'a> {
    plot: &'a Plot,
    threshold: Option<&'a Threshold>,
    zone: &'a TimeZone,
    /// From when to when.
    time: Window,
    /// One for each stretch of time with samples, in the order of time.
    points: Vec<(Timestamp, f64)>,
    found: Option<Found>,
    /// A sample older than what is drawn.
    before: Option<(Timestamp, f64)>,
}

/// What all samples come to.
#[derive(Clone, Copy)]
struct Found {
    min: f64,
    max: f64,
    last: f64,
}

impl Turn<'_> {
    /// Asks for the samples of a report's plots, as far as they are not known.
    pub(super) fn ask_for_plots(&mut self, place: &Place, action: &Action) {
        let Ok(plots) = plots(action, || self.scope_of(place, action)) else { return };
        for (_, plot) in plots {
            self.ask(self.question(&plot));
        }
    }

    /// The scope of an action with the plots it asks for; those whose samples are not known are empty.
    pub(super) fn with_plots(&self, action: &Action, mut scope: Scope) -> Result<Scope, RenderError> {
        let form = Form::of(&action.params);
        let plots = plots(action, || scope.clone())?;
        if plots.is_empty() {
            return Ok(scope);
        }
        let zone = crate::base::zone::zone(&self.book.timezone).unwrap_or(TimeZone::UTC);
        let shown = plots.into_iter().map(|(name, plot)| (name, self.shown(&plot, form, &zone)));
        scope.values.insert("plots".into(), Value::Object(shown.collect::<Map<_, _>>()));
        Ok(scope)
    }

    fn question(&self, plot: &Plot) -> Question {
        let series = Series { name: plot.measure.clone(), labels: plot.labels.clone() };
        let unit = self.book.thresholds.get(&plot.measure).and_then(|threshold| threshold.unit.clone());
        Question { series, unit, windows: windows(plot, self.now), now: self.now }
    }

    fn shown(&self, plot: &Plot, form: Form, zone: &TimeZone) -> Value {
        let question = self.question(plot);
        let mut past = self.known_of(&question).unwrap_or_default();
        // What this very decision measured is not stored yet.
        if let Some(fresh) = self.fresh.get(&question.series).filter(|fresh| fresh.at <= self.now) {
            past.samples.push((fresh.at, fresh.value));
        }
        let threshold = self.book.thresholds.get(&plot.measure);
        let picture = Picture::new(plot, threshold, zone, &question.windows, &past);
        match form {
            Form::Drawing => svg::draw(&picture).into(),
            Form::Line => line::draw(&picture).into(),
            Form::Data => picture.points.iter().map(|(at, value)| json!([whole_second(*at), value])).collect(),
        }
    }
}

/// The plots of an action, by name, with their texts rendered.
fn plots(action: &Action, scope: impl FnOnce() -> Scope) -> Result<Vec<(String, Plot)>, RenderError> {
    let Some(written) = action.params.get("plots").filter(|_| action.kind == Kind::Report) else {
        return Ok(Vec::new());
    };
    let form = Form::of(&action.params);
    let rendered = written.render(&scope())?.shown();
    let plots = rendered.as_object().into_iter().flatten();
    Ok(plots.filter_map(|(name, plot)| Some((name.clone(), Plot::read(plot, form)?))).collect())
}

/// The parameters as they are performed: a plot is in the body that names it.
pub(super) fn left_out(params: Arg, kind: Kind) -> Arg {
    match params {
        Arg::Map(mut map) if kind == Kind::Report => {
            map.retain(|(key, _)| key != "plots");
            Arg::Map(map)
        }
        params @ (Arg::Map(_) | Arg::Value(_) | Arg::Text(_) | Arg::List(_)) => params,
    }
}

/// The stretches of time of a plot, oldest first; the last holds this very instant.
fn windows(plot: &Plot, now: Timestamp) -> Vec<Window> {
    let whole = SignedDuration::from_millis(i64::try_from(plot.over.millis()).unwrap_or(i64::MAX));
    let count = i32::try_from(plot.points).unwrap_or(1).max(1);
    let step = whole / count;
    let from = now.checked_sub(step.saturating_mul(count)).unwrap_or(Timestamp::MIN);
    let at = |number: i32| from.checked_add(step.saturating_mul(number)).unwrap_or(Timestamp::MAX);
    let end = now.checked_add(SignedDuration::from_micros(1)).unwrap_or(now);
    (0..count).map(|number| (at(number), if number + 1 == count { end } else { at(number + 1) })).collect()
}

impl<'a> Picture<'a> {
    fn new(
        plot: &'a Plot,
        threshold: Option<&'a Threshold>,
        zone: &'a TimeZone,
        windows: &[Window],
        past: &Past,
    ) -> Self {
        let mut samples = past.samples.clone();
        // Sums of what is larger could be infinite, which nobody can draw.
        for (_, value) in &mut samples {
            *value = value.clamp(-LARGEST, LARGEST);
        }
        samples.sort_by_key(|(at, _)| *at);
        let points = windows.iter().filter_map(|(from, to)| {
            let begins = samples.partition_point(|(at, _)| at < from);
            let ends = samples.partition_point(|(at, _)| at < to);
            let within = samples.get(begins..ends)?;
            let value = plot.by.of(within.iter().map(|(_, value)| *value).collect())?;
            Some((within.last()?.0, value))
        });
        let points = points.collect();
        let values = || samples.iter().map(|(_, value)| *value).collect::<Vec<f64>>();
        let found = samples
            .last()
            .and_then(|(_, last)| Some(Found { min: By::Min.of(values())?, max: By::Max.of(values())?, last: *last }));
        let first = windows.first().map_or(Timestamp::MIN, |(from, _)| *from);
        let end = windows.last().map_or(first, |(_, to)| *to);
        let before = past.last.map(|last| (last.at, last.value)).filter(|(at, _)| *at < first);
        Self { plot, threshold, zone, time: (first, end), points, found, before }
    }

    fn unit(&self) -> Option<&str> {
        self.threshold.and_then(|threshold| threshold.unit.as_deref())
    }

    /// What it shows, in words: `min 41 %, max 87 %, last 62 % (7d)`.
    fn words(&self) -> String {
        let (over, told) = (Span::from_millis(self.plot.over.millis()), |value| told(value, self.unit()));
        match (self.found, self.before) {
            (Some(Found { min, max, last }), _) => {
                format!("min {}, max {}, last {} ({over})", told(min), told(max), told(last))
            }
            (None, Some((at, value))) => {
                let at = at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
                format!("no samples in {over}; the last, {}, is of {at}", told(value))
            }
            (None, None) => "no samples yet".into(),
        }
    }
}

/// A value with its unit.
fn told(value: f64, unit: Option<&str>) -> String {
    match unit {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is positive, and rounded for people"
        )]
        Some("B") if value >= 1024.0 => show_size(value as u64),
        Some(unit) => format!("{} {unit}", figure(value)),
        None => figure(value),
    }
}

fn whole_second(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

#[cfg(test)]
mod tests;
