//! `inputs:` of a runbook.

use crate::base::ids::StepId;
use crate::base::value::Value;
use crate::diagnostic::{Code, Spot};
use crate::lang::decode::Fields;
use crate::lang::keys::runbook::INPUT;
use crate::lang::lower::reader::Reader;
use crate::lang::yaml::Node;
use crate::model::input::{Input, InputType};

impl Reader {
    /// Every input; what is wrong is said.
    pub(super) fn inputs(&mut self, node: Option<&Node>) -> Vec<Input> {
        let mut inputs = Vec::new();
        for (key, value) in node.and_then(Node::pairs).unwrap_or_default() {
            let text = key.name().unwrap_or_default();
            match StepId::parse(text) {
                Ok(name) => inputs.extend(self.input(name, value)),
                Err(bad) => {
                    self.ctx.bad_name(key.spot, text, &bad);
                }
            }
        }
        inputs
    }

    fn input(&mut self, name: StepId, node: &Node) -> Option<Input> {
        // What is wrong by the table has been said when the runbook's keys were decoded.
        let said = std::mem::take(&mut self.ctx.findings);
        let fields = match node.pairs() {
            Some(_) => self.ctx.fields(node, INPUT, None),
            None => Fields::none(),
        };
        self.ctx.findings = said;
        let word = node.name().or_else(|| fields.text("type")).unwrap_or(if fields.has("options") {
            "choice"
        } else {
            "text"
        });
        let ty = self.input_type(word, &fields, node.spot)?;
        let default = fields.value("default").cloned().filter(|default| !default.is_null());
        let default = match default.map(|default| fitting(&ty, default)) {
            None => None,
            Some(_) if ty == InputType::Secret => {
                self.ctx.error_help(
                    Code::BadDefault,
                    fields.spot("default", node.spot),
                    format!("`{name}` is a secret: a default would stand here for all to read"),
                    "leave it out; a secret that is always the same goes under `secrets:`",
                );
                None
            }
            Some(default) => match ty.accept(&default) {
                Ok(_) => Some(default),
                Err(reason) => {
                    let message = format!("the default of `{name}` does not fit its type: {reason}");
                    self.ctx.error(Code::BadDefault, fields.spot("default", node.spot), message);
                    None
                }
            },
        };
        Some(Input { name, ty, default, prompt: fields.string("prompt"), description: fields.string("description") })
    }

    fn input_type(&mut self, word: &str, fields: &Fields<'_>, spot: Spot) -> Option<InputType> {
        let number = |key: &str| fields.value(key).and_then(Value::as_f64);
        let whole = |key: &str| fields.value(key).and_then(Value::as_i64);
        let ty = match word {
            "text" => InputType::Text { pattern: fields.string("pattern") },
            "integer" => InputType::Integer { min: whole("min"), max: whole("max") },
            "number" => InputType::Number { min: number("min"), max: number("max") },
            "boolean" => InputType::Boolean,
            "choice" => InputType::Choice(fields.texts("options")),
            "url" => InputType::Url,
            "duration" => InputType::Duration,
            "list" => InputType::List,
            "json" => InputType::Json,
            "secret" => InputType::Secret,
            _ => return None,
        };
        self.fitting_keys(&ty, fields, spot);
        Some(ty)
    }

    /// Bounds and choices that the type has no use for, or lacks.
    fn fitting_keys(&mut self, ty: &InputType, fields: &Fields<'_>, spot: Spot) {
        let numeric = matches!(ty, InputType::Integer { .. } | InputType::Number { .. });
        let uses = |key: &str| match key {
            "min" | "max" => numeric,
            "pattern" => matches!(ty, InputType::Text { .. }),
            "options" => matches!(ty, InputType::Choice(_)),
            _ => true,
        };
        for field in fields.iter().filter(|field| !uses(field.name)) {
            let message = format!("`{}` means nothing for an input of type {}", field.name, ty.word());
            self.ctx.error(Code::UnknownKey, field.key, message);
        }
        if matches!(ty, InputType::Choice(options) if options.is_empty()) {
            self.ctx.error_help(
                Code::MissingKey,
                spot,
                "a `choice` without `options`",
                "write `options: [staging, production]`",
            );
        }
        let (min, max) = (fields.value("min").and_then(Value::as_f64), fields.value("max").and_then(Value::as_f64));
        if let (Some(min), Some(max)) = (min, max)
            && min > max
        {
            self.ctx.error(Code::BadNumber, fields.spot("max", spot), format!("`max` {max} is below `min` {min}"));
        }
    }
}

/// A number or boolean written bare where text is wanted is the text as YAML shows it.
fn fitting(ty: &InputType, value: Value) -> Value {
    match (ty, &value) {
        (InputType::Text { .. } | InputType::Choice(_) | InputType::Secret, Value::Number(_) | Value::Bool(_)) => {
            Value::String(value.to_string())
        }
        _ => value,
    }
}
