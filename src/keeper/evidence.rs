//! What is provable of an attempt after a crash: from its files and from the kernel, never from hope.

use crate::keeper::launch::keepers;
use crate::keeper::process::{boot_id, group_lives};
use crate::keeper::protocol::{Exit, Process};
use crate::keeper::record::{self, Logs, Seen, Started, read_record};
use crate::keeper::unminded;
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
    /// It was ordered where this directory was brought from, and nobody here can see what became of it.
    Elsewhere,
    /// No keeper ever saw it.
    NeverStarted,
}

/// What is known of the attempt of that stem. `data_dir` says whether a keeper of an earlier boot was at
/// work, whose last records the loss of power may have taken. Where the log has lost something, nothing said is no proof.
#[must_use]
pub fn evidence(data_dir: &Path, stem: &Path) -> Evidence {
    let Some(told) = read_record(stem) else {
        let doubtful = earlier_boot(data_dir) || stem.parent().is_some_and(record::has_lost);
        return if doubtful { Evidence::GoneWithoutTrace } else { Evidence::NeverStarted };
    };
    if let Some(exit) = told.exit {
        return Evidence::Ended(Box::new(exit));
    }
    if told.elsewhere {
        // Its keeper, and a child of that number, are somebody else's: also on this machine, where it was copied.
        return Evidence::Elsewhere;
    }
    let Some(seen) = told.seen else { return Evidence::GoneWithoutTrace };
    let alive = match (told.ending, &told.child) {
        // An owner took it from its keeper, which may be stopped for good: only what it started counts.
        (Some(_), Some(started)) => lives(started).then(|| started.child.clone()),
        (Some(_) | None, _) => alive(&seen, told.child.as_ref()),
    };
    // The keeper may have buried it while we looked.
    match (read_record(stem).and_then(|told| told.exit), alive) {
        (Some(exit), _) => Evidence::Ended(Box::new(exit)),
        (None, Some(process)) => Evidence::Alive(process),
        (None, None) => match told.ending {
            Some(ending) => Evidence::Ended(Box::new(unminded::exit(stem, ending))),
            None => Evidence::GoneWithoutTrace,
        },
    }
}

fn alive(seen: &Seen, started: Option<&Started>) -> Option<Process> {
    let child = started.map(|started| &started.child);
    if seen.keeper.is_alive() {
        return Some(child.unwrap_or(&seen.keeper).clone());
    }
    started.filter(|started| lives(started)).map(|started| started.child.clone())
}

