//! What is set in `stepladder.yaml`, key by key, and what counts where nothing is: for people who ask why something is as it is.
//!
//! Made from the table of keys. What may be a secret is not shown; the names of secrets are.

use crate::base::arg::Landing;
use crate::diagnostic::{Diagnostics, FileId};
use crate::lang::decode::Ctx;
use crate::lang::keys::settings::SETTINGS;
use crate::lang::keys::syntax;
use crate::lang::yaml::{self, Node, NodeKind};
use crate::model::shape::{Key, Shape};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is shown in the place of what may be a secret.
pub const HIDDEN: &str = "***";

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its key: `keep.runs`, `channels.slack.token`, `secrets[0]`.
    pub key: String,
    /// What counts, as it would be written; `None` = nothing does.
    pub value: Option<String>,
    /// Where that comes from.
    pub origin: Origin,
    /// Whether a part of the value is not shown.
    pub masked: bool,
    /// The line of a value that is wrong, for which something else counts.
    pub wrong: Option<usize>,
    /// Whether a daemon obeys a change of it at once.
    pub live: bool,
    /// What it does, in a sentence or two.
    pub about: String,
}

/// Where the value of a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody says anything, and nothing counts.
    Nobody,
    /// Nobody says anything, and this is what counts then.
    Default,
    /// That line of `stepladder.yaml`.
    File(usize),
    /// That variable of the environment.
    Variable(String),
    /// That flag of the command line.
    Flag(&'static str),
}

/// Every setting that those texts of `stepladder.yaml` and of the environment come to, in the order of the table.
#[must_use]
pub fn settings(text: &Arc<str>, env: &BTreeMap<String, String>) -> Vec<Setting> {
    let file = FileId(0);
    let stream = yaml::read(file, text, &mut Diagnostics::default());
    let root = stream.documents.into_iter().next().and_then(|document| document.root);
    let mut listing = Listing { ctx: Ctx::new(file, Arc::clone(text)), text, env, all: Vec::new(), live: false };
    listing.record("", SETTINGS, root.as_ref(), true);
    listing.all
}

/// A value of the environment as it is shown.
#[must_use]
pub fn of_variable(text: &str, hidden: bool) -> (String, bool) {
    if hidden { covered(text) } else { without_userinfo(text) }
}

struct Listing<'a> {
    ctx: Ctx,
    text: &'a str,
    env: &'a BTreeMap<String, String>,
    all: Vec<Setting>,
    /// Whether the map that is being read is obeyed at once.
    live: bool,
}

impl Listing<'_> {
    /// The keys of a map; with `whole` also those of which nobody says anything and that have no default.
    fn record(&mut self, prefix: &str, keys: &'static [Key], node: Option<&Node>, whole: bool) {
        for key in keys {
            let entry = node.and_then(|node| node.entry(key.name)).filter(|(_, value)| !value.is_null());
            if key.beside.is_some_and(|other| node.and_then(|node| node.get(other)).is_none()) && entry.is_none() {
                continue;
            }
            let path = format!("{prefix}{}", key.name);
            let outer = self.live;
            self.live = outer || key.live;
            self.one(path, key, entry, whole);
            self.live = outer;
        }
    }

    fn one(&mut self, path: String, key: &'static Key, entry: Option<(&Node, &Node)>, whole: bool) {
        let value = entry.map(|(_, value)| value);
        match (&key.shape, value) {
            (Shape::Record(keys), Some(node)) if !keys.is_empty() && node.pairs().is_some() => {
                self.record(&format!("{path}."), keys, Some(node), whole);
            }
            (Shape::Record(keys), None) if !keys.is_empty() => {
                if whole {
                    self.record(&format!("{path}."), keys, None, true);
                }
            }
            (Shape::Map(Shape::Record(keys)), Some(node)) if node.pairs().is_some_and(|pairs| !pairs.is_empty()) => {
                for (name, inner) in node.pairs().unwrap_or_default() {
                    self.record(&format!("{path}.{}.", name.name().unwrap_or_default()), keys, Some(inner), false);
                }
            }
            (Shape::Map(shape), Some(node)) if node.pairs().is_some_and(|pairs| !pairs.is_empty()) => {
                for pair in node.pairs().unwrap_or_default() {
                    let path = format!("{path}.{}", pair.0.name().unwrap_or_default());
                    self.written(path, key, shape, (&pair.0, &pair.1));
                }
            }
            (Shape::List(shape @ Shape::Record(_)), Some(node)) if node.items().is_some_and(|all| !all.is_empty()) => {
                for (index, item) in node.items().unwrap_or_default().iter().enumerate() {
                    self.written(format!("{path}[{index}]"), key, shape, (item, item));
                }
            }
            (shape, Some(node)) => self.written(path, key, shape, (entry.map_or(node, |(key, _)| key), node)),
            (_, None) => self.unsaid(path, key, whole, None),
        }
    }

    /// A value that is written, where it is right; else what counts in its place.
    fn written(&mut self, path: String, key: &'static Key, shape: &'static Shape, (at, node): (&Node, &Node)) {
        let line = self.text.get(..at.spot.start).map_or(0, |before| before.matches('\n').count()) + 1;
        if self.ctx.decode(node, shape).is_none() {
            return self.unsaid(path, key, true, Some(line));
        }
        let (value, masked) = shown(node, shape, key.hidden);
        let origin = Origin::File(line);
        let (live, about) = (self.live, key.about());
        self.all.push(Setting { key: path, value: Some(value), origin, masked, wrong: None, live, about });
    }

    /// What counts where nothing right is written.
    fn unsaid(&mut self, path: String, key: &'static Key, whole: bool, wrong: Option<usize>) {
        let set = |name: &&&str| self.env.get(**name).is_some_and(|value| !value.is_empty());
        let variable = key.variables.iter().find(set).and_then(|name| Some((*name, self.env.get(*name)?)));
        let (value, origin, masked) = match (variable, key.default) {
            (Some((name, text)), _) => {
                let (text, masked) = of_text(text, &key.shape, key.hidden);
                (Some(text), Origin::Variable(name.to_owned()), masked)
            }
            (None, Some(text)) => (Some(text.to_owned()), Origin::Default, false),
            (None, None) if !whole => return,
            (None, None) => (None, Origin::Nobody, false),
        };
        self.all.push(Setting { key: path, value, origin, masked, wrong, live: self.live, about: key.about() });
    }
}

