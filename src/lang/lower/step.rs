//! One step: its id, what it asks for around its kind, the lists inside it.

use crate::base::ids::{Name, StepId};
use crate::base::level::Level;
use crate::diagnostic::{Code, Diagnostic, Spot};
use crate::lang::decode::Fields;
use crate::lang::keys::flow::FLOW;
use crate::lang::keys::step::{DEFAULTS, FOREACH_ONLY, GROUP_ONLY, STEP};
use crate::lang::keys::synonym;
use crate::lang::lower::list::Ways;
use crate::lang::lower::order::{self, Waits};
use crate::lang::lower::policy;
use crate::lang::lower::reader::Reader;
use crate::lang::yaml::{Core, Node, NodeKind};
use crate::model::kind::Kind;
use crate::model::param::Param;
use crate::model::policy::OnInterrupt;
use crate::model::step::{Action, Step, StepKind};
use std::sync::Arc;

/// The key that says what a step does, and what stands there.
pub(super) struct Written<'n> {
    /// The key.
    pub(super) name: &'static str,
    /// What stands there.
    pub(super) node: &'n Node,
}

/// Every key that chooses a kind, in the order of the manual.
pub(crate) fn kind_names() -> impl Iterator<Item = &'static str> {
    Kind::ALL.iter().map(|kind| kind.name()).chain(FLOW.iter().map(|spec| spec.name))
}

impl Reader {
    /// The step at a node. `made_up` is its id where it needs none of its own (probes, `check`).
    pub(super) fn step(&mut self, node: &Node, made_up: Option<StepId>) -> Option<(Step, Waits)> {
        if node.pairs().is_none() {
            let message = format!("a step must be a map, not {}", node.is_a());
            self.ctx.error_help(Code::WrongType, node.spot, message, "write `- id: NAME` and its kind below");
            return None;
        }
        let copied = self.copied;
        if node.alias.is_some() {
            self.copied = copied.or(Some(node.spot));
        }
        let lowered = self.step_here(node, made_up);
        self.copied = copied;
        lowered
    }

    fn step_here(&mut self, node: &Node, made_up: Option<StepId>) -> Option<(Step, Waits)> {
        let id = self.id_of(node, made_up)?;
        let outer = self.ctx.step.replace(id.clone());
        let raw = node.get("unsafe_raw").and_then(Node::scalar).is_some_and(|raw| raw.core() == Core::Bool(true));
        let outer_raw = std::mem::replace(&mut self.ctx.raw, raw);
        let lowered = self.step_body(node, id);
        self.ctx.raw = outer_raw;
        self.ctx.step = outer;
        Some(lowered)
    }

    /// The step's id. Without a usable one the step goes on under a name of ours: there may be more to say about it.
    fn id_of(&mut self, node: &Node, made_up: Option<StepId>) -> Option<StepId> {
        let written = node.get("id").filter(|id| !id.is_null());
        let parsed = written.and_then(|id| id.name()).map(StepId::parse);
        let spot = written.map_or_else(|| first_key(node), |id| id.spot);
        let id = match (parsed, made_up) {
            (Some(Ok(id)), _) => Some(id),
            (None, Some(id)) => Some(id),
            (None, None) => {
                let suggestion = self.suggest_id(node);
                self.ctx.error_help(
                    Code::MissingKey,
                    spot,
                    "a step without `id`",
                    format!("give it a name for conditions and commands: `id: {suggestion}`"),
                );
                None
            }
            // The decoder says what is wrong with it.
            (Some(Err(_)), _) => None,
        };
        let Some(id) = id else {
            self.unnamed += 1;
            return StepId::parse(&format!("unnamed_{}", self.unnamed)).ok();
        };
        if id.as_str() == order::ALL {
            let message = format!("`{id}` can't be the id of a step: `after: {id}` is every step above");
            self.ctx.error(Code::KeptWord, spot, message);
        }
        self.claim(&id, self.copied.unwrap_or(spot));
        Some(id)
    }

    fn suggest_id(&self, node: &Node) -> String {
        let title = node.get("title").or_else(|| node.get("name")).and_then(Node::name);
        let words = title.map(|title| {
            let word = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
            title.chars().map(word).collect::<String>().trim_matches('_').chars().take(24).collect::<String>()
        });
        let kind = || kind_names().find(|name| node.get(name).is_some()).unwrap_or("first");
        let base = words.filter(|words| StepId::parse(words).is_ok()).unwrap_or_else(|| kind().to_owned());
        let free = |id: &String| StepId::parse(id).is_ok_and(|id| !self.ids.contains_key(&id));
        (1..100).map(|n| if n == 1 { base.clone() } else { format!("{base}_{n}") }).find(free).unwrap_or(base)
    }

