//! `docs/kinds.md` is made from the table of kinds; `UPDATE=1` writes it.

use std::fmt::Write;
use std::path::Path;
use stepladder::model::kind::Kind;
use stepladder::model::shape::{Effects, Field, FieldType, Key, Shape};

fn shape(shape: &Shape) -> String {
    match shape {
        Shape::Text(_) => "text".into(),
        Shape::Verbatim | Shape::Prose => "text, not templated".into(),
        Shape::Id | Shape::Name => "a name".into(),
        Shape::Int(least, most) if *most == i64::MAX => format!("a whole number from {least}"),
        Shape::Int(least, most) => format!("a whole number, {least} to {most}"),
        Shape::Number => "a number".into(),
        Shape::Bool => "true or false".into(),
        Shape::Duration => "a length of time".into(),
        Shape::Size => "an amount of bytes".into(),
        Shape::Choice(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Shape::Regex => "a regular expression".into(),
        Shape::Expr => "an expression".into(),
        Shape::List(of) => format!("a list: {}", self::shape(of)),
        Shape::Many(of) => format!("one or a list: {}", self::shape(of)),
        Shape::Map(of) => format!("a map: {}", self::shape(of)),
        Shape::Record(_) => "a map".into(),
        Shape::Either(list) => list.iter().map(self::shape).collect::<Vec<_>>().join(", or "),
        Shape::Any(_) | Shape::Literal => "any value".into(),
        Shape::Steps => "steps".into(),
        Shape::Step => "a step".into(),
        Shape::Syntax(syntax) => syntax.name.into(),
    }
}

/// The records inside a shape, which are told below their key.
fn inside(shape: &Shape) -> &'static [Key] {
    match shape {
        Shape::Record(keys) => keys,
        Shape::List(of) | Shape::Many(of) | Shape::Map(of) => inside(of),
        Shape::Either(list) => list.iter().map(inside).find(|keys| !keys.is_empty()).unwrap_or_default(),
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
        | Shape::Steps
        | Shape::Step
        | Shape::Syntax(_) => &[],
    }
}

fn keys(text: &mut String, list: &[Key], depth: usize) {
    for key in list {
        let needed = if key.required { ", required" } else { "" };
        let indent = "  ".repeat(depth);
        writeln!(text, "{indent}- `{}` ({}{needed}): {}", key.name, shape(&key.shape), key.doc).unwrap();
        keys(text, inside(&key.shape), depth + 1);
    }
}

fn field_type(ty: &FieldType) -> String {
    match ty {
        FieldType::Any => "any value".into(),
        FieldType::Bool => "true or false".into(),
        FieldType::Int => "a whole number".into(),
        FieldType::Number => "a number".into(),
        FieldType::Text => "text".into(),
        FieldType::Secret => "a secret".into(),
        FieldType::List(of) => format!("a list of {}", field_type(of)),
        FieldType::Map(of) => format!("a map of {}", field_type(of)),
        FieldType::Record(_) => "a map".into(),
        FieldType::Maybe(of) => format!("{}, may be missing", field_type(of)),
    }
}

fn fields(text: &mut String, list: &[Field], depth: usize) {
    for field in list {
        let indent = "  ".repeat(depth);
        writeln!(text, "{indent}- `{}` ({}): {}", field.name, field_type(&field.ty), field.doc).unwrap();
        let mut ty = &field.ty;
        while let FieldType::List(of) | FieldType::Map(of) | FieldType::Maybe(of) = ty {
            ty = of;
        }
        if let FieldType::Record(inner) = ty {
            fields(text, inner, depth + 1);
        }
    }
}

fn manual() -> String {
    let mut text = String::from(
        "# Kinds of steps that touch the outside world\n\n\
         Made from the table in `src/model/kind/`; `UPDATE=1 cargo test --test it kinds` writes it.\n",
    );
    for kind in Kind::ALL {
        let spec = kind.spec();
        write!(text, "\n## {}\n\n{}\n\n```yaml\n{}\n```\n\n", spec.name, spec.doc, spec.example).unwrap();
        let effects = match spec.effects {
            Effects::Reads => "It only reads: it runs in a dry run too, and is repeated after an interruption.",
            Effects::Changes if kind.rehearses() => {
                "It changes something: a dry run asks it what it would do, and nothing repeats it unasked."
            }
            Effects::Depends if kind.rehearses() => {
                "It reads or changes, as its keys say: a dry run asks it what it would do, and only what reads is repeated."
            }
            Effects::Changes => "It changes something: a dry run only prints it, and nothing repeats it unasked.",
            Effects::Depends => {
                "It reads or changes, as its keys say: only what reads runs in a dry run and is repeated."
            }
        };
        writeln!(text, "{effects}").unwrap();
        if !kind.one_of().is_empty() {
            let all: Vec<String> = kind.one_of().iter().map(|key| format!("`{key}`")).collect();
            writeln!(text, "Exactly one of {}.", all.join(", ")).unwrap();
        }
        if !kind.secret_keys().is_empty() {
            let all: Vec<String> = kind.secret_keys().iter().map(|key| format!("`{key}`")).collect();
            writeln!(text, "`secrets.X` may stand in {}.", all.join(", ")).unwrap();
        }
        text.push_str("\nKeys:\n\n");
        keys(&mut text, inside(&spec.shape), 0);
        text.push_str("\nOutput:\n\n");
        fields(&mut text, spec.output, 0);
    }
    text
}

#[test]
fn the_manual_is_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/kinds.md");
    let made = manual();
    if super::updating() {
        std::fs::write(&path, &made).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == made,
        "docs/kinds.md differs from the table; UPDATE=1 writes it:\n{}",
        crate::golden::difference(&written, &made)
    );
}
