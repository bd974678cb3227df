//! The API as an OpenAPI document, made from the table of routes and the shapes that are sent.

use crate::api::route::GROUPS;
use crate::api::route::once;
use crate::api::route::table::{Body, Door, Group, Header, Key, Make, Route, Verb};
use crate::api::wire::{Fault, Problem};
use crate::base::actor::Role;
use crate::base::value::{Map, Value, json};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What whoever reads the document should know first.
const ABOUT: &str = "What `stepladder serve` answers over HTTP. Instants are RFC 3339, JSON is UTF-8. Fields are added, never renamed \
or taken away: ignore what you do not know. A refusal is problem+json with a `type` for programs and a sentence for people. What is \
answered with 2xx to a write is durable. `GET` is also answered to `HEAD`. A role that a route names is the least one: viewer, \
operator, admin; a runbook may ask for more.";

/// What stands in the path, by its name.
const PARAMETERS: &[(&str, &str)] = &[
    ("run", "The run's id, as `find` gives it."),
    ("text", "The beginning or the end of the id of a run, or `last`."),
    ("name", "The token's name."),
    ("runbook", "The runbook's name."),
    ("incident", "The incident: its id, the beginning or end of one, a key, or `last`."),
    ("verb", "What is done."),
    ("silence", "The silence's id."),
    ("component", "The component, as `labels: { component: … }` of runbooks have it."),
    ("measure", "The measure, as `measure:` of a step names it."),
    ("path", "The last part of the path, as the runbook's trigger has it."),
    ("source", "Who sends: letters, digits, `-`, `_`, `.`, at most 64."),
    ("alias", "The alert's alias, as it was created with."),
    ("what", "What is said of it."),
    ("token", "What the link of the page ends with."),
    ("channel", "The channel's name."),
];

/// The document as it is served and kept in a file.
#[must_use]
pub fn text() -> &'static str {
    static TEXT: LazyLock<String> =
        LazyLock::new(|| serde_json::to_string_pretty(&document()).unwrap_or_default() + "\n");
    &TEXT
}

/// Shapes seen from both sides: a field that may be left out is always sent, one that is never sent may not be asked for.
struct Writer {
    asked: SchemaGenerator,
    told: SchemaGenerator,
    /// What is refused with one status, named by its words: most routes share these.
    refused: BTreeMap<String, Value>,
}

impl Writer {
    fn new() -> Self {
        let settings =
            || SchemaSettings::draft2020_12().with(|settings| settings.definitions_path = "/components/schemas".into());
        Self {
            asked: settings().for_deserialize().into_generator(),
            told: settings().for_serialize().into_generator(),
            refused: BTreeMap::new(),
        }
    }

    fn asked(&mut self, make: Make) -> Value {
        let mut schema = make(&mut self.asked).to_value();
        bounded(&mut schema);
        schema
    }

    fn told(&mut self, make: Make) -> Value {
        make(&mut self.told).to_value()
    }

    fn operation(&mut self, group: &Group, route: &Route) -> Value {
        let mut said = Map::new();
        said.insert("operationId".into(), json!(route.id));
        said.insert("tags".into(), json!([group.name]));
        said.insert("summary".into(), json!(route.about));
        let door = door(route.door);
        let more = if route.more.is_empty() { door.to_owned() } else { format!("{} {door}", route.more) };
        said.insert("description".into(), json!(more));
        said.insert("security".into(), security(route.door));
        let parameters = self.parameters(route);
        if !parameters.is_empty() {
            said.insert("parameters".into(), parameters.into());
        }
        if let Some(make) = route.body {
            let schema = self.asked(make);
            let required = self.needs_something(&schema);
            said.insert(
                "requestBody".into(),
                json!({ "required": required, "content": { "application/json": { "schema": schema } } }),
            );
        }
        said.insert("responses".into(), self.responses(route));
        Value::Object(said)
    }

