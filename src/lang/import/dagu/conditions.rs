//! Preconditions: steps that find out, and expressions over them.

use crate::lang::import::dagu::root::Making;
use crate::lang::import::dagu::values::{Stands, quoted};
use crate::lang::import::draft::{Step, bare, left_out};
use crate::lang::import::report::{Lost, says_yes};
use crate::lang::import::shell::mentions;
use crate::lang::yaml::{Node, NodeKind};

impl Making<'_> {
    /// Steps that find out whether preconditions hold, and expressions that say so.
    pub(super) fn conditions(&mut self, of: &str, node: &Node) -> (Vec<Step>, Vec<String>) {
        let (mut steps, mut expressions) = (Vec::new(), Vec::new());
        for item in node.items().unwrap_or(std::slice::from_ref(node)) {
            match self.condition(of, item, &mut steps) {
                Ok(expression) if item.get("negate").is_some_and(says_yes) => {
                    expressions.push(format!("!({expression})"));
                }
                Ok(expression) => expressions.push(expression),
                Err(lost) => {
                    let id = self.draft.ids.id(&format!("{of}_if"), "step");
                    steps.push(left_out(id.as_str(), "Precondition", &self.placed(&lost)));
                    self.leave(lost);
                }
            }
        }
        (steps, expressions)
    }

    fn condition(&mut self, of: &str, item: &Node, steps: &mut Vec<Step>) -> Result<String, Lost> {
        let left = match &item.kind {
            NodeKind::Map(..) => item.get("condition").or_else(|| item.get("command")),
            NodeKind::Scalar(_) | NodeKind::Seq(..) => Some(item),
        };
        let Some(written) = left.and_then(|left| self.report.text(left, "a condition")) else {
            return Err(Lost::new(item.spot, "a precondition without a condition", "give the step a `when:`"));
        };
        let written = written.trim();
        let command =
            written.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')).filter(|inner| !inner.contains('`'));
        let Some(expected) = item.get("expected") else {
            let id = self.draft.ids.id(&format!("{of}_if"), "step");
            let line = self.line(command.unwrap_or(written), item.spot, &self.default_shell()?)?;
            steps.push(vec![bare("id", &id), line, bare("allow_failure", "ok")]);
            return Ok(format!("steps.{id}.ok"));
        };
        let wanted = self.report.text(expected, "`expected`").unwrap_or_default();
        let value = if let Some(command) = command {
            let id = self.draft.ids.id(&format!("{of}_if"), "step");
            let line = self.line(command, item.spot, &self.default_shell()?)?;
            steps.push(vec![bare("id", &id), line, bare("allow_failure", "ok")]);
            format!("trim(to_text(steps.{id}.output.value ?? \"\"))")
        } else {
            let whole = mentions(written).into_iter().find(|it| it.start == 0 && it.end == written.len() && !it.shaped);
            let stands = whole.and_then(|it| self.scope.names.get(&it.name).and_then(Stands::expression));
            let help = "give the step a `when:`, or let a step print what is compared";
            stands.ok_or_else(|| {
                Lost::new(item.spot, "a condition that is neither a parameter, an output nor a command", help)
            })?
        };
        if wanted.contains(['$', '`']) && !wanted.starts_with("re:") {
            return Err(Lost::new(expected.spot, "an expected value that is worked out", "give the step a `when:`"));
        }
        Ok(match wanted.strip_prefix("re:") {
            Some(pattern) => format!("is_match({value}, {})", quoted(pattern)),
            None => format!("{value} == {}", quoted(&wanted)),
        })
    }
}
