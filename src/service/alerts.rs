//! Alerts that other systems send: each is durable before the sender is answered, a storm is collapsed by fingerprint and
//! counted, what waits for an alert is called once for each time it fires.
//!
//! Many senders at once are written together: whoever gets the pen writes down what all of them have brought.

use crate::base::actor::{Actor, Role};
use crate::base::digest::Digest;
use crate::base::limits::{MAX_BATCH, MAX_CALL, MAX_KNOWN_ALERTS};
use crate::base::value::{Map, Value, json};
use crate::expr::Scope;
use crate::model::called::{AlertTrigger, Resolved};
use crate::model::reported::{Noted, Reported};
use crate::model::trigger::Trigger;
use crate::model::trouble::{Source, Trouble as Heard};
use crate::runtime::alerts::Standing;
use crate::runtime::clock;
use crate::runtime::pump::{Message, Tidings};
use crate::runtime::schedules::Armed;
use crate::schedule::call::Call;
use crate::schedule::decide::Input;
use crate::service::alarms::OWN;
use crate::service::intake::heard;
use crate::service::trouble::may;
use crate::service::{Service, Trouble};
use crate::store::{Batch, Forget, Guard, StreamId, codec};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

/// Days whose alerts are kept.
const DAYS: usize = 30;
/// Days that are read to know what fires.
const READ: usize = 8;
/// Labels of how many alerts of a group its run is told.
const TOLD: usize = 20;

/// Source and fingerprint.
type Key = (String, String);

/// What somebody brought, and where to say what is known of each then.
struct Brought {
    source: String,
    alerts: Vec<Reported>,
    told: oneshot::Sender<Result<Vec<Noted>, String>>,
}

/// The alerts as they are known, and what waits to be written down.
#[derive(Default)]
pub struct Alerts {
    waiting: Mutex<Vec<Brought>>,
    known: tokio::sync::Mutex<Option<BTreeMap<Key, Noted>>>,
    /// Where the alerts of the book stood when they were last judged.
    pub(super) standing: Mutex<Arc<Vec<Standing>>>,
}

fn stream(day: Timestamp) -> StreamId {
    StreamId::new("alerts", &day.strftime("%Y-%m-%d").to_string())
}

impl Service {
    /// Takes alerts of a source; durable, and what waits for them called, when this returns.
    ///
    /// # Errors
    /// [`Trouble`] when the actor may not, or they can't be kept.
    pub async fn take_alerts(&self, actor: &Actor, source: &str, alerts: Vec<Reported>) -> Result<usize, Trouble> {
        self.may_tell(actor)?;
        if source == OWN {
            let why = format!("`{OWN}` is who tells of the book's own alerts: send yours under another name");
            return Err(Trouble::Unreadable(why));
        }
        if alerts.is_empty() {
            return Ok(0);
        }
        let count = alerts.len();
        let noted = self.note_alerts(source, alerts).await?;
        self.tally.alerts(count);
        self.hand_on(&noted).await?;
        Ok(count)
    }

    /// Writes down what a source tells of; what is known of each then.
    pub(super) async fn note_alerts(&self, source: &str, alerts: Vec<Reported>) -> Result<Vec<Noted>, Trouble> {
        let (told, answer) = oneshot::channel();
        let brought = Brought { source: source.to_owned(), alerts, told };
        self.alerts.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(brought);
        self.write_down().await;
        let noted = answer.await.map_err(|_| Trouble::Stopped("the owner stopped before it was durable".into()))?;
        noted.map_err(Trouble::Full)
    }

    /// Tells whoever opens incidents and waits for alerts of what is written down.
    pub(super) async fn hand_on(&self, noted: &[Noted]) -> Result<(), Trouble> {
        self.tell_of(noted)?;
        self.call_for(noted).await
    }

    /// What is known of the alerts of a source, by what tells them apart.
    pub(super) async fn known_of(&self, source: &str) -> Result<BTreeMap<String, Noted>, Trouble> {
        let mut known = self.alerts.known.lock().await;
        let known = self.known(&mut known).map_err(Trouble::Store)?;
        let own = known.range((source.to_owned(), String::new())..).take_while(|((of, _), _)| of == source);
        Ok(own.map(|((_, fingerprint), noted)| (fingerprint.clone(), noted.clone())).collect())
    }

    /// Who may tell of alerts.
    ///
    /// # Errors
    /// [`Trouble::Forbidden`].
    pub fn may_tell(&self, actor: &Actor) -> Result<(), Trouble> {
        may(actor, Role::Operator, "send", "alerts")
    }

