//! What stands above the steps of a DAG.

use crate::base::ids::{Name, StepId};
use crate::diagnostic::Spot;
use crate::lang::import::dagu::order::{self, Found};
use crate::lang::import::dagu::params::Param;
use crate::lang::import::dagu::values::Scope;
use crate::lang::import::dagu::{World, key, schedule};
use crate::lang::import::draft::{Draft, Out, Step, bare, left_out, names, pair, text};
use crate::lang::import::report::{Lost, Report, says_yes};
use crate::lang::yaml::Node;
use std::collections::BTreeMap;

/// Keys that are known and need nothing said.
const PLAIN: &[&str] = &[
    "name",
    "description",
    "steps",
    "params",
    "env",
    "secrets",
    "schedule",
    "type",
    "shell",
    "preconditions",
    "handler_on",
    "catchup_window",
];
/// Keys that say how Dagu itself works: nothing of what is done depends on them.
const HOUSE: &[&str] = &[
    "log_dir",
    "log_output",
    "run_config",
    "otel",
    "max_output_size",
    "hist_retention_runs",
    "artifacts",
    "restart_wait_sec",
    "queue",
    "overlap_policy",
    "max_clean_up_time_sec",
    "worker_selector",
    "webhook",
];
/// Keys with a counterpart, and such that change where steps run or what they see.
const OTHERS: &[&str] = &[
    "group",
    "labels",
    "max_active_runs",
    "max_active_steps",
    "timeout_sec",
    "delay_sec",
    "hist_retention_days",
    "working_dir",
    "skip_if_successful",
    "mail_on",
    "smtp",
    "error_mail",
    "info_mail",
    "wait_mail",
    "dotenv",
    "container",
    "ssh",
    "defaults",
    "retry_policy",
    "step_types",
    "registry_auths",
    "s3",
    "llm",
    "harness",
    "harnesses",
    "redis",
    "kubernetes",
];

/// A DAG on its way to a runbook.
#[derive(Debug)]
pub(super) struct Making<'a> {
    pub(super) root: &'a Node,
    pub(super) world: World<'a>,
    pub(super) report: &'a mut Report,
    pub(super) scope: Scope,
    pub(super) draft: Draft,
    /// What every step sees in its environment.
    pub(super) env: Vec<(String, Out)>,
    workdir: Option<String>,
    /// Inputs that have but a place.
    pub(super) places: BTreeMap<usize, StepId>,
    /// Where all steps run that say nothing else, where that is elsewhere.
    pub(super) elsewhere: Option<(&'static str, Spot)>,
    /// Steps that come before all others.
    pub(super) first: Vec<StepId>,
    /// The step that ends the run where the DAG would not have begun.
    pub(super) gate: Option<StepId>,
}

impl<'a> Making<'a> {
    pub(super) fn new(root: &'a Node, world: World<'a>, report: &'a mut Report) -> Self {
        Self {
            root,
            world,
            report,
            scope: Scope::default(),
            draft: Draft::default(),
            env: Vec::new(),
            workdir: None,
            places: BTreeMap::new(),
            elsewhere: None,
            first: Vec::new(),
            gate: None,
        }
    }