/// A value on one line, and whether a part of it is not shown.
fn shown(node: &Node, shape: &Shape, hidden: bool) -> (String, bool) {
    match &node.kind {
        NodeKind::Seq(items, _) => {
            let inner = if let Shape::List(inner) | Shape::Many(inner) = shape { inner } else { shape };
            // The first word of a command says which it is; what is behind it may be anything.
            let command = hidden && matches!(shape, Shape::List(Shape::Verbatim));
            let each = items.iter().enumerate().map(|(at, item)| shown(item, inner, hidden && !(command && at == 0)));
            joined(each, "[", "]")
        }
        NodeKind::Map(pairs, _) => {
            let each = pairs.iter().map(|(key, value)| {
                let name = key.name().unwrap_or_default();
                let (inner, own) = inside(shape, name);
                let (text, masked) = shown(value, inner, hidden || own);
                (format!("{name}: {text}"), masked)
            });
            joined(each, "{ ", " }")
        }
        NodeKind::Scalar(scalar) => of_text(scalar.text.trim(), shape, hidden),
    }
}

/// A text of that shape: of a URL the host at most, where what is behind it may open something.
fn of_text(text: &str, shape: &Shape, hidden: bool) -> (String, bool) {
    let template = matches!(shape, Shape::Text(Landing::Url));
    let url = matches!(shape, Shape::Syntax(syntax) if syntax.name == syntax::URL.name);
    if (template && !hidden) || (url && hidden) { host_alone(text) } else { of_variable(text, hidden) }
}

/// What may stand behind a key of a map of that shape, and whether that may be a secret.
fn inside<'s>(shape: &'s Shape, name: &str) -> (&'s Shape, bool) {
    if let Shape::Record(keys) = shape {
        return keys.iter().find(|key| key.name == name).map_or((shape, true), |key| (&key.shape, key.hidden));
    }
    if let Shape::Map(inner) = shape { (inner, false) } else { (shape, false) }
}

fn joined(each: impl Iterator<Item = (String, bool)>, open: &str, close: &str) -> (String, bool) {
    let (texts, masked): (Vec<String>, Vec<bool>) = each.unzip();
    if texts.is_empty() {
        return (format!("{}{}", open.trim(), close.trim()), false);
    }
    (format!("{open}{}{close}", texts.join(", ")), masked.contains(&true))
}

/// A text of which only the names of secrets are shown.
fn covered(text: &str) -> (String, bool) {
    let (mut rest, mut out, mut masked) = (text, String::new(), false);
    let mut literal = |out: &mut String, piece: &str| {
        if !piece.trim().is_empty() && !out.ends_with(HIDDEN) {
            out.push_str(HIDDEN);
        }
        masked |= !piece.trim().is_empty();
    };
    while let Some(at) = rest.find("{{") {
        literal(&mut out, &rest[..at]);
        let Some(end) = rest[at..].find("}}").map(|end| at + end + 2) else { break };
        let hole = &rest[at..end];
        if is_name_alone(hole) {
            out.push_str(hole);
        } else {
            literal(&mut out, hole);
        }
        rest = &rest[end..];
    }
    literal(&mut out, rest);
    (out, masked)
}

