//! Running a program over the values of a scope.

#![expect(clippy::wildcard_enum_match_arm, reason = "the tree and the errors of rhai are open enums of another crate")]

use crate::base::limits;
use crate::base::value::{Value, type_name};
use crate::expr::convert::{to_dynamic, to_value};
use crate::expr::engine::runner;
use crate::expr::lookup::follow;
use crate::expr::node::Presence;
use crate::expr::program::Program;
use crate::expr::{EvalError, Scope};
use rhai::{Dynamic, EvalAltResult};

/// The value of the program over these values. Only the paths it reads are converted.
///
/// # Errors
/// [`EvalError`] when a value is missing, types do not fit or a bound was passed.
pub(super) fn eval(program: &Program, source: &str, scope: &Scope) -> Result<Value, EvalError> {
    let mut variables = rhai::Scope::new();
    for (index, (path, presence)) in program.slots.iter().enumerate() {
        if scope.unknown(path).is_some() {
            // Where it is read, the runner will not find the variable.
            continue;
        }
        match (follow(&scope.values, path), presence) {
            (Ok(value), _) => drop(variables.push_dynamic(format!("p{index}"), to_dynamic(&value))),
            (Err(absent), Presence::Optional) if absent.missing && scope.values.contains_key(&path[0]) => {
                variables.push_dynamic(format!("p{index}"), Dynamic::UNIT);
            }
            // Not there, and perhaps never asked for: the runner will not find the variable.
            (Err(_), Presence::Optional | Presence::Required) => {}
        }
    }
    for (index, constant) in program.constants.iter().enumerate() {
        variables.push_dynamic(format!("c{index}"), constant.clone());
    }
    let result = runner().eval_ast_with_scope::<Dynamic>(&mut variables, &program.ast);
    let value = result.map_err(|error| EvalError(explain(&error, program, source, scope)))?;
    to_value(value).map_err(|why| EvalError(format!("{why} in `{}`", source.trim())))
}

fn explain(error: &EvalAltResult, program: &Program, source: &str, scope: &Scope) -> String {
    let part = error
        .position()
        .line()
        .and_then(|line| program.lines.get(line.checked_sub(2)?))
        .and_then(|(start, end)| source.get(*start..*end))
        .unwrap_or(source)
        .trim();
    match error {
        EvalAltResult::ErrorVariableNotFound(name, _) => missing(name, program, scope),
        EvalAltResult::ErrorRuntime(text, _) => format!("{text} in `{part}`"),
        EvalAltResult::ErrorTooManyOperations(_) => {
            format!("the expression takes more than {} operations", limits::MAX_EXPR_OPERATIONS)
        }
        EvalAltResult::ErrorDataTooLarge(what, _) => format!("the result gets too large ({what}) in `{part}`"),
        other => format!("{other} in `{part}`"),
    }
}

fn missing(variable: &str, program: &Program, scope: &Scope) -> String {
    let slot = variable.strip_prefix('p').and_then(|index| program.slots.get(index.parse::<usize>().ok()?));
    if let Some(why) = slot.and_then(|(path, _)| scope.unknown(path)) {
        return why.to_owned();
    }
    match slot.map(|(path, _)| (path, follow(&scope.values, path))) {
        Some((_, Err(absent))) => absent.message,
        Some((path, Ok(_))) => format!("`{}` is missing", path.join(".")),
        None => format!("`{variable}` is missing"),
    }
}

/// What a value that is no condition is said to be.
pub(super) fn no_condition(value: &Value, source: &str) -> EvalError {
    EvalError(format!("true or false is needed, `{}` is {}", source.trim(), type_name(value)))
}
