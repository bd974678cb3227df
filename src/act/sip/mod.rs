//! `sip`: OPTIONS, and what is expected of the answer.

use crate::act::args::Args;
use crate::act::connect::Target;
use crate::act::http::{listed, status_is};
use crate::act::millis;
use crate::act::sip::message::{Answer, Talk};
use crate::act::sip::wire::Wire;
use crate::act::verdict::{Done, Verdict, latency};
use crate::act::world::World;
use crate::base::value::{Value, json};
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use ezk_sip_types::Name;
use std::time::Duration;

mod message;
mod wire;

/// Timer F: 64 times T1, after which a request that is no INVITE has failed.
const LONGEST: Duration = Duration::from_secs(32);

/// Rounds of credentials: one, and one more where what it wants signed went stale meanwhile.
const ROUNDS: u32 = 2;

/// What carries the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transport {
    Udp,
    Tcp,
    Tls,
}

impl Transport {
    fn of(args: &Args) -> Result<Self, Failure> {
        match args.text("over").as_deref() {
            None | Some("udp") => Ok(Self::Udp),
            Some("tcp") => Ok(Self::Tcp),
            Some("tls") => Ok(Self::Tls),
            Some(other) => {
                let why = format!("`over: {other}` is none: write `udp`, `tcp` or `tls`");
                Err(Failure::lasting(FailureKind::Template, why))
            }
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
        }
    }

    /// As it stands in a `Via`.
    fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        }
    }
}

/// What a conversation came to.
struct Heard {
    answer: Answer,
    took: Duration,
    sent: u32,
    authenticated: bool,
}

pub(super) async fn perform(args: &Args, world: &World, timeout: Option<Duration>) -> Result<Done, Failure> {
    let transport = Transport::of(args)?;
    let target = Target::parse(&args.need("connect")?, Some(transport.port()))?;
    let mut wire = Wire::open(args, world, transport, &target).await?;
    let mut talk = Talk::new(args, transport, &target, wire.local())?;
    let heard = converse(&mut wire, &mut talk, world, patience(timeout)).await?;
    let output = output(&heard, transport, &wire.peer().to_string());
    judged(args, &wire.subject(), &heard.answer, (heard.took, output))
}

/// How long an answer is waited for: a little less than the step may take, so that it can say how it was.
fn patience(timeout: Option<Duration>) -> Duration {
    timeout.map_or(LONGEST, |timeout| timeout.saturating_sub(timeout / 20).min(LONGEST))
}

/// Asks until there is a final answer that asks for no credentials we have.
async fn converse(wire: &mut Wire, talk: &mut Talk, world: &World, patience: Duration) -> Result<Heard, Failure> {
    let until = tokio::time::Instant::now() + patience;
    let mut sent = 0;
    for round in 0.. {
        let asked = talk.ask();
        let start = (world.ticks)();
        let answer = wire.exchange(&asked, until, patience, &mut sent).await?;
        let took = world.since(start);
        let asks_who = matches!(answer.code, 401 | 407) && talk.has_credentials();
        if !asks_who {
            return Ok(Heard { answer, took, sent, authenticated: round > 0 });
        }
        if round == ROUNDS || !talk.signs(&asked, &answer, &wire.subject())? {
            let why = format!("{}: the user or the password is wrong ({})", wire.subject(), answer.in_words());
            return Err(Failure::lasting(FailureKind::Status, why));
        }
    }
    Err(Failure::new(FailureKind::Other, "it was asked too often"))
}

fn output(heard: &Heard, transport: Transport, address: &str) -> Value {
    let answer = &heard.answer;
    json!({
        "status": answer.code,
        "reason": answer.reason,
        "latency_ms": millis(heard.took),
        "address": address,
        "over": transport.name().to_ascii_lowercase(),
        "server": answer.text(&Name::SERVER),
        "user_agent": answer.text(&Name::USER_AGENT),
        "allow": answer.list(&Name::ALLOW),
        "accept": answer.list(&Name::ACCEPT),
        "supported": answer.list(&Name::SUPPORTED),
        "authenticated": heard.authenticated,
        "sent": heard.sent,
    })
}

/// What came back, judged by what is expected of it.
fn judged(args: &Args, subject: &str, answer: &Answer, (took, output): (Duration, Value)) -> Result<Done, Failure> {
    let mut statuses: Vec<Value> = Vec::new();
    let allowed = answer.list(&Name::ALLOW);
    let verdict = Verdict::of(args, |entry| {
        let mut problems: Vec<String> = latency(entry, took)?.into_iter().collect();
        if !entry.has("level") {
            statuses.extend(entry.list("status"));
        } else if entry.has("status") && !status_is(&entry.list("status"), answer.code) {
            problems.push(format!("{}, expected {}", answer.in_words(), listed(&entry.list("status"))));
        }
        let known = |want: &String| allowed.iter().any(|method| method.eq_ignore_ascii_case(want));
        let absent = entry.texts("allow").into_iter().filter(|want| !known(want));
        problems.extend(absent.map(|want| {
            if allowed.is_empty() {
                format!("it says nothing of what it allows, expected `{want}`")
            } else {
                format!("it does not allow `{want}`, only {}", allowed.join(", "))
            }
        }));
        Ok(problems)
    })?;
    if statuses.is_empty() {
        statuses.push(json!("2xx"));
    }
    if status_is(&statuses, answer.code) {
        return verdict.end(subject, output);
    }
    let why = match answer.code {
        401 | 407 => ": it asks who is asking (set `username` and `password`)",
        _ => "",
    };
    let message = format!("{subject}: {}, expected {}{why}", answer.in_words(), listed(&statuses));
    // Busy, too many, not just now: these pass.
    let lasting = matches!(answer.code, 400..500 | 600..) && !matches!(answer.code, 408 | 429 | 480 | 486 | 491 | 600);
    let retry_after = answer.retry_after();
    Err(Failure { output, retry_after, lasting, ..Failure::new(FailureKind::Status, message) })
}
