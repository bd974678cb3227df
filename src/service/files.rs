//! Files that triggers watch: looked at, and told to who decides what has changed once they hold still.

use crate::act::files;
use crate::base::limits::MAX_WATCHED_FILES;
use crate::model::trigger::Trigger;
use crate::runtime::pump::Message;
use crate::schedule::key::ScheduleId;
use crate::service::{Service, Trouble};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Files by name, each with what tells one state of it from another.
type Seen = BTreeMap<String, String>;

/// What the last looks showed.
#[derive(Debug, Default)]
pub struct Looks {
    /// As they were seen last, and as they were told last.
    of: BTreeMap<ScheduleId, (Seen, Seen)>,
    /// Triggers with more files than are watched, of which that was said.
    too_many: BTreeSet<ScheduleId>,
}

impl Service {
    /// Looks at every watched file and tells of those that look as they did at the last look. Returns the directories
    /// in which something may happen.
    ///
    /// # Errors
    /// [`Trouble::Stopped`] when nobody drives the runs any more.
    pub fn look_at_files(&self, looks: &mut Looks) -> Result<BTreeSet<PathBuf>, Trouble> {
        let Ok(all) = self.callable() else { return Ok(BTreeSet::new()) };
        let (book, mut dirs, mut ids) = (self.secrets.book_dir.as_path(), BTreeSet::new(), BTreeSet::new());
        for armed in all.iter() {
            let Some(watched) = armed.trigger().and_then(Trigger::watched) else { continue };
            let id = &armed.spec.id;
            let now = look(book, &watched.pattern, &mut dirs);
            if now.len() > MAX_WATCHED_FILES && looks.too_many.insert(id.clone()) {
                let count = now.len();
                tracing::error!(schedule = %id, count, most = MAX_WATCHED_FILES, "too many files to watch: the first by name are");
            }
            let now: Seen = now.into_iter().take(MAX_WATCHED_FILES).collect();
            ids.insert(id.clone());
            // One look says nothing yet of what holds still.
            let Some((before, told)) = looks.of.get_mut(id) else {
                looks.of.insert(id.clone(), (now, Seen::new()));
                continue;
            };
            let (steady, unsettled) = steady(&now, before, told);
            *before = now;
            // Told each time: who decides may not have been ready for it, or had no room.
            told.clone_from(&steady);
            self.send(Message::Files { id: id.clone(), files: steady, unsettled })?;
        }
        looks.of.retain(|id, _| ids.contains(id));
        Ok(dirs)
    }
}

/// Of each file the state it is known to be in: the one it has had for two looks, else the one that was told. And those
/// of which nothing is known yet.
fn steady(now: &Seen, before: &Seen, told: &Seen) -> (Seen, BTreeSet<String>) {
    let (mut known, mut unsettled) = (Seen::new(), BTreeSet::new());
    for name in now.keys().chain(before.keys()).chain(told.keys()) {
        let state = now.get(name);
        if state == before.get(name) {
            known.extend(state.map(|state| (name.clone(), state.clone())));
        } else if let Some(state) = told.get(name) {
            known.insert(name.clone(), state.clone());
        } else {
            unsettled.insert(name.clone());
        }
    }
    (known, unsettled)
}

/// The files that a pattern means now, named as it names them.
fn look(book: &Path, pattern: &str, dirs: &mut BTreeSet<PathBuf>) -> Seen {
    let whole = book.join(pattern);
    // Where it begins, as far as that is there.
    let plain: PathBuf =
        whole.components().take_while(|part| !part.as_os_str().to_string_lossy().contains(['*', '?'])).collect();
    let begin = if plain == whole { plain.parent().unwrap_or(&plain).to_owned() } else { plain };
    dirs.extend(begin.ancestors().find(|dir| dir.is_dir()).map(Path::to_owned));
    let mut seen = Seen::new();
    for path in files(&whole) {
        dirs.extend(path.parent().map(Path::to_owned));
        let Ok(meta) = std::fs::metadata(&path) else { continue };
        let stamp = format!("{}.{:09} {} {}", meta.mtime(), meta.mtime_nsec(), meta.size(), meta.ino());
        let name = if Path::new(pattern).is_absolute() { &path } else { path.strip_prefix(book).unwrap_or(&path) };
        seen.insert(name.to_string_lossy().into_owned(), stamp);
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(files: &[(&str, &str)]) -> Seen {
        files.iter().map(|(name, stamp)| ((*name).to_owned(), (*stamp).to_owned())).collect()
    }

    #[test]
    fn what_is_still_being_written_is_not_told_of() {
        let (none, one, two) = (seen(&[]), seen(&[("a", "1")]), seen(&[("a", "2")]));
        let new = BTreeSet::from(["a".to_owned()]);
        assert_eq!(steady(&one, &none, &none), (none.clone(), new.clone()), "it has just come");
        assert_eq!(steady(&one, &one, &none), (one.clone(), BTreeSet::new()), "it holds still");
        assert_eq!(steady(&two, &one, &none), (none.clone(), new.clone()), "it has never held still");
        assert_eq!(steady(&none, &one, &none), (none.clone(), new), "nor does one that has just gone");
        assert_eq!(steady(&two, &one, &one), (one.clone(), BTreeSet::new()), "it changes");
        assert_eq!(steady(&two, &two, &one), (two.clone(), BTreeSet::new()), "it has changed");
        assert_eq!(steady(&none, &two, &two), (two.clone(), BTreeSet::new()), "perhaps an editor puts it back");
        assert_eq!(steady(&none, &none, &two), (none, BTreeSet::new()), "it is gone");
    }

    #[test]
    fn files_are_named_as_their_pattern_names_them() {
        let book = tempfile::tempdir().expect("dir");
        let dir = book.path().join("in");
        let mut dirs = BTreeSet::new();
        assert!(look(book.path(), "in/*.csv", &mut dirs).is_empty());
        assert!(dirs.contains(book.path()), "it begins where there is something: {dirs:?}");
        std::fs::create_dir(&dir).expect("dir");
        std::fs::write(dir.join("a.csv"), "1").expect("write");
        std::fs::write(dir.join("b.txt"), "1").expect("write");
        let found = look(book.path(), "in/*.csv", &mut dirs);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["in/a.csv"]);
        let whole = dir.join("a.csv").to_string_lossy().into_owned();
        assert_eq!(look(book.path(), &whole, &mut dirs).keys().collect::<Vec<_>>(), [&whole]);
        assert!(dirs.contains(&dir));
    }
}
