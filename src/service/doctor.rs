//! The doctor: is everything kept as it was written, does it add up, and what can be mended?
//!
//! Looking changes nothing and works beside an owner. Mending is for a data directory that nobody drives.

use crate::base::actor::Actor;
use crate::base::digest::Digest;
use crate::base::ids::{Name, RunId};
use crate::engine::event::Recorded;
use crate::engine::evolve::replay;
use crate::engine::group::{GroupEvent, Holder};
use crate::engine::run::Run;
use crate::runtime::index::group_stream;
use crate::runtime::shelf::{BUNDLE, texts};
use crate::runtime::{recover, retention};
use crate::service::kept::Kept;
use crate::service::trouble::admin;
use crate::service::{Service, Trouble};
use crate::store::disk::{DiskJournal, Examination, SALVAGE, private_file, torn};
use crate::store::{Batch, Guard, StreamId, codec};
use std::collections::BTreeSet;
use std::io::Write;
use std::sync::mpsc::channel;

/// How bad a symptom is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// It was bad and is mended now.
    Mended,
    /// Nothing is lost; it can be mended, or mends itself.
    Notice,
    /// Something is lost or can't be trusted.
    Damage,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symptom {
    /// How bad.
    pub grade: Grade,
    /// What, as a sentence.
    pub what: String,
    /// What to do, or why nothing can be done.
    pub way: String,
}

/// The whole picture.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checkup {
    /// What is not as it should be; empty = all is well.
    pub symptoms: Vec<Symptom>,
    /// Streams and events read from the first to the last, hash for hash.
    pub streams: u64,
    /// Events in them.
    pub events: u64,
    /// Rows of the index that were compared.
    pub rows: u64,
    /// Blobs that were read.
    pub blobs: u64,
    /// Those that no event names.
    pub garbage: u64,
}

impl Checkup {
    pub(super) fn say(&mut self, grade: Grade, what: impl Into<String>, way: impl Into<String>) {
        self.symptoms.push(Symptom { grade, what: what.into(), way: way.into() });
    }
}

const MEND: &str = "`stepladder doctor --repair` mends it";

impl Service {
    /// Looks at everything; with `repair` mends what can be.
    ///
    /// # Errors
    /// [`Trouble`] when the device says no, or the actor may not.
    pub fn doctor(&self, actor: &Actor, repair: bool) -> Result<Checkup, Trouble> {
        admin(actor, "examine")?;
        if repair && self.pump.is_some() {
            return Err(Trouble::Input(
                "nothing is mended beneath an owner that drives runs: end it first, then `stepladder doctor --repair`"
                    .into(),
            ));
        }
        let disk = self.disk()?;
        let store = |error: crate::store::ReadError| Trouble::Store(error.to_string());
        let found = disk.examine().map_err(store)?;
        let mut checkup = Checkup {
            streams: found.streams,
            events: found.events,
            rows: found.rows,
            blobs: found.blobs,
            garbage: found.garbage,
            ..Checkup::default()
        };
        self.journal_symptoms(disk, &found, repair, &mut checkup)?;
        if !found.wrong_rows.is_empty() {
            let (count, (tree, key)) = (found.wrong_rows.len(), &found.wrong_rows[0]);
            let what =
                format!("{count} rows of the index are not what the events make, the first is `{key}` of `{tree}`");
            if repair {
                disk.rebuild_index().map_err(store)?;
                checkup.say(Grade::Mended, what, "the index is made again from the journal");
            } else {
                checkup.say(Grade::Notice, what, MEND);
            }
        }
        for (digest, stream) in &found.bent_blobs {
            let whose = stream.as_ref().map_or("no event".to_owned(), |stream| format!("`{stream}`"));
            let way = "it can't be mended: what it held is lost, unless a backup has the file `blobs/…` of that name";
            checkup.say(Grade::Damage, format!("the blob {digest}, named by {whose}, is not what was written"), way);
        }
        self.run_symptoms(&mut checkup)?;
        self.folded_symptoms(&mut checkup)?;
        self.group_symptoms(repair, &mut checkup)?;
        self.spool_symptoms(repair, &found, &mut checkup);
        Ok(checkup)
    }

    pub(super) fn disk(&self) -> Result<&DiskJournal, Trouble> {
        self.journal.directory().ok_or_else(|| Trouble::Store("these runs are in no data directory".into()))
    }

