//! A drawing as a Mermaid flowchart, for Markdown pages.

use crate::cli::graph::sheet::{Node, Plot, Sheet};
use crate::model::graph::Wait;
use std::fmt::Write as _;

/// The drawing as Mermaid text.
#[must_use]
pub fn mermaid(sheet: &Sheet) -> String {
    let mut text = String::from("flowchart TD\n");
    let many = sheet.sections.len() > 1;
    for (number, (word, plot)) in sheet.sections.iter().enumerate() {
        if many {
            let _ = writeln!(text, "  subgraph part{number}[\"{}\"]", quoted(word));
        }
        draw(plot, &mut text, if many { 2 } else { 1 });
        if many {
            text.push_str("  end\n");
        }
        if number > 0 {
            let _ = writeln!(text, "  part{} --> part{number}", number - 1);
        }
    }
    text
}

fn draw(plot: &Plot, text: &mut String, depth: usize) {
    let indent = "  ".repeat(depth);
    for node in &plot.nodes {
        if node.inner.is_empty() {
            let _ = writeln!(text, "{indent}{}[\"{}\"]", name(node), label(node));
            continue;
        }
        let _ = writeln!(text, "{indent}subgraph {}[\"{}\"]", name(node), label(node));
        for (word, inner) in &node.inner {
            if *word == "steps" {
                draw(inner, text, depth + 1);
            } else {
                let lane = format!("{}_{}", name(node), word.replace(' ', "_"));
                let _ = writeln!(text, "{indent}  subgraph {lane}[\"{}\"]", quoted(word));
                draw(inner, text, depth + 2);
                let _ = writeln!(text, "{indent}  end");
            }
        }
        let _ = writeln!(text, "{indent}end");
    }
    for edge in &plot.edges {
        let arrow = match edge.wait {
            Wait::Satisfied => "-->",
            Wait::Ended => "-.->",
        };
        let _ = writeln!(text, "{indent}{} {arrow} {}", name(&plot.nodes[edge.from]), name(&plot.nodes[edge.to]));
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
