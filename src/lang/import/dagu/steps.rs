//! The steps of a DAG: what stands beside what they do.

use crate::base::ids::StepId;
use crate::diagnostic::Spot;
use crate::lang::import::dagu::head::variables;
use crate::lang::import::dagu::key;
use crate::lang::import::dagu::order::{Found, continues};
use crate::lang::import::dagu::root::Making;
use crate::lang::import::dagu::values::Stands;
use crate::lang::import::draft::{Out, Step, bare, escaped, left_out, names, pair, text};
use crate::lang::import::report::{Lost, says_yes};
use crate::lang::import::shell::mentions;
use crate::lang::yaml::Node;
use std::collections::BTreeSet;

/// Keys of a step.
pub(super) const KNOWN: &[&str] = &[
    "name",
    "id",
    "description",
    "working_dir",
    "command",
    "args",
    "exec",
    "shell",
    "script",
    "stdout",
    "stderr",
    "output",
    "depends",
    "continue_on",
    "retry_policy",
    "repeat_policy",
    "mail_on_error",
    "preconditions",
    "signal_on_stop",
    "timeout_sec",
    "call",
    "params",
    "parallel",
    "env",
    "type",
    "executor",
    "with",
    "container",
    "worker_selector",
    "log_output",
    "shell_packages",
    "approval",
    "llm",
    "messages",
    "agent",
    "tools",
    "value",
    "routes",
];

/// A step as the others see it, once it is made.
#[derive(Debug, Clone)]
struct Made {
    id: StepId,
    /// Its being passed over passes over those behind it.
    stops: bool,
}

