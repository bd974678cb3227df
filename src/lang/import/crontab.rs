//! A crontab, turned into runbooks: one for each line, with what cron did and a runbook does not said at its place.
//!
//! Text in, texts out: whether the runbooks pass their checks is for the checker to say.

use crate::base::ids::Name;
use crate::model::cron::Pattern;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// What came of a crontab.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Imported {
    /// Names and texts of runbooks, in the order of the lines.
    pub runbooks: Vec<(Name, String)>,
    /// What is not as it was.
    pub notes: Vec<Note>,
}

/// Something that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The line, from 1.
    pub line: usize,
    /// Whether nothing was made of the line.
    pub lost: bool,
    /// What, in a sentence.
    pub message: String,
}

/// Whose crontab it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// A user's: five fields and a command.
    User,
    /// The system's (`/etc/crontab`, `/etc/cron.d`): a user stands before the command.
    System,
}

/// What holds from a line on.
#[derive(Debug, Clone, Default)]
struct Around {
    zone: Option<String>,
    bash: bool,
    home: Option<String>,
    /// Whether it was said that times without a zone are the book's, and where jobs begin.
    said: bool,
    env: BTreeMap<String, String>,
}

/// The runbooks of a crontab.
#[must_use]
pub fn crontab(text: &str, owner: Owner) -> Imported {
    let mut import = Import { owner, around: Around::default(), taken: BTreeSet::new(), made: Imported::default() };
    for (index, line) in text.lines().enumerate() {
        import.line(index + 1, line.trim());
    }
    import.made
}

struct Import {
    owner: Owner,
    around: Around,
    taken: BTreeSet<String>,
    made: Imported,
}

impl Import {
    fn note(&mut self, line: usize, message: impl Into<String>) {
        self.made.notes.push(Note { line, lost: false, message: message.into() });
    }

    fn lost(&mut self, line: usize, message: impl Into<String>) {
        self.made.notes.push(Note { line, lost: true, message: message.into() });
    }

    fn line(&mut self, number: usize, line: &str) {
        if line.is_empty() || line.starts_with('#') {
            return;
        }
        if let Some((name, value)) = setting(line) {
            return self.setting(number, name, value);
        }
        let Some((when, rest)) = when(line) else {
            return self.lost(number, "this is neither a job nor a setting: five fields or @daily, then a command");
        };
        let rest = match self.owner {
            Owner::User => rest,
            Owner::System => {
                let Some((user, command)) = rest.split_once(char::is_whitespace) else {
                    return self.lost(number, "the line ends behind its user");
                };
                self.note(number, format!("cron ran it as {user}; a step runs as whoever stepladder runs as"));
                command.trim_start()
            }
        };
        let Some(command) = command(rest) else {
            return self.lost(
                number,
                "what stands behind a `%` went to the command's standard input; a step has none: put it into a file",
            );
        };
        if let Err(why) = Pattern::parse(&when)
            && when != REBOOT
        {
            return self.lost(number, format!("`{when}`: {why}"));
        }
        if command.contains("\\{{") {
            return self.lost(
                number,
                "a backslash before two braces means something else in a runbook: put the command into a file",
            );
        }
        if !self.around.said {
            self.around.said = true;
            let (zone, home) = (self.around.zone.is_none() && when != REBOOT, self.around.home.is_none());
            if zone {
                self.note(
                    number,
                    "without `CRON_TZ` cron goes by the machine's zone; a runbook goes by the book's `timezone`",
                );
            }
            if home {
                self.note(
                    number,
                    "cron began in the home directory; a step begins in the book's, or where `workdir` says",
                );
            }
        }
        let name = self.name(&command);
        let text = self.runbook(&name, &when, &command, line);
        self.made.runbooks.push((name, text));
    }

    fn setting(&mut self, number: usize, name: &str, value: &str) {
        match name {
            "CRON_TZ" => self.around.zone = Some(value.to_owned()).filter(|zone| !zone.is_empty()),
            "TZ" => {
                drop(self.around.env.insert(name.to_owned(), value.to_owned()));
                self.note(number, "`TZ` was for the commands alone; times are the book's, or those of `CRON_TZ`");
            }
            "SHELL" if value.ends_with("/bash") => self.around.bash = true,
            "SHELL" if value.ends_with("/sh") => self.around.bash = false,
            "SHELL" => self.note(number, format!("`{value}` runs no line of a runbook: sh does, or bash where the step says so")),
            "MAILTO" | "MAILFROM" => self.note(
                number,
                "cron mailed what a job printed; a run keeps it (`stepladder logs`), and `incident:` or a `notify` step tells people",
            ),
            "HOME" => self.around.home = Some(value.to_owned()),
            "LOGNAME" | "USER" => self.note(number, format!("`{name}` is not set for a step")),
            _ => drop(self.around.env.insert(name.to_owned(), value.to_owned())),
        }
    }

