//! An answer of the world that somebody wrote down, judged as if it had just come in.

use crate::act::args::Args;
use crate::act::http;
use crate::act::process::{Captured, ProcessExit, reply};
use crate::act::secret::Filled;
use crate::act::verdict::Done;
use crate::act::world::{Seat, World, seat};
use crate::base::arg::{Arg, SecretRef};
use crate::base::value::{Map, Value, plain};
use crate::model::kind::Kind;
use crate::model::perform::{Failure, Reply, Request};
use crate::model::policy::OutputForm;
use std::time::Duration;

/// What a request comes to when the world answers with these fields of its kind's output; fields that are left out say
/// nothing. `http` judges by its `expect`, processes by their `exit` and `output`; of other kinds the answer is taken
/// as good. Secrets have the value of their own name in braces.
#[must_use]
pub fn judge(request: &Request, given: &Map<String, Value>, took: Duration, world: &World) -> Reply {
    let request = &plainly(request);
    let Some(kind) = Kind::parse(&request.kind) else {
        return Reply::Done { output: Value::Object(given.clone()), findings: Vec::new() };
    };
    let mut output = blanks(kind, took);
    output.extend(given.clone());
    if seat(request) == Seat::Child {
        return child(request, given, &output, took);
    }
    let judged = if kind == Kind::Http {
        Args::of(kind, request, &Filled::default()).and_then(|args| http::judge(&args, &output, took, world))
    } else {
        Ok(Done::new(Value::Object(output)))
    };
    match judged {
        Ok(Done { output, findings }) => Reply::Done { output, findings },
        Err(failure) => Reply::Failed(failure),
    }
}

/// The request without holes: a secret is its name.
fn plainly(request: &Request) -> Request {
    let named = |secret: &SecretRef| Ok::<_, std::convert::Infallible>(secret.written());
    let Ok(params) = request.params.fill(&mut { named });
    Request { params: Arg::Value(params), ..request.clone() }
}

fn blanks(kind: Kind, took: Duration) -> Map<String, Value> {
    let spec = kind.spec();
    let mut blanks: Map<String, Value> =
        spec.output.iter().filter_map(|field| Some((field.name.to_owned(), field.ty.blank()?))).collect();
    for (name, value) in &mut blanks {
        match name.as_str() {
            "latency_ms" | "duration_ms" => *value = Value::from(u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
            "status" if [Kind::Http, Kind::Sip].contains(&kind) => *value = Value::from(200),
            "active_state" => *value = Value::from("active"),
            "delivered" | "opened" | "trusted" | "valid" => *value = Value::Bool(true),
            _ => {}
        }
    }
    blanks
}

/// A process that ended with this exit code and printed this.
fn child(request: &Request, given: &Map<String, Value>, output: &Map<String, Value>, took: Duration) -> Reply {
    let text = |name: &str| {
        let bytes = output.get(name).map(plain).unwrap_or_default().into_bytes();
        Captured { total: bytes.len() as u64, tail: bytes, unkept: None }
    };
    let code = output.get("exit_code").and_then(Value::as_i64).and_then(|code| i32::try_from(code).ok());
    let exit = ProcessExit {
        code: Some(code.unwrap_or_default()),
        duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        ..ProcessExit::default()
    };
    // A value that is given needs no text to be read from.
    let value = given.get("value");
    let form = if value.is_some() { OutputForm::Text } else { request.output };
    let ended = reply(&Request { output: form, ..request.clone() }, &exit, &text("stdout"), &text("stderr"));
    let with_given = |ended: Value| match ended {
        Value::Object(mut map) => {
            map.extend(given.iter().filter(|(name, _)| !["stdout", "stderr"].contains(&name.as_str())).map(own));
            Value::Object(map)
        }
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => other,
    };
    match ended {
        Reply::Done { output, findings } => Reply::Done { output: with_given(output), findings },
        Reply::Failed(failure) => Reply::Failed(Failure { output: with_given(failure.output.clone()), ..failure }),
        other @ (Reply::Stopped { .. } | Reply::Lost { .. }) => other,
    }
}

fn own((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}
