//! Values given to inputs by callers and triggers.

use crate::base::value::Value;
use crate::model::input::{Input, InputType};
use crate::model::param::Param;

/// Why a written value can't be this input's; values that are only known in a run fit.
pub(super) fn fits(input: &Input, param: &Param) -> Option<String> {
    let value = match param {
        Param::Value(value) => value.clone(),
        Param::Text(template) => Value::String(template.literal()?.to_owned()),
        Param::List(_) if input.ty == InputType::List => return None,
        Param::Expr(_) | Param::List(_) | Param::Map(_) => return None,
    };
    input.ty.accept(&value).err()
}
