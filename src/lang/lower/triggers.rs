//! `triggers:` of a runbook.

use crate::base::ids::Name;
use crate::base::span::Span;
use crate::base::value::Value;
use crate::diagnostic::{Code, Diagnostic};
use crate::lang::decode::Fields;
use crate::lang::keys::trigger::{KINDS, TRIGGER};
use crate::lang::lower::policy::{pairs, span, text};
use crate::lang::lower::reader::Reader;
use crate::lang::yaml::Node;
use crate::model::param::Param;
use crate::model::schedule::{Deadline, DeadlineAt, Dst, Missed, Overlap, Policy};
use crate::model::trigger::{Trigger, TriggerKind};

impl Reader {
    /// Every trigger. What the table says has been said; the rest is here.
    pub(super) fn triggers(&mut self, node: Option<&Node>, zone: &str) -> Vec<Trigger> {
        let items = node.and_then(Node::items).unwrap_or_default();
        items.iter().filter_map(|item| self.trigger(item, zone)).collect()
    }

    fn trigger(&mut self, node: &Node, zone: &str) -> Option<Trigger> {
        node.pairs()?;
        let (said, mentioned) = (std::mem::take(&mut self.ctx.findings), self.ctx.mentions.len());
        let fields = self.ctx.fields(node, TRIGGER, None);
        self.ctx.findings = said;
        self.ctx.mentions.truncate(mentioned);
        let kinds: Vec<_> = fields.iter().filter(|field| KINDS.contains(&field.name)).collect();
        let field = match kinds.as_slice() {
            [one] => *one,
            [] => {
                let help = format!("add one of {}", KINDS.join(", "));
                self.ctx.error_help(Code::KindCount, node.spot, "a trigger that nothing sets off", help);
                return None;
            }
            [first, second, ..] => {
                let message = format!("a trigger is either `{}` or `{}`", first.name, second.name);
                let finding = Diagnostic::error(Code::KindCount, second.key, message).note(first.key, "the other one");
                self.ctx.findings.push(finding.help("make an item of each"));
                *first
            }
        };
        let name = field.name;
        self.fitting_policy(name, &fields);
        let kind = self.trigger_kind(name, &fields, zone)?;
        let given = pairs(fields.param("inputs")).iter();
        let mapped = pairs(fields.param(name).and_then(|kind| kind.get("inputs"))).iter();
        Some(Trigger {
            id: fields.text("id").and_then(|id| Name::parse(id).ok()),
            spot: node.spot,
            kind,
            inputs: given.chain(mapped).cloned().collect(),
            policy: schedule_policy(&fields),
        })
    }

    fn trigger_kind(&mut self, name: &str, fields: &Fields<'_>, zone: &str) -> Option<TriggerKind> {
        let timezone = fields.text("timezone").unwrap_or(zone).to_owned();
        Some(match name {
            "cron" => TriggerKind::Cron { expression: fields.string("cron")?, timezone },
            "every" => {
                let every = fields.span("every")?;
                if every < Span::from_secs(1) {
                    self.ctx.error(Code::BadDuration, fields.field("every")?.node.spot, "`every` must be at least 1s");
                }
                TriggerKind::Every(every)
            }
            "at" => TriggerKind::At { when: fields.string("at")?, timezone },
            "webhook" => TriggerKind::Webhook(fields.param(name)?.clone()),
            "heartbeat" => TriggerKind::Heartbeat(fields.param(name)?.clone()),
            "alert" => TriggerKind::Alert(fields.param(name)?.clone()),
            "run_ended" => {
                let ended = fields.param(name)?;
                let outcome = match ended.get("outcome") {
                    Some(Param::List(list)) => list.iter().filter_map(text).map(str::to_owned).collect(),
                    _ => Vec::new(),
                };
                TriggerKind::RunEnded { runbook: Name::parse(text(ended.get("runbook")?)?).ok()?, outcome }
            }
            "file" => TriggerKind::File(fields.param(name)?.clone()),
            "startup" if fields.param(name).and_then(Param::value) == Some(&Value::Bool(false)) => return None,
            "startup" => TriggerKind::Startup,
            _ => return None,
        })
    }

    /// Keys that mean something for a clock only.
    fn fitting_policy(&mut self, kind: &str, fields: &Fields<'_>) {
        let clock = ["cron", "every", "at"].contains(&kind);
        for field in fields.iter() {
            let needs_clock = ["missed", "within", "jitter", "except"].contains(&field.name);
            let needs_zone = ["timezone", "dst"].contains(&field.name);
            if needs_clock && !clock || needs_zone && !["cron", "at"].contains(&kind) {
                let message = format!("`{}` means nothing for a `{kind}` trigger", field.name);
                self.ctx.error(Code::UnknownKey, field.key, message);
            }
        }
        let deadline = fields.node("deadline");
        if let Some(node) = deadline.filter(|node| node.get("by").is_some() == node.get("after").is_some()) {
            let help = "write one: `deadline: { by: \"07:00\" }` for a time of day, `after: 5h` for a length of time";
            self.ctx.error_help(Code::MissingKey, node.spot, "`deadline` needs either `by` or `after`", help);
        }
    }
}

/// When and how a trigger counts. What does not read has been said by its shape.
fn schedule_policy(fields: &Fields<'_>) -> Policy {
    let word = |key: &str| fields.param(key).and_then(text);
    let deadline = fields.param("deadline").and_then(|deadline| {
        let by = deadline.get("by").and_then(text).and_then(|by| by.parse().ok()).map(DeadlineAt::By);
        let after = deadline.get("after").and_then(span).map(DeadlineAt::After);
        let severity = deadline.get("severity").and_then(text).map(str::to_owned);
        Some(Deadline { when: by.or(after)?, severity })
    });
    Policy {
        missed: word("missed").and_then(|word| match word {
            "skip" => Some(Missed::Skip),
            "latest" => Some(Missed::Latest),
            "all" => Some(Missed::All),
            _ => None,
        }),
        within: fields.span("within"),
        overlap: match word("overlap") {
            Some("queue") => Overlap::Queue(1),
            Some("replace") => Overlap::Replace,
            Some("allow") => Overlap::Allow,
            Some(_) => Overlap::Skip,
            None => {
                let queue = fields.param("overlap").and_then(|overlap| overlap.get("queue")).and_then(Param::value);
                let most = queue.and_then(Value::as_u64).and_then(|most| u32::try_from(most).ok());
                most.map_or(Overlap::Skip, Overlap::Queue)
            }
        },
        dst: word("dst").and_then(|word| match word {
            "once" => Some(Dst::Once),
            "skip" => Some(Dst::Skip),
            "each" => Some(Dst::Each),
            _ => None,
        }),
        jitter: fields.span("jitter").unwrap_or_default(),
        except: fields.texts("except").iter().filter_map(|name| Name::parse(name).ok()).collect(),
        deadline,
    }
}

/// A decoded parameter as plain data.
pub(super) fn plain(param: &Param) -> Value {
    match param {
        Param::Value(value) => value.clone(),
        Param::Text(template) => Value::String(template.source().to_owned()),
        Param::Expr(expr) => Value::String(expr.source().to_owned()),
        Param::List(list) => Value::Array(list.iter().map(plain).collect()),
        Param::Map(map) => Value::Object(map.iter().map(|(key, param)| (key.clone(), plain(param))).collect()),
    }
}
