//! The shapes of version 1: what stands in the journal, field by field.

use crate::base::value::{Map, Value};
use crate::store::codec::held::{Held, Holding};
use crate::store::codec::v1::request::{Failure, Finding, Request};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An event with its version and instant.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Envelope {
    pub(super) v: u32,
    pub(super) at: String,
    #[serde(rename = "e")]
    pub(super) event: Event,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Event {
    Started(Box<Started>),
    Queued { group: String, holders: Vec<String> },
    Admitted,
    CancelAsked { actor: Actor, reason: String },
    TimedOut,
    Entered(Stage),
    ClockSet { by_ms: i64, reckoning: Reckoning },
    Step { place: String, event: StepEvent },
    Ended(Box<Ended>),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    Steps,
    Undo,
    OnFailure,
    Finally,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Actor {
    pub(super) id: String,
    pub(super) via: String,
    pub(super) role: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Started {
    pub(super) run: String,
    pub(super) runbook: String,
    pub(super) texts: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Held::is_empty")]
    pub(super) inputs: Held<Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Held::is_empty")]
    pub(super) sealed: Held<BTreeMap<String, String>>,
    #[serde(default, skip_serializing_if = "Held::is_empty")]
    pub(super) vars: Held<Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Held::is_empty")]
    pub(super) env: Held<BTreeMap<String, String>>,
    pub(super) actor: Actor,
    #[serde(default, skip_serializing_if = "Held::is_empty")]
    pub(super) trigger: Held<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) parent: Option<Parent>,
    pub(super) depth: u32,
    pub(super) seed: u64,
    pub(super) node: String,
    pub(super) dry: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) only: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) skip: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) repeats: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reckoning: Option<Reckoning>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reckoning {
    pub(super) boot: String,
    pub(super) lead_ms: i64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parent {
    pub(super) run: String,
    pub(super) place: String,
    pub(super) attempt: u32,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum StepEvent {
    Held {
        mutex: String,
        holder: Option<String>,
    },
    Asked {
        question: String,
        known: String,
    },
    Answered {
        actor: Actor,
        answer: Answer,
    },
    Sought {
        message: String,
        by: Vec<String>,
        quorum: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<String>,
    },
    Told {
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        problems: Vec<String>,
    },
    Voted(Box<Vote>),
    Attempt {
        number: u32,
        #[serde(default, skip_serializing_if = "Held::is_empty")]
        request: Held<Option<Box<Request>>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        child: Option<String>,
    },
    Attempted {
        number: u32,
        result: Box<AttemptResult>,
    },
    Backoff {
        until: String,
    },
    Opened {
        pass: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<String>,
        #[serde(default, skip_serializing_if = "Held::is_empty")]
        items: Held<Option<Vec<Value>>>,
    },
    Lane(Lane),
    Judged {
        good: bool,
        data: bool,
    },
    Rest {
        until: String,
    },
    TimedOut,
    TakenOver(Box<StepEnded>),
    Ended(Box<StepEnded>),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Vote {
    pub(super) actor: Actor,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) person: Option<String>,
    pub(super) approve: bool,
    #[serde(default, skip_serializing_if = "Held::is_empty")]
    pub(super) fields: Held<Map<String, Value>>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) note: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) over: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    Go,
    Stop,
    Succeeded,
    Failed,
    Again,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Lane {
    Body(u32),
    Recover,
    OnError,
    Undo,
    OnFailure,
    Finally,
    Until(u32),
    Try(u32),
    Round(u32),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AttemptResult {
    #[serde(default, skip_serializing_if = "Held::is_empty")]
    pub(super) output: Held<Value>,
    #[serde(default, skip_serializing_if = "Held::is_empty")]
    pub(super) failure: Held<Option<Failure>>,
    pub(super) stopped: bool,
    #[serde(default, skip_serializing_if = "Held::is_empty")]
    pub(super) findings: Held<Vec<Finding>>,
    #[serde(default, skip_serializing_if = "Held::is_empty")]
    pub(super) samples: Held<Vec<Sample>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) usage: Option<Usage>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Usage {
    pub(super) cpu_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) peak_kib: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) unkept: Vec<Unkept>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Unkept {
    pub(super) stream: String,
    pub(super) kept: u64,
    pub(super) more: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) why: Option<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sample {
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) labels: BTreeMap<String, String>,
    /// As text: JSON has no infinity, and every digit comes back. `NaN` where there was no reading.
    pub(super) value: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) unit: Option<String>,
    pub(super) level: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) note: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepEnded {
    pub(super) outcome: String,
    pub(super) level: String,
    #[serde(default, skip_serializing_if = "Held::is_empty")]
    pub(super) failure: Held<Option<Failure>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    /// None or one: a null is an output too.
    #[serde(default, skip_serializing_if = "Held::is_empty")]
    pub(super) output: Held<Vec<Value>>,
    #[serde(default, skip_serializing_if = "Held::is_empty")]
    pub(super) planned: Held<Option<Planned>>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Planned {
    Request(Box<Request>),
    Unknown(String),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ended {
    pub(super) outcome: String,
    pub(super) level: String,
    pub(super) reason: String,
    #[serde(default, skip_serializing_if = "Held::is_empty")]
    pub(super) outputs: Held<Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tells: Option<Tells>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) unknown: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Tells {
    Response {
        incident: String,
    },
    Good {
        key: String,
    },
    Bad {
        key: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        severity: Option<String>,
    },
}

/// Which values are meant.
#[derive(Debug, Clone, Copy)]
pub(super) enum Which {
    /// Those that may be elsewhere.
    Elsewhere,
    /// Those that go elsewhere when they are large: not samples, which the index is made from.
    ToSpill,
}

impl Envelope {
    /// Every such value.
    pub(super) fn held(&mut self, which: Which) -> Vec<&mut dyn Holding> {
        match &mut self.event {
            Event::Started(started) => {
                let Started { inputs, sealed, vars, env, trigger, .. } = &mut **started;
                vec![inputs, sealed, vars, env, trigger]
            }
            Event::Step { event, .. } => event.held(which),
            Event::Ended(ended) => vec![&mut ended.outputs],
            Event::Queued { .. }
            | Event::Admitted
            | Event::CancelAsked { .. }
            | Event::TimedOut
            | Event::Entered(_)
            | Event::ClockSet { .. } => Vec::new(),
        }
    }
}

impl StepEvent {
    fn held(&mut self, which: Which) -> Vec<&mut dyn Holding> {
        match self {
            Self::Attempt { request, .. } => vec![request],
            Self::Attempted { result, .. } => {
                let mut held: Vec<&mut dyn Holding> =
                    vec![&mut result.output, &mut result.failure, &mut result.findings];
                match which {
                    Which::Elsewhere => held.push(&mut result.samples),
                    Which::ToSpill => {}
                }
                held
            }
            Self::Opened { items, .. } => vec![items],
            Self::TakenOver(ended) | Self::Ended(ended) => {
                vec![&mut ended.failure, &mut ended.output, &mut ended.planned]
            }
            Self::Voted(vote) => vec![&mut vote.fields],
            Self::Held { .. }
            | Self::Sought { .. }
            | Self::Told { .. }
            | Self::Asked { .. }
            | Self::Answered { .. }
            | Self::Backoff { .. }
            | Self::Lane(_)
            | Self::Judged { .. }
            | Self::Rest { .. }
            | Self::TimedOut => Vec::new(),
        }
    }
}