impl Making<'_> {
    /// What comes before every step: `init`, and a gate where the DAG has preconditions.
    pub(super) fn before(&mut self) {
        if let Some(node) = self.get("preconditions") {
            let (mut pre, expressions) = self.conditions("dag", node);
            for step in &mut pre {
                self.behind_first(step);
            }
            self.draft.steps.extend(pre);
            if !expressions.is_empty() {
                let id = self.draft.ids.id("not_now", "step");
                let when = format!("!({})", expressions.join(" && "));
                let mut step = vec![bare("id", &id), text("title", "The preconditions hold"), text("when", when)];
                step.push(text("pass", "a precondition does not hold"));
                self.draft.steps.push(step);
                self.first.push(id.clone());
                self.gate = Some(id);
            }
        }
        let init = self.get("handler_on").and_then(|node| node.get("init"));
        if let Some(node) = init {
            let steps = self.handler("init", node, None, &[]);
            self.draft.steps.extend(steps);
        }
    }

    fn behind_first(&self, step: &mut Step) {
        if !self.first.is_empty() {
            step.push(names("needs", self.first.iter().map(StepId::as_str)));
        }
    }

    pub(super) fn steps(&mut self, found: &[Found<'_>]) {
        let mut made: Vec<Made> = Vec::new();
        for (index, step) in found.iter().enumerate() {
            self.draft.held |= step.astray;
            let id = self.draft.ids.id(&step.title(index + 1), "step");
            let one = self.step(step, index, id.clone(), &made);
            let output = step.get("output").and_then(Node::name).map(str::to_owned);
            if let Some(name) = output {
                let loose = step.get("preconditions").is_some() || step.get("continue_on").is_some() || one.stops;
                self.scope.names.insert(name, Stands::Printed(id, loose));
            }
            made.push(one);
        }
    }

    fn step(&mut self, found: &Found<'_>, index: usize, id: StepId, made: &[Made]) -> Made {
        let stopped: Vec<&Made> = found.needs.iter().map(|need| &made[*need]).filter(|need| need.stops).collect();
        let mut asks: Vec<String> = stopped.iter().map(|need| format!("!steps.{}.skipped", need.id)).collect();
        let stops = found.skip_stops() || (!asks.is_empty() && !continues(found.get("continue_on"), "skipped"));
        let mut needs: Vec<String> = found.needs.iter().map(|need| made[*need].id.to_string()).collect();
        if needs.is_empty() {
            needs = self.first.iter().map(ToString::to_string).collect();
        }
        let is_plain = found.behind.len() == index;
        if let Some(node) = found.get("preconditions") {
            let (mut pre, expressions) = self.conditions(id.as_str(), node);
            for step in &mut pre {
                if !is_plain || needs.is_empty() {
                    step.push(names("needs", needs.iter().map(String::as_str)));
                }
                if !asks.is_empty() {
                    step.insert(1, text("when", asks.join(" && ")));
                }
            }
            needs.extend(pre.iter().filter_map(name_of));
            self.draft.steps.extend(pre);
            asks.extend(expressions);
        }
        let mut step = vec![bare("id", &id)];
        let title = found.get("description").and_then(Node::name).map_or_else(|| found.title(index + 1), str::to_owned);
        if title != id.as_str() && !(found.called.is_empty() && found.get("description").is_none()) {
            step.push(text("title", title.lines().next().unwrap_or_default()));
        }
        if !is_plain || !asks.is_empty() {
            step.push(names("needs", needs.iter().map(String::as_str)));
        }
        if !asks.is_empty() {
            step.push(text("when", asks.join(" && ")));
        }
        match self.body(found, false) {
            Ok(body) => {
                step.extend(body);
                self.draft.steps.push(step);
            }
            Err(lost) => {
                step.retain(|(key, _)| key != "when" && key != "title");
                let mut failing = left_out(id.as_str(), &found.title(index + 1), &self.placed(&lost));
                failing.extend(step.into_iter().filter(|(key, _)| key == "needs"));
                self.draft.steps.push(failing);
                self.leave(lost);
            }
        }
        Made { id, stops }
    }

    /// A handler as steps of another list.
    pub(super) fn handler(&mut self, name: &str, node: &Node, when: Option<String>, found: &[Found<'_>]) -> Vec<Step> {
        let id = self.draft.ids.id(name, "handler");
        let step = Found::alone(node);
        // Steps of the DAG may not have run by then.
        if !found.is_empty() {
            for stands in self.scope.names.values_mut() {
                if let Stands::Printed(_, loose) = stands {
                    *loose = true;
                }
            }
        }
        let mut out = vec![bare("id", &id)];
        if name == "init" {
            self.behind_first(&mut out);
            self.first.push(id.clone());
        }
        if let Some(words) = step.get("description").and_then(Node::name) {
            out.push(text("title", words));
        }
        out.extend(when.clone().map(|when| text("when", when)));
        let body = if let Some((_, node)) = node.entry("preconditions") {
            Err(Lost::new(node.spot, "a precondition of a handler", "give its step a `when:`"))
        } else {
            self.body(&step, true)
        };
        match body {
            Ok(body) => out.extend(body),
            Err(lost) => {
                let mut failing = left_out(id.as_str(), name, &self.placed(&lost));
                failing.extend(when.map(|when| text("when", when)));
                self.leave(lost);
                return vec![failing];
            }
        }
        vec![out]
    }

    pub(super) fn leave(&mut self, lost: Lost) {
        self.draft.held = true;
        self.report.lost(lost);
    }

    /// What was left out, with its place.
    pub(super) fn placed(&self, lost: &Lost) -> String {
        let (line, _) = self.world.sources.line_column(lost.spot);
        format!("{} ({}:{line})", lost.message, self.world.sources.get(lost.spot.file).name)
    }

    /// What a step does, and what stands beside it but its order.
    fn body(&mut self, found: &Found<'_>, is_handler: bool) -> Result<Step, Lost> {
        self.unknown_keys(found);
        let mut out = self.kind(found)?;
        let mut env: Vec<(String, Out)> = Vec::new();
        if let Some(node) = found.get("env") {
            for (name, value, spot) in variables(node, self.report) {
                env.push(text(name, self.scope.template(&value, spot)?));
            }
        }
        self.printed(found, &out, is_handler, &mut env)?;
        if !env.is_empty() {
            out.push(pair("env", Out::Map(env)));
        }
        if let Some(node) = found.get("working_dir")
            && let Some(dir) = self.report.text(node, "`workingDir`")
        {
            out.extend(self.directory(&dir, node.spot).map(|dir| text("workdir", dir)));
        }
        if let Some(node) = found.get("timeout_sec") {
            out.extend(
                self.report
                    .number(node, "`timeoutSec`")
                    .filter(|it| *it > 0)
                    .map(|it| bare("timeout", &format!("{it}s"))),
            );
        }
        self.again(found, &mut out)?;
        self.forgiven(found, &mut out)?;
        Ok(out)
    }

    fn unknown_keys(&mut self, found: &Found<'_>) {
        for (name, value) in found.node.pairs().unwrap_or_default() {
            match key(name).as_str() {
                "mail_on_error" if says_yes(value) => {
                    let help = "an `on_error:` with a `notify` step sends mail over a channel";
                    self.report.lost(Lost::new(name.spot, "mail about a step that failed", help));
                }
                "signal_on_stop" if value.name().is_some_and(|word| word != "SIGTERM") => {
                    let help = "let the line catch TERM where it needs another: `trap … TERM`";
                    self.report.differs(name.spot, "a step is stopped by TERM, and by KILL where it stays", help);
                }
                "worker_selector" | "log_output" => {
                    self.report.differs(
                        name.spot,
                        format!("`{}` is about Dagu itself", key(name)),
                        "nothing of it is in the runbook",
                    );
                }
                word if KNOWN.contains(&word) => {}
                _ => self.report.unknown(name, "a step", KNOWN),
            }
        }
    }

    /// Outputs of steps and words about the run that a step's lines name, as its environment.
    fn printed(
        &mut self,
        found: &Found<'_>,
        out: &Step,
        is_handler: bool,
        env: &mut Vec<(String, Out)>,
    ) -> Result<(), Lost> {
        let mut read = BTreeSet::new();
        let mut lines = Vec::new();
        for (key, value) in out {
            if matches!(key.as_str(), "shell" | "script" | "exec") {
                texts(value, &mut lines);
            }
        }
        for line in &lines {
            read.extend(mentions(line).into_iter().map(|mention| mention.name));
        }
        for name in read {
            if env.iter().any(|(there, _)| *there == name) {
                continue;
            }
            if let Some(stands @ Stands::Printed(..)) = self.scope.names.get(&name) {
                env.push(text(&name, stands.template()));
                continue;
            }
            let value = match name.as_str() {
                "DAG_NAME" => escaped(self.get("name").and_then(Node::name).unwrap_or_default()),
                "DAG_RUN_ID" | "DAG_REQUEST_ID" | "DAG_EXECUTION_ID" => "{{ run.id }}".into(),
                "DAG_RUN_STEP_NAME" | "DAG_STEP_NAME" => escaped(&found.title(0)),
                "DAG_RUN_STATUS" if is_handler => {
                    let message = "`DAG_RUN_STATUS` is the outcome in the words of a runbook";
                    let help = "`cancelled` for `canceled`, `succeeded` for `partially_succeeded`";
                    self.report.differs(found.spot, message, help);
                    "{{ run.outcome }}".into()
                }
                word if word.starts_with("DAG_") => {
                    let help = "`$RUN_DIR` is a directory of the run, `$RUN_ID` its id; what steps print is shown by `stepladder logs`";
                    return Err(Lost::new(found.spot, format!("`${word}`, which only Dagu sets"), help));
                }
                _ => continue,
            };
            env.push(text(name, value));
        }
        Ok(())
    }
}

fn name_of(step: &Step) -> Option<String> {
    step.iter().find(|(key, _)| key == "id").and_then(|(_, value)| match value {
        Out::Bare(name) | Out::Text(name) => Some(name.clone()),
        Out::List(_) | Out::Map(_) => None,
    })
}

/// Every text in a value.
fn texts(value: &Out, found: &mut Vec<String>) {
    match value {
        Out::Text(words) => found.push(words.clone()),
        Out::Bare(_) => {}
        Out::List(items) => items.iter().for_each(|item| texts(item, found)),
        Out::Map(pairs) => pairs.iter().for_each(|(_, value)| texts(value, found)),
    }
}

impl<'a> Found<'a> {
    /// A step that stands alone: a handler.
    pub(super) fn alone(node: &'a Node) -> Self {
        let mut called = Vec::new();
        called.extend(node.get("name").and_then(Node::name).map(str::to_owned));
        Self::bare(node, called)
    }
}

/// The place of a key of a step.
pub(super) fn spot_of(found: &Found<'_>, name: &str) -> Spot {
    let pairs = found.node.pairs().unwrap_or_default();
    pairs.iter().find(|(it, _)| key(it) == name).map_or(found.spot, |(it, _)| it.spot)
}
