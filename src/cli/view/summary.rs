//! The end of a run in the ten seconds that an operator has: how it went, what went wrong, what to do.

use super::fold::View;
use super::ink::{LONGEST, Line, Tone};
use super::node::Node;
use super::step_row::{end_mark, mark_line};
use super::words::{badness, between, human, measure, short};
use crate::base::address::{Lane, Place};
use crate::diagnostic::render::Style;
use std::collections::BTreeMap;

/// At most so many steps are named.
const NAMED: usize = 10;

impl View {
    /// The summary; empty while the run goes on.
    #[must_use]
    pub fn summary(&self, style: Style) -> Vec<Line> {
        let Some(end) = &self.ended else { return Vec::new() };
        let sign = end_mark(&end.outcome, &end.level);
        let took = self.started.map(|at| format!(" in {}", human(between(at, end.at)))).unwrap_or_default();
        let level = if end.level == "ok" { String::new() } else { format!(" at {}", end.level) };
        let mut lines = vec![
            Line::default(),
            mark_line(sign, style)
                .and(&format!("{} {}{level}", self.outline.runbook, end.outcome), sign.2)
                .and(&took, Tone::Plain)
                .and(&format!(", {}", self.counts()), Tone::Dim),
        ];
        let named = self.worth_naming();
        for (place, node) in named.iter().take(NAMED) {
            lines.extend(self.about(place, node, style));
        }
        if named.len() > NAMED {
            lines.push(Line::new(&format!("  and {} more", named.len() - NAMED), Tone::Dim));
        }
        let wrong = end.outcome != "succeeded" || end.level != "ok";
        if wrong && named.is_empty() {
            lines.push(Line::new(&format!("  {}", end.reason), Tone::Plain));
        }
        for (name, value) in &end.outputs {
            lines.push(Line::new(&format!("  {name} = {value}"), Tone::Plain));
        }
        if self.dry {
            lines.push(Line::new("  a dry run: nothing was changed", Tone::Notice));
        }
        if !self.run.is_empty() {
            let retry = matches!(end.outcome.as_str(), "failed" | "cancelled") && !self.dry;
            let ways: &[&str] = if retry { &["retry", "show"] } else { &["show"] };
            let ways: Vec<String> = ways.iter().map(|way| format!("stepladder {way} {}", short(&self.run))).collect();
            let apart = if style.width < 60 { "\n" } else { "    " };
            for ways in ways.join(apart).split('\n') {
                lines.push(Line::new(&format!("  {ways}"), Tone::Dim));
            }
        }
        lines.into_iter().flat_map(|line| line.bounded(LONGEST, style).fold(style.width, 4)).collect()
    }

    /// What went wrong or was lifted, each with the way to more: for the summary of a run that called this one.
    #[must_use]
    pub fn wrong(&self, style: Style) -> Vec<Line> {
        self.worth_naming().iter().take(NAMED).flat_map(|(place, node)| self.about(place, node, style)).collect()
    }

    /// `9 succeeded, 1 failed, 2 unreached`: of the runbook's steps, items and rounds not counted.
    fn counts(&self) -> String {
        let mut counts: BTreeMap<(usize, &str), usize> = BTreeMap::new();
        let order = ["succeeded", "recovered", "failed", "interrupted", "cancelled", "unreached", "skipped"];
        for (place, node) in &self.nodes {
            let leaf = !self.has_body(place) && node.items.is_none() && !is_trial(place);
            if let Some(end) = node.end().filter(|_| leaf) {
                let at = order.iter().position(|word| *word == end.outcome).unwrap_or(order.len());
                *counts.entry((at, end.outcome.as_str())).or_default() += 1;
            }
        }
        let words: Vec<String> = counts.iter().map(|((_, word), n)| format!("{n} {word}")).collect();
        if words.is_empty() { "no step ran".into() } else { words.join(", ") }
    }

