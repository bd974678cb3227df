//! The alerts of the book: judged again and again by what was measured, each told of once when it begins to fire and once when
//! it is over. They take the way of the alerts that other systems send, so that a restart neither repeats nor loses one.

use crate::base::value::json;
use crate::model::alert::{Alert, Condition, Function, Phase, Value};
use crate::model::book::Book;
use crate::model::measure::figure;
use crate::model::reported::{Noted, Reported};
use crate::runtime::alerts::{Standing, next_look, standings};
use crate::runtime::clock;
use crate::runtime::incidents::past::last_of_key;
use crate::service::alerts::key_of;
use crate::service::{Service, Trouble};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// Who tells of the alerts of the book.
pub const OWN: &str = "stepladder";
/// What fires is written down again so often, so that it is still known when it has fired for weeks.
const REMIND: SignedDuration = SignedDuration::from_hours(24);
/// An alert that is over for so long has told whom it had to tell.
const JUST_NOW: SignedDuration = SignedDuration::from_hours(1);
/// Between two looks where nothing is to be judged.
const IDLE: Duration = Duration::from_secs(1);

impl Service {
    /// Judges every alert of the book and tells of those that have begun or are over; how long to wait until the next look.
    /// `first`: nobody has looked since this process began, so that it is made sure that what was told has been heard.
    ///
    /// # Errors
    /// [`Trouble`] when samples can't be read, or what there is to tell can't be kept: the next look tells it.
    pub async fn look_at_alerts(&self, first: bool) -> Result<Option<Duration>, Trouble> {
        let (Some(accepted), Some(duty)) = (&self.book, &self.duty) else { return Ok(None) };
        // Whoever waits for an alert has to be there before it is told of.
        let Some(digest) = accepted.stand().digest.filter(|digest| duty.has_armed(*digest)) else { return Ok(None) };
        let book = self.shelf.book(self.journal.as_ref(), &digest);
        let book = book.map_err(|error| Trouble::Store(error.to_string()))?;
        let known = self.known_of(OWN).await?;
        let firing: BTreeSet<String> =
            known.iter().filter(|(_, noted)| noted.alert.firing).map(|(key, _)| key.clone()).collect();
        let now = clock::now();
        let found = if book.alerts.is_empty() {
            Vec::new()
        } else {
            let (journal, book) = (Arc::clone(&self.journal), Arc::clone(&book));
            let judged = tokio::task::spawn_blocking(move || standings(journal.as_ref(), &book, &firing, now)).await;
            let judged = judged.map_err(|error| Trouble::Stopped(error.to_string()))?;
            judged.map_err(|error| Trouble::Store(error.to_string()))?
        };
        *self.alerts.standing.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(found.clone());
        if first {
            // What other systems told of is in the same danger.
            self.make_sure(&self.known_alerts().await?, now).await?;
        }
        let (changed, reminders) = changes(&book, &found, &known, now);
        if !reminders.is_empty() {
            self.note_alerts(OWN, reminders).await?;
        }
        if !changed.is_empty() {
            let noted = self.note_alerts(OWN, changed).await?;
            noted.iter().for_each(said);
            self.hand_on(&noted).await?;
        }
        Ok(Some(Duration::try_from(next_look(&book, clock::now())).unwrap_or(IDLE)))
    }

