//! Whether a template makes sense where the names have these types.

use crate::base::value::Value;
use crate::expr::{Problem, ProblemKind, Type, Types, reach};
use crate::template::escape::land;
use crate::template::helpers;
use crate::template::tree::{Block, BlockSort, Helper, Input, Item, PathRef, Put};

/// What is wrong; empty = nothing.
pub(super) fn check(items: &[Item], types: &Types) -> Vec<Problem> {
    let mut problems = Vec::new();
    each(items, types, &mut problems);
    problems
}

fn each(items: &[Item], types: &Types, problems: &mut Vec<Problem>) {
    for item in items {
        match item {
            Item::Lit(_) => {}
            Item::Put(put) => placeholder(put, types, problems),
            Item::Block(block) => self::block(block, types, problems),
        }
    }
}

fn placeholder(put: &Put, types: &Types, problems: &mut Vec<Problem>) {
    if put.secret().is_some() {
        return;
    }
    let kind = input(&put.input, types, problems);
    dated(put, problems);
    if !kind.is_scalar() {
        let text = format!("this is {kind}, text is needed here");
        let help = if matches!(kind.present(), Type::List(_)) {
            "write `{{ join x \", \" }}`, `{{ json x }}` or `{{#each x}}`"
        } else {
            "name one of its fields, or write `{{ json x }}`"
        };
        problems.push(Problem::new(ProblemKind::Type, put.span, text).help(help));
    }
}

fn block(block: &Block, types: &Types, problems: &mut Vec<Problem>) {
    let kind = input(&block.input, types, problems);
    let fits = match (block.sort, kind.present()) {
        (BlockSort::If | BlockSort::Unless, _) | (_, Type::Any) => true,
        (BlockSort::Each, kind) => matches!(kind, Type::List(_) | Type::Map(_) | Type::Record(_)),
        (BlockSort::With, kind) => !kind.is_scalar(),
    };
    if !fits {
        let text = format!("`#{}` takes a list or a map, this is {kind}", block.sort.as_str());
        problems.push(Problem::new(ProblemKind::Type, block.span, text));
        return;
    }
    each(&block.body, types, problems);
    each(&block.otherwise, types, problems);
}

fn input(input: &Input, types: &Types, problems: &mut Vec<Problem>) -> Type {
    match input {
        Input::Path(path) => self::path(path, types, problems),
        Input::Literal(value) => match value {
            Value::Bool(_) => Type::Bool,
            Value::Number(_) => Type::Number,
            Value::String(_) => Type::Text,
            Value::Null | Value::Array(_) | Value::Object(_) => Type::Any,
        },
        Input::Call(helper, args, span) => {
            let kinds: Vec<Type> = args.iter().map(|arg| self::input(arg, types, problems)).collect();
            let first = kinds.first().cloned().unwrap_or(Type::Any);
            if let Some(text) = unfit(*helper, first.present()) {
                problems.push(Problem::new(ProblemKind::Type, *span, text));
            }
            if let Err(text) = tried(*helper, args) {
                problems.push(Problem::new(ProblemKind::Type, *span, text).help(written(*helper)));
            }
            let written_there = matches!(args.get(1), Some(Input::Literal(_)));
            if let (Helper::Date, Some(Type::Bool | Type::Int | Type::Number), false) =
                (helper, kinds.get(1), written_there)
            {
                let text = "the pattern of a date is text";
                problems.push(Problem::new(ProblemKind::Type, *span, text).help(written(*helper)));
            }
            if helper.asks() {
                return Type::Bool;
            }
            if *helper == Helper::Default { first } else { Type::Text }
        }
    }
}

