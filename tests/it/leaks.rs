//! Nothing is left behind: a daemon and its keeper after very many steps have what they had after few.
//!
//! `STEPS` asks for more steps than the normal run has.

use crate::owner::{Home, kill, text};
use crate::serve::Daemon;
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::fs;

/// Steps of the normal run.
const STEPS: usize = 420;
/// Steps of one run: a third each end well, fail, and leave somebody behind who ends a moment later.
const EACH: usize = 60;

/// What one process has, and what is there because of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Has {
    /// Beside records of attempts, of which a keeper holds at most 16 open, and the index, which goes to the disk one day.
    descriptors: usize,
    /// The records of attempts.
    records: usize,
    /// Beside those of the runtime and of the index, which are there once they are needed.
    threads: usize,
    children: usize,
    zombies: usize,
    /// Processes in its session that are not its children.
    others: usize,
}

/// Of every process: its parent, its session, whether it only waits to be buried.
fn processes() -> BTreeMap<u32, (u32, u32, bool)> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let of = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields: Vec<&str> = stat.rsplit(')').next()?.split_ascii_whitespace().collect();
        Some((pid, (fields[1].parse().ok()?, fields[3].parse().ok()?, fields[0] == "Z")))
    };
    pids.filter_map(of).collect()
}

fn has(pid: u32) -> Has {
    let held = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    let held: Vec<_> = held.filter_map(|entry| fs::read_link(entry.path()).ok()).collect();
    let held: Vec<_> = held.iter().map(|path| path.to_string_lossy()).collect();
    let records = held.iter().filter(|path| path.contains("/spool/")).count();
    let index = held.iter().filter(|path| path.contains("/index/")).count();
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let threads = threads.filter_map(|entry| fs::read_to_string(entry.path().join("comm")).ok());
    let own = |name: &String| !name.starts_with("tokio") && !name.starts_with("sled");
    let all = processes();
    let children = all.values().filter(|(parent, ..)| *parent == pid);
    let others = all.iter().filter(|(other, (parent, session, _))| *session == pid && *parent != pid && **other != pid);
    Has {
        descriptors: held.len() - records - index,
        records,
        threads: threads.filter(own).count(),
        children: children.clone().count(),
        zombies: children.filter(|(.., zombie)| *zombie).count(),
        others: others.count(),
    }
}

/// What is in the spool and belongs to no run that is kept.
fn beyond(home: &Home) -> Vec<String> {
    let listed = text(&home.run(&["runs", "--json", "-n", "1000000"]).stdout);
    let rows = listed.lines().map(|row| serde_json::from_str::<serde_json::Value>(row).unwrap());
    let runs: Vec<String> = rows.map(|row| row["run"].as_str().unwrap().to_owned()).collect();
    let spool = fs::read_dir(home.path(".stepladder/spool")).unwrap().flatten();
    let names = spool.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| !runs.contains(name)).collect()
}

#[test]
fn nothing_is_left_behind_by_very_many_steps() {
    let asked = std::env::var_os("STEPS").and_then(|text| text.to_str()?.parse().ok());
    let steps: usize = asked.unwrap_or(STEPS);
    let items: Vec<String> = (0..EACH / 3).map(|n| format!("n{n}")).collect();
    let each = |id: &str, command: &str| {
        format!(
            "  - {{ id: {id}, needs: [], foreach: [{}], max_parallel: 4, max_failures: none, allow_failure: true, {command} }}\n",
            items.join(", ")
        )
    };
    let book = [
        each("well", "exec: [\"true\"]"),
        each("badly", "shell: 'echo no luck >&2; exit 3'"),
        each("leaves", "shell: '(sleep 0.1; echo late) & (setsid sleep 0.1 &)'"),
    ];
    let home = Home::new(&[("many", &format!("steps:\n{}", book.concat()))]);
    let settings = "timezone: UTC\nkeep: { runs: 3, min_free: 1MiB }\n";
    fs::write(home.path("stepladder.yaml"), settings).unwrap();
    let daemon = Daemon::start(&home);
    let run = || {
        let out = home.run(&["run", "many"]);
        assert_eq!(out.status.code(), Some(1), "{}{}", text(&out.stdout), text(&out.stderr));
    };
    // What is made once is made by now.
    (0..2).for_each(|_| run());
    let keepers = fs::read_dir(home.path(".stepladder/keeper")).unwrap().flatten();
    let keepers: Vec<u32> = keepers.map(|entry| crate::owner::keeper_pid(&entry.path())).collect();
    assert_eq!(keepers.len(), 1);
    let both = || {
        let kept = || has(keepers[0]);
        home.until("those who were left behind are gone", || kept().children == 0 && kept().others == 0);
        (has(daemon.id()), kept())
    };
    let before = both();
    (0..steps.div_ceil(EACH)).for_each(|_| run());
    // Connections of those who have asked end a moment later.
    home.until("the daemon has what it had", || {
        let now = has(daemon.id());
        now.descriptors <= before.0.descriptors && now.threads <= before.0.threads
    });
    let after = both();
    println!("{steps} steps: the daemon had {:?} and has {:?},", before.0, after.0);
    println!("the keeper had {:?} and has {:?}", before.1, after.1);
    let but_records = |has: Has| Has { records: 0, ..has };
    assert!(after.0.records <= 16 && after.1.records <= 16);
    assert_eq!(but_records(after.1), but_records(before.1), "the keeper");
    assert!(after.0.children <= before.0.children && after.0.zombies == 0, "{:?}", after.0);
    // What runs have printed goes with them: the next owner looks at once.
    drop(daemon.end(Signal::TERM));
    let next = Daemon::start(&home);
    let kept = || fs::read_dir(home.path(".stepladder/spool")).unwrap().count();
    home.until("the output of runs that went is gone", || kept() <= 4 && beyond(&home).is_empty());
    kill(next.id(), Signal::TERM);
}
