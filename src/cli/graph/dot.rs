//! A drawing for Graphviz.

use crate::cli::graph::sheet::{Node, Plot, Sheet};
use crate::model::graph::Wait;
use std::fmt::Write as _;

/// The drawing as DOT text.
#[must_use]
pub fn dot(sheet: &Sheet) -> String {
    let mut text = format!(
        "digraph runbook {{\n  label=\"{}\"; labelloc=t; compound=true;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n",
        quoted(&sheet.title)
    );
    for (number, (word, plot)) in sheet.sections.iter().enumerate() {
        let _ = writeln!(text, "  subgraph cluster_part{number} {{\n    label=\"{}\";", quoted(word));
        draw(plot, &mut text, 2);
        text.push_str("  }\n");
        let ends = number
            .checked_sub(1)
            .and_then(|before| Some((before, sheet.sections[before].1.nodes.last()?, plot.nodes.first()?)));
        if let Some((before, last, first)) = ends {
            let _ = writeln!(
                text,
                "  {} -> {} [ltail=cluster_part{before}, lhead=cluster_part{number}, style=bold];",
                name(last),
                name(first)
            );
        }
    }
    text.push_str("}\n");
    text
}

fn draw(plot: &Plot, text: &mut String, depth: usize) {
    let indent = "  ".repeat(depth);
    for node in &plot.nodes {
        if node.inner.is_empty() {
            let _ = writeln!(text, "{indent}{} [label=\"{}\"];", name(node), label(node));
            continue;
        }
        // The group's own box carries its edges; what is inside stands around it.
        let _ = writeln!(text, "{indent}subgraph cluster_{} {{\n{indent}  style=dashed;", node.id);
        let _ = writeln!(text, "{indent}  {} [label=\"{}\", style=bold];", name(node), label(node));
        for (word, inner) in &node.inner {
            let _ = writeln!(text, "{indent}  subgraph cluster_{}_{} {{", node.id, word.replace(' ', "_"));
            let _ = writeln!(text, "{indent}    label=\"{}\";", quoted(word));
            draw(inner, text, depth + 2);
            let _ = writeln!(text, "{indent}  }}");
        }
        let _ = writeln!(text, "{indent}}}");
    }
    for edge in &plot.edges {
        let style = match edge.wait {
            Wait::Satisfied => "",
            Wait::Ended => " [style=dashed]",
        };
        let (from, to) = (name(&plot.nodes[edge.from]), name(&plot.nodes[edge.to]));
        let _ = writeln!(text, "{indent}{from} -> {to}{style};");
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
