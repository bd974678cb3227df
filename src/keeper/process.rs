//! What the kernel knows of processes: who is alive, since when, in which group and session.

use crate::keeper::protocol::Process;
use rustix::process::Pid;
use std::fs;
use std::io::Read;

/// The id of this boot; empty where the kernel does not say.
#[must_use]
pub fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().into()
}

/// One process as `/proc` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    /// Whether it has ended and only waits to be buried.
    pub(crate) zombie: bool,
    /// Its process group.
    pub(crate) group: i32,
    /// Its session.
    pub(crate) session: i32,
    /// When it started, in clock ticks since boot.
    pub(crate) start_time: u64,
}

impl Stat {
    /// That process now; `None` = there is none.
    pub(crate) fn of(pid: i32) -> Option<Self> {
        // A line of numbers and a name of at most 64 bytes: one read has it whole.
        let mut line = [0; 1024];
        let read = fs::File::open(format!("/proc/{pid}/stat")).ok()?.read(&mut line).ok()?;
        Self::parse(&String::from_utf8_lossy(&line[..read]))
    }

    fn parse(text: &str) -> Option<Self> {
        // The name stands in parentheses and may hold anything, more of them included.
        let mut fields = text.get(text.rfind(')')? + 1..)?.split_ascii_whitespace();
        let zombie = matches!(fields.next()?, "Z" | "X" | "x");
        let group = fields.nth(1)?.parse().ok()?;
        let session = fields.next()?.parse().ok()?;
        let start_time = fields.nth(15)?.parse().ok()?;
        Some(Self { zombie, group, session, start_time })
    }
}

impl Process {
    /// The process of that number as it is now.
    pub(crate) fn now(pid: Pid) -> Self {
        Self::of(pid, boot_id())
    }

    /// The same where the boot is known.
    pub(crate) fn of(pid: Pid, boot_id: String) -> Self {
        let pid = pid.as_raw_nonzero().get();
        let start_time = Stat::of(pid).map_or(0, |stat| stat.start_time);
        Self { pid, start_time, boot_id }
    }

    /// Whether exactly this process is alive.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.boot_id == boot_id()
            && Stat::of(self.pid).is_some_and(|stat| stat.start_time == self.start_time && !stat.zombie)
    }
}

/// Whether anything of that process group is alive in that session. A number is not given away again
/// while its group or session has a member, so both together name the children of one keeper.
pub(crate) fn group_lives(group: i32, session: i32) -> bool {
    let Ok(entries) = fs::read_dir("/proc") else { return false };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(Stat::of)
        .any(|stat| stat.group == group && stat.session == session && !stat.zombie)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_is_passed_over() {
        let text = "4242 (a) Z (b)) S 1 4200 4100 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 10 11";
        assert_eq!(Stat::parse(text), Some(Stat { zombie: false, group: 4200, session: 4100, start_time: 987_654 }));
    }

    #[test]
    fn a_number_alone_is_no_process() {
        let me = Process::now(rustix::process::getpid());
        assert!(me.is_alive());
        assert!(!Process { start_time: me.start_time + 1, ..me.clone() }.is_alive());
        assert!(!Process { boot_id: "another".into(), ..me }.is_alive());
    }
}
