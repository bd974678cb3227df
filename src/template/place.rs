//! Giving every placeholder the landing of its own surroundings.

use crate::base::arg::Landing;
use crate::expr::{Problem, ProblemKind};
use crate::template::html::Html;
use crate::template::json::Json;
use crate::template::shell::Shell;
use crate::template::tree::{Block, BlockSort, Item, Put, Spot};
use crate::template::url::Url;

/// How the template as a whole is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whole {
    pub(super) landing: Landing,
    /// An element of an argument vector that stands behind `--`.
    pub(super) after_dashes: bool,
    /// Three braces are allowed.
    pub(super) raw_allowed: bool,
}

/// Notes in every placeholder where it lands.
///
/// # Errors
/// Every placeholder that cannot be made safe where it stands.
pub(super) fn place(items: &mut [Item], whole: Whole) -> Result<(), Vec<Problem>> {
    let mut placer = Placer { whole, problems: Vec::new() };
    let mut state = if whole.landing == Landing::ShellWord {
        State::Shell(Box::new(Shell::new()))
    } else if whole.landing == Landing::Url {
        State::Url(Url::new())
    } else if whole.landing == Landing::Html {
        State::Html(Html::new())
    } else {
        State::Element { empty: true }
    };
    placer.items(items, &mut state, "");
    if placer.problems.is_empty() { Ok(()) } else { Err(placer.problems) }
}

/// Every placeholder that would not stay one value of a JSON text.
pub(super) fn json(items: &[Item]) -> Vec<Problem> {
    let whole = Whole { landing: Landing::Plain, after_dashes: false, raw_allowed: true };
    let mut placer = Placer { whole, problems: Vec::new() };
    placer.items(&mut items.to_vec(), &mut State::Json(Json::default()), "");
    placer.problems
}

/// Where the reading of the surroundings stands.
#[derive(Debug, Clone)]
enum State {
    Shell(Box<Shell>),
    Url(Url),
    Html(Html),
    Json(Json),
    /// Anything else: only whether something was written before matters.
    Element {
        empty: bool,
    },
}

struct Placer {
    whole: Whole,
    problems: Vec<Problem>,
}

impl Placer {
    fn items(&mut self, items: &mut [Item], state: &mut State, after_all: &str) {
        for index in 0..items.len() {
            let after = text_after(&items[index + 1..], after_all);
            match &mut items[index] {
                Item::Lit(text) => state.text(text),
                Item::Put(put) => self.put(put, state, &after),
                Item::Block(block) => self.block(block, state, &after),
            }
        }
    }

    fn put(&mut self, put: &mut Put, state: &mut State, after: &str) {
        if put.raw && !self.whole.raw_allowed {
            let text = "three braces leave out every protection";
            let help = "write two braces, or `unsafe_raw: true` beside it";
            self.problems.push(Problem::new(ProblemKind::Place, put.span, text).help(help));
            return;
        }
        let spot = match state {
            State::Shell(shell) => shell.put(),
            State::Url(url) => url.put(after),
            // What is drawn is markup of ours: only `report` has a name like this, and no item may take it.
            State::Html(html) if put.path().is_some_and(|path| path.len() == 2 && path[0] == "plots") => html.draw(),
            State::Html(html) => html.put(),
            State::Json(json) => json.put(put),
            State::Element { empty } => {
                let alone = *empty && after.is_empty();
                Ok(self.element(std::mem::replace(empty, false), alone))
            }
        };
        match spot {
            Ok(spot) => put.spot = Spot { raw: put.raw || spot.raw, ..spot },
            Err(reason) if !put.raw => {
                let problem = Problem::new(ProblemKind::Place, put.span, reason);
                self.problems.push(match state {
                    State::Shell(_) => problem.help("give the value by `env: { NAME: … }` and write \"$NAME\""),
                    State::Url(_) => problem.help("write the scheme in the text: https://{{ … }}/"),
                    State::Html(_) => problem.help(
                        "put it into text between tags, or into a quoted attribute; write the beginning of a URL: href=\"https://…/{{ … }}\"",
                    ),
                    State::Json(_) => problem.help(
                        "write the document as YAML under `json:` where the kind has it, or `{{ json … }}` without quotes around it",
                    ),
                    State::Element { .. } => problem,
                });
            }
            Err(_) => put.spot.raw = true,
        }
    }

    fn element(&self, first: bool, alone: bool) -> Spot {
        // Where the author wrote the rest of a path, the value is one part of it.
        let part = self.whole.landing == Landing::Path && !alone;
        let landing = if part { Landing::PathPart } else { self.whole.landing };
        Spot { landing, first: first && !self.whole.after_dashes, tail: !alone, raw: false }
    }

    fn block(&mut self, block: &mut Block, state: &mut State, after: &str) {
        state.boundary();
        let before = state.clone();
        let looped = block.sort == BlockSort::Each;
        // What follows an item may be the next item.
        let next = if looped { text_after(&block.body, after) } else { after.to_owned() };
        let mut then = before.clone();
        let problems = self.problems.len();
        self.items(&mut block.body, &mut then, &next);
        then.boundary();
        if looped && self.problems.len() == problems {
            // The second item stands behind the first: the more cautious of both places counts.
            then.merge(&before);
            self.items(&mut block.body, &mut then, &next);
            then.boundary();
        }
        let mut otherwise = before.clone();
        self.items(&mut block.otherwise, &mut otherwise, after);
        otherwise.boundary();
        let fits = then.agrees(&otherwise) && (!looped || then.agrees(&before));
        if !fits {
            let text = format!("what `#{}` writes would change how the text behind it is read", block.sort.as_str());
            let help = "begin and end quotes, tags, commands and parts of a URL on the same side of a block";
            self.problems.push(Problem::new(ProblemKind::Place, block.span, text).help(help));
        }
        then.merge(&otherwise);
        *state = then;
    }
}

impl State {
    fn text(&mut self, text: &str) {
        match self {
            Self::Shell(shell) => shell.text(text),
            Self::Url(url) => url.text(text),
            Self::Html(html) => html.text(text),
            Self::Json(json) => json.text(text),
            Self::Element { empty } => *empty = *empty && text.is_empty(),
        }
    }

    fn boundary(&mut self) {
        match self {
            Self::Shell(shell) => shell.boundary(),
            Self::Url(_) | Self::Html(_) | Self::Json(_) | Self::Element { .. } => {}
        }
    }

    fn agrees(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Shell(a), Self::Shell(b)) => a.agrees(b),
            (Self::Url(a), Self::Url(b)) => a.agrees(b),
            (Self::Html(a), Self::Html(b)) => a.agrees(b),
            (Self::Json(a), Self::Json(b)) => a == b,
            _ => true,
        }
    }

    fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Shell(a), Self::Shell(b)) => a.merge(b),
            (Self::Html(a), Self::Html(b)) => a.merge(b),
            (Self::Element { empty }, Self::Element { empty: theirs }) => *empty |= *theirs,
            _ => {}
        }
    }
}

/// The text right behind a placeholder, as far as it is known; a value counts as a letter.
fn text_after(items: &[Item], after_all: &str) -> String {
    let mut text = String::new();
    for item in items {
        match item {
            Item::Lit(lit) => text.push_str(lit),
            Item::Put(_) | Item::Block(_) => text.push('\u{fffc}'),
        }
    }
    text.push_str(after_all);
    text
}
