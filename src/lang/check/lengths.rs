//! What is longer than whatever takes it, and would fail each time it is tried: lists that are written down, arguments of
//! child processes and values of their environment without a value in them.

use super::outline::Outline;
use super::place;
use crate::base::limits::{MAX_ITEMS, MAX_SCRIPT};
use crate::base::value::Value;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::lang::Loaded;
use crate::model::kind::Kind;
use crate::model::param::Param;
use crate::model::step::{Action, Step, StepKind};

/// Checks one runbook for what is too long.
pub(super) fn check(loaded: &Loaded, outline: &Outline, findings: &mut Diagnostics) {
    for standing in outline.iter() {
        let step = standing.step.as_ref();
        let spot = |path: &str| place(loaded, outline, Some(&step.id), path);
        if let Some(items) = items(step).filter(|items| *items > MAX_ITEMS) {
            let message = format!("a list of {items} items, of which at most {MAX_ITEMS} are gone through");
            findings.push(
                Diagnostic::error(Code::TooLarge, spot("foreach"), message)
                    .help("make two steps of it, or let one item stand for many"),
            );
        }
        for (what, path, bytes) in long(step) {
            let message = format!("{what} has {bytes} bytes, more than the {MAX_SCRIPT} that fit");
            findings.push(
                Diagnostic::error(Code::TooLarge, spot(&path), message)
                    .help("put it in a file, and let the step read or run that"),
            );
        }
    }
}

/// How many items its list has, where they are written down.
fn items(step: &Step) -> Option<usize> {
    match &step.foreach.as_ref()?.items {
        Param::List(items) => Some(items.len()),
        Param::Value(Value::Array(items)) => Some(items.len()),
        Param::Value(_) | Param::Text(_) | Param::Expr(_) | Param::Map(_) => None,
    }
}

/// What a child would be given and can't: what it is, where it stands, its length.
fn long(step: &Step) -> Vec<(String, String, usize)> {
    let StepKind::Act(action) = &step.kind else { return Vec::new() };
    let mut found = Vec::new();
    for (what, path, text) in arguments(action) {
        found.push((what.to_owned(), path, text.len()));
    }
    for (name, value) in step.env.iter().filter(|_| matches!(action.kind, Kind::Shell | Kind::Exec | Kind::Script)) {
        // It reaches the child as `NAME=value`.
        let bytes = value.literal().map_or(0, |text| text.len() + name.len() + 1);
        found.push((format!("the variable `{name}`"), format!("env.{name}"), bytes));
    }
    found.retain(|(_, _, bytes)| *bytes > MAX_SCRIPT);
    found
}

/// The arguments of a child that are written down as they will be.
fn arguments(action: &Action) -> Vec<(&'static str, String, &str)> {
    let (what, keys): (_, &[&str]) = match action.kind {
        Kind::Shell => ("the line", &["sh", "bash"]),
        Kind::Exec => ("this argument", &["argv"]),
        Kind::Script => ("the script", &["body"]),
        Kind::Http
        | Kind::Tcp
        | Kind::Dns
        | Kind::Tls
        | Kind::Sip
        | Kind::Redis
        | Kind::Sql
        | Kind::Prometheus
        | Kind::Scrape
        | Kind::System
        | Kind::Logs
        | Kind::Service
        | Kind::Livekit
        | Kind::Files
        | Kind::Backup
        | Kind::Restore
        | Kind::Report
        | Kind::Notify
        | Kind::Escalate
        | Kind::Resolve
        | Kind::Silence => return Vec::new(),
    };
    let mut found = Vec::new();
    for key in keys {
        let path = format!("{}.{key}", action.kind.name());
        match action.params.get(key) {
            Some(Param::List(list)) => {
                let texts = list.iter().enumerate().filter_map(|(at, item)| Some((at, super::ladder::literal(item)?)));
                found.extend(texts.map(|(at, text)| (what, format!("{path}[{at}]"), text)));
            }
            Some(one) => found.extend(super::ladder::literal(one).map(|text| (what, path, text))),
            None => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang;

    fn found(step: &str) -> Vec<String> {
        let text = format!("runbook: example\nsteps:\n  - id: a\n{step}");
        let loaded = lang::load(&[("runbooks/example.yaml".to_owned(), text.into())]);
        loaded.findings.sorted().into_iter().map(|finding| finding.message.clone()).collect()
    }

    #[test]
    fn what_is_one_too_long_is_told_and_what_fits_is_not() {
        let list = |items: usize| {
            let items: Vec<String> = (0..items).map(|item| format!("i{item}")).collect();
            format!("    foreach: [{}]\n    log: x\n", items.join(", "))
        };
        let text = |bytes: usize| "x".repeat(bytes);
        let script = |bytes| format!("    script: {{ run: python3, body: '{}' }}\n", text(bytes));
        let line = |bytes| format!("    shell: '{}'\n", text(bytes));
        let argument = |bytes| format!("    exec: [echo, '{}']\n", text(bytes));
        let variable = |bytes| format!("    shell: ls\n    env: {{ A: '{}' }}\n", text(bytes));
        assert_eq!(found(&list(MAX_ITEMS)), Vec::<String>::new());
        assert_eq!(found(&list(MAX_ITEMS + 1)), ["a list of 4001 items, of which at most 4000 are gone through"]);
        for (what, step) in [
            ("the script", &script as &dyn Fn(usize) -> String),
            ("the line", &line),
            ("this argument", &argument),
            ("the variable `A`", &|bytes| variable(bytes - 2)),
        ] {
            assert_eq!(found(&step(MAX_SCRIPT)), Vec::<String>::new(), "{what}");
            let told = format!("{what} has 131072 bytes, more than the 131071 that fit");
            assert_eq!(found(&step(MAX_SCRIPT + 1)), [told]);
        }
    }
}
