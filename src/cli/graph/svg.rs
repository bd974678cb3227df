//! A drawing as a picture that needs nothing else: one SVG file, light and dark.

use crate::cli::graph::sheet::{Node, Plot, Sheet};
use crate::model::graph::Wait;
use std::fmt::Write;
use unicode_width::UnicodeWidthStr;

/// Width of a character of the label font, on the safe side.
const CHAR: usize = 8;
/// Height of a line of text.
const LINE: usize = 18;
/// Room around everything.
const GAP: usize = 24;
/// Room between two layers, for the arrows.
const BETWEEN: usize = 40;
/// Room inside a box.
const PAD: usize = 10;

/// Colours follow the reader's choice of light or dark.
const STYLE: &str = "text{font:13px sans-serif;fill:#1f2328}.t{font-weight:600}.s{fill:#59636e;font-size:12px}\
rect{fill:#f6f8fa;stroke:#8c959f}path{fill:none;stroke:#59636e}.a{stroke-dasharray:4 3}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.s{fill:#9198a1}rect{fill:#161b22;stroke:#6e7681}path{stroke:#9198a1}}";

/// A box on the picture.
#[derive(Debug, Clone, Copy)]
struct Place {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
}

/// The drawing as SVG text.
#[must_use]
pub fn svg(sheet: &Sheet) -> String {
    let mut body = String::new();
    let (mut y, mut width) = (GAP + LINE, sheet.title.width() * CHAR + 2 * GAP);
    for (word, plot) in &sheet.sections {
        if sheet.sections.len() > 1 {
            y += LINE;
            text(&mut body, GAP, y, "s", word);
        }
        let (places, end, right) = lay_out(plot, y + GAP);
        arrows(&mut body, plot, &places);
        plot.nodes.iter().zip(&places).for_each(|(node, place)| boxed(&mut body, node, *place));
        y = end;
        width = width.max(right + GAP);
    }
    let height = y + GAP;
    let mut picture = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\">\n\
         <title>{}</title>\n<style>{STYLE}</style>\n\
         <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\">\
         <path d=\"M0 0L8 4L0 8\"/></marker></defs>\n",
        escaped(&sheet.title)
    );
    text(&mut picture, GAP, GAP, "t", &sheet.title);
    picture + body.as_str() + "</svg>\n"
}

/// Where every box is, the bottom and the right end.
fn lay_out(plot: &Plot, top: usize) -> (Vec<Place>, usize, usize) {
    let sizes: Vec<(usize, usize)> = plot.nodes.iter().map(size).collect();
    let layers = plot.layers();
    let across = |layer: &[usize]| layer.iter().map(|at| sizes[*at].0 + GAP).sum::<usize>().saturating_sub(GAP);
    let widest = layers.iter().map(|layer| across(layer)).max().unwrap_or(0);
    let mut places = vec![Place { x: 0, y: 0, width: 0, height: 0 }; sizes.len()];
    let mut y = top;
    for layer in &layers {
        let mut x = GAP + (widest - across(layer)) / 2;
        for at in layer {
            let (width, height) = sizes[*at];
            places[*at] = Place { x, y, width, height };
            x += width + GAP;
        }
        y += layer.iter().map(|at| sizes[*at].1).max().unwrap_or(0) + BETWEEN;
    }
    (places, y.saturating_sub(BETWEEN), GAP + widest)
}

/// The lines below the title: kind, condition, and what is inside, indented.
fn lines(node: &Node) -> Vec<String> {
    let mut lines = vec![node.kind.clone()];
    lines.extend(node.when.iter().map(|when| format!("when {when}")));
    inside(node, 1, &mut lines);
    lines
}

fn inside(node: &Node, depth: usize, lines: &mut Vec<String>) {
    // No-break spaces: SVG folds the others.
    let indent = "\u{a0}\u{a0}".repeat(depth);
    for (word, plot) in &node.inner {
        if *word != "steps" {
            lines.push(format!("{indent}{word}:"));
        }
        for inner in &plot.nodes {
            lines.push(format!("{indent}· {} ({})", inner.title, inner.kind));
            inside(inner, depth + 1, lines);
        }
    }
}

fn size(node: &Node) -> (usize, usize) {
    let lines = lines(node);
    let longest = lines.iter().map(|line| line.width()).chain([node.title.width()]).max().unwrap_or(0);
    (longest * CHAR + 2 * PAD, (lines.len() + 1) * LINE + PAD)
}

fn boxed(out: &mut String, node: &Node, place: Place) {
    let Place { x, y, width, height } = place;
    // Writing to a string does not fail.
    let _ = writeln!(out, "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>");
    text(out, x + PAD, y + LINE, "t", &node.title);
    for (number, line) in lines(node).iter().enumerate() {
        text(out, x + PAD, y + LINE * (number + 2), "s", line);
    }
}

fn arrows(out: &mut String, plot: &Plot, places: &[Place]) {
    for edge in &plot.edges {
        let (from, to) = (places[edge.from], places[edge.to]);
        let class = match edge.wait {
            Wait::Satisfied => "n",
            Wait::Ended => "a",
        };
        let (x1, y1, x2, y2) = (from.x + from.width / 2, from.y + from.height, to.x + to.width / 2, to.y);
        let bend = BETWEEN / 2;
        let _ = writeln!(
            out,
            "<path class=\"{class}\" marker-end=\"url(#tip)\" d=\"M{x1} {y1}C{x1} {},{x2} {},{x2} {y2}\"/>",
            y1 + bend,
            y2.saturating_sub(bend)
        );
    }
}

fn text(out: &mut String, x: usize, y: usize, class: &str, line: &str) {
    let _ = writeln!(out, "<text x=\"{x}\" y=\"{y}\" class=\"{class}\">{}</text>", escaped(line));
}

fn escaped(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