    fn journal_symptoms(
        &self,
        disk: &DiskJournal,
        found: &Examination,
        repair: bool,
        checkup: &mut Checkup,
    ) -> Result<(), Trouble> {
        for damage in &found.damage {
            let frames = format!("frames {} to {} of the journal", damage.first, damage.last);
            let what = match damage.streams.join("`, `") {
                names if names.is_empty() => format!("{frames} are lost"),
                names => format!("{frames} are damaged; they were of `{names}`"),
            };
            if damage.noted {
                checkup.say(Grade::Notice, what, "a person has taken note of it; what was left goes on");
            } else {
                let way = "they can't be mended: a backup or an export may have what was in them";
                checkup.say(Grade::Damage, what, way);
            }
        }
        for (stream, what) in &found.damaged {
            let what = format!("stream `{stream}` is quarantined: {what}");
            if repair {
                let way = self.mend_stream(disk, stream)?;
                checkup.say(Grade::Damage, what, way);
            } else {
                let way = "every other stream goes on; `stepladder doctor --repair` saves what can be read of it, and lets \
                           go on what can";
                checkup.say(Grade::Damage, what, way);
            }
        }
        if repair {
            let lost = found.damage.iter().filter(|damage| damage.streams.is_empty() && !damage.noted);
            for damage in lost {
                self.note_loss(damage.first, damage.last)?;
            }
        }
        Ok(())
    }

    /// Saves what can be read of a damaged stream, and lets it go on where it can; what came of it, as a sentence.
    fn mend_stream(&self, disk: &DiskJournal, stream: &StreamId) -> Result<String, Trouble> {
        let (path, events) = self.salvage(disk, stream)?;
        let saved = format!("its {events} readable events are in `{path}`");
        if disk.is_whole_but_for_loss(stream) {
            return Ok(format!("{saved}; it goes on as it stands: what is lost may have held more of it"));
        }
        Ok(match self.begin_anew(stream)? {
            Some(follows) => {
                disk.rebuild_index().map_err(|error| Trouble::Store(error.to_string()))?;
                format!("{saved}; {follows}")
            }
            None => format!("{saved}; the rest can't be mended"),
        })
    }

