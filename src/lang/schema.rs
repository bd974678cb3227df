//! JSON Schemas for editors, made from the tables of keys: completion, hover text, squiggles.
//!
//! They say a little less than the checker (an editor knows no other file), never more.

use crate::base::value::{Map, Value, json};
use crate::diagnostic::{Diagnostics, FileId};
use crate::lang::keys::flow::FLOW;
use crate::lang::keys::step::STEP;
use crate::lang::keys::trigger::KINDS;
use crate::lang::keys::{FILES, FileTable};
use crate::lang::yaml;
use crate::model::channel::Provider;
use crate::model::kind::Kind;
use crate::model::shape::{Key, KindSpec, Shape};

/// The names of all schemas, `runbook` first.
#[must_use]
pub fn names() -> Vec<&'static str> {
    FILES.iter().map(|file| file.name).collect()
}

/// The schema of that name, as its file holds it.
#[must_use]
pub fn schema(name: &str) -> Option<String> {
    let file = FILES.iter().find(|file| file.name == name)?;
    let text = serde_json::to_string_pretty(&document(file)).ok()?;
    Some(text + "\n")
}

fn document(file: &FileTable) -> Value {
    let mut root = Map::new();
    root.insert("$schema".into(), json!("http://json-schema.org/draft-07/schema#"));
    root.insert("title".into(), json!(file.files));
    root.insert("description".into(), json!(file.doc));
    let Value::Object(body) = of_shape(&file.shape, false) else { return Value::Object(root) };
    root.extend(body);
    if file.name == "runbook" {
        root.insert("definitions".into(), json!({ "steps": steps(), "step": step(true), "probe": step(false) }));
    }
    Value::Object(root)
}

fn steps() -> Value {
    json!({ "type": "array", "minItems": 1, "items": { "$ref": "#/definitions/step" } })
}

/// A step: what every step may ask for, and one key for each kind.
fn step(id: bool) -> Value {
    let mut properties = properties(STEP, false);
    let kinds = Kind::ALL.iter().map(|kind| kind.spec()).chain(FLOW);
    let mut snippets = Vec::new();
    for spec in kinds {
        let mut kind = described(of_kind(spec), spec.doc);
        if let (Some(body), Value::Object(kind)) = (example(spec), &mut kind) {
            kind.insert("examples".into(), json!([body.get(spec.name)]));
            snippets.push(json!({ "label": spec.name, "description": spec.doc, "body": body }));
        }
        properties.insert(spec.name.into(), kind);
    }
    let required: &[&str] = if id { &["id"] } else { &[] };
    let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).chain(FLOW.iter().map(|spec| spec.name)).collect();
    let mut step = json!({ "type": "object", "additionalProperties": false, "required": required, "defaultSnippets": snippets, "properties": properties });
    step["oneOf"] = one_of(&names);
    step
}

/// Exactly one of these keys.
fn one_of(keys: &[&str]) -> Value {
    keys.iter().map(|key| json!({ "required": [key] })).collect()
}

fn of_kind(spec: &KindSpec) -> Value {
    let mut whole = of_shape(&spec.shape, true);
    let asked = Kind::parse(spec.name).map(Kind::one_of).unwrap_or_default();
    if !asked.is_empty() {
        whole["oneOf"] = one_of(asked);
    }
    let short = match (spec.shape, spec.short) {
        (Shape::Record(keys), Some(short)) => keys.iter().find(|key| key.name == short),
        _ => None,
    };
    match short {
        Some(key) => json!({ "anyOf": [of_shape(&key.shape, true), whole] }),
        None => whole,
    }
}

/// The example of a kind as data, for a snippet.
fn example(spec: &KindSpec) -> Option<Value> {
    let mut findings = Diagnostics::default();
    let stream = yaml::read(FileId(0), spec.example, &mut findings);
    let root = stream.documents.into_iter().next()?.root?;
    (!findings.has_errors()).then(|| root.value())
}

fn properties(keys: &[Key], templated: bool) -> Map<String, Value> {
    keys.iter().map(|key| (key.name.to_owned(), described(of_shape(&key.shape, templated), &key.about()))).collect()
}

fn described(schema: Value, doc: &str) -> Value {
    if schema.get("$ref").is_some() {
        // In this draft nothing may stand beside a `$ref`.
        return json!({ "allOf": [schema], "description": doc });
    }
    let mut schema = schema;
    schema["description"] = json!(doc);
    schema
}

/// Text is any scalar: YAML takes `8080` for a number and the language takes it as it stands.
fn scalar() -> Value {
    json!({ "type": ["string", "number", "boolean"] })
}

fn pattern(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern })
}

fn or_template(schema: Value, templated: bool) -> Value {
    if templated { json!({ "anyOf": [schema, pattern(r"^\{\{.*\}\}$")] }) } else { schema }
}

fn of_shape(shape: &Shape, templated: bool) -> Value {
    match shape {
        Shape::Text(_) | Shape::Verbatim | Shape::Prose | Shape::Expr | Shape::Regex | Shape::Syntax(_) => scalar(),
        Shape::Id => pattern("^[a-z][a-z0-9_]{0,63}$"),
        Shape::Name => pattern("^[a-z][a-z0-9_-]{0,63}$"),
        Shape::Int(low, high) => {
            let mut schema = json!({ "type": "integer" });
            if *low != i64::MIN {
                schema["minimum"] = json!(low);
            }
            if *high != i64::MAX {
                schema["maximum"] = json!(high);
            }
            or_template(schema, templated)
        }
        Shape::Number => or_template(json!({ "type": "number" }), templated),
        Shape::Bool => or_template(json!({ "type": "boolean" }), templated),
        Shape::Duration => {
            json!({ "type": ["string", "integer"], "pattern": r"^(0|([0-9]+(\.[0-9]+)?(ms|s|m|h|d|w|y) *)+)$" })
        }
        Shape::Size => {
            json!({ "type": ["string", "integer"], "pattern": "^[0-9]+(\\.[0-9]+)? *(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)?$" })
        }
        Shape::Choice(words) => json!({ "enum": words }),
        Shape::List(inner) => json!({ "type": "array", "items": of_shape(inner, templated) }),
        Shape::Many(inner) => {
            let one = of_shape(inner, templated);
            json!({ "anyOf": [one, { "type": "array", "items": one }] })
        }
        Shape::Map(inner) => json!({ "type": "object", "additionalProperties": of_shape(inner, templated) }),
        Shape::Record(keys) => record(keys, templated),
        Shape::Either(shapes) => {
            json!({ "anyOf": shapes.iter().map(|shape| of_shape(shape, templated)).collect::<Vec<_>>() })
        }
        Shape::Any(_) | Shape::Literal => json!({}),
        Shape::Steps => json!({ "$ref": "#/definitions/steps" }),
        Shape::Step => json!({ "$ref": "#/definitions/probe" }),
    }
}

fn record(keys: &[Key], templated: bool) -> Value {
    let required: Vec<&str> = keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    let kind = if required.is_empty() { json!(["object", "null"]) } else { json!("object") };
    let mut record = json!({ "type": kind, "additionalProperties": false, "required": required, "properties": properties(keys, templated) });
    // A trigger is set off by one thing, a channel has one provider.
    let has = |name: &str| keys.iter().any(|key| key.name == name);
    let providers: Vec<&str> = Provider::ALL.iter().map(|provider| provider.key()).collect();
    for one in [KINDS, providers.as_slice()] {
        if one.iter().all(|name| has(name)) {
            record["type"] = json!("object");
            record["oneOf"] = one_of(one);
        }
    }
    record
}