    fn step_body(&mut self, node: &Node, id: StepId) -> (Step, Waits) {
        self.spots.insert(id.clone(), node.spot);
        let others: Vec<&'static str> = kind_names().collect();
        let fields = self.ctx.fields_beside(node, STEP, Some("a step"), &others);
        let written = self.kind_of(node, &id);
        self.misplaced(&fields, written.as_ref());
        let act = written.as_ref().is_some_and(|written| Kind::parse(written.name).is_some());
        let inherited = if act { self.inherit(&fields) } else { Inherited::default() };
        let waited = written.as_ref().is_some_and(is_waited_for);
        let given = if waited { self.inherit(&fields).only("timeout") } else { Inherited::default() };
        let kind = written.as_ref().and_then(|written| self.kind(written, &fields, &id));
        if kind.is_none() {
            self.broken.insert(id.clone());
        }
        let kind = kind.unwrap_or(StepKind::Compute(Vec::new()));
        let get = |name: &str| fields.param(name).or_else(|| inherited.get(name));
        let retry = policy::retry(get("retry"));
        let step = Step {
            title: fields.string("title"),
            spot: node.spot,
            when: fields.expr("when"),
            timeout: get("timeout").or_else(|| given.get("timeout")).and_then(policy::span),
            retry,
            recover: self.list(fields.node("recover"), "recover", Ways::default()),
            on_error: self.list(fields.node("on_error"), "on_error", Ways::HANDLER),
            undo: self.list(fields.node("undo"), "undo", Ways::HANDLER),
            allow_failure: get("allow_failure").and_then(policy::allow_failure),
            measure: policy::measures(&fields, &mut self.ctx),
            foreach: policy::foreach(&fields, &mut self.ctx),
            env: policy::env(&mut self.ctx, &fields, inherited.get("env")),
            workdir: get("workdir").and_then(policy::template),
            on_interrupt: get("on_interrupt").and_then(policy::on_interrupt).unwrap_or_else(|| lost(&kind)),
            mutex: get("mutex").and_then(Param::value).and_then(|name| Name::parse(name.as_str()?).ok()),
            check: self.inner(fields.node("check"), &id, "check"),
            confirm: fields.string("confirm"),
            output: policy::output(get("output")),
            artifacts: fields.texts("artifacts"),
            kind,
            id,
        };
        let waits = Waits { needs: waits(&fields, "needs"), after: waits(&fields, "after") };
        (step, waits)
    }

    /// A single step inside another, named after it unless it has a name.
    pub(super) fn inner(&mut self, node: Option<&Node>, outer: &StepId, word: &str) -> Option<Arc<Step>> {
        let id = format!("{outer}_{word}");
        let id = StepId::parse(&id).or_else(|_| StepId::parse("probe")).ok();
        let (step, _) = self.step(node?, id)?;
        Some(Arc::new(step))
    }

