//! `files`: a plan of what would be done to which file, and the plan carried out.
//!
//! A dry run ends after the plan, so that it lists what a run does.

mod carry;
mod plan;
mod rotate;
mod tally;
#[cfg(test)]
mod tests;

use crate::act::args::Args;
use crate::act::door::{Door, Patterns};
use crate::act::files::plan::{Choice, Limit, Mode, Plan};
use crate::act::files::tally::Tally;
use crate::act::pack::Format;
use crate::act::roots::{self, Halt};
use crate::act::verdict::Done;
use crate::act::world::World;
use crate::model::kind::{parse_mode, parse_share};
use crate::model::perform::{Failure, Request};
use crate::model::policy::FailureKind;
use std::path::PathBuf;

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) struct Order {
    action: Action,
    /// The root's name and directory.
    root: String,
    directory: PathBuf,
    patterns: Patterns,
    choice: Choice,
    at_most: Option<Limit>,
    missing_ok: bool,
    /// Whether directories are listed, too.
    directories: bool,
    /// Now, in seconds and as rotated files are named.
    now: i64,
    stamp: String,
    /// What the run's plan lists: nothing else is touched.
    listed: Option<Vec<String>>,
}

/// What is done to each file.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Action {
    Find,
    Verify,
    Compress(Format),
    Remove {
        archived: bool,
    },
    Move {
        /// The other root, where it is another one.
        root: Option<PathBuf>,
        below: PathBuf,
    },
    Rotate {
        format: Format,
        cut: bool,
        keep: Option<usize>,
    },
}

pub(super) async fn perform(args: &Args, world: &World, request: &Request) -> Result<Done, Failure> {
    let order = Order { listed: request.listed.clone(), ..Order::read(args, world)? };
    let rehearsal = request.rehearsal;
    roots::blocking(move |halt| order.run(rehearsal, halt)).await
}

impl Order {
    fn read(args: &Args, world: &World) -> Result<Self, Failure> {
        let root = args.need("root")?;
        let directory = roots::directory(world, &root)?;
        let (action, include) = action(args, world)?;
        let wrong = |why: String| Failure::lasting(FailureKind::Template, why);
        let depth = args.count("depth")?.map(|depth| usize::try_from(depth).unwrap_or(usize::MAX));
        let patterns = Patterns::new(&include, &args.texts("exclude"), false).map_err(wrong)?.no_deeper(depth);
        let directories = args.flag("directories")?.unwrap_or(false);
        if directories && action != Action::Find {
            let why = "`directories` is for `find`: nothing is done to directories";
            return Err(Failure::lasting(FailureKind::Template, why));
        }
        let now = world.now.as_second();
        let back = |key: &str| {
            let span = args.span(key)?;
            Ok::<_, Failure>(span.map(|span| now.saturating_sub_unsigned(span.as_secs())))
        };
        let choice = Choice {
            older: back("older_than")?,
            newer: back("newer_than")?,
            larger: args.count("larger_than")?,
            smaller: args.count("smaller_than")?,
            mode: Mode::read(&Args::from_map(args.map("mode")))?,
            skip_newest: usize::try_from(args.count("skip_newest")?.unwrap_or(0)).unwrap_or(usize::MAX),
        };
        let share = args.text("at_most").and_then(|text| parse_share(&text)).map(Limit::Share);
        let at_most = match share {
            Some(share) => Some(share),
            None => args.count("at_most")?.map(Limit::Count),
        };
        let stamp = world.now.strftime("%Y%m%dT%H%M%SZ").to_string();
        let missing_ok = args.text("missing").as_deref() == Some("ok");
        let listed = None;
        Ok(Self { action, root, directory, patterns, choice, at_most, missing_ok, directories, now, stamp, listed })
    }

