//! `support-bundle`: what somebody who helps needs to see, in one archive, without any secret.
//!
//! Everything of it can be looked at before it is sent. What cannot be gathered is said in it and stops nothing: a bundle is made
//! when something is wrong.

use crate::act::Filled;
use crate::api::wire::RunsRequest;
use crate::cli::args::SupportBundle;
use crate::cli::command::config;
use crate::cli::door::{Door, Purpose};
use crate::cli::exit::Exit;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;
use crate::cli::{door, output, shelf};
use crate::lang::Loaded;
use crate::runtime::clock;
use flate2::Compression;
use flate2::write::GzEncoder;
use regex::Regex;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::LazyLock;

/// Runs that are listed, and of those that did not end well how many are told whole.
const LISTED: u32 = 500;
const WHOLE: usize = 20;
/// Incidents that are told whole.
const INCIDENTS: u32 = 20;

/// A key behind which a secret may stand, wherever in a line.
static KEY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let words = "password|passwd|token|secret|key|webhook|authorization|bearer|credential|cookie";
    Regex::new(&format!(r#"(?i)["']?[A-Za-z0-9_.-]*(?:{words})s?["']?\s*:(?:\s|$)"#)).ok()
});
/// Somebody's name and password in a URL.
static USERINFO: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#"://[^/@\s"']+@"#).ok());
/// Nothing but names of secrets.
static NAMES: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\{\{\s*secrets\.[A-Za-z0-9_]+\s*\}\}").ok());
/// The name of a secret in a template.
static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\bsecrets\.([A-Za-z_][A-Za-z0-9_]*)").ok());

/// Files of the bundle on their way, each without secrets.
struct Bundle {
    files: Vec<(String, String)>,
    problems: Vec<String>,
    hidden: Filled,
}

/// Makes the archive.
pub async fn run(args: &SupportBundle, settings: &Settings) -> Result<Exit, Trouble> {
    let book = settings.book()?;
    let loaded = shelf::load(&book)?;
    let world = door::world(settings)?;
    let names = names(&loaded);
    let mut bundle = Bundle { files: Vec::new(), problems: Vec::new(), hidden: world.secrets.known(&names).await };
    bundle.book(&book, &loaded);
    match config::rows(settings, &book).await {
        Ok((rows, problem)) => {
            bundle.json("settings.json", Ok(rows));
            if let Some(why) = problem {
                bundle.problem("what the owner goes by", &why);
            }
        }
        Err(trouble) => bundle.problem("the settings", &trouble),
    }
    match Door::open(settings, &book, Purpose::Look).await {
        Ok(door) => bundle.standing(&door).await,
        Err(trouble) => bundle.problem("the data directory", &trouble),
    }
    bundle.about(&names);
    let name = args.file.clone().unwrap_or_else(|| {
        let at = clock::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        format!("stepladder-support-{at}.tar.gz").into()
    });
    let path = settings.cwd().join(name);
    let bytes = bundle.packed().map_err(|reason| Trouble::io("pack", &path, &reason))?;
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    let written = file.and_then(|mut file| file.write_all(&bytes).and_then(|()| file.sync_all()));
    written.map_err(|reason| Trouble::io("write", &path, &reason))?;
    for (name, text) in &bundle.files {
        output::data(&format!("{:>9}  {name}\n", text.len()))?;
    }
    output::aside(&format!("{} is there, for you alone to read: look at it before you send it", path.display()));
    bundle.problems.iter().for_each(|problem| output::aside(&format!("not in it: {problem}")));
    Ok(if bundle.problems.is_empty() { Exit::Fine } else { Exit::Warning })
}

/// The secrets that the book names.
fn names(loaded: &Loaded) -> BTreeSet<String> {
    let mut names: BTreeSet<String> =
        loaded.book.runbooks.values().flat_map(|runbook| runbook.secrets.iter().cloned()).collect();
    for (_, source) in loaded.sources.iter() {
        let found = NAMED.iter().flat_map(|named| named.captures_iter(&source.text));
        names.extend(found.filter_map(|found| Some(found.get(1)?.as_str().to_owned())));
    }
    names
}

impl Bundle {
    fn add(&mut self, name: &str, text: &str) {
        self.files.push((name.to_owned(), self.hidden.hide(text)));
    }

    fn problem(&mut self, what: &str, why: &dyn std::fmt::Display) {
        let said = self.hidden.hide(&format!("{what}: {why}"));
        self.problems.push(said);
    }

    fn json<T: Serialize>(&mut self, name: &str, value: Result<T, Trouble>) -> Option<T> {
        match value {
            Ok(value) => {
                match serde_json::to_string_pretty(&value) {
                    Ok(text) => self.add(name, &text),
                    Err(reason) => self.problem(name, &reason),
                }
                Some(value)
            }
            Err(trouble) => {
                self.problem(name, &trouble);
                None
            }
        }
    }

    /// The files of the book, values that stand where a secret's name belongs hidden.
    fn book(&mut self, book: &Path, loaded: &Loaded) {
        match shelf::files(book) {
            Ok(files) => {
                for (name, text) in files {
                    self.add(&format!("book/{name}"), &without_values(&text));
                }
            }
            Err(trouble) => self.problem("the files of the book", &trouble),
        }
        // Without the lines themselves, and without what a sentence quotes of them.
        let told = loaded.findings.sorted().into_iter().map(|finding| {
            let (line, column) = loaded.sources.line_column(finding.spot);
            let (file, code) = (&loaded.sources.get(finding.spot.file).name, finding.code.as_str());
            format!("{file}:{line}:{column} {code} {}\n", unquoted(&finding.message))
        });
        self.add("check.txt", &told.collect::<String>());
    }

