//! Columns of text, as wide as they must be and as the terminal lets them.

use crate::cli::view::{Line, Tone};
use crate::diagnostic::render::Style;
use unicode_width::UnicodeWidthStr;

/// One cell.
#[derive(Debug, Clone)]
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A cell.
    #[must_use]
    pub fn new(text: &str, tone: Tone) -> Self {
        Self { text: text.into(), tone }
    }
}

/// The rows as text; the last column is cut where the terminal ends.
#[must_use]
pub fn table(rows: &[Vec<Cell>], style: Style) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let wide = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.text.width()).max();
    let widths: Vec<usize> = (0..columns).map(|column| wide(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = Line::default();
        for (column, cell) in row.iter().enumerate() {
            let pad = if column + 1 < columns { widths[column] - cell.text.width() + 2 } else { 0 };
            line = line.and(&cell.text, cell.tone).and(&" ".repeat(pad), Tone::Plain);
        }
        text.push_str(&line.cut(style.width, style).text(style));
        text.push('\n');
    }
    text
}