    fn run(&self, rehearsal: bool, halt: &Halt) -> Result<Done, Failure> {
        let door = match Door::existing(&self.directory) {
            Ok(door) => door,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && self.missing_ok => {
                return Ok(Done::new(Tally::default().output(self, rehearsal, Some("the root is not there"))));
            }
            Err(error) => {
                let what = format!("root `{}` ({}) can't be opened", self.root, self.directory.display());
                return Err(roots::failure(&what, &error));
            }
        };
        let changes = !rehearsal && !matches!(self.action, Action::Find | Action::Verify);
        let _held = changes.then(|| roots::hold(&door, &self.directory, halt)).transpose()?;
        let plan = Plan::of(self, &door, halt)?;
        let mut tally = Tally::of(&plan);
        let too_many = plan.too_many(self);
        let refused = |message: String| Failure::lasting(FailureKind::Expect, message);
        match too_many {
            // As a run would end, with what is in the way: a dry run past `at_most` is no good end.
            Some(why) if rehearsal => {
                plan.items.iter().for_each(|item| tally.would(item));
                let message = format!(
                    "{why}: a run refuses, and touches nothing. If it is right, raise `at_most` for once. It is about {}",
                    tally.names()
                );
                return Err(Failure { output: tally.output(self, rehearsal, None), ..refused(message) });
            }
            Some(why) => {
                let way = "nothing was. Look with a dry run; if it is right, raise `at_most` for once";
                return Err(refused(format!("{why}: {way}")));
            }
            None if rehearsal => plan.items.iter().for_each(|item| tally.would(item)),
            None => self.carry_out(&door, &plan, &mut tally, halt)?,
        }
        Ok(Done::new(tally.output(self, rehearsal, None)))
    }
}

impl Mode {
    fn read(args: &Args) -> Result<Self, Failure> {
        let bits = |key: &str| {
            let Some(text) = args.text(key) else { return Ok(None) };
            let wrong = || format!("`mode.{key}`: `{text}` are no permission bits: write octal digits, like `077`");
            let bits = parse_mode(&text).ok_or_else(|| Failure::lasting(FailureKind::Template, wrong()))?;
            Ok::<_, Failure>(Some(bits))
        };
        let (all, none) = (bits("all_of")?.unwrap_or(0), bits("none_of")?.unwrap_or(0));
        Ok(Self { any: bits("any_of")?, all, none })
    }
}

fn action(args: &Args, world: &World) -> Result<(Action, Vec<String>), Failure> {
    let format = Format::parse(&args.text("format").unwrap_or_default());
    let of = |key: &str| args.has(key).then(|| args.texts(key));
    if let Some(patterns) = of("find") {
        return Ok((Action::Find, patterns));
    }
    if let Some(patterns) = of("verify") {
        return Ok((Action::Verify, patterns));
    }
    if let Some(patterns) = of("compress") {
        return Ok((Action::Compress(format), patterns));
    }
    if let Some(patterns) = of("remove") {
        return Ok((Action::Remove { archived: args.flag("archived")?.unwrap_or(false) }, patterns));
    }
    if let Some(patterns) = of("rotate") {
        let cut = args.text("how").as_deref() == Some("copy_truncate");
        let keep = args.count("keep")?.map(|keep| usize::try_from(keep).unwrap_or(usize::MAX));
        return Ok((Action::Rotate { format, cut, keep }, patterns));
    }
    let missing = "`files` does one of find, verify, compress, remove, move, rotate";
    let patterns = of("move").ok_or_else(|| Failure::lasting(FailureKind::Template, missing))?;
    let root = args.text("to_root").map(|root| roots::directory(world, &root)).transpose()?;
    let below = match (args.text("to"), &root) {
        (Some(to), _) => PathBuf::from(to),
        (None, Some(_)) => PathBuf::new(),
        (None, None) => return Err(Failure::lasting(FailureKind::Template, "`move` needs `to` or `to_root`")),
    };
    let within = |part: std::path::Component<'_>| matches!(part, std::path::Component::Normal(_));
    if !below.components().all(within) {
        let why = format!("`to: {}` leads outside: write a directory below the root", below.display());
        return Err(Failure::lasting(FailureKind::Template, why));
    }
    Ok((Action::Move { root, below }, patterns))
}
