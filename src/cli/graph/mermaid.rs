//! A drawing as a Mermaid flowchart, for Markdown pages.

use crate::cli::graph::sheet::{Node, Plot, Sheet};
use crate::model::graph::Wait;

/// The drawing as Mermaid text.
#[must_use]
pub fn mermaid(sheet: &Sheet) -> String {
    let mut text = String::from("flowchart TD\n");
    let many = sheet.sections.len() > 1;
    for (number, (word, plot)) in sheet.sections.iter().enumerate() {
        if many {
            text.push_str(&format!("  subgraph part{number}[\"{}\"]\n", quoted(word)));
        }
        draw(plot, &mut text, if many { 2 } else { 1 });
        if many {
            text.push_str("  end\n");
        }
        if number > 0 {
            text.push_str(&format!("  part{} --> part{number}\n", number - 1));
        }
    }
    text
}

fn draw(plot: &Plot, text: &mut String, depth: usize) {
    let indent = "  ".repeat(depth);
    for node in &plot.nodes {
        if node.inner.is_empty() {
            text.push_str(&format!("{indent}{}[\"{}\"]\n", name(node), label(node)));
            continue;
        }
        text.push_str(&format!("{indent}subgraph {}[\"{}\"]\n", name(node), label(node)));
        for (word, inner) in &node.inner {
            if *word == "steps" {
                draw(inner, text, depth + 1);
            } else {
                let lane = format!("{}_{}", name(node), word.replace(' ', "_"));
                text.push_str(&format!("{indent}  subgraph {lane}[\"{}\"]\n", quoted(word)));
                draw(inner, text, depth + 2);
                text.push_str(&format!("{indent}  end\n"));
            }
        }
        text.push_str(&format!("{indent}end\n"));
    }
    for edge in &plot.edges {
        let arrow = match edge.wait {
            Wait::Satisfied => "-->",
            Wait::Ended => "-.->",
        };
        text.push_str(&format!("{indent}{} {arrow} {}\n", name(&plot.nodes[edge.from]), name(&plot.nodes[edge.to])));
    }
}

/// Ids of steps may be words of Mermaid (`end`), so each gets a prefix.
fn name(node: &Node) -> String {
    format!("s_{}", node.id)
}

fn label(node: &Node) -> String {
    let when = node.when.as_ref().map_or_else(String::new, |when| format!("<br>when {}", quoted(when)));
    format!("{}<br>{}{when}", quoted(&node.title), quoted(&node.kind))
}

/// Text inside `["…"]`: Mermaid reads HTML and its own entities there.
fn quoted(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '"' => out.push_str("#quot;"),
            '<' => out.push_str("#lt;"),
            '>' => out.push_str("#gt;"),
            '&' => out.push_str("#amp;"),
            '#' => out.push_str("#35;"),
            '`' => out.push_str("#96;"),
            '\\' => out.push_str("#92;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