/// Whether a hole is the name of a secret and nothing else.
fn is_name_alone(hole: &str) -> bool {
    let inner = hole.trim_start_matches('{').trim_end_matches('}').trim();
    let name = inner.strip_prefix("secrets.");
    name.is_some_and(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
}

/// A URL of which only the beginning is shown: what is behind the host may open something.
fn host_alone(text: &str) -> (String, bool) {
    let Some(start) = text.find("://").map(|at| at + 3) else { return covered(text) };
    let host = text[start..].find(['/', '?', '#']).map_or(text.len(), |at| start + at);
    if text[host..].contains('@') {
        // A password with a `/` in it, or a path with an `@`: nobody can say where the host is.
        let (rest, _) = covered(&text[start..]);
        return (format!("{}{rest}", &text[..start]), true);
    }
    let (text, masked) = without_userinfo(text);
    match text[start..].find(['/', '?', '#']).map(|at| start + at) {
        Some(end) if end + 1 < text.len() => {
            let (rest, more) = covered(&text[end..]);
            (format!("{}/{rest}", &text[..end]), masked || more)
        }
        Some(_) | None => (text, masked),
    }
}

/// A text without somebody's name and password in a URL. A password may hold anything: what ends it is the last `@`.
fn without_userinfo(text: &str) -> (String, bool) {
    let start = text.find("://").map(|at| at + 3);
    match start.zip(text.rfind('@')) {
        Some((start, end)) if start <= end => (format!("{}{HIDDEN}{}", &text[..start], &text[end..]), true),
        Some(_) | None => (text.to_owned(), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang;
    use std::fmt::Write;

    fn listed(text: &str, env: &[(&str, &str)]) -> Vec<String> {
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let line = |one: Setting| {
            let from = match one.origin {
                Origin::Nobody => "nobody".to_owned(),
                Origin::Default => "default".to_owned(),
                Origin::File(line) => format!("line {line}"),
                Origin::Variable(name) => format!("${name}"),
                Origin::Flag(name) => name.to_owned(),
            };
            let wrong = one.wrong.map(|line| format!(", line {line} is wrong")).unwrap_or_default();
            format!("{} = {} ({from}{wrong})", one.key, one.value.unwrap_or_else(|| "-".into()))
        };
        settings(&Arc::from(text), &env).into_iter().map(line).collect()
    }

    #[test]
    fn every_key_is_told_with_what_counts_and_where_that_comes_from() {
        let all = listed("keep: { runs: 7, age: soon }\n", &[("OTEL_SERVICE_NAME", "night")]);
        for line in [
            "timezone = UTC (default)",
            "data = .stepladder (default)",
            "secrets = [{ env: {} }] (default)",
            "channels = - (nobody)",
            "http.listen = - (nobody)",
            "http.tls.key = - (nobody)",
            "keep.runs = 7 (line 1)",
            "keep.age = 400d (default, line 1 is wrong)",
            "output_limit = 64MiB (default)",
            "telemetry.service = night ($OTEL_SERVICE_NAME)",
        ] {
            assert!(all.contains(&line.to_owned()), "`{line}` is not among {all:#?}");
        }
        let below = listed("# nothing\nkeep: { runs: 7, age: soon }\n", &[("OTEL_SERVICE_NAME", "night")]);
        assert_eq!(all, below.iter().map(|line| line.replace("line 2", "line 1")).collect::<Vec<_>>());
    }

    #[test]
    fn what_may_be_a_secret_is_not_shown_and_its_name_is() {
        let text = "\
channels:
  slack: { slack: { token: \"{{ secrets.SLACK }}\", signing_secret: hunter1 } }
  mail:
    smtp: \"smtp.example:587\"
    username: bot
    password: 'pre{{ secrets.MAIL }} hunter2'
  own: { hook: { url: \"https://u:hunter3@hook.example/hunter4?x=hunter5\", headers: { Authorization: Bearer hunter6 } } }
  run: { exec: { command: [send, --key, hunter7] } }
secrets: [ { env: {} }, { command: [vault, hunter8] }, { age: secrets.age, identity: key.txt } ]
dead_man: { url: \"https://watch.example/hunter9\", every: 1m }
http: { public_url: \"https://a:hunter10@steps.example/x\" }
telemetry: { endpoint: \"https://collector.example:4318/hunter12?key=hunter13\" }
";
        let all = listed(text, &[("OTEL_EXPORTER_OTLP_HEADERS", "x=hunter11")]);
        let whole = all.join("\n");
        assert!(!whole.contains("hunter"), "{whole}");
        for line in [
            "channels.slack.slack.token = {{ secrets.SLACK }} (line 2)",
            "channels.slack.slack.signing_secret = *** (line 2)",
            "channels.slack.slack.url = https://slack.com/api (default)",
            "channels.mail.tls = starttls (default)",
            "channels.mail.password = ***{{ secrets.MAIL }}*** (line 6)",
            "channels.own.hook.url = https://***@hook.example/*** (line 7)",
            "channels.own.hook.headers.Authorization = *** (line 7)",
            "channels.run.exec.command = [send, ***, ***] (line 8)",
            "channels.run.at_once = 8 (default)",
            "secrets[1] = { command: [vault, ***] } (line 9)",
            "secrets[2] = { age: secrets.age, identity: key.txt } (line 9)",
            "dead_man.url = https://watch.example/*** (line 10)",
            "dead_man.every = 1m (line 10)",
            "http.public_url = https://***@steps.example/x (line 11)",
            "telemetry.headers = *** ($OTEL_EXPORTER_OTLP_HEADERS)",
            "telemetry.endpoint = https://collector.example:4318/*** (line 12)",
        ] {
            assert!(all.contains(&line.to_owned()), "`{line}` is not among {all:#?}");
        }
        assert!(!whole.contains("channels.own.tls"), "it means nothing there: {whole}");
    }

    #[test]
    fn of_a_url_what_may_open_something_is_not_shown() {
        let name = "OTEL_EXPORTER_OTLP_ENDPOINT";
        for (url, want) in [
            ("http://collector:4318", "http://collector:4318"),
            ("http://collector:4318/", "http://collector:4318/"),
            ("https://collector/hunter1", "https://collector/***"),
            ("https://collector?key=hunter1", "https://collector/***"),
            ("https://u:hunter1@collector/hunter2", "https://***@collector/***"),
            ("https://u:hunter1/hunter2@collector/hunter3", "https://***"),
            ("https://collector/hunter1@hunter2", "https://***"),
        ] {
            let all = listed("# nothing\n", &[(name, url)]);
            let line = format!("telemetry.endpoint = {want} (${name})");
            assert!(all.contains(&line), "`{line}` is not among {all:#?}");
        }
        let public = listed("http: { public_url: 'https://u:hunter1/hunter2@steps.example/x' }\n", &[]);
        let line = "http.public_url = https://***@steps.example/x (line 1)".to_owned();
        assert!(public.contains(&line), "{public:#?}");
    }

    /// A key whose name sounds like a secret, and where text may stand that is not a path, is not shown.
    #[test]
    fn keys_that_sound_like_secrets_are_hidden() {
        fn walk(keys: &[Key], found: &mut Vec<String>) {
            let words = ["password", "token", "secret", "webhook", "header", "routing_key"];
            for key in keys {
                let text = matches!(key.shape, Shape::Text(_) | Shape::Any(_) | Shape::Map(Shape::Text(_)));
                if text && !key.hidden && words.iter().any(|word| key.name.contains(word)) {
                    found.push(key.name.to_owned());
                }
                if let Shape::Record(inner) | Shape::Map(Shape::Record(inner)) | Shape::List(Shape::Record(inner)) =
                    &key.shape
                {
                    walk(inner, found);
                }
            }
        }
        let mut found = Vec::new();
        walk(SETTINGS, &mut found);
        assert_eq!(found, Vec::<String>::new());
    }

    /// The defaults of the table are those that the code obeys: written into a file they change nothing.
    #[test]
    fn defaults_that_are_written_are_what_counts_without_them() {
        let mut text = String::new();
        for key in SETTINGS {
            match (key.default, &key.shape) {
                (Some(value), _) => {
                    let _ = writeln!(text, "{}: {value}", key.name);
                }
                (None, Shape::Record(keys)) => {
                    let inner = keys.iter().filter_map(|key| Some(format!("{}: {}", key.name, key.default?)));
                    let inner: Vec<String> = inner.collect();
                    if !inner.is_empty() {
                        let _ = writeln!(text, "{}: {{ {} }}", key.name, inner.join(", "));
                    }
                }
                (None, _) => {}
            }
        }
        let read = |text: &str| {
            let loaded = lang::load(&[("stepladder.yaml".to_owned(), text.into())]);
            assert_eq!(loaded.findings.sorted().len(), 0, "{text}");
            let mut settings = loaded.book.settings;
            settings.other.clear();
            // What is not said of it the environment may say: its defaults are taken where it is read.
            settings.telemetry = crate::model::book::Telemetry::default();
            format!("{settings:?}")
        };
        assert!(text.contains("keep: { runs: 1000, age: 400d, incidents: 2y, min_free: 1GiB }"), "{text}");
        assert_eq!(read(&text), read("# nothing\n"));
        assert_eq!(read(&text), format!("{:?}", crate::model::book::Settings::default()));
    }
}
