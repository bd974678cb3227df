//! What a plan lets a run do: the requests that a dry run would have made, as people read them.
//!
//! A request is compared by what it does (kind, parameters, environment, directory), never by its attempt
//! or round. Secrets are holes in it, here as everywhere.

use crate::base::arg::Arg;
use crate::base::value::{Map, Value, json, plain};
use crate::model::kind::Kind;
use crate::model::perform::{Failure, Request};
use crate::model::policy::FailureKind;

/// What stands for the run's own id, which is another in every run.
const RUN_ID: &str = "<run.id>";
/// Keys of a `report` that say what is in the file; which file it is is what counts.
const CONTENT: &[&str] = &["json", "markdown", "html", "text"];
/// Characters of a request that a message shows.
const SHOWN: usize = 300;

/// One thing that a plan lists.
#[derive(Debug, Clone, PartialEq)]
pub struct Touch {
    /// The runbook.
    pub runbook: String,
    /// Where in its run the dry run came to it.
    pub place: String,
    /// The step.
    pub step: String,
    /// The step's kind.
    pub kind: String,
    /// What it would do, or why that could not be known.
    pub what: Result<Value, String>,
    /// What it said itself that it would touch, each a line like `removed app/1.log`; `None` where it said nothing.
    pub lists: Option<Vec<String>>,
}

/// Everything that a plan lists.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Allowed(pub Vec<Touch>);

impl Touch {
    /// As it is written into a plan.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut map = Map::new();
        for (key, text) in
            [("runbook", &self.runbook), ("place", &self.place), ("step", &self.step), ("kind", &self.kind)]
        {
            map.insert(key.into(), text.clone().into());
        }
        match &self.what {
            Ok(request) => drop(map.insert("does".into(), request.clone())),
            Err(why) => drop(map.insert("unknown".into(), why.clone().into())),
        }
        if let Some(lists) = &self.lists {
            map.insert("lists".into(), json!(lists));
        }
        Value::Object(map)
    }

    fn from_value(value: &Value) -> Option<Self> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let what = match (value.get("does"), text("unknown")) {
            (Some(request), None) => Ok(request.clone()),
            (None, Some(why)) => Err(why),
            (Some(_), Some(_)) | (None, None) => return None,
        };
        let line = |value: &Value| value.as_str().map(str::to_owned);
        let lists = match value.get("lists") {
            Some(lists) => Some(lists.as_array()?.iter().map(line).collect::<Option<_>>()?),
            None => None,
        };
        let (runbook, place, step, kind) = (text("runbook")?, text("place")?, text("step")?, text("kind")?);
        Some(Self { runbook, place, step, kind, what, lists })
    }
}

impl Allowed {
    /// As it is written into a plan.
    #[must_use]
    pub fn to_value(&self) -> Value {
        self.0.iter().map(Touch::to_value).collect()
    }

    /// What is written in a plan; `None` where it is no list of such things.
    #[must_use]
    pub fn from_value(value: &Value) -> Option<Self> {
        value.as_array()?.iter().map(Touch::from_value).collect::<Option<_>>().map(Self)
    }

    /// Whether a run of that runbook may make this request, and what it may touch with it: `None` = whatever it asks for.
    ///
    /// # Errors
    /// A [`Failure`] that says what was wanted and what the plan has.
    pub fn judge(&self, runbook: &str, request: &Request) -> Result<Option<Vec<String>>, Failure> {
        if !is_judged(request) {
            return Ok(None);
        }
        let wanted = does(request);
        let step = request.place.step().as_str();
        let listed: Vec<_> = self.0.iter().filter(|touch| touch.runbook == runbook && touch.step == step).collect();
        let mut same = listed.iter().filter(|touch| touch.what.as_ref() == Ok(&wanted)).peekable();
        if same.peek().is_some() {
            let lists: Option<Vec<_>> = same.map(|touch| touch.lists.clone()).collect();
            return Ok(lists.map(|lists| lists.concat()));
        }
        let known: Vec<String> = listed
            .iter()
            .filter_map(|touch| touch.what.as_ref().ok())
            .take(3)
            .map(|does| shown(does, &wanted))
            .collect();
        let unknown = listed.iter().find_map(|touch| touch.what.as_ref().err());
        let has = match (known.as_slice(), unknown) {
            ([], Some(why)) => format!("the plan could not know what it would do ({why})"),
            ([], None) => "the plan lists nothing for this step".to_owned(),
            (known, _) => format!("the plan lists {}", known.join("; ")),
        };
        let first = listed.iter().find_map(|touch| touch.what.as_ref().ok());
        let wants = shown(&wanted, first.unwrap_or(&Value::Null));
        let message = format!("not done: `{}` would do {wants}, and {has}", request.place);
        Err(Failure::lasting(FailureKind::Start, message))
    }
}

