//! Templates that are safe or not by what stands beside them: the elements of an argument vector, and bodies.

use crate::diagnostic::Code;
use crate::expr::Problem;
use crate::lang::lower::policy::template;
use crate::lang::lower::reader::Reader;
use crate::lang::mention::finding;
use crate::lang::yaml::{Node, NodeKind};
use crate::model::kind::Kind;
use crate::model::param::Param;
use crate::template::{self, Template};

impl Reader {
    /// Says which templates of an action would be code, or could leave their place.
    pub(super) fn places(&mut self, kind: Kind, node: &Node, params: &Param) {
        if kind == Kind::Exec {
            self.elements(node, params);
        }
        if kind == Kind::Shell {
            self.line(node, params);
        }
        let asked = match params.get("headers") {
            Some(Param::Map(headers)) => headers.iter().any(|(name, value)| {
                name.eq_ignore_ascii_case("content-type")
                    && template(value).is_some_and(|value| value.source().contains("json"))
            }),
            _ => false,
        };
        for (of, key, asked) in [(Kind::Http, "body", asked), (Kind::Exec, "stdin", false)] {
            let Some(text) = params.get(key).and_then(template).filter(|_| kind == of) else { continue };
            for problem in text.check_json(asked) {
                self.misplaced_at(node.get(key), &problem);
            }
        }
    }

    fn elements(&mut self, node: &Node, params: &Param) {
        let at = if let NodeKind::Seq(..) = node.kind { Some(node) } else { node.get("argv") };
        let (Some(at), Some(Param::List(list))) = (at, params.get("argv")) else { return };
        let elements: Vec<Template> = list.iter().filter_map(template).collect();
        if elements.len() != list.len() {
            return;
        }
        let empty = elements.first().is_none_or(|first| first.literal() == Some(""));
        if empty {
            let help = "name the command first: `exec: [systemctl, status, nginx]`";
            self.ctx.error_help(Code::MissingKey, at.spot, "`exec` without a command", help);
            return;
        }
        let elements: Vec<&Template> = elements.iter().collect();
        for (index, problem) in template::argv(&elements) {
            let item = if let NodeKind::Seq(items, _) = &at.kind { items.get(index) } else { None };
            self.misplaced_at(item, &problem);
        }
        if let Some(stdin) = params.get("stdin").and_then(template)
            && let Some(problem) = template::stdin(&elements, &stdin)
        {
            self.misplaced_at(node.get("stdin"), &problem);
        }
    }

    fn line(&mut self, node: &Node, params: &Param) {
        for key in ["sh", "bash"] {
            let Some(line) = params.get(key).and_then(template) else { continue };
            if line.literal().is_some_and(|line| line.trim().is_empty()) {
                let spot = node.get(key).map_or(node.spot, |line| line.spot);
                let help = "write the line, or take the step out";
                self.ctx.error_help(Code::MissingKey, spot, "`shell` without a line", help);
            }
        }
    }

    fn misplaced_at(&mut self, node: Option<&Node>, problem: &Problem) {
        let Some(node) = node else { return };
        let Some(scalar) = node.scalar() else { return };
        let text = self.ctx.text_spot(node, scalar);
        self.ctx.findings.push(finding(problem, &text, true));
    }
}
