//! Samples: what `measure:` makes of an output, judged by the thresholds.

use crate::base::address::Place;
use crate::base::level::Level;
use crate::base::value::{Value, type_name};
use crate::engine::event::Sample;
use crate::engine::scope;
use crate::engine::turn::Turn;
use crate::model::measure::{Measure, Missing, Threshold, convert};
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use crate::model::step::Step;
use std::collections::BTreeMap;

impl Turn<'_> {
    /// The samples of a step's output, and what went wrong in taking them. A dry run stores nothing.
    pub(super) fn samples(&self, place: &Place, step: &Step, output: &Value) -> (Vec<Sample>, Option<Failure>) {
        let (mut samples, mut problem) = (Vec::new(), None);
        for measure in step.measure.iter().filter(|_| !self.run.started.dry) {
            match self.measured(place, measure, output) {
                Ok(found) => samples.extend(found),
                Err(reason) => {
                    let message = format!("measure `{}`: {reason}", measure.name);
                    problem =
                        problem.or(Some(Failure { lasting: true, ..Failure::new(FailureKind::Template, message) }));
                }
            }
        }
        (samples, problem)
    }

    fn measured(&self, place: &Place, measure: &Measure, output: &Value) -> Result<Vec<Sample>, String> {
        let builder = || scope::Builder::new(self.book, self.run, place).output(output);
        let Some(each) = &measure.each else {
            return self.sample(builder(), place, measure).map(|sample| sample.into_iter().collect());
        };
        let items = each.eval(&builder().build(each.reads())).map_err(|error| error.to_string())?;
        let Value::Array(items) = items else { return Err(format!("`each` needs a list, not {}", type_name(&items))) };
        let samples = items.iter().map(|item| self.sample(builder().it(item), place, measure));
        Ok(samples.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    fn sample(&self, builder: scope::Builder<'_>, place: &Place, measure: &Measure) -> Result<Option<Sample>, String> {
        let scope = builder.build_for(&|found| {
            found(measure.value.reads());
            measure.labels.iter().for_each(|(_, template)| found(template.reads()));
        });
        let threshold = self.book.thresholds.get(&measure.name);
        let mut labels = BTreeMap::new();
        for (name, template) in &measure.labels {
            let text = template.render(&scope).map_err(|error| error.to_string())?;
            labels.insert(name.to_string(), text.to_string());
        }
        self.item_labels(place, &mut labels);
        let found = measure.value.eval(&scope).map_err(|error| error.to_string())?;
        let value = found.as_f64();
        if value.is_none() && !found.is_null() {
            return Err(format!("needs a number, not {}", type_name(&found)));
        }
        Ok(judged(measure, threshold, value, labels))
    }

    /// In a `foreach` the item is a label.
    fn item_labels(&self, place: &Place, labels: &mut BTreeMap<String, String>) {
        for (name, item) in scope::items_of(self.book, self.run, place) {
            if !item.is_object() && !item.is_array() {
                labels.entry(name).or_insert_with(|| crate::base::value::plain(&item));
            }
        }
    }
}

/// A value in its declared unit with the level its thresholds give it; `None` where nothing is known and nothing is said about that.
fn judged(
    measure: &Measure,
    threshold: Option<&Threshold>,
    value: Option<f64>,
    labels: BTreeMap<String, String>,
) -> Option<Sample> {
    let unit = threshold.and_then(|threshold| threshold.unit.clone()).or_else(|| measure.unit.clone());
    let factor = match (&measure.unit, &unit) {
        (Some(from), Some(to)) => convert(from, to).unwrap_or(1.0),
        (Some(_) | None, _) => 1.0,
    };
    let sample = |value, level, note| Some(Sample { name: measure.name.clone(), labels, value, unit, level, note });
    let missing = threshold.and_then(|threshold| threshold.missing.clone());
    let (value, note) = match (value, missing) {
        (Some(value), _) => (value * factor, None),
        (None, Some(Missing::Value(value))) => (value, Some("no reading; taken for this".to_owned())),
        (None, Some(Missing::Level(level))) => {
            return sample(f64::NAN, level, Some("no reading".into())).map(without_nan);
        }
        (None, None) => return None,
    };
    let Some(threshold) = threshold else { return sample(value, Level::Ok, note) };
    let (level, band) = threshold.judge(value, None);
    let waits = threshold.baseline.as_ref().filter(|_| threshold.bands.iter().any(|(_, band)| band.needs_baseline()));
    let waits = waits.map(|baseline| format!("no baseline yet (0 of {})", baseline.at_least));
    sample(value, level, band.map(|band| band.text.clone()).or(note).or(waits))
}

/// JSON has no NaN: a reading that is missing is stored as 0 with its note.
fn without_nan(sample: Sample) -> Sample {
    Sample { value: if sample.value.is_nan() { 0.0 } else { sample.value }, ..sample }
}