/// What a rehearsal of that kind said that a run would touch; `None` where the request says it all.
#[must_use]
pub fn lists(kind: &str, output: &Value) -> Option<Vec<String>> {
    let all = |key: &str| output.get(key).and_then(Value::as_array).into_iter().flatten();
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let kind = Kind::parse(kind)?;
    if kind == Kind::Files {
        return Some(all("files").filter_map(|file| Some(line(&text(file, "did")?, &text(file, "path")?))).collect());
    }
    if kind == Kind::Backup {
        let gone = all("removed").map(|archive| line("removed", &plain(archive)));
        return Some(gone.chain(all("removed_copies").map(|copy| line("removed copy", &plain(copy)))).collect());
    }
    let archive = (kind == Kind::Restore).then(|| text(output, "archive").unwrap_or_default())?;
    Some(vec![line("restored", &archive)])
}

/// One thing that is touched, as a plan lists it. What has the time in its name is listed by what it comes from.
#[must_use]
pub fn line(did: &str, what: &str) -> String {
    format!("{did} {what}")
}

/// Whether a plan has a say in it: it changes something, and is no word to a person.
#[must_use]
pub fn is_judged(request: &Request) -> bool {
    match Kind::parse(&request.kind) {
        Some(Kind::Notify | Kind::Escalate | Kind::Resolve) => false,
        Some(kind) => !kind.reads(&|key| request.params.get(key).is_some()),
        None => true,
    }
}

/// What a request does, as a plan has it.
#[must_use]
pub fn does(request: &Request) -> Value {
    let params = match (&request.params, request.kind.as_str()) {
        (Arg::Map(map), "report") => {
            Arg::Map(map.iter().filter(|(key, _)| !CONTENT.contains(&key.as_str())).cloned().collect())
        }
        (params, _) => params.clone(),
    };
    let mut does = Map::new();
    does.insert(request.kind.clone(), params.shown());
    if !request.env.is_empty() {
        let env: Map<_, _> = request.env.iter().map(|(name, text)| (name.clone(), text.to_string().into())).collect();
        does.insert("env".into(), Value::Object(env));
    }
    if let Some(workdir) = &request.workdir {
        does.insert("workdir".into(), json!(workdir.to_string()));
    }
    without_id(&Value::Object(does), &request.run)
}

