//! What stands behind the key that says what a step does.

use crate::base::ids::{Name, StepId};
use crate::base::level::Level;
use crate::base::span::Span;
use crate::diagnostic::Code;
use crate::expr::Expr;
use crate::lang::decode::Fields;
use crate::lang::keys::flow;
use crate::lang::lower::escalation::texts;
use crate::lang::lower::list::Ways;
use crate::lang::lower::policy::{pairs, span, template, text};
use crate::lang::lower::reader::Reader;
use crate::lang::lower::step::{Written, level};
use crate::lang::yaml::{Node, NodeKind};
use crate::model::approval::{Approval, Lapse};
use crate::model::input::InputType;
use crate::model::kind::Kind;
use crate::model::param::Param;
use crate::model::shape::{KindSpec, Shape};
use crate::model::step::{Action, Call, Remedy, StepKind, Wait, Watch};

impl Reader {
    /// The kind, or `None` after saying why not.
    pub(super) fn kind(&mut self, written: &Written<'_>, fields: &Fields<'_>, id: &StepId) -> Option<StepKind> {
        match Kind::parse(written.name) {
            Some(kind) => self.action(kind, written.node),
            None => self.flow(written, fields, id),
        }
    }

    fn action(&mut self, kind: Kind, node: &Node) -> Option<StepKind> {
        let params = self.shaped(kind.spec(), node)?;
        let one_of = kind.one_of();
        let written = one_of.iter().filter(|key| params.get(key).is_some()).count();
        if written != 1 && !one_of.is_empty() {
            let message = match written {
                0 => format!("`{}` needs one of {}", kind.name(), one_of.join(", ")),
                _ => format!("`{}` takes only one of {}", kind.name(), one_of.join(", ")),
            };
            self.ctx.error_help(Code::MissingKey, node.spot, message, format!("for example `{}`", kind.spec().example));
            return None;
        }
        self.places(kind, node, &params);
        Some(StepKind::Act(Action { kind, params }))
    }

    /// The value by the kind's row; a short form is put under its key.
    fn shaped(&mut self, spec: &'static KindSpec, node: &Node) -> Option<Param> {
        self.ctx.at_key(spec.name, |ctx| {
            let outer = std::mem::replace(&mut ctx.templated, true);
            let param = match (spec.shape, spec.short, &node.kind) {
                (Shape::Record(keys), Some(short), NodeKind::Scalar(_) | NodeKind::Seq(..)) if !node.is_null() => {
                    let key = keys.iter().find(|key| key.name == short);
                    key.and_then(|key| ctx.decode(node, &key.shape))
                        .map(|param| Param::Map(vec![(short.to_owned(), param)]))
                }
                (Shape::Record(keys), _, NodeKind::Map(..)) => {
                    ctx.record(node, keys, Some(&format!("`{}`", spec.name))).map(Fields::into_param)
                }
                _ => ctx.decode(node, &spec.shape),
            };
            ctx.templated = outer;
            param
        })
    }

    fn flow(&mut self, written: &Written<'_>, fields: &Fields<'_>, id: &StepId) -> Option<StepKind> {
        let spec = flow::flow(written.name)?;
        if spec.name == "steps" {
            return Some(StepKind::Steps(self.group(written.node, fields)));
        }
        let node = written.node;
        let params = self.shaped(spec, node);
        let inner = |key: &str| node.get(key);
        match spec.name {
            "watch" => {
                let steps = self.list(inner("steps"), "steps", Ways::default());
                watch(&params?).map(|watch| StepKind::Watch(Watch { steps, ..watch }))
            }
            "remedy" => {
                let until = self.inner(inner("until"), id, "probe");
                let tries = self.list(inner("try"), "try", Ways::default());
                let params = params?;
                let span_of = |key: &str, default| params.get(key).and_then(span).unwrap_or(default);
                Some(StepKind::Remedy(Remedy {
                    until: until?,
                    tries,
                    settle: span_of("settle", Span::ZERO),
                    stable: number(&params, "stable", 1),
                    every: span_of("every", Span::from_secs(5)),
                }))
            }
            "wait" => {
                let probe = self.inner(inner("probe"), id, "probe");
                self.wait(node, &params?, probe)
            }
            "approval" => self.approval(node, &params?),
            "runbook" => call(&params?),
            "rhai" => Some(self.compute(node, &params?)),
            "log" => {
                let params = params?;
                let message = params.get("message").and_then(template)?;
                let level = level(params.get("level").and_then(text)).unwrap_or(Level::Ok);
                Some(StepKind::Log { message, level })
            }
            "fail" => params.as_ref().and_then(template).map(StepKind::Fail),
            "pass" => params.as_ref().and_then(template).map(StepKind::Pass),
            _ => None,
        }
    }