    /// Whether an empty body would not do.
    fn needs_something(&self, schema: &Value) -> bool {
        let name = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next());
        let Some(shape) = name.and_then(|name| self.asked.definitions().get(name)) else { return true };
        shape["required"].as_array().is_some_and(|required| !required.is_empty())
    }

    fn parameters(&mut self, route: &Route) -> Vec<Value> {
        let mut all: Vec<Value> = in_path(route.path).map(|name| path_parameter(name, route)).collect();
        if let Some(make) = route.query {
            let shape = self.asked(make);
            let required =
                |name: &str| shape["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
            for (name, schema) in shape["properties"].as_object().into_iter().flatten() {
                let mut schema = schema.clone();
                let about = schema.as_object_mut().and_then(|schema| schema.shift_remove("description"));
                never_null(&mut schema);
                all.push(json!({
                    "name": name, "in": "query", "required": required(name), "description": about, "schema": schema,
                }));
            }
        }
        all.extend(route.headers.iter().map(|Header { name, about, most }| {
            let mut schema = json!({ "type": "string" });
            if *most > 0 {
                schema = json!({ "type": "string", "minLength": 1, "maxLength": most });
            }
            json!({ "name": name, "in": "header", "required": false, "description": about, "schema": schema })
        }));
        all
    }

    fn responses(&mut self, route: &Route) -> Value {
        let mut all: BTreeMap<u16, (Vec<&str>, Map<String, Value>)> = BTreeMap::new();
        for reply in route.replies() {
            let (about, content) = all.entry(reply.status).or_default();
            if !about.contains(&reply.about) {
                about.push(reply.about);
            }
            match reply.body {
                Body::None => {}
                Body::Json(make) => {
                    content.insert("application/json".into(), json!({ "schema": self.told(make) }));
                }
                Body::Stream(media, make) => {
                    let piece = self.told(make);
                    content.insert(media.into(), json!({ "schema": { "type": "string" }, "x-item-schema": piece }));
                }
                Body::Text(media) => {
                    content.insert(media.into(), json!({ "schema": { "type": "string" } }));
                }
            }
        }
        let mut shared: BTreeMap<u16, String> = BTreeMap::new();
        for (status, mut kinds) in refusals(route) {
            let alone = !all.contains_key(&status);
            let (about, content) = all.entry(status).or_default();
            kinds.sort_unstable_by_key(|fault| fault.told().0);
            about.extend(kinds.iter().map(|fault| fault.told().2));
            let kinds: Vec<&str> = kinds.iter().map(|fault| fault.told().0).collect();
            if alone {
                shared.insert(status, kinds.join("."));
            }
            let shape = self.told(SchemaGenerator::subschema_for::<Problem>);
            let narrow = json!({ "properties": { "type": { "enum": kinds } } });
            content.insert("application/problem+json".into(), json!({ "schema": { "allOf": [shape, narrow] } }));
        }
        let response = |(status, (about, content)): (u16, (Vec<&str>, Map<String, Value>))| {
            let mut said = json!({ "description": about.join("; ") });
            if let (Some(said), false) = (said.as_object_mut(), content.is_empty()) {
                said.insert("content".into(), Value::Object(content));
            }
            match shared.get(&status) {
                None => (status.to_string(), said),
                Some(name) => {
                    self.refused.insert(name.clone(), said);
                    (status.to_string(), json!({ "$ref": format!("#/components/responses/{name}") }))
                }
            }
        };
        Value::Object(all.into_iter().map(response).collect())
    }

    /// Every shape that was named, by its name.
    fn shapes(&mut self) -> Map<String, Value> {
        let mut all: BTreeMap<String, Value> = self.asked.take_definitions(true).into_iter().collect();
        all.values_mut().for_each(bounded);
        all.extend(self.told.take_definitions(true));
        all.into_iter().collect()
    }
}

