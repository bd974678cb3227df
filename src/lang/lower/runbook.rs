//! One runbook file.

use crate::base::actor::Role;
use crate::base::arg::SEALED_OUTPUT;
use crate::base::ids::{Name, StepId};
use crate::base::level::{Level, Outcome};
use crate::base::span::Span;
use crate::base::value::Value;
use crate::diagnostic::Code;
use crate::expr::Expr;
use crate::lang::Mention;
use crate::lang::decode::Fields;
use crate::lang::keys::runbook::RUNBOOK;
use crate::lang::lower::list::Ways;
use crate::lang::lower::order;
use crate::lang::lower::policy::{pairs, span, template, text};
use crate::lang::lower::reader::Reader;
use crate::lang::yaml::Node;
use crate::model::kind::Kind;
use crate::model::param::Param;
use crate::model::policy::{Concurrency, Full};
use crate::model::runbook::{Allow, Incident, Keep, Opens, Runbook};
use std::collections::{BTreeMap, BTreeSet};

impl Reader {
    /// The runbook at the root of a file, as much of it as can be made. `zone` is the book's.
    pub(super) fn runbook(&mut self, root: &Node, zone: &str) -> Option<Runbook> {
        let name = root.get("runbook").and_then(Node::name).and_then(|name| Name::parse(name).ok());
        self.ctx.runbook.clone_from(&name);
        self.ctx.sealed = sealed(root.get("inputs"));
        sealed_outputs(root, &mut self.ctx.sealed);
        let fields = self.ctx.fields(root, RUNBOOK, Some("a runbook"));
        self.ctx.mentions.retain(|mention| mention.key != "defaults");
        self.defaults.extend(fields.node("defaults").cloned().map(std::sync::Arc::new));
        let ways = Ways {
            parallel: fields.count("parallel"),
            fail_fast: fields.flag("fail_fast").unwrap_or(false),
            handler: false,
        };
        let steps = self.list(fields.node("steps"), "steps", ways);
        let on_failure = self.list(fields.node("on_failure"), "on_failure", Ways::HANDLER);
        let finally = self.list(fields.node("finally"), "finally", Ways::HANDLER);
        order::report_strangers(self);
        let env = fields.texts("env");
        let env_needed = self.env_needed(&env);
        let mut runbook = Runbook {
            name: name?,
            spot: fields.spot("runbook", root.spot),
            title: fields.string("title"),
            description: fields.string("description"),
            owner: fields.text("owner").and_then(|owner| Name::parse(owner).ok()),
            labels: labels(fields.param("labels")),
            triggers: self.triggers(fields.node("triggers"), zone),
            inputs: self.inputs(fields.node("inputs")),
            vars: self.named("vars", &fields),
            outputs: self.named("outputs", &fields),
            secrets: fields.texts("secrets"),
            env,
            env_needed,
            allow: allow(fields.param("allow")),
            concurrency: concurrency(&fields),
            timeout: fields.span("timeout"),
            cleanup_timeout: fields.span("cleanup_timeout").unwrap_or(Span::from_secs(600)),
            incident: self.incident(&fields),
            keep: Keep {
                runs: count(fields.param("keep"), "runs"),
                age: fields.param("keep").and_then(|keep| keep.get("age")).and_then(span),
            },
            steps,
            on_failure,
            finally,
            thresholds: BTreeMap::new(),
            allow_hosts: Vec::new(),
            timezone: zone.to_owned(),
            index: BTreeMap::new(),
            has_plots: false,
            seals: false,
            starts_children: false,
        };
        runbook.reindex();
        Some(runbook)
    }

    /// The listed names of the environment that something reads and does nothing else for where one is not set. A page
    /// goes out without.
    fn env_needed(&self, listed: &[String]) -> Vec<String> {
        let needs = |mention: &&Mention| !matches!(mention.key, "notify" | "escalate");
        let reads = self.ctx.mentions.iter().filter(needs).flat_map(|mention| mention.what.reads());
        let named: BTreeSet<&str> = reads
            .filter(|read| !read.guarded && read.path.first().is_some_and(|root| root == "env"))
            .filter_map(|read| read.path.get(1).map(String::as_str))
            .collect();
        listed.iter().filter(|name| named.contains(name.as_str())).cloned().collect()
    }

    /// Named expressions, in the order written.
    fn named(&mut self, key: &'static str, fields: &Fields<'_>) -> Vec<(StepId, Expr)> {
        let mut named = Vec::new();
        for (name, node) in fields.node(key).and_then(Node::pairs).unwrap_or_default() {
            let text = name.name().unwrap_or_default();
            match StepId::parse(text) {
                Ok(id) => {
                    let expr = fields.map(key).iter().find(|(name, _)| name == text);
                    if let Some((_, Param::Expr(expr))) = expr {
                        named.push((id, expr.clone()));
                    }
                }
                Err(bad) => {
                    self.ctx.bad_name(name.spot, text, &bad);
                }
            }
            let _ = node;
        }
        named
    }