    /// The value of a key, in whichever spelling.
    pub(super) fn get(&self, name: &str) -> Option<&'a Node> {
        self.root.pairs()?.iter().find(|(it, _)| key(it) == name).map(|(_, value)| value)
    }

    pub(super) fn draft(mut self, name: &Name, called: &str, params: &[Param]) -> Option<Draft> {
        let ty = self.get("type").and_then(Node::name);
        if let Some(node) = self.get("type").filter(|_| ty == Some("agent")) {
            self.report.lost(Lost::new(
                node.spot,
                "a DAG whose steps an agent chooses",
                "write the steps that are wanted, in their order",
            ));
            return None;
        }
        let Some(steps) = self.get("steps") else {
            self.report.lost(Lost::new(
                self.root.spot,
                "a DAG without steps",
                "give it `steps`, or leave the file out",
            ));
            return None;
        };
        let found = order::ordered(steps, ty, self.report)?;
        self.draft.head.push(bare("runbook", name));
        self.words(called);
        self.inputs(params);
        self.environment();
        let start = self.draft.head.len();
        for (name, value) in self.root.pairs().unwrap_or_default() {
            self.key(name, value);
        }
        if self.workdir.is_none() {
            let help = "`workdir:` under `defaults:` says where";
            self.report.differs_once(
                steps.spot.part(0, 0),
                "Dagu begins in the directory of the file; a step begins in the book's",
                help,
            );
        }
        self.defaults();
        self.triggers(params);
        self.before();
        self.steps(&found);
        self.handlers(&found);
        let outside = self.scope.outside.clone();
        if !outside.is_empty() {
            let at = start.min(self.draft.head.len());
            self.draft.head.insert(at, names("env", outside.iter().map(String::as_str)));
        }
        Some(self.draft)
    }

    /// Leaves out what every step would need: the run fails at its first step until it is written.
    pub(super) fn block(&mut self, lost: Lost) {
        let id = self.draft.ids.id("left_out", "left_out");
        self.draft.steps.push(left_out(id.as_str(), "Left out", &lost.message));
        self.draft.held = true;
        self.first.push(id);
        self.report.lost(lost);
    }

    fn key(&mut self, name: &Node, value: &'a Node) {
        let spot = Spot { end: name.spot.end, ..name.spot };
        let word = key(name);
        let seconds =
            |making: &mut Self| making.report.number(value, &format!("`{word}`")).filter(|number| *number > 0);
        match word.as_str() {
            "timeout_sec" => {
                let timeout = seconds(self);
                self.draft.head.extend(timeout.map(|number| bare("timeout", &format!("{number}s"))));
            }
            "hist_retention_days" => {
                let days = seconds(self);
                self.draft
                    .head
                    .extend(days.map(|number| pair("keep", Out::Map(vec![bare("age", &format!("{number}d"))]))));
            }
            "max_active_runs" if value.name().is_some_and(|text| text.starts_with('-')) => {}
            "max_active_runs" => {
                let group = self.draft.head.iter().find(|(key, _)| key == "runbook").map(|(_, value)| value.clone());
                if let (Some(limit), Some(group)) = (seconds(self), group) {
                    self.draft
                        .head
                        .push(pair("concurrency", Out::Map(vec![("group".into(), group), bare("limit", limit)])));
                }
            }
            "working_dir" => {
                if let Some(dir) = self.report.text(value, "`workingDir`") {
                    self.workdir = self.directory(&dir, value.spot);
                }
            }
            "delay_sec" => {
                if let Some(number) = seconds(self) {
                    let id = self.draft.ids.id("delay", "step");
                    self.draft.steps.push(vec![bare("id", &id), bare("wait", &format!("{number}s"))]);
                    self.first.push(id);
                }
            }
            "container" | "ssh" => {
                let (what, help) = elsewhere(&word);
                self.elsewhere = Some((if word == "ssh" { "ssh" } else { "docker" }, spot));
                self.report.lost(Lost::new(spot, what, help));
            }
            word if PLAIN.contains(&word) || matches!(word, "group" | "labels") => {}
            _ => self.elsewise(name, spot, value, &word),
        }
    }

    fn elsewise(&mut self, name: &Node, spot: Spot, value: &Node, word: &str) {
        match word {
            "max_active_steps" => self.report.differs(
                spot,
                "as many steps run at once as their order lets",
                "`parallel:` of a group bounds it",
            ),
            "skip_if_successful" if says_yes(value) => self.report.lost(Lost::new(
                spot,
                "a start that is passed over because another went well",
                "every due instant has its run; let the first step look whether the work is done, and `pass`",
            )),
            "skip_if_successful" => {}
            "mail_on" | "smtp" | "error_mail" | "info_mail" | "wait_mail" => self.report.lost(Lost::new(
                spot,
                "mail about how a run ended",
                "`incident:` pages whoever is on call; a `notify` step under `on_failure:` sends mail over a channel",
            )),
            "dotenv" if value.items().is_some_and(<[Node]>::is_empty) => {}
            "dotenv" => self.block(Lost::new(
                spot,
                "variables from a file",
                "write them under `env:` of `defaults:`, or let the lines read the file: `. ./.env`",
            )),
            "defaults" => self.block(Lost::new(
                spot,
                "keys for every step",
                "write them under `defaults:` of the runbook, or into each step",
            )),
            "retry_policy" => self.report.lost(Lost::new(
                spot,
                "a second run after one that failed",
                "give the steps `retry:`; `stepladder retry` takes up a run where it failed",
            )),
            word if HOUSE.contains(&word) => self.report.differs(
                spot,
                format!("`{word}` is about Dagu itself"),
                "nothing of it is in the runbook; stepladder.yaml has what is for all runs",
            ),
            word if OTHERS.contains(&word) => self.report.lost(Lost::new(
                spot,
                format!("`{word}`, which sets up kinds of steps"),
                "the steps that need it are left out at their places",
            )),
            _ => self.report.unknown(name, "a DAG", &[PLAIN, HOUSE, OTHERS].concat()),
        }
    }

    /// A directory as a template; one that is not absolute is somewhere else here.
    pub(super) fn directory(&mut self, dir: &str, spot: Spot) -> Option<String> {
        if !dir.starts_with(['/', '$']) {
            self.report.differs(
                spot,
                "Dagu counts this directory from its own; a runbook counts it from the book",
                "write it from the root: `/srv/…`",
            );
        }
        match self.scope.template(dir, spot) {
            Ok(template) => Some(template),
            Err(lost) => {
                self.block(lost);
                None
            }
        }
    }

    fn defaults(&mut self) {
        let mut defaults = Vec::new();
        if !self.env.is_empty() {
            defaults.push(pair("env", Out::Map(self.env.clone())));
        }
        defaults.extend(self.workdir.take().map(|dir| text("workdir", dir)));
        if !defaults.is_empty() {
            self.draft.head.push(pair("defaults", Out::Map(defaults)));
        }
    }

    fn triggers(&mut self, params: &[Param]) {
        let window = self.get("catchup_window").and_then(|node| self.report.text(node, "`catchupWindow`"));
        let Some(node) = self.get("schedule").filter(|node| !node.is_null()) else { return };
        self.draft.triggers = schedule::triggers(node, window.as_deref(), self.report);
        if params.iter().any(|param| !param.stands) && !self.draft.triggers.is_empty() {
            let help = "give the input a default, or the trigger its `inputs:`, and write the trigger";
            self.report.lost(Lost::new(node.spot, "a schedule of a DAG whose parameters have to be given", help));
            self.draft.held = true;
        }
    }

    fn handlers(&mut self, found: &[Found<'_>]) {
        let Some(node) = self.get("handler_on") else { return };
        for (name, value) in node.pairs().unwrap_or_default() {
            let step: Vec<Step> = match key(name).as_str() {
                "init" => continue,
                "failure" => {
                    let steps = self.handler("failure", value, None, found);
                    self.draft.on_failure.extend(steps);
                    continue;
                }
                "success" => {
                    let gate = self.gate.as_ref().map_or_else(String::new, |gate| format!(" && steps.{gate}.skipped"));
                    self.handler(
                        "success",
                        value,
                        Some(format!("!failed && run.outcome != \"cancelled\"{gate}")),
                        found,
                    )
                }
                "abort" => self.handler("cancel", value, Some("run.outcome == \"cancelled\"".into()), found),
                "exit" => self.handler("exit", value, None, found),
                _ => {
                    self.report.unknown(name, "`handlerOn`", &["init", "success", "failure", "cancel", "exit"]);
                    continue;
                }
            };
            // `exit` comes last, wherever it stands.
            let at = if key(name) == "exit" { self.draft.finally.len() } else { 0 };
            drop(self.draft.finally.splice(at..at, step));
        }
    }
}

/// Steps that run somewhere else, and what to do about it.
pub(super) fn elsewhere(kind: &str) -> (&'static str, &'static str) {
    match kind {
        "ssh" | "sftp" => {
            ("steps on another machine", "a step runs where stepladder runs: write `ssh HOST -- COMMAND` into its line")
        }
        _ => ("steps in a container", "write `docker run` or `docker exec` into their lines"),
    }
}
