//! Maps with known keys: what is there, what is missing, what was meant.

use crate::base::span::Span;
use crate::base::value::Value;
use crate::diagnostic::{Code, Diagnostic, Spot};
use crate::expr::Expr;
use crate::lang::decode::Ctx;
use crate::lang::keys::flow;
use crate::lang::keys::step::STEP;
use crate::lang::keys::synonym;
use crate::lang::yaml::Node;
use crate::model::kind::Kind;
use crate::model::param::Param;
use crate::model::shape::{Key, KindSpec, Shape};

/// One key that was written.
pub(crate) struct Field<'n> {
    /// Its name.
    pub(crate) name: &'static str,
    /// Where the key stands.
    pub(crate) key: Spot,
    /// What stands there.
    pub(crate) node: &'n Node,
    /// The same, decoded; `None` when it is wrong, which has been said.
    pub(crate) param: Option<Param>,
    steps: bool,
}

/// The keys of one map that were written.
pub(crate) struct Fields<'n>(Vec<Field<'n>>);

impl Ctx {
    /// The keys of a map. `None` when one is wrong in a way that leaves nothing to build on; every key that is right is in
    /// the [`Fields`] of [`Self::fields`], which never gives up.
    pub(crate) fn record<'n>(
        &mut self,
        node: &'n Node,
        keys: &'static [Key],
        context: Option<&str>,
    ) -> Option<Fields<'n>> {
        let before = self.findings.counts().0;
        let fields = self.fields(node, keys, context);
        (self.findings.counts().0 == before).then_some(fields)
    }

    /// The keys of a map, each decoded by its row. `context` is named when a key is unknown or missing.
    pub(crate) fn fields<'n>(&mut self, node: &'n Node, keys: &'static [Key], context: Option<&str>) -> Fields<'n> {
        self.fields_beside(node, keys, context, &[])
    }

    /// As [`Self::fields`]; keys in `others` are known too, and left to whoever asks for them.
    pub(crate) fn fields_beside<'n>(
        &mut self,
        node: &'n Node,
        keys: &'static [Key],
        context: Option<&str>,
        others: &[&'static str],
    ) -> Fields<'n> {
        let mut found = Vec::new();
        let top = self.path.is_empty();
        for (key, value) in node.pairs().unwrap_or_default() {
            let name = key.name().unwrap_or_default();
            let Some(known) = keys.iter().find(|known| known.name == name) else {
                if !others.contains(&name) {
                    let inside = inside_kind(node, name);
                    self.unknown_key(key, name, keys, (context, inside), others);
                }
                continue;
            };
            let decode = |ctx: &mut Self| ctx.decode(value, &known.shape);
            let param = if top { self.at_key(known.name, decode) } else { self.under(known.name, decode) };
            let steps = matches!(known.shape, Shape::Steps | Shape::Step);
            found.push(Field { name: known.name, key: key.spot, node: value, param, steps });
        }
        for key in keys.iter().filter(|key| key.required && !found.iter().any(|field| field.name == key.name)) {
            let place = self.place(context);
            let spot = node.pairs().and_then(|pairs| pairs.first()).map_or(node.spot, |(key, _)| key.spot);
            let mut doc = key.doc.trim_end_matches('.').chars();
            let doc: String = doc.next().into_iter().flat_map(char::to_lowercase).chain(doc).collect();
            let help = format!("add `{}:` ({doc})", key.name);
            self.error_help(Code::MissingKey, spot, format!("`{}` is missing {place}", key.name), help);
        }
        Fields(found)
    }

    fn place(&self, context: Option<&str>) -> String {
        match context {
            Some(context) => format!("in {context}"),
            None if self.path.is_empty() => "here".into(),
            None => format!("in `{}`", self.path),
        }
    }

    fn unknown_key(
        &mut self,
        key: &Node,
        name: &str,
        keys: &[Key],
        (context, inside): (Option<&str>, Option<&'static str>),
        others: &[&'static str],
    ) {
        let message = format!("unknown key `{name}` {}", self.place(context));
        let finding = Diagnostic::error(Code::UnknownKey, key.spot, message);
        let known: Vec<&str> = keys.iter().map(|key| key.name).chain(others.iter().copied()).collect();
        let finding = if name.contains(['(', ')', '"', '\'', '[', ']']) {
            let finding = finding.label("read as a key");
            self.findings.push(finding.help("inside `{ }` a text with a comma in it needs quotes"));
            return;
        } else {
            finding
        };
        let finding = match inside.map(|kind| below(kind, name)).or_else(|| synonym(name, &known)) {
            Some(help) => finding.help(help),
            None => finding.did_you_mean(name, known.iter().copied()),
        };
        let finding = match finding.help {
            None if STEP.iter().any(|key| key.name == name) && self.step.is_some() => {
                finding.help(format!("it belongs to the step: write `{name}:` beside its kind, not below it"))
            }
            None => {
                let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
                let kind = if others.is_empty() { "" } else { ", and one kind" };
                let owner = other_kind(context.unwrap_or(&self.path), name).unwrap_or_default();
                finding.help(format!("{owner}the keys here are {}{kind}", names.join(", ")))
            }
            Some(_) => finding,
        };
        self.findings.push(finding);
    }
}

/// Below a kind: the other kinds that have such a key, where they are few.
fn other_kind(place: &str, name: &str) -> Option<String> {
    let this = place.trim_matches('`');
    let kinds = || Kind::ALL.iter().map(|kind| kind.spec()).chain(flow::FLOW.iter());
    kinds().find(|kind| kind.name == this)?;
    let has = |kind: &&KindSpec| {
        kind.name != this && matches!(kind.shape, Shape::Record(keys) if keys.iter().any(|key| key.name == name))
    };
    let owners: Vec<String> = kinds().filter(has).map(|kind| format!("`{}`", kind.name)).collect();
    let said = || format!("`{name}` is a key of {}: was that kind meant? ", owners.join(" and "));
    (1..=2).contains(&owners.len()).then(said)
}

/// The kind beside a key of a step that the key belongs below.
fn inside_kind(step: &Node, name: &str) -> Option<&'static str> {
    let kinds = step.pairs()?.iter().filter_map(|(key, _)| Kind::parse(key.name()?));
    let has = |kind: &Kind| matches!(kind.spec().shape, Shape::Record(keys) if keys.iter().any(|key| key.name == name));
    kinds.into_iter().find(has).map(Kind::name)
}

