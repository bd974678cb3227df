//! DAGs that run others.

use crate::base::ids::Name;
use crate::diagnostic::Spot;
use crate::lang::import::dagu::head::variables;
use crate::lang::import::dagu::order::Found;
use crate::lang::import::dagu::params::{Param, words};
use crate::lang::import::dagu::root::Making;
use crate::lang::import::dagu::steps::spot_of;
use crate::lang::import::dagu::values::Stands;
use crate::lang::import::draft::{Out, Step, bare, pair, text};
use crate::lang::import::report::Lost;
use crate::lang::yaml::Node;
use std::collections::BTreeSet;

/// How many runs of one DAG Dagu has at once over a list, unless it is told.
const SIDE_BY_SIDE: u32 = 10;

impl Making<'_> {
    /// `run: OTHER` and `call: OTHER`.
    pub(super) fn call(&mut self, found: &Found<'_>) -> Result<Step, Lost> {
        let spot = spot_of(found, "call");
        let called = found.get("call").and_then(Node::name).unwrap_or_default();
        let stem = called.rsplit('/').next().unwrap_or(called).trim_end_matches(".yaml").trim_end_matches(".yml");
        let outline = self.world.outlines.get(called).or_else(|| self.world.outlines.get(stem));
        let known = Name::parse(stem).ok().filter(|name| self.world.known.contains(name));
        let (name, params): (Name, &[Param]) = match (outline, known) {
            (Some(outline), _) => (outline.name.clone(), &outline.params),
            (None, Some(name)) => (name, &[]),
            (None, None) => {
                let help = "import its file with this one, or before it into the book";
                return Err(Lost::new(spot, format!("no DAG is called `{called}` here"), help));
            }
        };
        let mut loops = Vec::new();
        let mut item = None;
        if let Some(node) = found.get("parallel") {
            loops = self.items(node, spot_of(found, "parallel"))?;
            item = self.scope.names.insert("ITEM".into(), Stands::Text("{{ item }}".into()));
        }
        let inputs = self.given(found, params, outline.is_some(), !loops.is_empty());
        if !loops.is_empty() {
            self.scope.names.remove("ITEM");
            self.scope.names.extend(item.map(|item| ("ITEM".to_owned(), item)));
        }
        let mut run = vec![bare("run", &name)];
        let inputs = inputs?;
        if !inputs.is_empty() {
            run.push(pair("inputs", Out::Map(inputs)));
        }
        loops.push(pair("runbook", Out::Map(run)));
        Ok(loops)
    }

    fn items(&mut self, node: &Node, spot: Spot) -> Result<Step, Lost> {
        let list = node.get("items").unwrap_or(node);
        let help = "`foreach:` takes a list, or an expression that is one: `foreach: steps.list.output.value` behind `output: lines`";
        let Some(items) = list.items().filter(|items| items.iter().all(|item| item.scalar().is_some())) else {
            return Err(Lost::new(spot, "items that are worked out, or are more than a word", help));
        };
        let mut texts = Vec::new();
        for item in items {
            texts.push(self.scope.template(item.name().unwrap_or_default(), item.spot)?);
        }
        if texts.iter().collect::<BTreeSet<_>>().len() < texts.len() {
            return Err(Lost::new(spot, "a list with one item twice", help));
        }
        let most = node.pairs().unwrap_or_default().iter().find(|(key, _)| super::key(key) == "max_concurrent");
        let most = most.and_then(|(_, value)| self.report.number(value, "`maxConcurrent`")).unwrap_or(SIDE_BY_SIDE);
        let list = Out::List(texts.into_iter().map(Out::Text).collect());
        Ok(vec![pair("foreach", list), bare("max_parallel", most.max(1)), bare("max_failures", "none")])
    }

    /// The inputs that a called DAG is given.
    fn given(
        &mut self,
        found: &Found<'_>,
        params: &[Param],
        outlined: bool,
        over_items: bool,
    ) -> Result<Vec<(String, Out)>, Lost> {
        let spot = spot_of(found, "params");
        let mut given: Vec<(Option<String>, String)> = Vec::new();
        match found.get("params") {
            Some(node) if node.scalar().is_some() => given = words(node.name().unwrap_or_default()),
            Some(node) => {
                given.extend(variables(node, self.report).into_iter().map(|(name, value, _)| (Some(name), value)));
            }
            None if over_items => given.push((None, "${ITEM}".to_owned())),
            None => {}
        }
        let mut inputs = Vec::new();
        for (place, (name, value)) in given.into_iter().enumerate() {
            let param = match &name {
                Some(name) => params.iter().find(|param| param.name.as_ref() == Some(name)),
                None => params.get(place),
            };
            let input = match (param, &name) {
                (Some(param), _) => param.input.to_string(),
                (None, Some(name)) if !outlined => name.to_ascii_lowercase(),
                (None, _) => {
                    let named = name.unwrap_or_else(|| format!("number {}", place + 1));
                    let message = format!("the called DAG has no parameter {named}");
                    return Err(Lost::new(spot, message, "give it the parameter, with a default"));
                }
            };
            inputs.push(text(input, self.scope.template(&value, spot)?));
        }
        Ok(inputs)
    }
}
