//! What becomes of a step that fails: tried again, forgiven.

use crate::lang::import::dagu::key;
use crate::lang::import::dagu::order::{Found, continues};
use crate::lang::import::dagu::root::Making;
use crate::lang::import::draft::{Out, Step, bare, pair, text};
use crate::lang::import::report::Lost;
use crate::lang::yaml::Node;
use std::collections::BTreeSet;

impl Making<'_> {
    /// `retryPolicy`, and those of `repeatPolicy` that are one.
    pub(super) fn again(&mut self, found: &Found<'_>, out: &mut Step) -> Result<(), Lost> {
        if let Some(node) = found.get("retry_policy") {
            let limit = self.part(node, "limit").unwrap_or(0);
            if limit > 0 {
                let retry = self.retry(node, limit.saturating_add(1), false)?;
                out.push(pair("retry", Out::Map(retry)));
            }
        }
        let Some(node) = found.get("repeat_policy") else { return Ok(()) };
        let mode = node.get("repeat").and_then(Node::name).unwrap_or_default();
        let codes = self.codes(node, "exit_code");
        let is_retry = match mode {
            "until" => codes == [0],
            "while" => !codes.is_empty() && !codes.contains(&0),
            _ => false,
        };
        let (Some(limit), true, None) =
            (self.part(node, "limit"), is_retry && node.get("condition").is_none(), found.get("retry_policy"))
        else {
            let help = "`wait: { probe: STEP, every: 30s }` waits until a step is good; `watch:` looks again and again";
            return Err(Lost::new(node.spot, "a step that is repeated", help));
        };
        let retry = self.retry(node, limit, mode == "while")?;
        out.push(pair("retry", Out::Map(retry)));
        Ok(())
    }

    fn part(&mut self, node: &Node, name: &str) -> Option<u32> {
        let (_, value) = node.pairs()?.iter().find(|(it, _)| key(it) == name)?;
        self.report.number(value, &format!("`{name}`"))
    }

    fn codes(&mut self, node: &Node, name: &str) -> Vec<u32> {
        let Some((_, value)) = node.pairs().and_then(|pairs| pairs.iter().find(|(it, _)| key(it) == name)) else {
            return Vec::new();
        };
        let nodes = value.items().unwrap_or(std::slice::from_ref(value));
        nodes.iter().filter_map(|node| self.report.number(node, "an exit code")).collect()
    }

    fn retry(&mut self, node: &Node, attempts: u32, by_code: bool) -> Result<Vec<(String, Out)>, Lost> {
        let pause = self.part(node, "interval_sec").unwrap_or(0);
        let growing = node.pairs().unwrap_or_default().iter().find(|(name, _)| key(name) == "backoff");
        let factor = growing.and_then(|(_, value)| value.name()).unwrap_or("false");
        let most = self.part(node, "max_interval_sec");
        let backoff = match (factor, most) {
            ("false" | "1", _) => format!("{pause}s"),
            ("true" | "2" | "2.0", Some(most)) if pause > 0 => format!("{pause}s..{}s", most.max(pause)),
            ("true" | "2" | "2.0", None) if pause > 0 => {
                let longest = u64::from(pause)
                    .saturating_mul(1_u64.checked_shl(attempts.saturating_sub(2)).unwrap_or(u64::MAX))
                    .min(86_400);
                format!("{pause}s..{longest}s")
            }
            _ => {
                let spot = growing.map_or(node.spot, |(_, value)| value.spot);
                return Err(Lost::new(
                    spot,
                    "pauses that grow by another factor than two",
                    "`backoff: 5s..60s` doubles from one to the other",
                ));
            }
        };
        let mut out =
            vec![bare("attempts", attempts.clamp(1, 1000)), bare("backoff", &backoff), bare("jitter", "false")];
        let codes = self.codes(node, "exit_code");
        if !codes.is_empty() && (by_code || node.get("repeat").is_none()) {
            let list = codes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            out.push(text("unless", format!("!(output.exit_code in [{list}])")));
        }
        Ok(out)
    }

    /// `continueOn`: which failures let the run go on.
    pub(super) fn forgiven(&mut self, found: &Found<'_>, out: &mut Step) -> Result<(), Lost> {
        let Some(node) = found.get("continue_on") else { return Ok(()) };
        let marked = continues(Some(node), "mark_success");
        if continues(Some(node), "failure") {
            out.push(bare("allow_failure", if marked { "ok" } else { "true" }));
            return Ok(());
        }
        if let Some((name, _)) = node.pairs().unwrap_or_default().iter().find(|(name, _)| key(name) == "output") {
            let help = "let the line look at what it prints and end well: `… | grep -q WARNING`";
            return Err(Lost::new(name.spot, "a failure that is forgiven for what was printed", help));
        }
        let mut codes: BTreeSet<u32> = self.codes(node, "exit_code").into_iter().collect();
        if codes.is_empty() {
            return Ok(());
        }
        codes.insert(0);
        if !marked {
            self.report.differs(
                node.spot,
                "these exit codes are good here; Dagu calls the run partly succeeded",
                "`allow_failure: notice` lifts the level",
            );
        }
        let exits =
            Out::List(codes.iter().filter(|code| **code <= 255).map(|code| Out::Bare(code.to_string())).collect());
        good_exits(out, exits).map_err(|()| {
            Lost::new(node.spot, "exit codes of something that is no command", "take it out, or use `allow_failure:`")
        })
    }
}

/// Puts the good exit codes into what the step does.
fn good_exits(out: &mut Step, exits: Out) -> Result<(), ()> {
    let (key, value) = out.iter_mut().find(|(key, _)| matches!(key.as_str(), "shell" | "script" | "exec")).ok_or(())?;
    let short = if key == "shell" { "sh" } else { "argv" };
    let mut pairs = match std::mem::replace(value, Out::Bare(String::new())) {
        Out::Map(pairs) => pairs,
        other @ (Out::Text(_) | Out::Bare(_) | Out::List(_)) => vec![pair(short, other)],
    };
    pairs.push(pair("exit", exits));
    *value = Out::Map(pairs);
    Ok(())
}
