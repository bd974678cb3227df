//! `schema`: JSON Schemas for editors, and the OpenAPI document of the daemon.

use crate::api::openapi;
use crate::cli::args::Schema;
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;
use crate::diagnostic::closest;
use crate::lang::schema::{names, schema};
use std::path::Path;

/// Prints one schema, writes all of them, or lists their names.
pub fn run(args: &Schema, settings: &Settings) -> Result<Exit, Trouble> {
    match (&args.name, &args.write) {
        (Some(name), _) => output::data(&one(name)?)?,
        (None, Some(dir)) => write(&settings.cwd().join(dir))?,
        (None, None) => {
            all().into_iter().try_for_each(output::line)?;
            output::aside("`stepladder schema NAME` prints one, `stepladder schema --write DIR` writes all");
        }
    }
    Ok(Exit::Fine)
}

/// The name of the OpenAPI document among the schemas.
pub const OPENAPI: &str = "openapi";

/// The names of all there are.
pub fn all() -> Vec<&'static str> {
    names().into_iter().chain([OPENAPI]).collect()
}

fn one(name: &str) -> Result<String, Trouble> {
    if name == OPENAPI {
        return Ok(openapi::text().to_owned());
    }
    schema(name).ok_or_else(|| {
        let trouble = Trouble::new(format!("no schema `{name}`"));
        match closest(name, all()) {
            Some(near) => trouble.help(format!("did you mean `{near}`?")),
            None => trouble.help(format!("there are {}", all().join(", "))),
        }
    })
}

fn write(dir: &Path) -> Result<(), Trouble> {
    std::fs::create_dir_all(dir).map_err(|reason| Trouble::io("make the directory", dir, &reason))?;
    for name in all() {
        let ending = if name == OPENAPI { "json" } else { "schema.json" };
        let path = dir.join(format!("{name}.{ending}"));
        std::fs::write(&path, one(name)?).map_err(|reason| Trouble::io("write", &path, &reason))?;
        output::line(&path.display().to_string())?;
    }
    output::aside(
        "for editors: `# yaml-language-server: $schema=../schemas/runbook.schema.json` as a file's first line",
    );
    Ok(())
}