    /// The one key that says what the step does.
    fn kind_of<'n>(&mut self, node: &'n Node, id: &StepId) -> Option<Written<'n>> {
        let pairs = node.pairs().unwrap_or_default();
        let kind = |key: &Node| kind_names().find(|name| key.name() == Some(name));
        let found: Vec<_> = pairs.iter().filter_map(|(key, value)| Some((kind(key)?, key.spot, value))).collect();
        match found.as_slice() {
            [(name, _, node)] => Some(Written { name, node }),
            [] if misspelt_kind(pairs) => None,
            [] => {
                let names: Vec<&str> = kind_names().collect();
                let message = format!("the step `{id}` does nothing: it has no kind");
                let help = format!("add one of {}", names.join(", "));
                self.ctx.error_help(Code::KindCount, first_key(node), message, help);
                None
            }
            [(first, at, node), rest @ ..] => {
                let mut finding = Diagnostic::error(
                    Code::KindCount,
                    *at,
                    format!("the step `{id}` does {} things: it may have one kind", found.len()),
                );
                for (name, spot, _) in rest {
                    finding = finding.note(*spot, format!("and `{name}` here"));
                }
                self.ctx.findings.push(finding.help("make a step of each"));
                Some(Written { name: first, node })
            }
        }
    }

    /// Keys that mean nothing beside this kind.
    fn misplaced(&mut self, fields: &Fields<'_>, written: Option<&Written<'_>>) {
        let group = written.is_none_or(|written| written.name == "steps");
        for field in fields.iter() {
            if !group && GROUP_ONLY.contains(&field.name) {
                self.ctx.error(
                    Code::UnknownKey,
                    field.key,
                    format!("`{}` is for groups: a step with `steps`", field.name),
                );
            }
            if !fields.has("foreach") && FOREACH_ONLY.contains(&field.name) {
                self.ctx.error(
                    Code::UnknownKey,
                    field.key,
                    format!("`{}` means nothing without `foreach`", field.name),
                );
            }
            if field.name == "host" {
                self.ctx.error(Code::UnknownKey, field.key, "`host` is reserved: steps run on this machine");
            }
        }
    }

    /// What `defaults:` around give to this step, the innermost first.
    fn inherit(&mut self, fields: &Fields<'_>) -> Inherited {
        let mut found: Vec<(&'static str, Param)> = Vec::new();
        for defaults in self.defaults.clone().iter().rev() {
            for key in DEFAULTS {
                // `env` is merged name by name; of the rest the innermost counts.
                let known = fields.has(key.name) || found.iter().any(|(name, _)| *name == key.name);
                let seen = known && key.name != "env";
                let Some(node) = defaults.get(key.name).filter(|_| !seen) else { continue };
                let Some(param) = self.ctx.at_key(key.name, |ctx| ctx.decode(node, &key.shape)) else { continue };
                match found.iter_mut().find(|(name, _)| *name == key.name) {
                    Some((_, known)) => policy::add_names(known, param),
                    None => found.push((key.name, param)),
                }
            }
        }
        Inherited(found)
    }
}

/// Whether a key is probably a kind misspelt: that was said where the unknown key stands.
fn misspelt_kind(pairs: &[(Node, Node)]) -> bool {
    let known = |name: &str| STEP.iter().any(|key| key.name == name);
    let near = |name: &str| {
        let kinds = kind_names().chain(STEP.iter().map(|key| key.name));
        let near = crate::diagnostic::closest(name, kinds);
        near.is_some_and(|near| kind_names().any(|kind| kind == near))
    };
    let foreign = |name: &str| {
        let kinds: Vec<&str> = kind_names().collect();
        synonym(name, &kinds).is_some()
    };
    let unknown = pairs.iter().filter_map(|(key, _)| key.name()).filter(|name| !known(name));
    unknown.into_iter().any(|name| near(name) || foreign(name))
}

/// Values from `defaults:`.
#[derive(Default)]
struct Inherited(Vec<(&'static str, Param)>);

impl Inherited {
    /// This key alone.
    fn only(self, name: &str) -> Self {
        Self(self.0.into_iter().filter(|(key, _)| *key == name).collect())
    }

    fn get(&self, name: &str) -> Option<&Param> {
        self.0.iter().find(|(key, _)| *key == name).map(|(_, param)| param)
    }
}

/// Whether a step that performs nothing itself waits for what may never come: a called runbook, a probe. A `wait` for a
/// length of time or until an instant is as long as it says, and a step made of steps has them to be timed.
fn is_waited_for(written: &Written<'_>) -> bool {
    written.name == "runbook" || (written.name == "wait" && written.node.get("probe").is_some())
}

/// What a lost attempt means where nothing is said: what only reads is done again.
fn lost(kind: &StepKind) -> OnInterrupt {
    if kind.action().is_none_or(Action::reads) { OnInterrupt::Retry } else { OnInterrupt::Fail }
}

fn waits(fields: &Fields<'_>, key: &str) -> Option<Vec<(StepId, Spot)>> {
    let node = fields.node(key)?;
    let items: &[Node] = match &node.kind {
        NodeKind::Seq(items, _) => items,
        NodeKind::Scalar(_) | NodeKind::Map(..) => std::slice::from_ref(node),
    };
    Some(items.iter().filter_map(|item| Some((StepId::parse(item.name()?).ok()?, item.spot))).collect())
}

fn first_key(node: &Node) -> Spot {
    node.pairs().and_then(|pairs| pairs.first()).map_or(node.spot, |(key, _)| key.spot)
}

/// The level of a word, where a decoder has already refused the others.
pub(super) fn level(text: Option<&str>) -> Option<Level> {
    text.and_then(Level::parse)
}