    /// The alerts that are known, those that fire first, then by how new they are.
    ///
    /// # Errors
    /// [`Trouble::Store`].
    pub async fn known_alerts(&self) -> Result<Vec<Noted>, Trouble> {
        let mut known = self.alerts.known.lock().await;
        let known = self.known(&mut known).map_err(Trouble::Store)?;
        let mut all: Vec<Noted> = known.values().cloned().collect();
        all.sort_by_key(|noted| (!noted.alert.firing, std::cmp::Reverse(noted.at)));
        Ok(all)
    }

    /// Writes down what has been brought, unless somebody else has done so meanwhile.
    async fn write_down(&self) {
        let mut known = self.alerts.known.lock().await;
        let brought = std::mem::take(&mut *self.alerts.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        if brought.is_empty() {
            return;
        }
        let noted = match self.known(&mut known) {
            Ok(known) => {
                let (now, mut changed) = (clock::now(), BTreeSet::new());
                let noted: Vec<Vec<Noted>> =
                    brought.iter().map(|one| note(known, &one.source, &one.alerts, now, &mut changed)).collect();
                let events: Vec<Noted> = changed.iter().filter_map(|key| known.get(key).cloned()).collect();
                forget(known);
                self.keep(&events, now).await.map(|()| noted)
            }
            Err(why) => Err(why),
        };
        match noted {
            Ok(noted) => brought.into_iter().zip(noted).for_each(|(one, noted)| drop(one.told.send(Ok(noted)))),
            Err(why) => {
                // What is known is what the journal holds.
                *known = None;
                tracing::error!(%why, "alerts could not be kept; whoever sent them has to send them again");
                for one in brought {
                    drop(one.told.send(Err(why.clone())));
                }
            }
        }
    }

    /// What is known, read from the journal the first time.
    fn known<'a>(&self, known: &'a mut Option<BTreeMap<Key, Noted>>) -> Result<&'a mut BTreeMap<Key, Noted>, String> {
        if known.is_none() {
            let days = self.journal.streams("alerts/").map_err(|error| error.to_string())?;
            let mut all = BTreeMap::new();
            for (day, _) in days.iter().skip(days.len().saturating_sub(READ)) {
                for bytes in self.journal.read(day, 0).map_err(|error| error.to_string())? {
                    let noted = codec::decode_noted(&bytes).map_err(|error| error.to_string())?;
                    all.insert((noted.source.clone(), noted.alert.fingerprint.clone()), noted);
                }
            }
            forget(&mut all);
            *known = Some(all);
        }
        known.as_mut().ok_or_else(|| "the alerts can't be read".to_owned())
    }

    async fn keep(&self, events: &[Noted], now: Timestamp) -> Result<(), String> {
        let day = stream(now);
        let days = self.journal.streams("alerts/").map_err(|error| error.to_string())?;
        let new = !days.iter().any(|(stream, _)| *stream == day);
        let old = if new { days.len().saturating_sub(DAYS - 1) } else { 0 };
        let mut forgets: Vec<Forget> = days.into_iter().take(old).map(|(day, _)| Forget::Whole(day)).collect();
        let mut pieces: Vec<Vec<Vec<u8>>> = vec![Vec::new()];
        let mut size = 0;
        for noted in events {
            let bytes = codec::encode_noted(noted).map_err(|error| error.to_string())?;
            if size + bytes.len() > MAX_BATCH / 2 {
                size = 0;
                pieces.push(Vec::new());
            }
            size += bytes.len();
            if let Some(piece) = pieces.last_mut() {
                piece.push(bytes);
            }
        }
        for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
            let guards = vec![Guard::Lease(self.journal.epoch())];
            let batch = Batch { guards, appends: vec![(day.clone(), piece)], forgets: std::mem::take(&mut forgets) };
            let (tell, told) = oneshot::channel();
            self.journal.append(batch, Box::new(move |answer| drop(tell.send(answer))));
            let answer = told.await.map_err(|_| "the journal is closed".to_owned())?;
            answer.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Hands on what is known of each, for incidents.
    fn tell_of(&self, noted: &[Noted]) -> Result<(), Trouble> {
        noted.iter().try_for_each(|one| self.send(Message::Trouble(tidings(one))))
    }

    /// Calls every trigger that waits for one of these, and tells it what is over.
    pub(super) async fn call_for(&self, noted: &[Noted]) -> Result<(), Trouble> {
        let all = self.callable()?;
        let mut answers = Vec::new();
        for armed in all.iter() {
            let Some(wanted) = armed.trigger().and_then(Trigger::alert) else { continue };
            let fitting: Vec<&Noted> = noted.iter().filter(|one| one.alert.fits(&wanted)).collect();
            let mut subjects: BTreeMap<Digest, Vec<&Noted>> = BTreeMap::new();
            for one in fitting {
                subjects.entry(subject(one, &wanted)).or_default().push(one);
            }
            for (subject, about) in subjects {
                let firing: Vec<&Noted> = about.iter().filter(|one| one.alert.firing).copied().collect();
                match firing.first() {
                    Some(first) => {
                        let call = call(armed, &wanted, subject, first, &firing);
                        self.tally.called("alert");
                        answers.push(self.send_call(&armed.spec.id, call)?);
                    }
                    None if wanted.resolved == Resolved::Ignore => {}
                    None if !wanted.per_alert && self.group_fires(&wanted, &about).await => {}
                    None => {
                        let cancel = wanted.resolved == Resolved::Cancel;
                        let (told, _) = oneshot::channel();
                        let told = crate::runtime::schedules::Heard::Done(told);
                        let input = Input::Over { subject, cancel };
                        self.send(Message::Schedule { id: armed.spec.id.clone(), input, told })?;
                    }
                }
            }
        }
        for answer in answers {
            heard(answer).await?;
        }
        Ok(())
    }

    /// Whether another alert of the group still fires.
    async fn group_fires(&self, wanted: &AlertTrigger, about: &[&Noted]) -> bool {
        let known = self.alerts.known.lock().await;
        let (Some(known), Some(one)) = (known.as_ref(), about.first()) else { return false };
        let same = |noted: &&Noted| noted.source == one.source && noted.alert.group == one.alert.group;
        known.values().filter(same).any(|noted| noted.alert.firing && noted.alert.fits(wanted))
    }
}

