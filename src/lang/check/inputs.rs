//! Inputs: defaults that they accept themselves, and values given to them by triggers and callers.

use super::outline::Outline;
use super::place;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::lang::Loaded;
use crate::model::input::{Input, InputType};
use crate::model::param::Param;

/// Checks the inputs that one runbook declares.
pub(super) fn check(loaded: &Loaded, outline: &Outline, findings: &mut Diagnostics) {
    for input in &outline.runbook.inputs {
        let path = |key: &str| format!("inputs.{}.{key}", input.name);
        if let Some(Err(reason)) = input.default.as_ref().map(|default| input.ty.accept(default)) {
            let spot = place(loaded, outline, None, &path("default"));
            findings.push(
                Diagnostic::error(
                    Code::BadDefault,
                    spot,
                    format!("the default of `{}` is refused by its own input: {reason}", input.name),
                )
                .help("a run without this input would never start"),
            );
        }
        if let Some((least, most)) = turned(&input.ty) {
            let spot = place(loaded, outline, None, &path("min"));
            let message =
                format!("`min` {least} is greater than `max` {most}: no value of `{}` is accepted", input.name);
            findings.push(Diagnostic::error(Code::BadNumber, spot, message).help("swap them"));
        }
        if matches!(&input.ty, InputType::Choice(options) if options.is_empty()) {
            let spot = place(loaded, outline, None, &path("options"));
            let message = format!("`{}` has no options to choose from", input.name);
            findings.push(
                Diagnostic::error(Code::MissingKey, spot, message).help("list them: `options: [staging, production]`"),
            );
        }
    }
}

/// Bounds that leave nothing between them.
fn turned(ty: &InputType) -> Option<(String, String)> {
    match ty {
        InputType::Integer { min: Some(min), max: Some(max) } if min > max => Some((min.to_string(), max.to_string())),
        InputType::Number { min: Some(min), max: Some(max) } if min > max => Some((min.to_string(), max.to_string())),
        InputType::Integer { .. }
        | InputType::Number { .. }
        | InputType::Text { .. }
        | InputType::Boolean
        | InputType::Choice(_)
        | InputType::Url
        | InputType::Duration
        | InputType::List
        | InputType::Json
        | InputType::Secret => None,
    }
}

/// Why a written value can't be this input's; values that are only known in a run fit.
pub(super) fn fits(input: &Input, param: &Param) -> Option<String> {
    let value = match param {
        Param::Value(value) => value.clone(),
        Param::Text(template) => crate::base::value::Value::String(template.literal()?.to_owned()),
        Param::List(_) if input.ty == InputType::List => return None,
        Param::Expr(_) | Param::List(_) | Param::Map(_) => return None,
    };
    input.ty.accept(&value).err()
}
