//! What is provable of an attempt after a crash: from its files and from the kernel, never from hope.

use crate::keeper::launch::keepers;
use crate::keeper::process::{boot_id, group_lives};
use crate::keeper::protocol::{Exit, Process};
use crate::keeper::record::{self, Seen, Started, read_exit};
use rustix::process::{Pid, Signal, kill_process_group};
use std::path::Path;

/// What is known of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// It ended so.
    Ended(Exit),
    /// Something of it is alive: its child, its child's group, or the keeper that has not buried it yet.
    Alive(Process),
    /// It may have been started, nothing of it is alive, and nobody saw its end.
    GoneWithoutTrace,
    /// No keeper ever saw it.
    NeverStarted,
}

/// What is known of the attempt of that spool directory. `data_dir` says whether a keeper of an
/// earlier boot was at work, whose last records the loss of power may have taken.
#[must_use]
pub fn evidence(data_dir: &Path, dir: &Path) -> Evidence {
    if let Some(exit) = read_exit(dir) {
        return Evidence::Ended(exit);
    }
    let Some(seen) = record::read::<Seen>(dir, record::SEEN) else {
        let lost = dir.join(record::SEEN).exists() || earlier_boot(data_dir);
        return if lost { Evidence::GoneWithoutTrace } else { Evidence::NeverStarted };
    };
    let started = record::read::<Started>(dir, record::CHILD);
    let alive = alive(&seen, started.as_ref());
    // The keeper may have buried it while we looked.
    match (read_exit(dir), alive) {
        (Some(exit), _) => Evidence::Ended(exit),
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
pub fn doubt(dir: &Path) -> std::io::Result<()> {
    record::make_dir(dir)?;
    let nobody = Process { pid: 0, start_time: 0, boot_id: String::new() };
    match record::claim(dir, record::SEEN, &Seen { attempt: String::new(), keeper: nobody }) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        Err(_) | Ok(()) => Ok(()),
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
pub fn end_orphan(dir: &Path, how: Orphan) -> bool {
    let Some(seen) = record::read::<Seen>(dir, record::SEEN) else { return false };
    let Some(started) = record::read::<Started>(dir, record::CHILD) else { return false };
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
    use crate::keeper::record::Survive;

    fn gone() -> Process {
        // Number 0 is nobody's.
        Process { pid: 0, start_time: 1, boot_id: boot_id() }
    }

    #[test]
    fn each_kind_of_evidence() {
        let data = tempfile::tempdir().expect("a directory");
        let dir = data.path().join("spool");
        record::make_dir(&dir).expect("made");
        let check = |want| assert_eq!(evidence(data.path(), &dir), want);
        check(Evidence::NeverStarted);

        let me = Process::now(rustix::process::getpid());
        let seen = |keeper: &Process| Seen { attempt: "a".into(), keeper: keeper.clone() };
        let put_seen = |seen| record::replace(&dir, record::SEEN, &seen, Survive::Crash).expect("written");
        let put_child = |child| {
            record::replace(&dir, record::CHILD, &Started { child, session: 0 }, Survive::Crash).expect("written");
        };
        put_seen(seen(&gone()));
        check(Evidence::GoneWithoutTrace);
        put_seen(seen(&me));
        check(Evidence::Alive(me.clone()));
        put_seen(seen(&gone()));
        put_child(me.clone());
        check(Evidence::Alive(me.clone()));
        put_child(Process { start_time: me.start_time + 1, ..me.clone() });
        check(Evidence::GoneWithoutTrace);
        put_child(Process { boot_id: "earlier".into(), ..me });
        check(Evidence::GoneWithoutTrace);
        let exit = Exit { code: Some(3), ..Exit::default() };
        record::replace(&dir, record::EXIT, &exit, Survive::Crash).expect("written");
        check(Evidence::Ended(exit));
    }

    #[test]
    fn a_keeper_of_an_earlier_boot_leaves_doubt() {
        let data = tempfile::tempdir().expect("a directory");
        let keeper = data.path().join("keeper/k1");
        record::make_dir(&keeper).expect("made");
        let identity =
            |boot_id: String| Identity { protocol: PROTOCOL, build: "b".into(), keeper: Process { boot_id, ..gone() } };
        let spool = data.path().join("spool");
        record::replace(&keeper, record::KEEPER, &identity(boot_id()), Survive::Crash).expect("written");
        assert_eq!(evidence(data.path(), &spool), Evidence::NeverStarted);
        record::replace(&keeper, record::KEEPER, &identity("earlier".into()), Survive::Crash).expect("written");
        assert_eq!(evidence(data.path(), &spool), Evidence::GoneWithoutTrace);
        doubt(&spool).expect("marked");
        crate::keeper::clear_dead(data.path());
        assert!(!keeper.exists(), "cleared away");
        assert_eq!(evidence(data.path(), &spool), Evidence::GoneWithoutTrace, "the doubt outlives the directory");
        assert_eq!(evidence(data.path(), &data.path().join("later")), Evidence::NeverStarted, "and is no one else's");
    }
}
