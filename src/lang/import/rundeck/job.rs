//! A job as a whole: what stands around its commands.

use crate::diagnostic::Sources;
use crate::lang::import::draft::{Draft, Out, Step, bare, left_out, names, pair, text};
use crate::lang::import::report::{Lost, Report, says_yes};
use crate::lang::import::rundeck::Outline;
use crate::lang::import::rundeck::commands::KNOWN as OF_COMMAND;
use crate::lang::import::rundeck::options::Choice;
use crate::lang::import::rundeck::schedule;
use crate::lang::yaml::Node;

/// Keys that need nothing said, or are read elsewhere.
const PLAIN: &[&str] = &[
    "name",
    "group",
    "description",
    "id",
    "uuid",
    "loglevel",
    "options",
    "sequence",
    "schedule",
    "schedules",
    "scheduleEnabled",
    "executionEnabled",
    "timeZone",
    "multipleExecutions",
    "maxMultipleExecutions",
    "timeout",
    "nodeFilterEditable",
    "nodesSelectedByDefault",
    "defaultTab",
    "tags",
    "project",
    "notifyAvgDurationThreshold",
    "logFilter",
];
/// Keys that are reported.
const OTHERS: &[&str] = &[
    "nodefilters",
    "retry",
    "notification",
    "loglimit",
    "loglimitAction",
    "loglimitStatus",
    "plugins",
    "orchestrator",
    "runnerSelector",
];

/// A job on its way to a runbook.
#[derive(Debug)]
pub(super) struct Making<'a> {
    pub(super) node: &'a Node,
    pub(super) called: String,
    pub(super) group: String,
    pub(super) options: Vec<Choice>,
    pub(super) outlines: &'a [Outline],
    pub(super) sources: &'a Sources,
    pub(super) report: &'a mut Report,
    pub(super) draft: Draft,
}

