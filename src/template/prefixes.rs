//! Commands that run the command written behind them, and where that one begins.

use crate::template::shell_words::is_assignment;

/// A command that runs another.
struct Prefix {
    name: &'static str,
    /// Options that take the word behind them.
    takes: &'static [&'static str],
    /// Words of its own in front of the command.
    operands: usize,
}

const fn prefix(name: &'static str, takes: &'static [&'static str], operands: usize) -> Prefix {
    Prefix { name, takes, operands }
}

const PREFIXES: &[Prefix] = &[
    prefix("sudo", &["-u", "-g", "-h", "-p", "-C", "-r", "-t", "-T", "-U", "-D", "-R", "--user", "--group"], 0),
    prefix("doas", &["-u", "-C"], 0),
    prefix("pkexec", &["--user"], 0),
    prefix("env", &["-u", "-C", "--unset", "--chdir"], 0),
    prefix("exec", &["-a"], 0),
    prefix("command", &[], 0),
    prefix("builtin", &[], 0),
    prefix("nohup", &[], 0),
    prefix("nice", &["-n", "--adjustment"], 0),
    prefix("ionice", &["-c", "-n", "-p", "--class", "--classdata"], 0),
    prefix("time", &["-f", "-o"], 0),
    prefix("timeout", &["-s", "-k", "--signal", "--kill-after"], 1),
    prefix("stdbuf", &["-i", "-o", "-e"], 0),
    prefix("setsid", &[], 0),
    prefix("xargs", &["-I", "-n", "-P", "-L", "-d", "-a", "-E", "-s"], 0),
    prefix("chroot", &[], 1),
    prefix("flock", &["-w", "-E", "--timeout"], 1),
    prefix("taskset", &["-p"], 1),
    prefix("chrt", &[], 1),
    prefix("nsenter", &["-t", "--target", "-S", "-G"], 0),
    prefix("unshare", &[], 0),
    prefix("setpriv", &["--reuid", "--regid", "--groups"], 0),
    prefix("gosu", &[], 1),
    prefix("su-exec", &[], 1),
    prefix("systemd-run", &["-p", "-u", "-E", "--unit", "--property", "--uid", "--gid", "--slice"], 0),
    prefix("strace", &["-e", "-o", "-p", "-s", "-u"], 0),
    prefix("numactl", &["-C", "-N", "-m"], 0),
];

/// Commands that run what stands behind their word `exec` and the name of a container.
const CONTAINERS: &[&str] = &["docker", "podman", "nerdctl", "docker-compose"];
/// Their options behind `exec` that take the word behind them.
const CONTAINER_TAKES: &[&str] = &["-e", "--env", "-u", "--user", "-w", "--workdir", "--detach-keys", "--env-file"];
/// Commands that run what stands behind `--`.
const DASHES: &[&str] = &["kubectl", "oc", "lxc", "incus", "npx", "npm"];
/// Options of `find` behind which a command begins.
const FIND: &[&str] = &["-exec", "-execdir", "-ok", "-okdir"];

/// Which command a command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Runs {
    /// None of the words; nor could the next be one.
    Nothing,
    /// The argument of that index.
    At(usize),
    /// The word that is still to come.
    Here,
}

/// Whether it runs the command written behind it.
pub(super) fn is_prefix(base: &str) -> bool {
    PREFIXES.iter().any(|prefix| prefix.name == base) || [CONTAINERS, DASHES, &["find"]].concat().contains(&base)
}

/// Which of its arguments a command runs as one; `word` is how the argument behind them begins.
pub(super) fn command(base: &str, args: &[String], word: &str) -> Runs {
    if base == "find" {
        return behind(args, |arg| FIND.contains(&arg));
    }
    if DASHES.contains(&base) {
        return behind(args, |arg| arg == "--");
    }
    if CONTAINERS.contains(&base) {
        let Some(exec) = args.iter().position(|arg| arg == "exec") else { return Runs::Nothing };
        return match operand(&args[exec + 1..], word, CONTAINER_TAKES, 1) {
            Runs::At(at) => Runs::At(exec + 1 + at),
            found @ (Runs::Nothing | Runs::Here) => found,
        };
    }
    match PREFIXES.iter().find(|prefix| prefix.name == base) {
        Some(prefix) => operand(args, word, prefix.takes, prefix.operands),
        None => Runs::Nothing,
    }
}

fn behind(args: &[String], opens: impl Fn(&str) -> bool) -> Runs {
    match args.iter().position(|arg| opens(arg)) {
        Some(at) if at + 1 == args.len() => Runs::Here,
        Some(at) => Runs::At(at + 1),
        None => Runs::Nothing,
    }
}

fn operand(args: &[String], word: &str, takes: &[&str], mut operands: usize) -> Runs {
    let mut at = 0;
    let mut options = true;
    while let Some(arg) = args.get(at) {
        // `env -S` and `flock -c` read the word behind them as a line.
        if options && arg.starts_with('-') && (arg.ends_with(['S']) || arg == "-c" && !takes.contains(&"-c")) {
            return if at + 1 == args.len() { Runs::Here } else { Runs::At(at + 1) };
        }
        if options && arg.len() > 1 && arg.starts_with('-') {
            options = arg != "--";
            at += if takes.contains(&arg.as_str()) { 2 } else { 1 };
        } else if is_assignment(arg) {
            at += 1;
        } else if operands > 0 {
            operands -= 1;
            at += 1;
        } else {
            return Runs::At(at);
        }
    }
    // The word is the argument of an option, or one of the words in front of the command.
    if at > args.len() || operands > 0 && !word.starts_with('-') || is_assignment(word) {
        Runs::Nothing
    } else {
        Runs::Here
    }
}