    fn group(&mut self, node: &Node, fields: &Fields<'_>) -> crate::model::step::List {
        let ways = Ways {
            parallel: fields.count("parallel"),
            fail_fast: fields.flag("fail_fast").unwrap_or(false),
            handler: false,
        };
        let defaults = fields.node("defaults").cloned().map(std::sync::Arc::new);
        let given = defaults.is_some();
        self.defaults.extend(defaults);
        let list = self.list(Some(node), "steps", ways);
        if given {
            self.defaults.pop();
        }
        list
    }

    fn wait(
        &mut self,
        node: &Node,
        params: &Param,
        probe: Option<std::sync::Arc<crate::model::step::Step>>,
    ) -> Option<StepKind> {
        let ways = ["for", "until", "probe"];
        let written = ways.iter().filter(|key| params.get(key).is_some() || node.get(key).is_some()).count();
        if written != 1 {
            let count = if written == 0 { "needs one" } else { "takes only one" };
            self.ctx.error_help(
                Code::MissingKey,
                node.spot,
                format!("`wait` {count} of {}", ways.join(", ")),
                "for example `wait: 5m`",
            );
            return None;
        }
        if let Some(length) = params.get("for") {
            return Some(StepKind::Wait(Wait::Span(span(length)?)));
        }
        if let Some(until) = params.get("until") {
            return Some(StepKind::Wait(Wait::Until(template(until)?)));
        }
        let every = params.get("every").and_then(span).unwrap_or(Span::from_secs(5));
        Some(StepKind::Wait(Wait::Probe { probe: probe?, every }))
    }

    fn approval(&mut self, node: &Node, params: &Param) -> Option<StepKind> {
        let flag = |key: &str| params.get(key).and_then(Param::value).and_then(crate::base::value::Value::as_bool);
        let fields = self.inputs(node.get("fields"));
        if let Some(secret) = fields.iter().find(|field| field.ty == InputType::Secret) {
            let spot = node
                .get("fields")
                .and_then(|fields| fields.get(secret.name.as_str()))
                .map_or(node.spot, |field| field.spot);
            self.ctx.error_help(
                Code::SecretPlace,
                spot,
                format!(
                    "`{}` is a secret: what is filled into an approval is kept with the run, for all to read",
                    secret.name
                ),
                "let the run have it as an input of type `secret`, or list it under `secrets:`",
            );
            return None;
        }
        Some(StepKind::Approval(Approval {
            message: params.get("message").and_then(template),
            by: texts(params.get("by")),
            quorum: number(params, "quorum", 1),
            deadline: params.get("deadline").and_then(span),
            lapse: params.get("lapse").and_then(text).and_then(Lapse::parse).unwrap_or_default(),
            fields,
            starter_may: flag("starter_may").unwrap_or(false),
        }))
    }

    fn compute(&mut self, node: &Node, params: &Param) -> StepKind {
        let mut values = Vec::new();
        for (name, param) in pairs(Some(params)) {
            match (StepId::parse(name), param) {
                (Ok(name), Param::Expr(expr)) => values.push((name, expr.clone())),
                (Err(bad), _) => {
                    let spot = node.entry(name).map_or(node.spot, |(key, _)| key.spot);
                    self.ctx.bad_name(spot, name, &bad);
                }
                (Ok(_), _) => {}
            }
        }
        StepKind::Compute(values)
    }
}

fn number(params: &Param, key: &str, default: u32) -> u32 {
    let written = params.get(key).and_then(Param::value).and_then(crate::base::value::Value::as_u64);
    written.and_then(|number| u32::try_from(number).ok()).unwrap_or(default)
}

fn watch(params: &Param) -> Option<Watch> {
    let bad = match params.get("bad") {
        Some(Param::Expr(expr)) => expr.clone(),
        _ => Expr::compile("failed || level >= critical").ok()?,
    };
    Some(Watch {
        length: params.get("for").and_then(span)?,
        every: params.get("every").and_then(span)?,
        bad,
        tolerate: number(params, "tolerate", 0),
        at_least: number(params, "at_least", 1),
        steps: crate::model::step::List::default(),
    })
}

fn call(params: &Param) -> Option<StepKind> {
    let runbook = Name::parse(params.get("run").and_then(text)?).ok()?;
    let inputs =
        pairs(params.get("inputs")).iter().filter_map(|(name, param)| Some((StepId::parse(name).ok()?, param.clone())));
    Some(StepKind::Call(Call { runbook, inputs: inputs.collect() }))
}