impl Making<'_> {
    pub(super) fn draft(mut self, own: &Outline) -> Option<Draft> {
        let node = self.node;
        let Some(commands) = node
            .get("sequence")
            .and_then(|node| node.get("commands"))
            .and_then(Node::items)
            .filter(|it| !it.is_empty())
        else {
            self.report.lost(Lost::new(
                node.spot.part(0, 1),
                "a job without commands",
                "give it `sequence: { commands: […] }`, or leave it out",
            ));
            return None;
        };
        self.draft.head.push(bare("runbook", &own.name));
        self.words();
        self.inputs();
        self.bounds(own);
        for (key, value) in node.pairs().unwrap_or_default() {
            self.key(key, value);
        }
        let help = "`workdir:` under `defaults:` says where";
        self.report.differs_once(
            commands[0].spot.part(0, 1),
            "Rundeck begins in the directory of its service; a step begins in the book's",
            help,
        );
        self.triggers();
        self.sequence(commands);
        Some(self.draft)
    }

    fn words(&mut self) {
        let description =
            self.node.get("description").and_then(|node| self.report.text(node, "`description`")).unwrap_or_default();
        self.draft.head.push(text("title", &self.called));
        if !description.trim().is_empty() {
            self.draft.head.push(text("description", description));
        }
        let mut labels = Vec::new();
        if !self.group.is_empty() {
            labels.push(text("group", &self.group));
        }
        let tags = self.node.get("tags").map(|node| self.report.texts(node, "`tags`")).unwrap_or_default();
        for word in tags.iter().flat_map(|(word, _)| word.split(',')).map(str::trim).filter(|word| !word.is_empty()) {
            if !labels.iter().any(|(there, _): &(String, Out)| there == word) {
                labels.push(text(word, "true"));
            }
        }
        if !labels.is_empty() {
            self.draft.head.push(pair("labels", Out::Map(labels)));
        }
    }

    fn inputs(&mut self) {
        let inputs: Vec<(String, Out)> = self
            .options
            .iter()
            .filter_map(|choice| Some(pair(choice.input.as_ref()?.as_str(), Out::Map(choice.body.clone()))))
            .collect();
        if !inputs.is_empty() {
            self.draft.head.push(pair("inputs", Out::Map(inputs)));
        }
        let secrets: Vec<String> =
            self.options.iter().filter(|it| it.input.is_none() && it.shown).map(Choice::variable).collect();
        if !secrets.is_empty() {
            self.draft.head.push(names("secrets", secrets.iter().map(String::as_str)));
        }
        let shown = self.options.iter().filter(|choice| choice.shown);
        let env: Vec<(String, Out)> = shown.map(|choice| text(choice.variable(), choice.template())).collect();
        if !env.is_empty() {
            self.draft.head.push(pair("defaults", Out::Map(vec![pair("env", Out::Map(env))])));
        }
    }

    /// How long a run may take, and how many there may be.
    fn bounds(&mut self, own: &Outline) {
        if let Some(value) = self.node.get("timeout") {
            let written = self.report.text(value, "`timeout`").unwrap_or_default();
            match schedule::length(&written) {
                Some(length) => self.draft.head.push(bare("timeout", length.as_str())),
                None if written.trim().is_empty() || written.trim() == "0" => {}
                None => self.report.lost(Lost::new(
                    value.spot,
                    "a timeout that is worked out",
                    "`timeout:` of a runbook is a length of time, like 30m",
                )),
            }
        }
        let most =
            self.node.get("maxMultipleExecutions").and_then(|node| self.report.number(node, "`maxMultipleExecutions`"));
        let many = self.node.get("multipleExecutions").is_some_and(says_yes);
        // A job that runs is not started beside itself: a second start is refused.
        let limit = if many { most.filter(|most| *most > 0) } else { Some(1) };
        if let Some(limit) = limit {
            let held = vec![bare("group", &own.name), bare("limit", limit), bare("full", "fail")];
            self.draft.head.push(pair("concurrency", Out::Map(held)));
        }
    }

    fn block(&mut self, lost: Lost) {
        let id = self.draft.ids.id("left_out", "left_out");
        self.draft.steps.push(left_out(id.as_str(), "Left out", &lost.message));
        self.draft.held = true;
        self.report.lost(lost);
    }

    fn key(&mut self, key: &Node, value: &Node) {
        let name = key.name().unwrap_or_default();
        match name {
            "nodefilters" if value.pairs().is_some_and(|pairs| !pairs.is_empty()) => {
                let help =
                    "a step runs where stepladder runs: `foreach:` over hosts, and `ssh HOST -- COMMAND` in the line";
                self.block(Lost::new(key.spot, "steps on other machines", help));
            }
            "orchestrator" | "runnerSelector" => {
                self.block(Lost::new(key.spot, "a choice of machines", "a step runs where stepladder runs"));
            }
            "nodefilters" => {}
            "retry" if value.name() == Some("0") => {}
            "retry" => self.report.lost(Lost::new(
                key.spot,
                "a second run after one that failed",
                "give the steps `retry:`; `stepladder retry` takes up a run where it failed",
            )),
            "notification" => {
                let help = "`incident:` pages whoever is on call; a `notify` step under `on_failure:` or `finally:` sends over a channel, `http` calls a URL";
                for (end, _) in value.pairs().unwrap_or_default() {
                    let message = format!("who is told of `{}`", end.name().unwrap_or_default());
                    self.report.lost(Lost::new(end.spot, message, help));
                }
            }
            "loglimit" | "loglimitAction" | "loglimitStatus" => {
                self.report.differs(
                    key.spot,
                    "what steps print is kept up to `output_limit`, and never ends a run",
                    "`output_limit:` of stepladder.yaml",
                );
            }
            "plugins" if value.pairs().is_some_and(|pairs| !pairs.is_empty()) => {
                self.report.lost(Lost::new(
                    key.spot,
                    "plugins of the job",
                    "`stepladder explain` shows what a runbook can say",
                ));
            }
            "plugins" => {}
            _ if PLAIN.contains(&name) => {}
            _ => self.report.unknown(key, "a job", &[PLAIN, OTHERS].concat()),
        }
    }

    fn triggers(&mut self) {
        let Some((key, value)) = self.node.entry("schedule") else { return };
        let Some(cron) = schedule::cron(value, self.report) else { return };
        let off = ["scheduleEnabled", "executionEnabled"]
            .into_iter()
            .filter_map(|name| self.node.entry(name))
            .find(|(_, value)| !says_yes(value));
        if let Some((off, _)) = off {
            let help = format!("when it is wanted, write `triggers: [ {{ cron: \"{cron}\" }} ]`");
            self.report.differs(off.spot, "the job was switched off, so its schedule is left out", help);
            return;
        }
        let mut trigger = vec![text("cron", cron)];
        match self.node.get("timeZone").and_then(Node::name) {
            Some(zone) if jiff::tz::TimeZone::get(zone).is_ok() => trigger.push(text("timezone", zone)),
            Some(zone) => {
                let spot = self.node.get("timeZone").map_or(key.spot, |node| node.spot);
                let help = "zones are named as in `Europe/Moscow`";
                self.report.wrong(
                    crate::diagnostic::Code::BadZone,
                    spot,
                    format!("no time zone is called `{zone}`"),
                    help,
                );
                return;
            }
            None => {
                let help = "`timezone:` of the trigger or of stepladder.yaml says which";
                self.report.differs_once(
                    key.spot,
                    "Rundeck goes by the zone of its server; a runbook goes by the book's `timezone`",
                    help,
                );
            }
        }
        trigger.push(bare("missed", "skip"));
        if self.node.get("multipleExecutions").is_some_and(says_yes) {
            trigger.push(bare("overlap", "allow"));
        }
        self.draft.triggers.push(Out::Map(trigger));
        if let Some(choice) = self.options.iter().find(|choice| !choice.stands) {
            let message = format!("a schedule of a job whose option `{}` has to be given", choice.name);
            self.report.lost(Lost::new(
                key.spot,
                message,
                "give the input a default, or the trigger its `inputs:`, and write the trigger",
            ));
            self.draft.held = true;
        }
    }

    fn sequence(&mut self, commands: &[Node]) {
        let sequence = self.node.get("sequence");
        let goes_on = sequence.and_then(|node| node.get("keepgoing")).is_some_and(says_yes);
        let strategy = sequence.and_then(|node| node.entry("strategy"));
        match strategy.and_then(|(_, value)| value.name()).unwrap_or("sequential") {
            "parallel" => {
                let many = u32::try_from(commands.len()).unwrap_or(u32::MAX).clamp(1, 1000);
                self.draft.head.push(bare("parallel", many));
            }
            "sequential" | "node-first" | "step-first" => {}
            word => {
                let spot = strategy.map_or(self.node.spot, |(_, value)| value.spot);
                self.block(Lost::new(
                    spot,
                    format!("the strategy `{word}`"),
                    "`needs:` and `when:` of the steps say which comes after which",
                ));
            }
        }
        let side_by_side = self.draft.head.iter().any(|(key, _)| key == "parallel");
        for (number, command) in commands.iter().enumerate() {
            for (key, _) in command.pairs().unwrap_or_default() {
                if !OF_COMMAND.contains(&key.name().unwrap_or_default()) {
                    self.report.unknown(key, "a command", OF_COMMAND);
                }
            }
            if let Some((key, _)) = command.entry("enabled").filter(|(_, value)| !says_yes(value)) {
                self.report.differs(
                    key.spot,
                    "a step that is switched off is not in the runbook",
                    "write it when it is wanted",
                );
                continue;
            }
            self.command(number, command, goes_on && !side_by_side && !self.draft.steps.is_empty(), goes_on);
        }
    }

    fn command(&mut self, number: usize, node: &Node, after_all: bool, goes_on: bool) {
        let words = node.get("description").and_then(|node| self.report.text(node, "`description`"));
        let wish = words.clone().unwrap_or_else(|| format!("step_{}", number + 1));
        let id = self.draft.ids.id(&wish, "step");
        let mut step = vec![bare("id", &id)];
        step.extend(words.as_deref().map(|words| text("title", words.lines().next().unwrap_or_default())));
        if after_all {
            step.push(bare("after", "all"));
        }
        self.doing(&mut step, node);
        let handler = node.get("errorhandler");
        let forgives = !goes_on && handler.and_then(|node| node.get("keepgoingOnSuccess")).is_some_and(says_yes);
        if let Some(handler) = handler {
            let name = self.draft.ids.id(&format!("{id}_handler"), "step");
            let mut other = vec![bare("id", &name)];
            if forgives {
                // The sequence goes on where the handler is good, and ends where it is not.
                other.push(names("after", [id.as_str()]));
                other.push(text("when", format!("steps.{id}.failed")));
                step.push(bare("allow_failure", "true"));
            }
            self.doing(&mut other, handler);
            if forgives {
                self.draft.steps.extend([step, other]);
                return;
            }
            step.push(pair("on_error", Out::List(vec![Out::Map(other)])));
        }
        self.draft.steps.push(step);
    }

    /// What the step does, or why it cannot be said.
    fn doing(&mut self, step: &mut Step, node: &Node) {
        match self.kind(node) {
            Ok(kind) => step.extend(kind),
            Err(lost) => {
                let (line, _) = self.sources.line_column(lost.spot);
                let why = format!("{} ({}:{line})", lost.message, self.sources.get(lost.spot.file).name);
                let id = step.first().map_or_else(String::new, |(_, value)| match value {
                    Out::Bare(id) | Out::Text(id) => id.clone(),
                    Out::List(_) | Out::Map(_) => String::new(),
                });
                step.extend(left_out(&id, "", &why).into_iter().filter(|(key, _)| key == "shell"));
                self.draft.held = true;
                self.report.lost(lost);
            }
        }
    }
}
