//! `graph`: the steps of a runbook and what waits for what.

use crate::cli::args::{Graph, GraphFormat};
use crate::cli::exit::Exit;
use crate::cli::graph::{Sheet, dot, mermaid, svg, terminal};
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;
use crate::cli::{output, shelf};

/// Draws a runbook.
pub fn run(args: &Graph, settings: &Settings) -> Result<Exit, Trouble> {
    let loaded = shelf::load(&settings.book()?)?;
    let sheet = Sheet::of(shelf::runbook(&loaded, &args.runbook)?.as_ref());
    output::data(&match args.format {
        GraphFormat::Terminal => terminal(&sheet, settings.out),
        GraphFormat::Mermaid => mermaid(&sheet),
        GraphFormat::Dot => dot(&sheet),
        GraphFormat::Svg => svg(&sheet),
    })?;
    Ok(Exit::Fine)
}
