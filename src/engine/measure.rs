//! Samples: what `measure:` makes of an output, handed to the judge with what is known of their past.

use crate::base::address::Place;
use crate::base::digest::Digest;
use crate::base::level::Level;
use crate::base::limits;
use crate::base::span::show_size;
use crate::base::value::{Value, json, type_name};
use crate::engine::event::Sample;
use crate::engine::judge::{self, Here};
use crate::engine::scope;
use crate::engine::series::{Past, Point, Question, Series};
use crate::engine::turn::Turn;
use crate::model::measure::{Measure, Threshold, convert};
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use crate::model::runbook::Runbook;
use crate::model::step::{Step, StepKind};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// What an output says about one series: a value in the measure's own unit, or that there is none.
struct Reading {
    labels: BTreeMap<String, String>,
    value: Option<f64>,
}

impl Turn<'_> {
    /// The samples of a step's output, and what went wrong in taking them. A dry run stores nothing, and
    /// of a `foreach` each item is measured, not the whole. Where the past of a series is not known yet, it is asked for
    /// and the sample is judged without.
    pub(super) fn samples(&mut self, place: &Place, step: &Step, output: &Value) -> (Vec<Sample>, Option<Failure>) {
        let (mut samples, mut problem) = (Vec::new(), None);
        let whole = step.foreach.is_some() && place.last().item.is_none();
        if self.run.started.dry || whole {
            return (samples, problem);
        }
        for measure in &step.measure {
            let taken = self
                .readings(place, measure, output)
                .map(|found| found.into_iter().filter_map(|reading| self.judged(measure, reading)).collect::<Vec<_>>());
            match taken.and_then(|taken| fits(&samples, taken)) {
                Ok(taken) => samples.extend(taken),
                Err(reason) => {
                    let message = format!("measure `{}`: {reason}", measure.name);
                    problem =
                        problem.or(Some(Failure { lasting: true, ..Failure::new(FailureKind::Template, message) }));
                }
            }
        }
        (samples, problem)
    }

    fn readings(&self, place: &Place, measure: &Measure, output: &Value) -> Result<Vec<Reading>, String> {
        let builder = || scope::Builder::new(self.book, self.run, place).output(output);
        let Some(each) = &measure.each else {
            return self.reading(builder(), place, measure).map(|reading| vec![reading]);
        };
        let items = each.eval(&builder().build(each.reads())).map_err(|error| error.to_string())?;
        let Value::Array(items) = items else { return Err(format!("`each` needs a list, not {}", type_name(&items))) };
        if items.is_empty() {
            // Nothing is there to have labels: one reading is missing.
            let mut labels = BTreeMap::new();
            self.item_labels(place, &mut labels);
            return Ok(vec![Reading { labels, value: None }]);
        }
        items.iter().map(|item| self.reading(builder().it(item), place, measure)).collect()
    }

    fn reading(&self, builder: scope::Builder<'_>, place: &Place, measure: &Measure) -> Result<Reading, String> {
        let scope = builder.build_for(&|found| {
            found(measure.value.reads());
            measure.labels.iter().for_each(|(_, template)| found(template.reads()));
        });
        let mut labels = BTreeMap::new();
        for (name, template) in &measure.labels {
            let text = template.render(&scope).map_err(|error| error.to_string())?;
            labels.insert(name.to_string(), label(text.to_string()));
        }
        self.item_labels(place, &mut labels);
        let found = measure.value.eval(&scope).map_err(|error| error.to_string())?;
        let value = found.as_f64();
        if value.is_none() && !found.is_null() {
            return Err(format!("needs a number, not {}", type_name(&found)));
        }
        Ok(Reading { labels, value })
    }

    /// In a `foreach` the item is a label.
    fn item_labels(&self, place: &Place, labels: &mut BTreeMap<String, String>) {
        for (name, item) in scope::items_of(self.book, self.run, place) {
            if !item.is_object() && !item.is_array() {
                labels.entry(name).or_insert_with(|| label(crate::base::value::plain(&item)));
            }
        }
    }

    /// A reading in its declared unit with its level; `None` where there is none and nothing is said about that.
    fn judged(&mut self, measure: &Measure, reading: Reading) -> Option<Sample> {
        let book = self.book;
        let threshold = book.thresholds.get(&measure.name);
        let unit = threshold.and_then(|threshold| threshold.unit.clone()).or_else(|| measure.unit.clone());
        let factor = match (&measure.unit, &unit) {
            (Some(from), Some(to)) => convert(from, to).unwrap_or(1.0),
            (Some(_) | None, _) => 1.0,
        };
        let value = reading.value.map(|value| value * factor);
        let series = Series { name: measure.name.clone(), labels: reading.labels };
        let sample = |series: Series, value, level, note| {
            Some(Sample { name: series.name, labels: series.labels, value, unit: unit.clone(), level, note })
        };
        let Some(threshold) = threshold else {
            value?;
            return sample(series, value, Level::Ok, None);
        };
        let zone = crate::base::zone::zone(&book.timezone).unwrap_or(TimeZone::UTC);
        let here = Here { now: self.now, zone: &zone };
        let past = if judge::looks_back(threshold, value) {
            let (series, unit, now) = (series.clone(), unit.clone(), self.now);
            self.past(Question { series, unit, windows: judge::windows(threshold, here), now })
        } else {
            Past::default()
        };
        let judged = judge::judge(threshold, value, &past, here)?;
        if let Some(value) = judged.value {
            self.fresh.insert(series.clone(), Point { at: self.now, value, level: judged.level });
        }
        sample(series, judged.value, judged.level, judged.note)
    }

    /// What is known of a series, samples of this very decision included; asked for where nothing is.
    pub(super) fn past(&mut self, question: Question) -> Past {
        let mut past = self.known_of(&question).unwrap_or_default();
        past.last = self.fresh.get(&question.series).copied().or(past.last);
        self.ask(question);
        past
    }

    /// What has been looked up as the answer to that question.
    pub(super) fn known_of(&self, question: &Question) -> Option<Past> {
        self.known.get(&(question.series.clone(), question.windows.clone())).cloned()
    }

    /// Asks, unless the answer is there or it was asked before.
    pub(super) fn ask(&mut self, question: Question) {
        if self.known_of(&question).is_none() && !self.questions.contains(&question) {
            self.questions.push(question);
        }
    }
}

