//! A drawing as lines of text: layers from top to bottom, steps of one layer under one bracket.

use crate::cli::graph::sheet::{Plot, Sheet};
use crate::cli::view::{Line, Tone};
use crate::diagnostic::render::Style;
use crate::model::graph::Wait;
use std::fmt::Write as _;
use unicode_width::UnicodeWidthStr;

/// The drawing for a terminal. Pure text: it looks the same in a pipe.
#[must_use]
pub fn terminal(sheet: &Sheet, style: Style) -> String {
    let mut text = format!("{}\n", sheet.title);
    for (word, plot) in &sheet.sections {
        let _ = if *word == "steps" { writeln!(text) } else { writeln!(text, "\n{word}") };
        draw(plot, "  ", style, &mut text);
    }
    text
}

fn draw(plot: &Plot, indent: &str, style: Style, text: &mut String) {
    let id = plot.nodes.iter().map(|node| node.id.width()).max().unwrap_or(0);
    let layers = plot.layers();
    for (number, layer) in layers.iter().enumerate() {
        if number > 0 {
            let _ = writeln!(text, "{indent}{}", if style.unicode { "↓" } else { "|" });
        }
        for (row, at) in layer.iter().enumerate() {
            let node = &plot.nodes[*at];
            let bracket = bracket(row, layer.len(), style.unicode);
            let title = if node.title == node.id { String::new() } else { format!("  {}", node.title) };
            let mut notes = vec![node.kind.clone()];
            notes.extend(waits(plot, &layers, number, *at));
            notes.extend(node.when.iter().map(|when| format!("when {when}")));
            let head = format!("{indent}{bracket}{:id$}", node.id);
            let line = format!("{head}{title}  [{}]", notes.join("; "));
            if line.width() <= style.width {
                let _ = writeln!(text, "{line}");
            } else {
                let _ = writeln!(text, "{}", format!("{head}{title}").trim_end());
                let rest = format!("{indent}    [{}]", notes.join("; "));
                let folded = Line::new(&rest, Tone::Plain).fold(style.width, indent.len() + 5);
                for line in &folded {
                    let _ = writeln!(text, "{}", line.text(style));
                }
            }
            for (word, inner) in &node.inner {
                if *word != "steps" {
                    let _ = writeln!(text, "{indent}    {word}:");
                }
                draw(inner, &format!("{indent}    "), style, text);
            }
        }
    }
}

fn bracket(row: usize, rows: usize, unicode: bool) -> &'static str {
    match (rows, row, unicode) {
        (1, _, _) => "",
        (_, 0, true) => "┌ ",
        (_, row, true) if row + 1 == rows => "└ ",
        (_, _, true) => "│ ",
        (_, _, false) => "| ",
    }
}

/// What it waits for, where that is not simply the whole layer above.
fn waits(plot: &Plot, layers: &[Vec<usize>], layer: usize, at: usize) -> Vec<String> {
    let edges: Vec<_> = plot.edges.iter().filter(|edge| edge.to == at).collect();
    let above = layer.checked_sub(1).and_then(|above| layers.get(above));
    let plain =
        above.is_none_or(|above| above.len() == edges.len() && edges.iter().all(|edge| above.contains(&edge.from)));
    let words = [(Wait::Satisfied, "needs"), (Wait::Ended, "after")];
    let named = words.into_iter().filter_map(|(wait, word)| {
        let from: Vec<&str> =
            edges.iter().filter(|edge| edge.wait == wait).map(|edge| plot.nodes[edge.from].id.as_str()).collect();
        let told = !from.is_empty() && (!plain || wait == Wait::Ended);
        told.then(|| format!("{word} {}", from.join(", ")))
    });
    named.collect()
}