    /// A name made of the command's words, of which none has been given yet.
    fn name(&mut self, command: &str) -> Name {
        let inside = command.split_once("&&").filter(|(first, _)| first.trim_start().starts_with("cd "));
        let command = inside.map_or(command, |(_, rest)| rest);
        let words = command.split(|c: char| c.is_whitespace() || ";&|()".contains(c));
        let mut words = words.filter(|word| !word.contains('=') && !word.starts_with('-')).map(file);
        let word = words.find(|word| word.contains(char::is_alphabetic) && !AROUND.contains(word)).unwrap_or("job");
        let word = word.split('.').next().unwrap_or(word).to_ascii_lowercase();
        let plain: String = word.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let plain: String = plain.trim_start_matches(|c: char| !c.is_ascii_alphabetic()).chars().take(40).collect();
        // A word of the expression language is no name.
        let bases = [plain.clone(), format!("{plain}-job"), "job".to_owned()];
        let base = bases.into_iter().find(|base| Name::parse(base).is_ok()).unwrap_or_else(|| "job".to_owned());
        let free = (1..).map(|n| if n == 1 { base.clone() } else { format!("{base}-{n}") });
        let name = free.filter_map(|name| Name::parse(&name).ok()).find(|name| self.taken.insert(name.to_string()));
        name.unwrap_or_else(|| unreachable!("there is always a free number"))
    }

    fn runbook(&self, name: &Name, when: &str, command: &str, line: &str) -> String {
        let mut text = format!("# from a crontab: {line}\nrunbook: {name}\ntitle: {}\n", json(&short(command)));
        let zone = self.around.zone.as_ref().map_or_else(String::new, |zone| format!(", timezone: {}", json(zone)));
        // cron makes nothing up that it missed, and starts a job beside itself: the former is kept.
        let _ = match when {
            REBOOT => writeln!(text, "triggers: [ {{ startup: true }} ]"),
            when => writeln!(text, "triggers: [ {{ cron: {}{zone}, missed: skip }} ]", json(when)),
        };
        text.push_str("steps:\n  - id: run\n");
        // cron's shell goes on after a command that fails and takes a name that is not set as empty.
        let loose = if self.around.bash { "set +eu +o pipefail" } else { "set +eu" };
        let script = json(&format!("{loose}; {}", escaped(command)));
        let _ = if self.around.bash {
            writeln!(text, "    shell: {{ bash: {script} }}")
        } else {
            writeln!(text, "    shell: {script}")
        };
        if let Some(home) = &self.around.home {
            let _ = writeln!(text, "    workdir: {}", json(home));
        }
        if !self.around.env.is_empty() {
            let pairs = self.around.env.iter().map(|(name, value)| format!("{name}: {}", json(&escaped(value))));
            let _ = writeln!(text, "    env: {{ {} }}", pairs.collect::<Vec<_>>().join(", "));
        }
        text
    }
}

/// Words before a command that say nothing of what it does.
const AROUND: &[&str] =
    &["cd", "test", "[", "nice", "ionice", "sudo", "env", "sh", "bash", "flock", "timeout", "exec", "/"];

/// The last part of a path.
fn file(word: &str) -> &str {
    word.trim_end_matches('/').rsplit('/').next().unwrap_or(word)
}

/// How a start of the machine is written.
const REBOOT: &str = "@reboot";

/// `NAME = value`, quotes taken off.
fn setting(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(fits) || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let value = value.trim();
    let bare = |quote: char| value.strip_prefix(quote).and_then(|value| value.strip_suffix(quote));
    Some((name, bare('"').or_else(|| bare('\'')).unwrap_or(value)))
}

