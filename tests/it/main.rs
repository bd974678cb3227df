//! The one integration binary: each file is a topic, each topic a folder of cases or a table.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its case has nothing better to do than panic")]
#![expect(clippy::wildcard_enum_match_arm, reason = "a test speaks of the cases it is about")]
#![expect(clippy::print_stdout, reason = "what was skipped or counted is said")]
#![expect(clippy::type_complexity, reason = "a table of a simulation is read where it is")]

mod alertmanager;
mod alerts;
mod artifacts;
mod channels;
mod check;
mod children;
mod cli;
mod clock_changes;
mod complete;
mod cookbook;
mod crash;
mod cron_table;
mod damage;
mod docs;
mod floors;
mod golden;
mod hands;
mod http;
mod incident;
mod incident_table;
mod incidents;
mod keeper;
mod keeper_client;
mod kill;
mod kinds;
mod ladder_world;
mod lang;
mod links;
mod main_job;
mod mutation;
mod noise;
mod oncall;
mod order;
mod owner;
mod pinned;
mod reading;
mod reload;
mod requirements;
mod rules;
mod run;
mod rust_text;
mod schedule_policy;
mod schedule_table;
mod sealed;
mod series;
mod serve;
mod shell_values;
mod sim;
mod simulate;
mod socket;
mod step_files;
mod store;
mod stranded;
mod tidy;
mod transitions;
mod trials;
mod triggers;
mod typed;
mod watched;
mod why;
mod wire;
mod world;