fn document() -> Value {
    let mut writer = Writer::new();
    let mut paths: Map<String, Value> = Map::new();
    for group in GROUPS {
        for route in group.routes {
            let operation = writer.operation(group, route);
            let item = paths.entry(route.path).or_insert_with(|| json!({}));
            if let Some(item) = item.as_object_mut() {
                item.insert(word(route.verb).into(), operation);
            }
        }
    }
    let tags: Vec<Value> =
        GROUPS.iter().map(|group| json!({ "name": group.name, "description": group.about })).collect();
    let shapes = writer.shapes();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "stepladder",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "`http.listen` or `http.public_url` of stepladder.yaml." }],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": shapes,
            "responses": writer.refused,
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "A token of `stepladder token create`." },
                "basic": { "type": "http", "scheme": "basic", "description": "A token as password, whatever the user." },
                "genie": {
                    "type": "apiKey", "in": "header", "name": "Authorization", "description": "`GenieKey TOKEN`.",
                },
            },
        },
    })
}

/// How a verb is written in the document.
fn word(verb: Verb) -> &'static str {
    match verb {
        Verb::Get => "get",
        Verb::Post => "post",
        Verb::Delete => "delete",
    }
}

/// Who may, in a sentence.
fn door(door: Door) -> &'static str {
    match door {
        Door::Open => "Needs no token.",
        Door::Token(Role::Viewer) => "Needs a token of role viewer.",
        Door::Token(Role::Operator) => "Needs a token of role operator.",
        Door::Token(Role::Admin) => "Needs a token of role admin.",
        Door::Socket => "Asked over the socket of the data directory alone; over TCP refused to everybody.",
        Door::Sender => "Needs a token of role operator, in whichever header the caller can send.",
        Door::Proof => "Callers prove themselves in their own way.",
        Door::Link => "The link itself is the proof.",
    }
}

fn security(door: Door) -> Value {
    match door {
        Door::Open | Door::Proof | Door::Link => json!([]),
        Door::Token(role) => json!([{ "token": [role.as_str()] }]),
        Door::Socket => json!([{ "token": ["admin"] }]),
        Door::Sender => json!([{ "token": ["operator"] }, { "genie": ["operator"] }, { "basic": ["operator"] }]),
    }
}

/// Everything that may be refused, by status: what the route says itself, and what its door, its path and its body bring.
fn refusals(route: &Route) -> BTreeMap<u16, Vec<Fault>> {
    let mut all = vec![Fault::WrongHost, Fault::WrongOrigin, Fault::TooSlow];
    match route.door {
        Door::Open | Door::Proof => all.push(Fault::Store),
        Door::Link => {}
        Door::Token(Role::Viewer) => all.extend([Fault::NoToken, Fault::Store]),
        Door::Token(Role::Operator | Role::Admin) | Door::Sender => {
            all.extend([Fault::NoToken, Fault::Forbidden, Fault::Store]);
        }
        Door::Socket => all.extend([Fault::NoToken, Fault::Forbidden, Fault::SocketOnly, Fault::Store]),
    }
    if route.door != Door::Link {
        all.push(Fault::Internal);
    }
    if route.query.is_some() || route.path.contains('{') {
        all.push(Fault::BadRequest);
    }
    if route.body.is_some() {
        all.extend([Fault::BadRequest, Fault::TooLarge]);
    }
    if route.key == Key::Layer {
        all.extend(once::FAULTS);
    }
    all.extend(route.faults);
    let mut by_status: BTreeMap<u16, Vec<Fault>> = BTreeMap::new();
    for fault in all {
        let mut statuses = vec![fault.told().1];
        // What other systems bring and is not kept for whatever reason of ours is 503, so that they come again.
        if matches!(route.door, Door::Sender | Door::Proof) && matches!(fault, Fault::Store | Fault::NoSpace) {
            statuses.push(503);
        }
        for status in statuses {
            let kinds = by_status.entry(status).or_default();
            if !kinds.contains(&fault) {
                kinds.push(fault);
            }
        }
    }
    by_status
}

