//! The arguments of `simulate`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `simulate`
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Simulate {
    /// What is played; the schedules unless said
    #[command(subcommand)]
    pub what: Option<SimulateWhat>,
    /// How many days of the schedules
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=400))]
    pub days: u16,
    /// From this time on instead of now: a local time of the book's zone, or an instant such as 2026-12-31T08:00Z
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// How many starts within one minute are shown as a pile
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(2..=10_000))]
    pub pile: u16,
    /// Print JSON, a line for each trigger and each pile
    #[arg(long)]
    pub json: bool,
}

/// What is played.
#[derive(Debug, Clone, Subcommand)]
pub enum SimulateWhat {
    /// Who would be told when, by what and why, if an incident opened
    Incident(Box<SimulateIncident>),
}

/// `simulate incident`
#[derive(Debug, Clone, Args)]
pub struct SimulateIncident {
    /// What is wrong
    #[arg(value_name = "MESSAGE", default_value = "something is wrong")]
    pub message: String,
    /// Its severity; what the routes say where it is left out
    #[arg(long, value_name = "NAME")]
    pub severity: Option<String>,
    /// Its type: api, sip …
    #[arg(long = "type", value_name = "TYPE")]
    pub kind: Option<String>,
    /// A label for the routes; several are allowed
    #[arg(long = "label", value_name = "NAME=VALUE")]
    pub labels: Vec<String>,
    /// When it opens; now where it is left out
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// A person opens it: level 1 does not end it
    #[arg(long)]
    pub by_hand: bool,
    /// What level 1 comes to: hangs, fails=2m or ok=2m
    #[arg(long, value_name = "WHAT", default_value = "hangs")]
    pub level_1: String,
    /// Somebody takes it, so long after the opening
    #[arg(long, value_name = "TIME")]
    pub ack_at: Option<String>,
    /// Which contact takes it; whoever was told last where it is left out
    #[arg(long, value_name = "CONTACT", requires = "ack_at")]
    pub ack_by: Option<String>,
    /// Whoever takes it does nothing about it: the acknowledgement lapses
    #[arg(long, requires = "ack_at")]
    pub idle: bool,
    /// Somebody ends it, so long after the opening
    #[arg(long, value_name = "TIME")]
    pub resolve_at: Option<String>,
    /// Whoever told of it says that it is over, so long after the opening
    #[arg(long, value_name = "TIME")]
    pub clear_at: Option<String>,
    /// A channel that delivers nothing; several are allowed
    #[arg(long = "channel-down", value_name = "CHANNEL")]
    pub channels_down: Vec<String>,
    /// No daemon runs from then to then, after the opening: 10m..2h
    #[arg(long, value_name = "FROM..TO")]
    pub away: Option<String>,
    /// How long it is played at most
    #[arg(long, value_name = "TIME")]
    pub most: Option<String>,
    /// Show only what another `escalation.yaml` would do differently; exits 1 where there is a difference
    #[arg(long, value_name = "FILE")]
    pub diff: Option<PathBuf>,
    /// Print JSON, a line for each thing that happens
    #[arg(long)]
    pub json: bool,
}
