//! What may be typed of measures.

use clap::Args;

/// `measures`
#[derive(Debug, Clone, Default, Args)]
pub struct Measures {
    /// The measure; all of them, with their last samples, unless said
    #[arg(value_name = "MEASURE")]
    pub measure: Option<String>,
    /// Only series with these labels
    #[arg(value_name = "LABEL=VALUE", requires = "measure")]
    pub labels: Vec<String>,
    /// The time up to now, or up to --to: `6h`, `7d`; a day unless said
    #[arg(long, value_name = "TIME", requires = "measure", conflicts_with = "from")]
    pub last: Option<String>,
    /// From this time on: a local time of the book's zone, or an instant such as 2026-12-31T08:00Z
    #[arg(long, value_name = "TIME", requires = "measure")]
    pub from: Option<String>,
    /// Up to this time
    #[arg(long, value_name = "TIME", requires = "measure")]
    pub to: Option<String>,
    /// What a point stands for: `5m`, `1h`, `1d`, or `raw` for every sample
    #[arg(long, value_name = "STEP", requires = "measure")]
    pub step: Option<String>,
    /// Every point in a table, too
    #[arg(long, requires = "measure")]
    pub table: bool,
    /// Print a line of JSON for each series
    #[arg(long)]
    pub json: bool,
}