/// Takes note of alerts: what is known of each then. Those that are over and were never heard of say nothing.
fn note(
    known: &mut BTreeMap<Key, Noted>,
    source: &str,
    alerts: &[Reported],
    now: Timestamp,
    changed: &mut BTreeSet<Key>,
) -> Vec<Noted> {
    let groups: BTreeSet<&String> = alerts.iter().filter(|one| one.firing).map(|one| &one.group).collect();
    // When each group began to fire: with the oldest of it that still does.
    let begun: BTreeMap<&String, Timestamp> = groups
        .into_iter()
        .map(|group| {
            let of = |noted: &&Noted| noted.source == source && noted.alert.firing && noted.alert.group == *group;
            (group, known.values().filter(of).map(|noted| noted.group_since).min().unwrap_or(now))
        })
        .collect();
    let mut noted = Vec::new();
    for alert in alerts {
        let key = (source.to_owned(), alert.fingerprint.clone());
        let before = known.get(&key);
        let fired = before.filter(|before| before.alert.firing);
        if !alert.firing && before.is_none() {
            continue;
        }
        let one = Noted {
            at: now,
            source: source.to_owned(),
            alert: alert.clone(),
            count: fired.map_or(u64::from(alert.firing), |fired| fired.count + u64::from(alert.firing)),
            since: fired.map_or(now, |fired| fired.since),
            group_since: match (alert.firing, before) {
                (false, Some(before)) => before.group_since,
                (_, _) => begun.get(&alert.group).copied().unwrap_or(now),
            },
        };
        noted.push(one.clone());
        known.insert(key.clone(), one);
        changed.insert(key);
    }
    noted
}

/// Too much is known: what is over goes first, then what was heard of longest ago.
fn forget(known: &mut BTreeMap<Key, Noted>) {
    let excess = known.len().saturating_sub(MAX_KNOWN_ALERTS);
    if excess == 0 {
        return;
    }
    let mut all: Vec<(bool, Timestamp, Key)> =
        known.iter().map(|(key, noted)| (noted.alert.firing, noted.at, key.clone())).collect();
    all.sort();
    all.into_iter().take(excess).for_each(|(_, _, key)| drop(known.remove(&key)));
}

/// What an alert is to a trigger: itself, or its group.
fn subject(noted: &Noted, wanted: &AlertTrigger) -> Digest {
    let of = if wanted.per_alert { &noted.alert.fingerprint } else { &noted.alert.group };
    Digest::of_parts(&[b"alert", noted.source.as_bytes(), of.as_bytes()])
}

/// The call for something that fires. It has the same key however often that is told, until it is over and fires again.
fn call(armed: &Armed, wanted: &AlertTrigger, subject: Digest, first: &Noted, firing: &[&Noted]) -> Call {
    let began = if wanted.per_alert { first.since } else { first.group_since };
    let mut value = first.alert.value(&first.source);
    if let Some(value) = value.as_object_mut() {
        let labels: Vec<Value> = firing.iter().take(TOLD).map(|one| json!(one.alert.labels)).collect();
        value.insert("alerts".into(), labels.into());
        value.insert("count".into(), firing.len().into());
    }
    let came = Map::from_iter([("alert".to_owned(), value)]);
    let inputs = match armed.inputs(&Scope::of(came)) {
        Ok(inputs) if Value::Object(inputs.clone()).to_string().len() <= MAX_CALL => inputs,
        Ok(_) => {
            tracing::error!(schedule = %armed.spec.id, "what an alert gives its run is too large");
            Map::new()
        }
        Err(why) => {
            // It is called all the same, so that its row says why nothing came of it.
            tracing::error!(schedule = %armed.spec.id, %why, "a run can't be given what its trigger says");
            Map::new()
        }
    };
    let about = json!({
        "source": first.source,
        "group": first.alert.group,
        "alert": { "fingerprint": first.alert.fingerprint, "title": first.alert.title, "count": firing.len() },
    });
    let about = about.as_object().cloned().unwrap_or_default();
    let key = Digest::of_parts(&[b"fires", subject.bytes(), began.to_string().as_bytes()]);
    Call { key, subject: Some(subject), inputs, about, at: None, depth: 0, file: None }
}

