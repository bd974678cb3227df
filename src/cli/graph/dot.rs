//! A drawing for Graphviz.

use crate::cli::graph::sheet::{Node, Plot, Sheet};
use crate::model::graph::Wait;

/// The drawing as DOT text.
#[must_use]
pub fn dot(sheet: &Sheet) -> String {
    let mut text = format!(
        "digraph runbook {{\n  label=\"{}\"; labelloc=t; compound=true;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n",
        quoted(&sheet.title)
    );
    for (number, (word, plot)) in sheet.sections.iter().enumerate() {
        text.push_str(&format!("  subgraph cluster_part{number} {{\n    label=\"{}\";\n", quoted(word)));
        draw(plot, &mut text, 2);
        text.push_str("  }\n");
        let ends = number
            .checked_sub(1)
            .and_then(|before| Some((before, sheet.sections[before].1.nodes.last()?, plot.nodes.first()?)));
        if let Some((before, last, first)) = ends {
            text.push_str(&format!(
                "  {} -> {} [ltail=cluster_part{before}, lhead=cluster_part{number}, style=bold];\n",
                name(last),
                name(first)
            ));
        }
    }
    text.push_str("}\n");
    text
}

fn draw(plot: &Plot, text: &mut String, depth: usize) {
    let indent = "  ".repeat(depth);
    for node in &plot.nodes {
        if node.inner.is_empty() {
            text.push_str(&format!("{indent}{} [label=\"{}\"];\n", name(node), label(node)));
            continue;
        }
        // The group's own box carries its edges; what is inside stands around it.
        text.push_str(&format!("{indent}subgraph cluster_{} {{\n{indent}  style=dashed;\n", node.id));
        text.push_str(&format!("{indent}  {} [label=\"{}\", style=bold];\n", name(node), label(node)));
        for (word, inner) in &node.inner {
            text.push_str(&format!("{indent}  subgraph cluster_{}_{} {{\n", node.id, word.replace(' ', "_")));
            text.push_str(&format!("{indent}    label=\"{}\";\n", quoted(word)));
            draw(inner, text, depth + 2);
            text.push_str(&format!("{indent}  }}\n"));
        }
        text.push_str(&format!("{indent}}}\n"));
    }
    for edge in &plot.edges {
        let style = match edge.wait {
            Wait::Satisfied => "",
            Wait::Ended => " [style=dashed]",
        };
        let (from, to) = (name(&plot.nodes[edge.from]), name(&plot.nodes[edge.to]));
        text.push_str(&format!("{indent}{from} -> {to}{style};\n"));
    }
}

/// Ids of steps may be words of DOT (`graph`), so each gets a prefix.
fn name(node: &Node) -> String {
    format!("s_{}", node.id)
}

fn label(node: &Node) -> String {
    let when = node.when.as_ref().map_or_else(String::new, |when| format!("\\nwhen {}", quoted(when)));
    format!("{}\\n{}{when}", quoted(&node.title), quoted(&node.kind))
}

fn quoted(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