    fn incident(&mut self, fields: &Fields<'_>) -> Incident {
        let default = Incident { open: None, in_a_row: 1, clear: 1, key: None, kind: None };
        let Some(param) = fields.param("incident") else { return default };
        let open = match param.get("open") {
            Some(Param::Map(map)) => {
                let mut opens = Vec::new();
                for (word, severity) in map {
                    match (opens_by(word), text(severity)) {
                        (Some(by), Some(severity)) => opens.push((by, severity.to_owned())),
                        (None, _) => self.bad_opening(word, fields),
                        (Some(_), None) => {}
                    }
                }
                Some(opens)
            }
            Some(_) => Some(Vec::new()),
            None => None,
        };
        Incident {
            open,
            in_a_row: count(Some(param), "in_a_row").unwrap_or(1),
            clear: count(Some(param), "clear").unwrap_or(1),
            key: param.get("key").and_then(template),
            kind: param.get("type").and_then(text).map(str::to_owned),
        }
    }

    fn bad_opening(&mut self, word: &str, fields: &Fields<'_>) {
        let map = fields.node("incident").and_then(|node| node.get("open"));
        let Some(spot) = map.and_then(|map| map.entry(word)).map(|(key, _)| key.spot) else { return };
        let words = ["succeeded", "recovered", "failed", "cancelled", "notice", "warning", "critical"];
        let message = format!("`{word}` is neither an outcome of a run nor a level");
        let finding = crate::diagnostic::Diagnostic::error(Code::UnknownChoice, spot, message);
        let finding = finding.help(format!("write one of {}", words.join(", "))).did_you_mean(word, words);
        self.ctx.findings.push(finding);
    }
}

/// Names of the inputs that are secrets, which templates have to know.
fn sealed(inputs: Option<&Node>) -> Vec<String> {
    let secret = |node: &Node| node.name().or_else(|| node.get("type").and_then(Node::name)) == Some("secret");
    let pairs = inputs.and_then(Node::pairs).unwrap_or_default().iter();
    pairs.filter(|(_, node)| secret(node)).filter_map(|(key, _)| key.name().map(str::to_owned)).collect()
}

/// The outputs that are secrets, as templates name them, of every step below a node.
fn sealed_outputs(node: &Node, found: &mut Vec<String>) {
    node.items().unwrap_or_default().iter().for_each(|item| sealed_outputs(item, found));
    let pairs = node.pairs().unwrap_or_default();
    for (_, inner) in pairs {
        sealed_outputs(inner, found);
    }
    let Some(id) = node.get("id").and_then(Node::name) else { return };
    for kind in pairs.iter().filter_map(|(key, _)| Kind::parse(key.name()?)) {
        found.extend(kind.spec().secrets().map(|field| format!("{SEALED_OUTPUT}{id}.output.{field}")));
    }
}

fn opens_by(word: &str) -> Option<Opens> {
    let run = [Outcome::Succeeded, Outcome::Recovered, Outcome::Failed, Outcome::Cancelled];
    let outcome = Outcome::parse(word).filter(|outcome| run.contains(outcome)).map(Opens::Outcome);
    outcome.or_else(|| Level::parse(word).filter(|level| *level != Level::Ok).map(Opens::Level))
}

fn count(param: Option<&Param>, key: &str) -> Option<u32> {
    param?.get(key)?.value().and_then(Value::as_u64).and_then(|count| u32::try_from(count).ok())
}

/// A map of texts.
pub(super) fn labels(param: Option<&Param>) -> BTreeMap<String, String> {
    let label = |(name, value): &(String, Param)| Some((name.clone(), text(value)?.to_owned()));
    pairs(param).iter().filter_map(label).collect()
}

fn allow(param: Option<&Param>) -> Allow {
    let default = Allow::default();
    let Some(param) = param else { return default };
    let role = |key: &str| param.get(key).and_then(text).and_then(Role::parse);
    let approve = match param.get("approve") {
        Some(Param::List(list)) => list.iter().filter_map(text).map(str::to_owned).collect(),
        _ => default.approve,
    };
    Allow { start: role("start").unwrap_or(default.start), cancel: role("cancel").unwrap_or(default.cancel), approve }
}

fn concurrency(fields: &Fields<'_>) -> Option<Concurrency> {
    let param = fields.param("concurrency")?;
    let group = text(param).or_else(|| param.get("group").and_then(text))?;
    let full = match param.get("full").and_then(text) {
        Some("skip") => Full::Skip,
        Some("fail") => Full::Fail,
        _ => Full::Queue,
    };
    Some(Concurrency { group: Name::parse(group).ok()?, limit: count(Some(param), "limit").unwrap_or(1), full })
}