    /// Steps that went wrong, then those whose level was lifted, worst first.
    fn worth_naming(&self) -> Vec<(&Place, &Node)> {
        let told_inside = |place: &Place, node: &Node| {
            let steps = node.failure.as_ref().is_none_or(|failure| failure.kind == "steps");
            let inside = |(other, node): (&Place, &Node)| {
                let named = node.is_lifted() || (node.is_bad() && !self.is_made_good(other));
                other != place && place.holds(other) && named
            };
            let group = self.lanes.contains_key(&Some(place.clone())) || node.items.is_some();
            group && steps && node.findings.is_empty() && node.measures.is_empty() && self.nodes.iter().any(inside)
        };
        let mut named: Vec<(&Place, &Node)> = self
            .nodes
            .iter()
            .filter(|(place, node)| (node.is_bad() || node.is_lifted()) && !told_inside(place, node))
            .filter(|(place, node)| !(node.is_bad() && self.is_made_good(place)))
            .filter(|(place, _)| !self.is_told_above(place))
            .collect();
        let ended = |node: &Node| node.end().map(|end| end.at);
        named.sort_by_key(|(_, node)| (!node.is_bad(), std::cmp::Reverse(level(node)), ended(node)));
        named
    }

    /// Whether a place is a group whose steps count instead of it.
    fn has_body(&self, place: &Place) -> bool {
        let lanes = self.lanes.get(&Some(place.clone()));
        lanes.is_some_and(|lanes| lanes.iter().any(|lane| matches!(lane, Lane::Body(_))))
    }

    /// Whether something around a place ended well all the same: a probe that failed before a remedy helped.
    fn is_made_good(&self, place: &Place) -> bool {
        let good = |place: &Place| {
            let end = self.nodes.get(place).and_then(Node::end);
            end.is_some_and(|end| matches!(end.outcome.as_str(), "succeeded" | "recovered"))
        };
        // What undoes a good step, or answers for it, is not made good by it.
        let around = std::iter::successors(Some(place.clone()), Place::parent);
        let own = around.take_while(|place| !matches!(place.last().lane, Lane::Undo | Lane::OnError));
        own.filter_map(|place| place.parent()).any(|above| good(&above))
    }

    /// Whether a place is a probe, a round or a remedy of a step that failed, and so says itself what they came to.
    fn is_told_above(&self, place: &Place) -> bool {
        let bad = |place: &Place| self.nodes.get(place).is_some_and(Node::is_bad);
        is_trial(place) && std::iter::successors(place.parent(), Place::parent).any(|above| bad(&above))
    }

    /// A step that went wrong or was lifted: what it says, and the way to more.
    fn about(&self, place: &Place, node: &Node, style: Style) -> Vec<Line> {
        let Some(end) = node.end() else { return Vec::new() };
        let sign = end_mark(&end.outcome, &end.level);
        let said = match &node.failure {
            Some(failure) if node.is_bad() => failure.message.lines().next().unwrap_or_default().to_owned(),
            Some(_) | None => self.lifted_by(node, end.reason.as_deref()),
        };
        let head = Line::new("  ", Tone::Plain).join(mark_line(sign, style));
        let head = head.and(&place.to_string(), Tone::Strong).and(&format!("  {said}"), sign.2);
        let mut lines = vec![head];
        if let (true, Some(reason)) = (node.is_bad() && node.failure.is_some(), &end.reason) {
            lines.push(Line::new(&format!("      {reason}"), Tone::Dim));
        }
        if node.is_bad() && node.attempt > 0 {
            let way = match &node.child {
                Some(child) => format!("      stepladder show {}", short(child)),
                None => format!("      stepladder logs {} {place}", short(&self.run)),
            };
            lines.push(Line::new(&way, Tone::Dim));
        }
        lines
    }

    /// What lifted the level of a step, in a line.
    #[expect(clippy::unused_self, reason = "reads as one sentence with the others")]
    fn lifted_by(&self, node: &Node, reason: Option<&str>) -> String {
        let mut loud: Vec<_> = node.measures.iter().filter(|measure| measure.level != "ok").collect();
        loud.sort_by_key(|measure| std::cmp::Reverse(badness(&measure.level)));
        let said: Vec<String> =
            loud.into_iter().map(measure).chain(node.findings.iter().map(|finding| finding.message.clone())).collect();
        match (said.is_empty(), reason) {
            (false, _) => said.join("; "),
            (true, Some(reason)) => reason.to_owned(),
            (true, None) => node.end().map(|end| end.outcome.clone()).unwrap_or_default(),
        }
    }
}

/// Whether a place is a probe, a remedy or in a round: tried, not planned.
fn is_trial(place: &Place) -> bool {
    place.segments().iter().any(|segment| matches!(segment.lane, Lane::Until(_) | Lane::Try(_) | Lane::Round(_)))
}

fn level(node: &Node) -> u8 {
    node.end().map_or(0, |end| badness(&end.level))
}