/// The time of a line, and what is behind it.
fn when(line: &str) -> Option<(String, &str)> {
    if line.starts_with('@') {
        let (word, rest) = line.split_once(char::is_whitespace)?;
        let word = if word == "@midnight" {
            "@daily"
        } else if word == "@annually" {
            "@yearly"
        } else {
            word
        };
        return Some((word.to_owned(), rest.trim_start()));
    }
    let (mut rest, mut fields) = (line, Vec::new());
    while fields.len() < 5 {
        let (field, more) = rest.split_once(char::is_whitespace)?;
        fields.push(field);
        rest = more.trim_start();
    }
    let time = fields.iter().all(|field| field.chars().all(|c| c.is_ascii_alphanumeric() || "*/,-#?".contains(c)));
    (time && !rest.is_empty()).then(|| (fields.join(" "), rest))
}

/// The command; `None` where something stands behind a `%` that is one.
fn command(text: &str) -> Option<String> {
    let mut command = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.peek() == Some(&'%') => {
                chars.next();
                command.push('%');
            }
            '%' => return None,
            c => command.push(c),
        }
    }
    Some(command)
}

/// The text as a template that writes it.
fn escaped(text: &str) -> String {
    text.replace("{{", "\\{{")
}

/// A title: the beginning of a command.
fn short(command: &str) -> String {
    let first: String = command.chars().take(60).collect();
    if first.len() < command.len() { format!("{}…", first.trim_end()) } else { first }
}

/// JSON text is YAML text.
fn json(text: &str) -> String {
    crate::base::value::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(text: &str, owner: Owner) -> (Vec<String>, Vec<String>) {
        let Imported { runbooks, notes } = crontab(text, owner);
        let shown = |note: &Note| format!("{}{}: {}", note.line, if note.lost { " lost" } else { "" }, note.message);
        (
            runbooks.into_iter().map(|(name, text)| format!("{name}\n{text}")).collect(),
            notes.iter().map(shown).collect(),
        )
    }

    #[test]
    fn a_line_is_a_runbook_and_settings_hold_for_those_below() {
        let text = "# comment\n0 2 * * * /opt/backup.sh --full\nCRON_TZ=Europe/Moscow\nLEVEL=\"3\"\nSHELL=/bin/bash\n\
                    */5 * * * 1-5 cd /srv && ./backup.sh \\%d {{.Names}}\n@reboot echo up\n";
        let (runbooks, notes) = made(text, Owner::User);
        assert_eq!(runbooks.len(), 3, "{runbooks:?}");
        assert!(
            runbooks[0].starts_with("backup\n") && runbooks[0].contains("cron: \"0 2 * * *\", missed: skip"),
            "{}",
            runbooks[0]
        );
        assert!(!runbooks[0].contains("timezone") && !runbooks[0].contains("env"), "{}", runbooks[0]);
        assert!(
            runbooks[1].contains("timezone: \"Europe/Moscow\"") && runbooks[1].contains("env: { LEVEL: \"3\" }"),
            "{}",
            runbooks[1]
        );
        assert!(runbooks[1].starts_with("backup-2\n"), "{}", runbooks[1]);
        assert!(
            runbooks[1].contains("shell: { bash: \"set +eu +o pipefail; cd /srv && ./backup.sh %d \\\\{{.Names}}\" }"),
            "{}",
            runbooks[1]
        );
        assert!(runbooks[2].contains("startup: true"), "{}", runbooks[2]);
        let begins: Vec<&str> = notes.iter().map(|note| note.split(" cron").next().unwrap_or_default()).collect();
        assert_eq!(begins, ["2: without `CRON_TZ`", "2:"], "said once: {notes:?}");
    }

    #[test]
    fn names_are_made_of_commands_and_are_never_the_same() {
        let text =
            "* * * * * /usr/bin/nice -n 5 /opt/sync.py\n* * * * * sync x\n* * * * * 7z a x\n* * * * * FOO=1 ./B.sh\n";
        let names: Vec<String> = crontab(text, Owner::User).runbooks.iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(names, ["sync", "sync-2", "z", "b"]);
    }

    #[test]
    fn what_is_not_as_it_was_is_said_at_its_line() {
        let text = "MAILTO=ops@company.com\n17 * * * * root run-parts /etc/cron.hourly\nnonsense\n0 0 * * * root mail ops%hello%\n99 * * * * root x\n* * * * * root\n";
        let (runbooks, notes) = made(text, Owner::System);
        assert_eq!(runbooks.len(), 1, "{runbooks:?}");
        let begins: Vec<&str> = notes.iter().map(|note| note.split(':').next().unwrap_or_default()).collect();
        assert_eq!(begins, ["1", "2", "2", "2", "3 lost", "4", "4 lost", "5", "5 lost", "6 lost"], "{notes:#?}");
    }
}