/// The key of the incident of an alert.
pub(super) fn key_of(noted: &Noted) -> String {
    let Noted { source, alert: Reported { fingerprint, .. }, .. } = noted;
    if source == OWN {
        return format!("alert/{fingerprint}");
    }
    let key = Digest::of_parts(&[b"inbound", source.as_bytes(), fingerprint.as_bytes()]).to_string();
    format!("{source}/{}", &key[..32])
}

/// What an alert is to incidents.
fn tidings(noted: &Noted) -> Tidings {
    let Noted { source: intake, alert, count, since, .. } = noted;
    let key = key_of(noted);
    let source = if intake == OWN {
        Source::Alert { name: alert.group.clone() }
    } else {
        Source::Inbound { intake: intake.clone(), fingerprint: alert.fingerprint.clone() }
    };
    if !alert.firing {
        return Tidings::Over { key, source };
    }
    let told = format!("Told {count} times since {since:.0}.");
    let text = match (intake == OWN, alert.text.is_empty()) {
        (true, _) => alert.text.clone(),
        (false, true) => told,
        (false, false) => format!("{}\n{told}", alert.text),
    };
    Tidings::Began(Box::new(Heard {
        key,
        title: alert.title.clone(),
        text,
        severity: alert.severity.clone(),
        kind: None,
        labels: alert.labels.clone(),
        owner: None,
        source,
        link: alert.link.clone(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(fingerprint: &str, group: &str, firing: bool) -> Reported {
        let body =
            json!({ "fingerprint": fingerprint, "group": group, "status": if firing { "firing" } else { "resolved" } });
        crate::model::reported::read(&body).expect("it reads").remove(0)
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("an instant")
    }

    /// When, and each alert with its group and whether it fires.
    type Step<'a> = (i64, &'a [(&'a str, &'a str, bool)]);

    /// Each told alert: how often, since when, since when its group.
    fn play(steps: &[Step<'_>]) -> Vec<Vec<(u64, i64, i64)>> {
        let mut known = BTreeMap::new();
        let turn = |(second, alerts): &Step<'_>| {
            let alerts: Vec<Reported> = alerts.iter().map(|(one, group, firing)| alert(one, group, *firing)).collect();
            let noted = note(&mut known, "s", &alerts, at(*second), &mut BTreeSet::new());
            noted.iter().map(|one| (one.count, one.since.as_second(), one.group_since.as_second())).collect()
        };
        steps.iter().map(turn).collect()
    }

    #[test]
    fn an_alert_is_counted_from_when_it_fires_until_it_is_over() {
        let (a, b, over) = (("a", "g", true), ("b", "g", true), ("a", "g", false));
        let told = play(&[
            (1, &[a]),
            (2, &[a, b]),
            (3, &[over]),
            (4, &[a]),
            (5, &[over, ("b", "g", false)]),
            (6, &[a]),
            (7, &[("unknown", "g", false)]),
        ]);
        let want = [
            vec![(1, 1, 1)],
            vec![(2, 1, 1), (1, 2, 1)],
            vec![(2, 1, 1)],
            // It fires again, in a group that never ceased to.
            vec![(1, 4, 1)],
            vec![(1, 4, 1), (1, 2, 1)],
            vec![(1, 6, 6)],
            vec![],
        ];
        assert_eq!(told, want);
    }

    #[test]
    fn what_is_over_is_forgotten_first() {
        let mut known = BTreeMap::new();
        let many: Vec<Reported> =
            (0..MAX_KNOWN_ALERTS + 10).map(|number| alert(&format!("f{number}"), "g", true)).collect();
        note(&mut known, "s", &many, at(1), &mut BTreeSet::new());
        note(&mut known, "s", &[alert("f7", "g", false)], at(2), &mut BTreeSet::new());
        forget(&mut known);
        assert!(known.len() == MAX_KNOWN_ALERTS && !known.contains_key(&("s".into(), "f7".into())));
    }
}
