//! Values from outside (triggers, alerts, outputs) where they could lead a step astray: hosts, paths, runbooks.

use super::outline::Outline;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::expr::Read;
use crate::lang::{Formula, Loaded, Mention};
use crate::model::input::{Input, InputType};

/// Keys of kinds whose value is a host or a URL.
const HOSTS: &[&str] =
    &["get", "head", "post", "put", "patch", "delete", "url", "connect", "resolve", "proxy", "server", "postgres"];
/// Keys of kinds whose value is a path.
const PATHS: &[&str] = &["files", "file", "path", "sqlite", "ca", "workdir", "cwd"];

/// Checks where the templates of one runbook put values from outside.
pub(super) fn check(loaded: &Loaded, outline: &Outline, mentions: &[&Mention], findings: &mut Diagnostics) {
    for mention in mentions {
        let Formula::Template(template) = &mention.what else { continue };
        let Some(what) = lands(mention) else { continue };
        let guarded = what == Lands::Host && host_is_written(template.source());
        for read in template.reads().iter().filter(|read| !guarded && from_outside(outline, read)) {
            // Hosts are held to `allow_hosts` at run time; without one there is nothing to hold them to.
            if what == Lands::Host && super::settings::says(loaded, "allow_hosts") && mention.key == "http" {
                continue;
            }
            let path = read.path.join(".");
            let spot = mention.text.spot(read.offset, read.len);
            let (place, help) = match what {
                Lands::Host => (
                    "a host",
                    "let the runbook choose: an input of `type: choice`, or a host written here; for `http`, `allow_hosts` of stepladder.yaml names where it may lead",
                ),
                Lands::Path => (
                    "a path",
                    "name the file here, or take an input of `type: choice`; `roots` of stepladder.yaml confine the rest",
                ),
            };
            findings.push(
                Diagnostic::error(
                    Code::OutsideValue,
                    spot,
                    format!("`{path}` comes from outside and would decide {place}"),
                )
                .label("anybody's text")
                .help(help),
            );
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lands {
    Host,
    Path,
}

fn lands(mention: &Mention) -> Option<Lands> {
    let key = mention.path.split('.').next_back()?.split('[').next()?;
    let short = mention.path == mention.key;
    if key == "workdir"
        || (mention.key == "report" && key == "to")
        || PATHS.contains(&key)
        || (short && mention.key == "logs")
    {
        return Some(Lands::Path);
    }
    let kind = matches!(mention.key, "http" | "tcp" | "dns" | "tls" | "redis" | "sql" | "prometheus" | "scrape");
    (kind && (HOSTS.contains(&key) || short)).then_some(Lands::Host)
}

/// Whether the host of a URL is written out, so that only what is behind it comes from a value.
fn host_is_written(source: &str) -> bool {
    let rest = source.split_once("://").map_or(source, |(_, rest)| rest);
    match (rest.find(['/', '?', '#']), rest.find("{{")) {
        (Some(end), Some(value)) => end < value,
        (None, Some(_)) => false,
        (_, None) => true,
    }
}

/// Whether a path leads to something that another system or a step's output said.
fn from_outside(outline: &Outline, read: &Read) -> bool {
    let path: Vec<&str> = read.path.iter().map(String::as_str).collect();
    match path[..] {
        ["trigger", "due" | "id" | "kind", ..] => false,
        ["trigger" | "incident" | "alert" | "body", ..] => true,
        ["steps", id, "output", ..] => outline.named(id).is_some(),
        ["inputs", name, ..] => fed(outline, name),
        _ => false,
    }
}

/// Whether a trigger gives an input what another system said; one of some choices is safe whoever chooses.
fn fed(outline: &Outline, name: &str) -> bool {
    let runbook = outline.runbook;
    let chosen =
        |input: &Input| matches!(input.ty, InputType::Choice(_) | InputType::Integer { .. } | InputType::Boolean);
    let safe = runbook.inputs.iter().find(|input| input.name.as_str() == name).is_none_or(chosen);
    let given = runbook.triggers.iter().flat_map(|trigger| &trigger.inputs).filter(|(given, _)| given == name);
    let read = std::cell::Cell::new(false);
    for (_, param) in given {
        let saw = |reads: &[Read]| read.set(read.get() || !reads.is_empty());
        param.each(&mut |text| saw(text.reads()), &mut |expr| saw(expr.reads()));
    }
    read.get() && !safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_host_is_safe() {
        assert!(host_is_written("http://api.company.com/calls/{{ trigger.id }}"));
        assert!(!host_is_written("http://{{ trigger.body.host }}/health"));
        assert!(!host_is_written("{{ trigger.body.url }}"));
        assert!(!host_is_written("http://api.{{ trigger.body.domain }}"));
    }
}
