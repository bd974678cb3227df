//! What is provable of an attempt after a crash: from its files and from the kernel, never from hope.

use crate::keeper::launch::keepers;
use crate::keeper::process::{boot_id, group_lives};
use crate::keeper::protocol::{Exit, Process};
use crate::keeper::record::{Logs, Seen, Started, read_record};
use rustix::process::{Pid, Signal, kill_process_group};
use std::path::Path;

/// What is known of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// It ended so.
    Ended(Box<Exit>),
    /// Something of it is alive: its child, its child's group, or the keeper that has not buried it yet.
    Alive(Process),
    /// It may have been started, nothing of it is alive, and nobody saw its end.
    GoneWithoutTrace,
    /// No keeper ever saw it.
    NeverStarted,
}

/// What is known of the attempt of that stem. `data_dir` says whether a keeper of an earlier boot was at
/// work, whose last records the loss of power may have taken.
#[must_use]
pub fn evidence(data_dir: &Path, stem: &Path) -> Evidence {
    let Some(told) = read_record(stem) else {
        return if earlier_boot(data_dir) { Evidence::GoneWithoutTrace } else { Evidence::NeverStarted };
    };
    if let Some(exit) = told.exit {
        return Evidence::Ended(Box::new(exit));
    }
    let Some(seen) = told.seen else { return Evidence::GoneWithoutTrace };
    let alive = alive(&seen, told.child.as_ref());
    // The keeper may have buried it while we looked.
    match (read_record(stem).and_then(|told| told.exit), alive) {
        (Some(exit), _) => Evidence::Ended(Box::new(exit)),
        (None, Some(process)) => Evidence::Alive(process),
        (None, None) => Evidence::GoneWithoutTrace,
    }
}

fn alive(seen: &Seen, started: Option<&Started>) -> Option<Process> {
    let child = started.map(|started| &started.child);
    if seen.keeper.is_alive() {
        return Some(child.unwrap_or(&seen.keeper).clone());
    }
    let started = started?;
    let child = &started.child;
    let lives = child.boot_id == boot_id() && (child.is_alive() || group_lives(child.pid, started.session));
    lives.then(|| child.clone())
}

/// Makes a doubt last: the attempt may have been started in an earlier boot, and from now on that does
/// not hang on the directories of that boot's keepers, which can be cleared away.
///
/// # Errors
/// When the mark can't be written.
pub fn doubt(stem: &Path) -> std::io::Result<()> {
    let nobody = Process { pid: 0, start_time: 0, boot_id: String::new() };
    match Logs::default().claim(stem, &Seen { attempt: String::new(), keeper: nobody }) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        Err(_) | Ok(_) => Ok(()),
    }
}

/// How an orphan is told to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orphan {
    /// It may tidy up.
    Term,
    /// It may not.
    Kill,
}

/// Signals the group of an attempt whose keeper is dead; whether anything of it was alive.
pub fn end_orphan(stem: &Path, how: Orphan) -> bool {
    let Some(told) = read_record(stem) else { return false };
    let (Some(seen), Some(started)) = (told.seen, told.child) else { return false };
    if seen.keeper.is_alive() || alive(&seen, Some(&started)).is_none() {
        return false;
    }
    let signal = match how {
        Orphan::Term => Signal::TERM,
        Orphan::Kill => Signal::KILL,
    };
    Pid::from_raw(started.child.pid).is_some_and(|group| kill_process_group(group, signal).is_ok())
}

fn earlier_boot(data_dir: &Path) -> bool {
    let now = boot_id();
    keepers(data_dir).into_iter().any(|(_, keeper)| keeper.keeper.boot_id != now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::launch::Identity;
    use crate::keeper::protocol::PROTOCOL;
    use crate::keeper::record::{self, Survive};

    fn gone() -> Process {
        // Number 0 is nobody's.
        Process { pid: 0, start_time: 1, boot_id: boot_id() }
    }

    #[test]
    fn each_kind_of_evidence() {
        let data = tempfile::tempdir().expect("a directory");
        let me = Process::now(rustix::process::getpid());
        let exit = Exit { code: Some(3), ..Exit::default() };
        let check = |name: &str, keeper: Option<&Process>, child: Option<Process>, over: bool, want: Evidence| {
            let stem = data.path().join("spool").join(name);
            if let Some(keeper) = keeper {
                let mut record =
                    Logs::default().claim(&stem, &Seen { attempt: "a".into(), keeper: keeper.clone() }).expect(name);
                if let Some(child) = child {
                    record.started(&Started { child, session: 0 }).expect(name);
                }
                if over {
                    record.ended(&exit, Survive::Crash).expect(name);
                }
            }
            assert_eq!(evidence(data.path(), &stem), want, "{name}");
        };
        let later = Process { start_time: me.start_time + 1, ..me.clone() };
        let earlier = Process { boot_id: "earlier".into(), ..me.clone() };
        check("never", None, None, false, Evidence::NeverStarted);
        check("keeper-gone", Some(&gone()), None, false, Evidence::GoneWithoutTrace);
        check("keeper-lives", Some(&me), None, false, Evidence::Alive(me.clone()));
        check("child-lives", Some(&gone()), Some(me.clone()), false, Evidence::Alive(me.clone()));
        check("number-reused", Some(&gone()), Some(later), false, Evidence::GoneWithoutTrace);
        check("another-boot", Some(&gone()), Some(earlier), false, Evidence::GoneWithoutTrace);
        check("ended", Some(&gone()), Some(me.clone()), true, Evidence::Ended(Box::new(exit.clone())));
    }

    #[test]
    fn a_keeper_of_an_earlier_boot_leaves_doubt() {
        let data = tempfile::tempdir().expect("a directory");
        let keeper = data.path().join("keeper/k1");
        record::make_dir(&keeper).expect("made");
        let identity =
            |boot_id: String| Identity { protocol: PROTOCOL, build: "b".into(), keeper: Process { boot_id, ..gone() } };
        let spool = data.path().join("spool");
        record::replace(&keeper, record::KEEPER, &identity(boot_id())).expect("written");
        assert_eq!(evidence(data.path(), &spool), Evidence::NeverStarted);
        record::replace(&keeper, record::KEEPER, &identity("earlier".into())).expect("written");
        assert_eq!(evidence(data.path(), &spool), Evidence::GoneWithoutTrace);
        doubt(&spool).expect("marked");
        crate::keeper::clear_dead(data.path());
        assert!(!keeper.exists(), "cleared away");
        assert_eq!(evidence(data.path(), &spool), Evidence::GoneWithoutTrace, "the doubt outlives the directory");
        assert_eq!(evidence(data.path(), &data.path().join("later")), Evidence::NeverStarted, "and is no one else's");
    }
}
