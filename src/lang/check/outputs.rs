//! What a step puts out, as types: by the table of its kind, and by the names it gives itself.

use super::outline::Outline;
use super::scope::{fixed, input_type, maybe, roots};
use crate::expr::Type;
use crate::lang::Loaded;
use crate::lang::keys::flow::flow;
use crate::model::approval::Approval;
use crate::model::kind::Kind;
use crate::model::param::Param;
use crate::model::policy::OutputForm;
use crate::model::shape::{Field, FieldType};
use crate::model::step::{Action, Step, StepKind};
use std::collections::BTreeMap;

/// What a step puts out.
pub(super) fn output(loaded: &Loaded, outline: &Outline, step: &Step) -> Type {
    if loaded.broken.contains(&(outline.runbook.name.clone(), step.id.clone())) {
        return Type::Any;
    }
    match &step.kind {
        StepKind::Act(action) => output_of(action, step),
        StepKind::Call(call) => match loaded.book.runbooks.get(&call.runbook) {
            Some(called) => {
                let outline = Outline::new(called);
                let mut types = roots(&outline);
                types.insert("steps".into(), Type::Any);
                let outputs = called.outputs.iter().map(|(name, expr)| (name.to_string(), expr.type_of(&types)));
                Type::record(outputs)
            }
            None => Type::Any,
        },
        StepKind::Approval(approval) => given(approval),
        StepKind::Compute(values) => Type::record(values.iter().map(|(name, _)| (name.as_str(), Type::Any))),
        StepKind::Watch(_) => fixed(&[("rounds", Type::Int), ("bad", Type::Int), ("with_data", Type::Int)]),
        StepKind::Remedy(_) => fixed(&[
            ("helped", maybe(Type::Text, "no remedy was needed, or none helped")),
            ("tried", Type::List(Box::new(Type::Text))),
        ]),
        StepKind::Log { .. } | StepKind::Pass(_) => fixed(&[("message", Type::Text)]),
        StepKind::Steps(_) | StepKind::Wait(_) | StepKind::Fail(_) => Type::record([("", Type::Any); 0]),
    }
}

/// What an approval puts out: its row in the table, the fields under their own names and types.
fn given(approval: &Approval) -> Type {
    let mut all = flow("approval").map(|spec| fields(spec.output)).unwrap_or_default();
    let own = approval.fields.iter().map(|field| (field.name.as_str(), input_type(field)));
    all.insert("fields".into(), Type::record(own));
    Type::record(all)
}

/// What a kind puts out; `value` of a child process has the type its `output:` gives it.
fn output_of(action: &Action, step: &Step) -> Type {
    let spec = action.kind.spec();
    let mut fields = fields(spec.output);
    for (field, key) in named_by(action.kind) {
        if let (Some(Type::Map(value)), Some(Param::Map(names))) = (fields.get(*field).cloned(), action.params.get(key))
        {
            let names = names.iter().map(|(name, _)| (name.clone(), (*value).clone()));
            fields.insert((*field).to_owned(), Type::record(names));
        }
    }
    // What is only there when asked for: there, and nobody has to guard it, or not there at all.
    for key in asked_by(action.kind) {
        let row = spec.output.iter().find(|field| field.name == *key).map(|field| field.ty);
        match (is_asked(action.params.get(key)), row) {
            (Some(true), Some(FieldType::Maybe(inner))) => drop(fields.insert((*key).to_owned(), field_type(inner))),
            (Some(false), _) => drop(fields.remove(*key)),
            (Some(true) | None, _) => {}
        }
    }
    let child = spec.output.iter().any(|field| field.name == "stdout");
    if let (true, Some(value)) = (child, fields.get_mut("value")) {
        *value = match step.output {
            OutputForm::Text => Type::Text,
            OutputForm::Lines => Type::List(Box::new(Type::Text)),
            OutputForm::Number => Type::Number,
            OutputForm::Json | OutputForm::Kv => Type::Any,
        };
    }
    Type::record(fields)
}

/// Fields of an output whose names the step gives itself, with the key that does.
fn named_by(kind: Kind) -> &'static [(&'static str, &'static str)] {
    match kind {
        Kind::Scrape => &[("values", "pick"), ("histograms", "histograms")],
        Kind::Logs => &[("counts", "patterns")],
        Kind::Shell
        | Kind::Exec
        | Kind::Script
        | Kind::Http
        | Kind::Tcp
        | Kind::Dns
        | Kind::Tls
        | Kind::Sip
        | Kind::Redis
        | Kind::Sql
        | Kind::Prometheus
        | Kind::System
        | Kind::Service
        | Kind::Livekit
        | Kind::Files
        | Kind::Backup
        | Kind::Restore
        | Kind::Report
        | Kind::Notify
        | Kind::Escalate
        | Kind::Resolve
        | Kind::Silence => &[],
    }
}

/// Fields of an output that are there only where the key of the same name asks for them.
fn asked_by(kind: Kind) -> &'static [&'static str] {
    if kind == Kind::System { &["listening", "logins", "clock"] } else { &[] }
}

/// Whether a key asks for something; `None` where that shows only when it runs.
fn is_asked(param: Option<&Param>) -> Option<bool> {
    match param {
        None => Some(false),
        Some(Param::Value(value)) => Some(*value != crate::base::value::Value::Bool(false) && !value.is_null()),
        Some(Param::Map(_) | Param::List(_)) => Some(true),
        Some(Param::Text(_) | Param::Expr(_)) => None,
    }
}

fn fields(table: &[Field]) -> BTreeMap<String, Type> {
    // An expression reads no secret: to it there is no such field.
    let seen = table.iter().filter(|field| !matches!(field.ty, FieldType::Secret));
    seen.map(|field| (field.name.to_owned(), field_type(&field.ty))).collect()
}

fn field_type(ty: &FieldType) -> Type {
    match ty {
        FieldType::Any => Type::Any,
        FieldType::Bool => Type::Bool,
        FieldType::Int => Type::Int,
        FieldType::Number => Type::Number,
        FieldType::Text | FieldType::Secret => Type::Text,
        FieldType::List(item) => Type::List(Box::new(field_type(item))),
        FieldType::Map(value) => Type::Map(Box::new(field_type(value))),
        FieldType::Record(table) => Type::record(fields(table)),
        FieldType::Maybe(inner) => maybe(field_type(inner), "it is not always there"),
    }
}