    async fn standing(&mut self, door: &Door) {
        self.json("status.json", door.status().await);
        self.json("doctor.json", door.doctor(false).await);
        self.json("schedules.json", door.schedules().await);
        self.json("alerts.json", door.alerts().await);
        self.json("silences.json", door.silences().await);
        let asked = RunsRequest { dry: true, limit: LISTED, ..RunsRequest::default() };
        let runs = self.json("runs.json", door.runs(asked).await).unwrap_or_default();
        let bad = |outcome: Option<&str>| outcome.is_none_or(|outcome| outcome == "failed" || outcome == "cancelled");
        for row in runs.iter().filter(|row| bad(row.outcome.as_deref())).take(WHOLE) {
            self.json(&format!("runs/{}.json", row.run), door.run(&row.run).await);
        }
        let incidents = self.json("incidents.json", door.incidents(true, INCIDENTS).await).unwrap_or_default();
        for row in &incidents {
            self.json(&format!("incidents/{}.json", row.incident), door.incident(&row.incident).await);
        }
    }

    /// What it is of, and what was done to it.
    fn about(&mut self, names: &BTreeSet<String>) {
        let system = rustix::system::uname();
        let known = names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let text = format!(
            "stepladder {}\n{} {} {}\nmade {}\n\nHidden in every file: the values of the secrets that the book names, as far as they can be read here ({}), and what\n\
             stands in a file of the book where the name of a secret belongs.\n\nNot in it: {}\n",
            env!("CARGO_PKG_VERSION"),
            system.sysname().to_string_lossy(),
            system.release().to_string_lossy(),
            system.machine().to_string_lossy(),
            clock::now(),
            if known.is_empty() { "it names none" } else { &known },
            if self.problems.is_empty() { "nothing failed".to_owned() } else { self.problems.join("; ") },
        );
        self.add("about.txt", &text);
    }

    fn packed(&self) -> std::io::Result<Vec<u8>> {
        let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
        let at = u64::try_from(clock::now().as_second()).unwrap_or_default();
        for (name, text) in &self.files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o600);
            header.set_mtime(at);
            archive.append_data(&mut header, format!("support/{name}"), text.as_bytes())?;
        }
        archive.into_inner()?.finish()
    }
}

/// A text of the book in which nothing stands that may be a secret: behind a key that sounds like one only names of secrets
/// are left, and everything below such a key is gone. Rather too much is hidden than too little.
fn without_values(text: &str) -> String {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut below: Option<usize> = None;
    let mut plain = String::new();
    for line in text.lines() {
        if below.is_some_and(|outer| line.trim().is_empty() || indent(line) > outer) {
            continue;
        }
        below = None;
        let key = KEY.as_ref().and_then(|key| key.find(line)).filter(|_| !line.trim_start().starts_with('#'));
        let shown = match key {
            None => line.to_owned(),
            Some(key) => {
                let (before, rest) = line.split_at(key.end());
                let bare = NAMES.as_ref().map_or_else(|| rest.into(), |names| names.replace_all(rest, ""));
                let trimmed = rest.trim();
                if trimmed.is_empty() || trimmed.starts_with(['|', '>']) {
                    below = Some(indent(line));
                    format!("{} \"***\"", before.trim_end())
                } else if bare.contains(char::is_alphanumeric) {
                    below = Some(indent(line));
                    format!("{}\"***\"", if before.ends_with(' ') { before.to_owned() } else { format!("{before} ") })
                } else {
                    line.to_owned()
                }
            }
        };
        let shown =
            USERINFO.as_ref().map_or_else(|| shown.clone(), |all| all.replace_all(&shown, "://***@").into_owned());
        plain.push_str(&shown);
        plain.push('\n');
    }
    plain
}

/// A sentence without what stands between backticks.
fn unquoted(sentence: &str) -> String {
    let parts = sentence.split('`').enumerate();
    parts.map(|(nth, part)| if nth % 2 == 0 { part } else { "`…`" }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_may_be_a_secret_is_left() {
        let text = "livekit: { url: x, api_key: APIabc, api_secret: s3cr3t, rooms: all }\nheaders: { Authorization: Bearer abcdef123 }\n\
                    password: >-\n  folded\n  lines\ntoken: |\n  block\n\n  more\nnext: stays\nenv:\n  SIP_PASSWORD: hunter2\n  \"password\": \"hun\\\"ter3\"\n\
                    key:\n  inner: abc\npostgres: postgres://u:pw9@host/db\nslack: { webhook: \"{{ secrets.SLACK }}\" }\nauth: { bearer: \"x {{ secrets.A }}\" }\nmonkey: banana\nretry: { attempts: 3 }\n";
        let plain = without_values(text);
        for secret in [
            "APIabc",
            "s3cr3t",
            "abcdef123",
            "folded",
            "lines",
            "block",
            "more",
            "hunter2",
            "ter3",
            "abc",
            "pw9",
            "\"x ",
        ] {
            assert!(!plain.contains(secret), "`{secret}` is in it:\n{plain}");
        }
        for there in [
            "next: stays",
            "webhook: \"{{ secrets.SLACK }}\"",
            "attempts: 3",
            "@host/db",
            "livekit: { url: x, api_key: \"***\"",
        ] {
            assert!(plain.contains(there), "`{there}` is not in it:\n{plain}");
        }
        assert_eq!(unquoted("unknown key `hunter2` in `x`: why"), "unknown key `…` in `…`: why");
    }
}
