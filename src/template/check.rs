//! Whether a template makes sense where the names have these types.

use crate::base::value::Value;
use crate::expr::{Problem, ProblemKind, Type, Types, reach};
use crate::template::helpers::is_date_pattern;
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
            if let (Helper::Date, Some(Input::Literal(Value::String(pattern)))) = (helper, args.get(1))
                && !is_date_pattern(pattern)
            {
                let text = format!("`{pattern}` is no pattern for dates");
                problems.push(Problem::new(ProblemKind::Type, *span, text).help("a day is `%Y-%m-%d`, a time `%H:%M`"));
            }
            if helper.asks() {
                return Type::Bool;
            }
            if *helper == Helper::Default { first } else { Type::Text }
        }
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