/// Whether the engine itself ends steps of the runbook whose samples may need their past, or draws some: then the need
/// shows only while a decision is under way.
pub(super) fn asks_under_way(book: &Runbook) -> bool {
    let looks_back = |step: &Step| {
        let mut thresholds = step.measure.iter().filter_map(|measure| book.thresholds.get(&measure.name));
        thresholds.any(Threshold::looks_back)
    };
    let by_itself = |step: &Step| match &step.kind {
        StepKind::Act(_) | StepKind::Call(_) => false,
        StepKind::Steps(_)
        | StepKind::Watch(_)
        | StepKind::Remedy(_)
        | StepKind::Wait(_)
        | StepKind::Compute(_)
        | StepKind::Log { .. }
        | StepKind::Fail(_)
        | StepKind::Pass(_)
        | StepKind::Approval(_) => true,
    };
    let judged = book.thresholds.values().any(Threshold::looks_back)
        && book.index.values().any(|step| by_itself(step) && looks_back(step));
    judged || book.has_plots
}

/// Whether an attempt may store these beside those it has.
fn fits(samples: &[Sample], more: Vec<Sample>) -> Result<Vec<Sample>, String> {
    let size = |sample: &Sample| json!([sample.labels, sample.note, sample.name.as_str()]).to_string().len() + 100;
    let (count, bytes) = (samples.len() + more.len(), samples.iter().chain(&more).map(size).sum::<usize>());
    let too_much = if count > limits::MAX_SAMPLES {
        format!("{count} samples in one attempt, at most {} are stored", limits::MAX_SAMPLES)
    } else if bytes > limits::MAX_SAMPLE_BYTES {
        let (is, most) = (show_size(bytes as u64), show_size(limits::MAX_SAMPLE_BYTES as u64));
        format!("the samples of one attempt take {is}, at most {most} are stored")
    } else {
        return Ok(more);
    };
    Err(format!("{too_much}: measure fewer things in one step, or give them shorter labels"))
}

/// A label's value: a long one is cut, with a hash that keeps it apart from others.
fn label(text: String) -> String {
    if text.len() <= limits::MAX_LABEL {
        return text;
    }
    let hash = Digest::of(text.as_bytes()).to_string();
    let end = text.floor_char_boundary(limits::MAX_LABEL - 12);
    format!("{}…{}", &text[..end], &hash[hash.len() - 8..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::StepId;

    #[test]
    fn long_labels_are_cut_and_stay_apart() {
        let exact = "x".repeat(limits::MAX_LABEL);
        assert_eq!(label(exact.clone()), exact);
        let long = |last: &str| label(format!("{}{last}", "ü".repeat(limits::MAX_LABEL)));
        assert!(long("a").len() <= limits::MAX_LABEL && long("a").starts_with("üü"), "{}", long("a"));
        assert_ne!(long("a"), long("b"));
    }

    #[test]
    fn an_attempt_stores_so_many_samples_and_no_more() {
        let many = |count: usize, label: &str| {
            let sample = Sample {
                name: StepId::parse("used").expect("a name"),
                labels: [("mount".to_owned(), label.to_owned())].into(),
                value: Some(1.0),
                unit: None,
                level: Level::Ok,
                note: None,
            };
            vec![sample; count]
        };
        assert!(fits(&many(100, "/"), many(150, "/")).is_ok());
        let count = fits(&many(1, "/"), many(limits::MAX_SAMPLES, "/")).expect_err("too many");
        assert!(count.starts_with("1001 samples in one attempt, at most 1000"), "{count}");
        let bytes = fits(&[], many(200, &"x".repeat(250))).expect_err("too large");
        assert!(bytes.contains("at most 40.0 KiB are stored: measure fewer"), "{bytes}");
    }
}
