//! A look at one runbook file without checking it: what a shell completes while somebody types.
//!
//! As much as can be read of a text that is broken; nothing is said about what is wrong.

use crate::diagnostic::{Diagnostics, FileId};
use crate::lang::yaml::{self, Node};

/// What stands in a runbook file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Glance {
    /// Its title.
    pub title: Option<String>,
    /// Its inputs.
    pub inputs: Vec<InputGlance>,
    /// Ids of its own steps, each with its title.
    pub steps: Vec<(String, Option<String>)>,
}

/// One input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputGlance {
    /// Its name.
    pub name: String,
    /// What it wants, in a word.
    pub ty: String,
    /// What it may be, where that is a list.
    pub options: Vec<String>,
}

/// What stands in a runbook file.
#[must_use]
pub fn glance(text: &str) -> Glance {
    let stream = yaml::read(FileId(0), text, &mut Diagnostics::default());
    let Some(root) = stream.documents.first().and_then(|document| document.root.as_ref()) else {
        return Glance::default();
    };
    let inputs = root.get("inputs").and_then(Node::pairs).unwrap_or_default().iter();
    let steps = root.get("steps").and_then(Node::items).unwrap_or_default().iter();
    Glance {
        title: root.get("title").and_then(text_of),
        inputs: inputs.filter_map(|(name, node)| Some(input(text_of(name)?, node))).collect(),
        steps: steps
            .filter_map(|step| Some((text_of(step.get("id")?)?, step.get("title").and_then(text_of))))
            .collect(),
    }
}

fn input(name: String, node: &Node) -> InputGlance {
    let written = node.name().map(str::to_owned).or_else(|| node.get("type").and_then(text_of));
    let options: Vec<_> =
        node.get("options").and_then(Node::items).unwrap_or_default().iter().filter_map(text_of).collect();
    let ty = written.unwrap_or_else(|| if options.is_empty() { "text" } else { "choice" }.to_owned());
    let options = if ty == "boolean" { vec!["true".into(), "false".into()] } else { options };
    InputGlance { name, ty, options }
}

fn text_of(node: &Node) -> Option<String> {
    node.scalar().map(|scalar| scalar.text.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_read_of_a_broken_text_is_there() {
        let text = "runbook: x\ntitle: Deploy it\ninputs:\n  target: { options: [staging, production] }\n  fast: boolean\n  tries: { type: integer }\nsteps:\n  - { id: build, title: Build, shel: make }\n  - { id: ship, needs: [nothing] }\n  - shell: no id\n";
        let read = glance(text);
        assert_eq!(read.title.as_deref(), Some("Deploy it"));
        let inputs: Vec<_> =
            read.inputs.iter().map(|input| format!("{} {} {:?}", input.name, input.ty, input.options)).collect();
        assert_eq!(
            inputs,
            ["target choice [\"staging\", \"production\"]", "fast boolean [\"true\", \"false\"]", "tries integer []"]
        );
        assert_eq!(read.steps, [("build".to_owned(), Some("Build".to_owned())), ("ship".to_owned(), None)]);
        for cut in 0..text.len() {
            let _ = glance(&text[..cut]);
        }
        assert_eq!(glance("\t[}"), Glance::default());
    }
}