    /// Where the alerts of the book stood when they were last judged: those that are not quiet.
    #[must_use]
    pub fn standing_alerts(&self) -> Arc<Vec<Standing>> {
        Arc::clone(&self.alerts.standing.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many of each alert of the book are pending, and how many fire.
    ///
    /// # Errors
    /// [`Trouble`] when the book can't be read.
    pub fn alert_counts(&self) -> Result<BTreeMap<String, (usize, usize)>, Trouble> {
        let book = self.current_book()?;
        let mut counts: BTreeMap<String, (usize, usize)> =
            book.alerts.keys().map(|name| (name.clone(), (0, 0))).collect();
        for standing in self.standing_alerts().iter() {
            let Some((pending, firing)) = counts.get_mut(&standing.name) else { continue };
            match standing.phase {
                Phase::Quiet => {}
                Phase::Pending { .. } => *pending += 1,
                Phase::Firing => *firing += 1,
            }
        }
        Ok(counts)
    }

    /// Tells again what is known, where the process may have ended between writing it down and telling of it. Whoever has
    /// heard of it hears nothing new.
    async fn make_sure(&self, known: &[Noted], now: Timestamp) -> Result<(), Trouble> {
        let (mut unheard_of, mut heard_of) = (Vec::new(), Vec::new());
        for noted in known {
            let unheard = if noted.alert.firing {
                let last = last_of_key(self.journal.as_ref(), &key_of(noted)).map_err(Trouble::Store)?;
                let opened = last.and_then(|last| last.opened);
                opened.is_none_or(|(opened, _)| opened < noted.since)
            } else {
                now.duration_since(noted.at) < JUST_NOW
            };
            match (unheard, noted.alert.firing) {
                (true, _) => unheard_of.push(noted.clone()),
                (false, true) => heard_of.push(noted.clone()),
                (false, false) => {}
            }
        }
        self.hand_on(&unheard_of).await?;
        // A call has the same key however often it is made.
        self.call_for(&heard_of).await
    }
}

/// What has begun or is over since it was told, and what fires for so long that it is written down again.
fn changes(
    book: &Book,
    found: &[Standing],
    known: &BTreeMap<String, Noted>,
    now: Timestamp,
) -> (Vec<Reported>, Vec<Reported>) {
    let (mut changed, mut reminders) = (Vec::new(), Vec::new());
    let mut firing = BTreeSet::new();
    for standing in found.iter().filter(|standing| standing.phase == Phase::Firing) {
        firing.insert(standing.fingerprint.as_str());
        match known.get(&standing.fingerprint).filter(|noted| noted.alert.firing) {
            Some(noted) if now.duration_since(noted.at) >= REMIND => reminders.push(noted.alert.clone()),
            Some(_) => {}
            None => {
                changed.extend(book.alerts.get(&standing.name).map(|alert| begun(book, alert, standing, now)));
            }
        }
    }
    let over = known.iter().filter(|(key, noted)| noted.alert.firing && !firing.contains(key.as_str()));
    changed.extend(over.map(|(_, noted)| Reported { firing: false, ..noted.alert.clone() }));
    (changed, reminders)
}

/// An alert that has begun to fire.
fn begun(book: &Book, alert: &Alert, standing: &Standing, now: Timestamp) -> Reported {
    let mut labels = standing.labels.clone();
    labels.extend([("alertname".to_owned(), standing.name.clone()), ("severity".to_owned(), alert.severity.clone())]);
    labels.extend(alert.labels.clone());
    let of: Vec<String> = standing.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let title = alert.title.clone().unwrap_or_else(|| standing.name.clone());
    let title = if of.is_empty() { title } else { format!("{title} ({})", of.join(", ")) };
    let held = match alert.holds_for {
        crate::base::span::Span::ZERO => String::new(),
        long => format!(" for {long}"),
    };
    let value = standing.value.map(|value| format!(": {}", shown(book, &alert.when, value))).unwrap_or_default();
    let mut text = format!("`{}` holds{held}{value}.", alert.expr);
    if let Some(description) = &alert.description {
        text = format!("{text}\n\n{}", description.trim());
    }
    let annotations = BTreeMap::from([
        ("expr".to_owned(), alert.expr.clone()),
        ("value".to_owned(), standing.value.map(|value| json!(value).to_string()).unwrap_or_default()),
    ]);
    Reported {
        fingerprint: standing.fingerprint.clone(),
        group: standing.name.clone(),
        firing: true,
        title,
        text,
        severity: Some(alert.severity.clone()),
        labels,
        annotations,
        starts_at: Some(now),
        link: None,
    }
}

/// The value that is compared first, with what it is and its unit where both are the measure's own.
fn shown(book: &Book, when: &Condition, value: f64) -> String {
    let left = match when {
        Condition::Compare { left, .. } => Some(left),
        Condition::All(_) | Condition::Either(_) | Condition::Not(_) | Condition::Absent(_) => None,
    };
    let number = figure(value);
    let Some(Value::Read(read)) = left else { return number };
    let name = &read.of.measure;
    let unit = book.thresholds.get(name).and_then(|threshold| threshold.unit.clone());
    let what = read.function.map_or_else(|| name.to_string(), |function| format!("{} of {name}", function.row().name));
    let counts = matches!(read.function, Some(Function::Rate | Function::Count));
    match unit.filter(|_| !counts) {
        Some(unit) => format!("{what} is {number} {unit}"),
        None => format!("{what} is {number}"),
    }
}

/// Says in the log what was told.
fn said(noted: &Noted) {
    let (alert, since) = (&noted.alert.fingerprint, noted.since);
    if noted.alert.firing {
        tracing::warn!(alert, title = noted.alert.title, text = noted.alert.text, "an alert fires");
    } else {
        tracing::info!(alert, %since, "an alert is over");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(hours * 3_600).expect("an instant")
    }

    fn standing(mount: &str, phase: Phase) -> Standing {
        let labels = BTreeMap::from([("mount".to_owned(), mount.to_owned())]);
        let fingerprint = crate::runtime::alerts::fingerprint("Full", &labels);
        Standing { name: "Full".into(), fingerprint, labels, phase, value: Some(91.25) }
    }

    fn noted(alert: Reported, hours: i64) -> (String, Noted) {
        let (at, source, since) = (at(hours), OWN.to_owned(), at(hours));
        (alert.fingerprint.clone(), Noted { at, source, alert, count: 1, since, group_since: since })
    }

    #[test]
    fn each_change_is_told_once_with_what_people_need() {
        let alerts = "Full:\n  expr: avg(used, 5m) > 90%\n  for: 1m\n  severity: P2\n  title: Disk full\n  \
                      description: Clean up.\n  labels: { component: disk }\n";
        let files = [("thresholds.yaml", "used: { unit: '%', labels: [mount] }\n"), ("alerts.yaml", alerts)];
        let book = crate::lang::load(&files.map(|(name, text)| (name.to_owned(), text.into()))).book;
        let found = [standing("/", Phase::Firing), standing("/var", Phase::Pending { since: at(0) })];
        let (changed, reminders) = changes(&book, &found, &BTreeMap::new(), at(1));
        assert!(reminders.is_empty() && changed.len() == 1, "what is pending is told to nobody: {changed:?}");
        let one = &changed[0];
        assert_eq!((one.title.as_str(), one.group.as_str()), ("Disk full (mount=/)", "Full"));
        assert_eq!(one.text, "`avg(used, 5m) > 90%` holds for 1m: avg of used is 91.25 %.\n\nClean up.");
        let labels: Vec<String> = one.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(labels, ["alertname=Full", "component=disk", "mount=/", "severity=P2"]);

        let known = BTreeMap::from([noted(one.clone(), 1)]);
        assert_eq!(changes(&book, &found, &known, at(2)), (vec![], vec![]), "told is told");
        assert_eq!(changes(&book, &found, &known, at(25)), (vec![], vec![one.clone()]), "and written down each day");
        let over = Reported { firing: false, ..one.clone() };
        assert_eq!(changes(&book, &found[1..], &known, at(2)), (vec![over.clone()], vec![]), "pending is over");
        assert_eq!(
            changes(&Book::default(), &[], &known, at(2)).0,
            vec![over.clone()],
            "so is what the book has no more"
        );
        let known = BTreeMap::from([noted(over, 2)]);
        assert_eq!(changes(&book, &[], &known, at(3)), (vec![], vec![]));
        assert_eq!(changes(&book, &found, &known, at(3)).0.len(), 1, "it begins anew");
    }
}
