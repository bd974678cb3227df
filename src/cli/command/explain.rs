//! `explain`: the manual page of a code, a kind of step or a key.

use crate::cli::args::Explain;
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;
use crate::diagnostic::{Code, closest};
use crate::model::kind::Kind;
use crate::model::shape::{Effects, Key, KindSpec, Shape};

/// Explains what was named, or lists what can be.
pub fn run(args: &Explain, _settings: &Settings) -> Result<Exit, Trouble> {
    match &args.what {
        None => output::data(&index())?,
        Some(what) => output::data(&page(what)?)?,
    }
    Ok(Exit::Fine)
}

/// The page of `what`.
fn page(what: &str) -> Result<String, Trouble> {
    let upper = what.to_ascii_uppercase();
    if let Some(code) = Code::ALL.iter().find(|code| code.as_str() == upper) {
        return Ok(format!("{}: {}\n\n{}", code.as_str(), code.title(), body(code.page())));
    }
    if let Some(kind) = Kind::parse(what) {
        return Ok(kind_page(kind.spec()));
    }
    let known = Code::ALL.iter().map(|code| code.as_str()).chain(Kind::ALL.iter().map(|kind| kind.name()));
    let help = match closest(what, known.clone()).or_else(|| closest(&upper, known)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`stepladder explain` lists everything there is".into(),
    };
    Err(Trouble::new(format!("`{what}` is neither a code nor a kind of step")).help(help))
}

/// The page without the title line that we print ourselves.
fn body(page: &str) -> String {
    let text = match page.split_once('\n') {
        Some((first, rest)) if first.starts_with("# ") => rest,
        Some(_) | None => page,
    };
    format!("{}\n", text.trim())
}

fn index() -> String {
    let codes = Code::ALL.iter().map(|code| format!("  {}  {}\n", code.as_str(), code.title()));
    let kinds = Kind::ALL.iter().map(|kind| format!("  {:<10}  {}\n", kind.name(), kind.spec().doc));
    let (codes, kinds): (String, String) = (codes.collect(), kinds.collect());
    format!("Codes of findings:\n{codes}\nKinds of steps:\n{kinds}")
}

fn kind_page(spec: &KindSpec) -> String {
    let example: String = spec.example.lines().map(|line| format!("    {line}\n")).collect();
    let effects = match spec.effects {
        Effects::Reads => "It only reads: a dry run runs it, and after a crash it is tried again.",
        Effects::Changes => {
            "It may change something: a dry run only says what it would do, and it is never repeated unasked."
        }
        Effects::Depends => "Its parameters say whether it reads or changes something.",
    };
    let mut text = format!("{}: {}\n\n{example}\n{effects}\n", spec.name, spec.doc);
    let keys = keys(&spec.shape, 0);
    if !keys.is_empty() {
        text.push_str(&format!("\nKeys:\n{keys}"));
    }
    let output: String =
        spec.output.iter().map(|field| format!("  output.{:<12} {}\n", field.name, field.doc)).collect();
    if !output.is_empty() {
        text.push_str(&format!("\nWhat it puts out:\n{output}"));
    }
    text
}

/// The keys of a shape, those inside them indented.
fn keys(shape: &Shape, depth: usize) -> String {
    let one = |key: &Key| {
        let need = if key.required { " (must be there)" } else { "" };
        format!("{}  {:<12} {}{need}\n{}", "  ".repeat(depth), key.name, key.doc, keys(&key.shape, depth + 1))
    };
    match shape {
        Shape::Record(list) => list.iter().map(one).collect(),
        Shape::Either(shapes) => shapes.iter().map(|shape| keys(shape, depth)).collect(),
        Shape::List(shape) | Shape::Many(shape) | Shape::Map(shape) => keys(shape, depth),
        Shape::Text(_)
        | Shape::Verbatim
        | Shape::Prose
        | Shape::Id
        | Shape::Name
        | Shape::Int(..)
        | Shape::Number
        | Shape::Bool
        | Shape::Duration
        | Shape::Size
        | Shape::Choice(_)
        | Shape::Regex
        | Shape::Expr
        | Shape::Any(_)
        | Shape::Literal
        | Shape::Syntax(_)
        | Shape::Step
        | Shape::Steps => String::new(),
    }
}