fn without_id(value: &Value, run: &str) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace(run, RUN_ID)),
        Value::Array(list) => list.iter().map(|value| without_id(value, run)).collect(),
        Value::Object(map) => {
            Value::Object(map.iter().map(|(key, value)| (key.replace(run, RUN_ID), without_id(value, run))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// What it does, in a line; of a long one the part that differs from `other`.
fn shown(does: &Value, other: &Value) -> String {
    let (text, other) = (plain(does), plain(other));
    if text.chars().count() <= SHOWN {
        return format!("`{text}`");
    }
    let same = text.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    let from = if same >= SHOWN { same - SHOWN / 4 } else { 0 };
    let piece: String = text.chars().skip(from).take(SHOWN).collect();
    format!("`{}{piece}…`", if from > 0 { "…" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::address::Place;
    use crate::base::arg::{Landing, Piece, SecretRef, Text};
    use crate::model::policy::OutputForm;
    use std::collections::BTreeMap;

    fn request(kind: &str, params: &[(&str, &str)], run: &str) -> Request {
        let params = params.iter().map(|(key, text)| ((*key).to_owned(), Arg::Text(Text::lit(*text)))).collect();
        Request {
            run: run.into(),
            place: Place::parse("fleet[1]/restart").expect("a place"),
            attempt: 1,
            kind: kind.into(),
            params: Arg::Map(params),
            env: Vec::new(),
            workdir: None,
            output: OutputForm::Text,
            timeout: None,
            sealed: BTreeMap::new(),
            artifacts: Vec::new(),
            rehearsal: false,
            listed: None,
        }
    }

    fn plan(what: Vec<Result<Value, String>>) -> Allowed {
        let touch = |what| Touch {
            runbook: "fix".into(),
            place: "fleet[0]/restart".into(),
            step: "restart".into(),
            kind: "shell".into(),
            what,
            lists: None,
        };
        Allowed(what.into_iter().map(touch).collect())
    }

    fn judged(plan: &Allowed, request: &Request) -> String {
        plan.judge("fix", request).map_or_else(|failure| failure.message, |_| "done".into())
    }

    #[test]
    fn only_what_is_listed_is_done_and_the_rest_says_why_not() {
        let wanted = request("shell", &[("sh", "restart web-2")], "r1");
        for (what, says) in [
            (
                vec![Ok(json!({"shell": {"sh": "restart web-1"}})), Ok(json!({"shell": {"sh": "restart web-2"}}))],
                "done",
            ),
            (
                vec![Ok(json!({"shell": {"sh": "restart web-1"}}))],
                "not done: `fleet[1]/restart` would do `{\"shell\":{\"sh\":\"restart web-2\"}}`, and the plan lists \
                 `{\"shell\":{\"sh\":\"restart web-1\"}}`",
            ),
            (
                vec![Err("`steps.find` has no output".into())],
                "not done: `fleet[1]/restart` would do `{\"shell\":{\"sh\":\"restart web-2\"}}`, and the plan could \
                 not know what it would do (`steps.find` has no output)",
            ),
            (
                vec![],
                "not done: `fleet[1]/restart` would do `{\"shell\":{\"sh\":\"restart web-2\"}}`, and the plan lists \
                 nothing for this step",
            ),
        ] {
            let plan = plan(what);
            assert_eq!(Allowed::from_value(&plan.to_value()).as_ref(), Some(&plan), "written and read");
            assert_eq!(judged(&plan, &wanted), says);
        }
        let other = plan(vec![Ok(does(&wanted))]);
        assert!(other.judge("other", &wanted).is_err(), "what another runbook may do is not what this one may");
    }

    #[test]
    fn reads_and_words_to_people_need_no_plan_and_reports_only_their_file() {
        let none = plan(vec![]);
        for (kind, params) in
            [("http", ("get", "http://x")), ("notify", ("message", "x")), ("escalate", ("title", "x"))]
        {
            assert_eq!(judged(&none, &request(kind, &[params], "r1")), "done", "{kind}");
        }
        let report = |to, text| request("report", &[("to", to), ("text", text)], "r1");
        let plan = plan(vec![Ok(does(&report("a.txt", "99 %")))]);
        assert_eq!(judged(&plan, &report("a.txt", "98 %")), "done");
        assert!(judged(&plan, &report("b.txt", "99 %")).starts_with("not done"));
    }

    #[test]
    fn the_runs_own_id_and_secrets_are_the_same_in_every_run() {
        let told = |run: &str| {
            let hole = SecretRef { name: "TOKEN".into(), landing: Landing::Env };
            let env = vec![("T".to_owned(), Text(vec![Piece::Secret(hole)]))];
            Request { env, ..request("shell", &[("sh", &format!("mkdir /tmp/{run}"))], run) }
        };
        let plan = plan(vec![Ok(does(&told("01aaaa")))]);
        assert_eq!(
            does(&told("01aaaa")),
            json!({"shell": {"sh": "mkdir /tmp/<run.id>"}, "env": {"T": "<secrets.TOKEN>"}})
        );
        assert_eq!(judged(&plan, &told("01bbbb")), "done");
    }

    #[test]
    fn what_was_listed_is_all_that_may_be_touched() {
        let wanted = request("files", &[("root", "tmp"), ("remove", "*.log")], "r1");
        let touch = |lists: Option<&str>| Touch {
            runbook: "fix".into(),
            place: "restart".into(),
            step: "restart".into(),
            kind: "files".into(),
            what: Ok(does(&wanted)),
            lists: lists.map(|line| vec![line.to_owned()]),
        };
        let output = json!({ "files": [{ "did": "removed", "path": "1.log" }], "skipped": [{ "path": "2.log" }] });
        assert_eq!(lists("files", &output), Some(vec!["removed 1.log".to_owned()]));
        let output = json!({ "removed": ["a"], "removed_copies": ["b"] });
        assert_eq!(lists("backup", &output), Some(vec!["removed a".to_owned(), "removed copy b".to_owned()]));
        for (plan, may) in [
            (vec![touch(Some("removed 1.log"))], Some(vec!["removed 1.log"])),
            (
                vec![touch(Some("removed 1.log")), touch(Some("removed 3.log"))],
                Some(vec!["removed 1.log", "removed 3.log"]),
            ),
            (vec![touch(None)], None),
        ] {
            let plan = Allowed(plan);
            assert_eq!(Allowed::from_value(&plan.to_value()).as_ref(), Some(&plan), "written and read");
            let may = may.map(|may: Vec<&str>| may.into_iter().map(str::to_owned).collect());
            assert_eq!(plan.judge("fix", &wanted), Ok(may));
        }
    }

    #[test]
    fn of_a_long_request_the_part_that_differs_is_shown() {
        let long = |end: &str| request("shell", &[("sh", &format!("{}{end}", "x".repeat(5_000)))], "r1");
        let said = judged(&plan(vec![Ok(does(&long("one")))]), &long("two"));
        assert!(said.len() < 1_000 && said.contains("xtwo") && said.contains("xone"), "{said}");
    }
}