/// What a helper makes of what is written in the text, and of stand-ins for what is not.
fn tried(helper: Helper, args: &[Input]) -> Result<Value, String> {
    let stand_in = match helper {
        Helper::Date | Helper::Round | Helper::Duration | Helper::Bytes => Value::from(0),
        Helper::Join | Helper::Table => Value::Array(Vec::new()),
        Helper::Default
        | Helper::Json
        | Helper::Eq
        | Helper::Ne
        | Helper::Lt
        | Helper::Gt
        | Helper::And
        | Helper::Or
        | Helper::Not => return Ok(Value::Null),
    };
    let literal = |arg: &Input| match arg {
        Input::Literal(value) => Some(value.clone()),
        Input::Path(_) | Input::Call(..) => None,
    };
    let first = args.first().and_then(literal).unwrap_or(stand_in);
    let rest = args.iter().skip(1).map(literal);
    helpers::call(helper, &std::iter::once(Some(first)).chain(rest).collect::<Vec<_>>(), "UTC")
}

/// How a call of that helper is written.
fn written(helper: Helper) -> &'static str {
    match helper {
        Helper::Date => "a day is `%Y-%m-%d`, a time `%H:%M`",
        Helper::Round => "write `{{ round x }}` or `{{ round x 2 }}`",
        Helper::Duration => "it takes seconds: `{{ duration x }}`",
        Helper::Bytes => "it takes a number: `{{ bytes x }}`",
        Helper::Join => "write `{{ join x \", \" }}`",
        Helper::Table => "write `{{ table x \"name,size\" }}`",
        Helper::Default
        | Helper::Json
        | Helper::Eq
        | Helper::Ne
        | Helper::Lt
        | Helper::Gt
        | Helper::And
        | Helper::Or
        | Helper::Not => "see docs/templates.md",
    }
}

/// A date whose form is written in the text has a form that its place takes, or never will.
fn dated(put: &Put, problems: &mut Vec<Problem>) {
    let Input::Call(Helper::Date, args, span) = &put.input else { return };
    if args.len() > 1 && !matches!(args[1], Input::Literal(_)) {
        return;
    }
    if let Ok(Value::String(date)) = tried(Helper::Date, args)
        && let Err(why) = land(&date, put.spot)
    {
        let help = "write another pattern; what makes several parts of a path is written each by itself: `{{ date x \"%Y\" }}/{{ date x \"%m\" }}`";
        problems.push(Problem::new(ProblemKind::Place, *span, format!("a date like this: {why}")).help(help));
    }
}

fn unfit(helper: Helper, kind: &Type) -> Option<String> {
    let fits = match helper {
        Helper::Join => matches!(kind, Type::List(_) | Type::Any),
        Helper::Table => {
            let rows = |of: &Type| matches!(of.present(), Type::Any | Type::Map(_) | Type::Record(_));
            *kind == Type::Any || matches!(kind, Type::List(of) if rows(of))
        }
        Helper::Round | Helper::Bytes | Helper::Duration | Helper::Date => kind.is_scalar() && *kind != Type::Bool,
        Helper::Default
        | Helper::Json
        | Helper::Eq
        | Helper::Ne
        | Helper::Lt
        | Helper::Gt
        | Helper::And
        | Helper::Or
        | Helper::Not => true,
    };
    (!fits).then(|| format!("`{}` cannot take {kind}", helper.as_str()))
}

fn path(found: &PathRef, types: &Types, problems: &mut Vec<Problem>) -> Type {
    let Some(path) = &found.path else { return Type::Any };
    match reach(types, path, found.span) {
        Ok(reached) => {
            if let (Some(why), false) = (reached.maybe, found.guarded) {
                let text = format!("`{}` may be missing: {why}", found.raw);
                let help = format!(
                    "write `{{{{#if {0}}}}}…{{{{/if}}}}` around it, or `{{{{ default {0} \"…\" }}}}`",
                    found.raw
                );
                problems.push(Problem::new(ProblemKind::Unguarded, found.span, text).help(help));
            }
            reached.kind
        }
        Err(problem) => {
            problems.push(problem);
            Type::Any
        }
    }
}