/// The names between braces.
fn in_path(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn path_parameter(name: &str, route: &Route) -> Value {
    let about = PARAMETERS.iter().find(|(known, _)| *known == name).map_or("", |(_, about)| about);
    let words = route.words.filter(|(parameter, _)| *parameter == name).map(|(_, words)| words);
    let schema = match words {
        Some(words) => json!({ "type": "string", "enum": words }),
        None if name == "source" => json!({ "type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$" }),
        None => json!({ "type": "string", "minLength": 1 }),
    };
    json!({ "name": name, "in": "path", "required": true, "description": about, "schema": schema })
}

/// Says how large a number may be, which its type alone does not tell whoever makes one.
fn bounded(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            let least = |most: i64| json!(-most - 1);
            let (least, most) = match map.get("format").and_then(Value::as_str) {
                Some("uint16") => (json!(0), json!(u16::MAX)),
                Some("uint32") => (json!(0), json!(u32::MAX)),
                Some("uint64") => (json!(0), json!(u64::MAX)),
                Some("int64") => (least(i64::MAX), json!(i64::MAX)),
                Some(_) | None => (Value::Null, Value::Null),
            };
            if !most.is_null() {
                map.insert("minimum".into(), least);
                map.insert("maximum".into(), most);
            }
            map.values_mut().for_each(bounded);
        }
        Value::Array(all) => all.iter_mut().for_each(bounded),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Nothing is written as nothing in a query: it is left out.
fn never_null(schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else { return };
    if let Some(kinds) = schema.get_mut("type").and_then(Value::as_array_mut) {
        kinds.retain(|kind| kind != "null");
        if let [kind] = kinds.as_slice() {
            let kind = kind.clone();
            schema.insert("type".into(), kind);
        }
    }
    if schema.get("default") == Some(&Value::Null) {
        schema.shift_remove("default");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn routes() -> impl Iterator<Item = &'static Route> {
        GROUPS.iter().flat_map(|group| group.routes)
    }

    #[test]
    fn every_route_is_said_once_and_in_full() {
        let document = document();
        let mut ids = BTreeSet::new();
        for route in routes() {
            let said = &document["paths"][route.path][word(route.verb)];
            assert_eq!(said["operationId"], route.id, "{}", route.path);
            assert!(ids.insert(route.id), "two routes are called {}", route.id);
            assert!(route.replies().count() > 0, "{} is answered with nothing", route.id);
            for parameter in said["parameters"].as_array().into_iter().flatten() {
                let about = parameter["description"].as_str().unwrap_or_default();
                assert!(!about.is_empty(), "{}: nothing is said of {parameter}", route.id);
            }
        }
        let said: usize = document["paths"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(_, item)| item.as_object().map_or(0, Map::len))
            .sum();
        assert_eq!(said, routes().count());
    }

    #[test]
    fn a_shape_is_the_same_from_both_sides_or_has_two_names() {
        let mut writer = Writer::new();
        for group in GROUPS {
            for route in group.routes {
                writer.operation(group, route);
            }
        }
        let mut asked = writer.asked.take_definitions(true);
        asked.values_mut().for_each(bounded);
        for (name, mut told) in writer.told.take_definitions(true) {
            bounded(&mut told);
            assert!(asked.get(&name).is_none_or(|asked| *asked == told), "{name} is one thing asked and another told");
        }
    }

    #[test]
    fn words_and_statuses_of_refusals_are_told_apart() {
        let mut kinds = BTreeMap::new();
        for fault in routes().flat_map(refusals_of) {
            let (kind, status, title) = fault.told();
            assert_eq!(*kinds.entry(kind).or_insert((status, title)), (status, title), "{kind}");
        }
        assert!(kinds.len() > 25, "{kinds:?}");
    }

    fn refusals_of(route: &Route) -> Vec<Fault> {
        refusals(route).into_values().flatten().collect()
    }
}