/// Whether anything of what was started is alive.
pub(crate) fn lives(started: &Started) -> bool {
    let child = &started.child;
    child.boot_id == boot_id() && (child.is_alive() || group_lives(child.pid, started.session))
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

/// Writes down that an attempt was ordered where this directory was brought from, so that nobody here looks for its child
/// or begins it again.
///
/// # Errors
/// When that can't be written.
pub fn disown(stem: &Path) -> std::io::Result<()> {
    doubt(stem)?;
    record::elsewhere(stem)
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
    use crate::keeper::unminded::Ending;

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
                    let started = Started { child, session: 0, deadline_ms: None, grace_ms: 0 };
                    record.started(&started).expect(name);
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
    fn a_child_that_an_owner_took_from_its_keeper_is_over_when_it_is_gone() {
        let data = tempfile::tempdir().expect("a directory");
        let me = Process::now(rustix::process::getpid());
        for (name, ending, timed_out) in [("late", Ending::TimedOut, true), ("asked", Ending::Stopped, false)] {
            let stem = data.path().join("spool").join(name);
            let mut record =
                Logs::default().claim(&stem, &Seen { attempt: "a".into(), keeper: me.clone() }).expect(name);
            // The session of nobody, as group 0 has members.
            record.started(&Started { child: gone(), session: -1, deadline_ms: None, grace_ms: 0 }).expect(name);
            std::fs::write(record::part(&stem, "stdout"), "so far").expect("written");
            assert_eq!(evidence(data.path(), &stem), Evidence::Alive(gone()), "its keeper has to say");
            record::begin_to_end(&stem, ending).expect("written");
            let Evidence::Ended(exit) = evidence(data.path(), &stem) else { panic!("{name}") };
            assert_eq!((exit.timed_out, exit.stopped), (timed_out, !timed_out), "{name}");
            assert_eq!((exit.code, exit.stdout.bytes_kept), (None, 6), "{name}");
        }
    }

    #[test]
    fn a_keeper_of_an_earlier_boot_leaves_doubt() {
        let data = tempfile::tempdir().expect("a directory");
        let keeper = data.path().join("keeper/k1");
        record::make_dir(&keeper).expect("made");
        let identity =
            |boot_id: String| Identity { protocol: PROTOCOL, build: "b".into(), keeper: Process { boot_id, ..gone() } };
        let spool = data.path().join("spool/r/a.1");
        record::replace(&keeper, record::KEEPER, &identity(boot_id())).expect("written");
        assert_eq!(evidence(data.path(), &spool), Evidence::NeverStarted);
        record::replace(&keeper, record::KEEPER, &identity("earlier".into())).expect("written");
        assert_eq!(evidence(data.path(), &spool), Evidence::GoneWithoutTrace);
        doubt(&spool).expect("marked");
        crate::keeper::clear_dead(data.path());
        assert!(!keeper.exists(), "cleared away");
        assert_eq!(evidence(data.path(), &spool), Evidence::GoneWithoutTrace, "the doubt outlives the directory");
        assert_eq!(
            evidence(data.path(), &spool.with_file_name("later.1")),
            Evidence::NeverStarted,
            "and is no one else's"
        );
    }

    #[test]
    fn a_log_that_has_lost_something_proves_nothing() {
        let data = tempfile::tempdir().expect("a directory");
        let stem = data.path().join("spool/r/a.1");
        let (other, log) = (stem.with_file_name("b.1"), stem.with_file_name("attempts"));
        let seen = Seen { attempt: "a".into(), keeper: gone() };
        let whole = || {
            drop(std::fs::remove_dir_all(data.path().join("spool")));
            drop(Logs::default().claim(&stem, &seen).expect("claimed"));
            std::fs::read(&log).expect("there")
        };
        let bytes = whole();
        assert_eq!(evidence(data.path(), &stem), Evidence::GoneWithoutTrace);
        assert_eq!(evidence(data.path(), &other), Evidence::NeverStarted, "the log is whole");
        for bit in 0..bytes.len() * 8 {
            let mut bent = whole();
            bent[bit / 8] ^= 1 << (bit % 8);
            std::fs::remove_file(&log).expect("there");
            std::fs::write(&log, &bent).expect("written");
            assert_eq!(evidence(data.path(), &stem), Evidence::GoneWithoutTrace, "bit {bit}");
        }
        whole();
        std::fs::remove_file(&log).expect("there");
        assert_eq!(evidence(data.path(), &stem), Evidence::GoneWithoutTrace, "removed");
        std::fs::write(&log, vec![0; bytes.len()]).expect("written");
        assert_eq!(evidence(data.path(), &stem), Evidence::GoneWithoutTrace, "zeroed");
    }

    #[test]
    fn what_was_ordered_elsewhere_is_looked_for_nowhere() {
        let data = tempfile::tempdir().expect("a directory");
        let me = Process::now(rustix::process::getpid());
        let exit = Exit { code: Some(3), ..Exit::default() };
        let stem = |name: &str| data.path().join("spool/r").join(name);
        let mut logs = Logs::default();
        for name in ["lives.1", "over.1"] {
            let mut record = logs.claim(&stem(name), &Seen { attempt: "a".into(), keeper: me.clone() }).expect(name);
            if name == "over.1" {
                record.ended(&exit, Survive::Crash).expect(name);
            }
        }
        for name in ["lives.1", "over.1", "never.1"] {
            disown(&stem(name)).expect(name);
        }
        for name in ["lives.1", "never.1"] {
            assert_eq!(evidence(data.path(), &stem(name)), Evidence::Elsewhere, "{name}");
            assert!(logs.claim(&stem(name), &Seen { attempt: "b".into(), keeper: me.clone() }).is_err(), "{name}");
        }
        assert_eq!(evidence(data.path(), &stem("over.1")), Evidence::Ended(Box::new(exit)), "the truth came along");
    }
}