    /// Writes what is left of a stream as JSON Lines; returns where, and how many events.
    fn salvage(&self, disk: &DiskJournal, stream: &StreamId) -> Result<(String, usize), Trouble> {
        let events = disk.salvage(stream).map_err(|error| Trouble::Store(error.to_string()))?;
        let name: String = stream
            .as_str()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || "_-".contains(c) { c } else { '-' })
            .collect();
        let folder = self.data.join(SALVAGE);
        let cannot =
            |error: std::io::Error| Trouble::Store(format!("cannot write below `{}`: {error}", folder.display()));
        std::fs::create_dir_all(&folder).map_err(cannot)?;
        let path = folder.join(format!("{name}.jsonl"));
        drop(std::fs::remove_file(&path));
        let mut file = private_file(&path).map_err(cannot)?;
        for (version, event) in &events {
            let text = String::from_utf8_lossy(event);
            let line = serde_json::json!({ "stream": stream.as_str(), "version": version, "event": text });
            writeln!(file, "{line}").map_err(cannot)?;
        }
        file.sync_all().map_err(cannot)?;
        Ok((path.display().to_string(), events.len()))
    }

    fn run_symptoms(&self, checkup: &mut Checkup) -> Result<(), Trouble> {
        let (mut books, mut kept) = (BTreeSet::new(), Kept::of(self));
        for (stream, id) in self.all_runs()? {
            // What is damaged was said above.
            if self.journal.version(&stream).is_err() || self.journal.read(&stream, 0).is_err() {
                continue;
            }
            let read = recover::read_events(self.journal.as_ref(), id, 0).and_then(|events| {
                let events: Vec<Recorded> = events.into_iter().map(|(_, recorded)| recorded).collect();
                let run =
                    if events.is_empty() { None } else { Some(replay(&events).map_err(|wrong| wrong.to_string())?) };
                Ok(run.map(|run| (events, run)))
            });
            match read {
                Ok(Some((events, run))) => {
                    for (name, digest) in run.started.texts.iter().filter(|(_, digest)| books.insert(**digest)) {
                        if let Err(why) = self.text_symptom(name, digest) {
                            let way = "runs that are pinned to it can't go on; it can't be mended without a backup";
                            checkup.say(Grade::Damage, format!("run `{id}`: {why}"), way);
                        }
                    }
                    kept.look(id, &events, &run);
                }
                Ok(None) => {}
                Err(error) => {
                    let what = format!("run `{id}` is quarantined: {error}");
                    checkup.say(Grade::Damage, what, "every other run goes on; it can't be mended");
                }
            }
        }
        kept.tell(checkup);
        Ok(())
    }

    /// Whether what a run is pinned to can be had.
    fn text_symptom(&self, name: &str, digest: &Digest) -> Result<(), String> {
        if name == BUNDLE {
            return texts(self.journal.as_ref(), digest).map(drop).map_err(|error| error.to_string());
        }
        self.journal.blob(digest).map(drop).map_err(|error| format!("the {name} it follows can't be read: {error}"))
    }

    pub(super) fn all_runs(&self) -> Result<Vec<(StreamId, RunId)>, Trouble> {
        let streams = self.journal.streams("run/").map_err(|error| Trouble::Store(error.to_string()))?;
        let id = |stream: &StreamId| RunId::parse(stream.as_str().trim_start_matches("run/")).ok();
        Ok(streams.into_iter().filter_map(|(stream, _)| id(&stream).map(|id| (stream, id))).collect())
    }

    /// Every holder of a group must be a run that has not ended.
    fn group_symptoms(&self, repair: bool, checkup: &mut Checkup) -> Result<(), Trouble> {
        let streams = self.journal.streams("group/").map_err(|error| Trouble::Store(error.to_string()))?;
        for (stream, version) in streams {
            let name = stream.as_str().trim_start_matches("group/");
            let Some(group) =
                Name::parse(name).ok().and_then(|name| recover::read_group(self.journal.as_ref(), &name).ok())
            else {
                continue;
            };
            let here = group.holders.iter().chain(&group.waiters);
            let stale: Vec<&Holder> = here.filter(|holder| self.is_over(holder.run)).collect();
            for holder in &stale {
                let what = format!("group `{name}` is held or waited for by {holder}, which is not at work");
                if repair {
                    checkup.say(Grade::Mended, what, "it has left the group");
                } else {
                    checkup.say(Grade::Notice, what, MEND);
                }
            }
            if repair && !stale.is_empty() {
                let left = stale.into_iter().map(|holder| codec::encode_group(&GroupEvent::Left(holder.clone())));
                let left = left.collect::<Result<Vec<_>, _>>().map_err(|error| Trouble::Store(error.to_string()))?;
                let stream = group_stream(name);
                self.append(Batch {
                    guards: vec![Guard::At(stream.clone(), version)],
                    appends: vec![(stream, left)],
                    ..Batch::default()
                })?;
            }
        }
        Ok(())
    }

    /// Whether a run has certainly ended, or never was. One that can't be read may be at work.
    fn is_over(&self, run: RunId) -> bool {
        recover::read_run(self.journal.as_ref(), run)
            .is_ok_and(|run: Option<Run>| run.is_none_or(|run| run.ended().is_some()))
    }

    pub(super) fn append(&self, batch: Batch) -> Result<(), Trouble> {
        let (tell, told) = channel();
        self.journal.append(batch, Box::new(move |answer| drop(tell.send(answer))));
        match told.recv() {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Trouble::Store(error.to_string())),
            Err(_) => Err(Trouble::Store("the journal's writer is gone".into())),
        }
    }

    /// Output and artifacts of runs that are not there; they go by themselves with the next owner.
    fn spool_symptoms(&self, repair: bool, found: &Examination, checkup: &mut Checkup) {
        let torn = torn(&self.data);
        for name in &torn {
            let what =
                format!("something stood behind the end of the journal and was cut off; it is in `{SALVAGE}/{name}`");
            let way = "nobody was told of it, unless the device has destroyed the last second; take the file away once you \
                       have looked, then what is left of unknown runs goes too";
            checkup.say(Grade::Notice, what, way);
        }
        let left = retention::left_over(self.journal.as_ref(), &self.data);
        if left.is_empty() {
            return;
        }
        let what = format!(
            "output or artifacts of {} runs that are not in the journal, the first is `{}`",
            left.len(),
            left[0]
        );
        let kept = "something of the journal is lost: it is kept, it may be all that is left";
        if found.damage.iter().any(|damage| !damage.noted) {
            checkup.say(Grade::Damage, what, kept);
        } else if !torn.is_empty() {
            checkup.say(Grade::Notice, what, kept);
        } else if repair {
            retention::remove_output(&self.data, &left);
            checkup.say(Grade::Mended, what, "it is taken away");
        } else {
            checkup.say(Grade::Notice, what, "the next owner takes it away");
        }
    }
}