fn below(kind: &str, name: &str) -> String {
    let short =
        Kind::parse(kind).and_then(|kind| kind.spec().short).map_or(String::new(), |short| format!("{short}: …, "));
    format!("it belongs below `{kind}`: `{kind}: {{ {short}{name}: … }}`")
}

impl<'n> Fields<'n> {
    /// No key at all.
    pub(crate) fn none() -> Self {
        Self(Vec::new())
    }

    /// Every field, in the order written.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Field<'n>> {
        self.0.iter()
    }

    /// The field of that name.
    pub(crate) fn field(&self, name: &str) -> Option<&Field<'n>> {
        self.0.iter().find(|field| field.name == name)
    }

    /// Whether the key was written.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.field(name).is_some()
    }

    /// What stands at that key.
    pub(crate) fn node(&self, name: &str) -> Option<&'n Node> {
        self.field(name).map(|field| field.node)
    }

    /// Where the value of that key stands, else the fallback.
    pub(crate) fn spot(&self, name: &str, fallback: Spot) -> Spot {
        self.field(name).map_or(fallback, |field| field.node.spot)
    }

    /// The decoded value of that key.
    pub(crate) fn param(&self, name: &str) -> Option<&Param> {
        self.field(name)?.param.as_ref()
    }

    /// The plain value of that key.
    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.param(name)?.value()
    }

    /// The text of that key.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.value(name)?.as_str()
    }

    /// The text of that key, ours.
    pub(crate) fn string(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    /// The length of time of that key.
    pub(crate) fn span(&self, name: &str) -> Option<Span> {
        self.value(name)?.as_u64().map(Span::from_millis)
    }

    /// The count of that key.
    pub(crate) fn count(&self, name: &str) -> Option<u32> {
        self.value(name)?.as_u64().and_then(|count| u32::try_from(count).ok())
    }

    /// The boolean of that key.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.value(name)?.as_bool()
    }

    /// The expression of that key.
    pub(crate) fn expr(&self, name: &str) -> Option<Expr> {
        match self.param(name)? {
            Param::Expr(expr) => Some(expr.clone()),
            Param::Value(_) | Param::Text(_) | Param::List(_) | Param::Map(_) => None,
        }
    }

    /// The texts of that key's list.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        self.param(name).map(texts).unwrap_or_default()
    }

    /// The pairs of that key's map.
    pub(crate) fn map(&self, name: &str) -> &[(String, Param)] {
        match self.param(name) {
            Some(Param::Map(map)) => map,
            Some(Param::Value(_) | Param::Text(_) | Param::Expr(_) | Param::List(_)) | None => &[],
        }
    }

    /// Everything as one map, lists of steps left out.
    pub(crate) fn into_param(self) -> Param {
        let pair = |field: Field<'n>| field.param.filter(|_| !field.steps).map(|param| (field.name.to_owned(), param));
        Param::Map(self.0.into_iter().filter_map(pair).collect())
    }
}

/// The texts of a list.
pub(crate) fn texts(param: &Param) -> Vec<String> {
    match param {
        Param::List(list) => list.iter().filter_map(|item| item.value()?.as_str().map(str::to_owned)).collect(),
        Param::Value(_) | Param::Text(_) | Param::Expr(_) | Param::Map(_) => Vec::new(),
    }
}
