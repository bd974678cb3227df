//! Tests speak of steps, inputs, outputs and fields that are there.

use super::outline::Outline;
use super::{calls, ladder, outputs, rehearsals};
use crate::base::value::{Value, plain, type_name};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Spot};
use crate::expr::Type;
use crate::lang::Loaded;
use crate::model::runbook::Runbook;
use crate::model::step::{Step, StepKind};
use crate::model::test::{Given, GivenResult, How, Listed, Reaction, Say, Saying, Subject, Test, Written, resolve};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Checks every test of the book.
pub(super) fn check(loaded: &Loaded, findings: &mut Diagnostics) {
    titles(loaded, findings);
    for test in &loaded.book.tests {
        match &test.subject {
            Subject::Runbook(name) => {
                foreign(test, rehearsals::GIVEN, rehearsals::EXPECTED, "a test of a runbook", findings);
                if !calls::unknown(loaded, &name.value, name.spot, findings)
                    && let Some(runbook) = loaded.book.runbooks.get(&name.value)
                {
                    Checker { loaded, runbook, findings }.test(test);
                }
            }
            Subject::Incident(incident) => rehearsals::check(loaded, test, incident, findings),
        }
    }
}

/// Two tests of one title in one file could not be told apart.
fn titles(loaded: &Loaded, findings: &mut Diagnostics) {
    let mut seen: BTreeMap<(crate::diagnostic::FileId, &str), Spot> = BTreeMap::new();
    for test in loaded.book.tests.iter().filter(|test| !test.title.is_empty()) {
        match seen.get(&(test.spot.file, test.title.as_str())) {
            Some(first) => findings.push(
                Diagnostic::error(Code::DuplicateKey, test.spot, format!("two tests are called `{}`", test.title))
                    .note(*first, "the first is here")
                    .help("say what this one shows"),
            ),
            None => drop(seen.insert((test.spot.file, &test.title), test.spot)),
        }
    }
}

/// Keys that mean nothing in this sort of test: such a test would not look at what it says.
pub(super) fn foreign(test: &Test, given: &[&str], expected: &[&str], here: &str, findings: &mut Diagnostics) {
    let given = test.given.keys.iter().filter(|key| given.contains(&key.value)).map(|key| ("given", key));
    let expected = test.expect.keys.iter().filter(|key| expected.contains(&key.value)).map(|key| ("expect", key));
    for (whose, key) in given.chain(expected) {
        let message = format!("`{whose}.{}` means nothing in {here}", key.value);
        findings.push(Diagnostic::error(Code::UnknownKey, key.spot, message).help("take it out"));
    }
}

pub(super) fn names<T>(listed: &Listed<T>) -> Vec<&Written<T>> {
    match listed {
        Listed::Exactly(all) => all.iter().collect(),
        Listed::Partly { includes, never } => includes.iter().chain(never).collect(),
    }
}

struct Checker<'a> {
    loaded: &'a Loaded,
    runbook: &'a Arc<Runbook>,
    findings: &'a mut Diagnostics,
}

impl<'a> Checker<'a> {
    fn test(&mut self, test: &'a Test) {
        self.given(&test.given, test.spot);
        let expect = &test.expect;
        let ran = expect.ran.iter().flat_map(|ran| names(&ran.value));
        let steps = expect.steps.iter().map(|step| &step.step);
        for step in ran.chain(steps).chain(&expect.failed_step) {
            self.step(step);
        }
        for step in &expect.steps {
            let found = resolve(&self.loaded.book, self.runbook, &step.step.value);
            if let Ok((path, found)) = found {
                let ty = self.output_of(&path.0, found);
                for name in step.output.keys() {
                    self.field(found, &ty, &Written { value: name.clone(), spot: step.step.spot });
                }
            }
        }
        for (name, _) in &expect.outputs {
            let known: Vec<&str> = self.runbook.outputs.iter().map(|(name, _)| name.as_str()).collect();
            if !known.contains(&name.value.as_str()) {
                self.unknown(
                    name,
                    format!("`{}` has no output `{}`", self.runbook.name, name.value),
                    &known,
                    "outputs",
                );
            }
        }
    }

    fn given(&mut self, given: &'a Given, here: Spot) {
        let inputs: Vec<&str> = self.runbook.inputs.iter().map(|input| input.name.as_str()).collect();
        for (name, value) in &given.inputs {
            match self.runbook.inputs.iter().find(|input| input.name.as_str() == name.value) {
                None => self.findings.push(calls::unknown_input(self.runbook, &name.value, &inputs, name.spot)),
                Some(input) => {
                    if let Err(reason) = input.ty.accept(&value.value) {
                        let message = format!("`{}` of `{}` {reason}", name.value, self.runbook.name);
                        let help = format!("its type is {}", input.ty.word());
                        self.findings.push(Diagnostic::error(Code::WrongType, value.spot, message).help(help));
                    }
                }
            }
        }
        let is_given = |name: &str| given.inputs.iter().any(|(given, _)| given.value == name);
        for input in
            self.runbook.inputs.iter().filter(|input| input.default.is_none() && !is_given(input.name.as_str()))
        {
            let message = format!("`{}` needs the input `{}`, which is not given", self.runbook.name, input.name);
            let help = format!("write `given: {{ inputs: {{ {}: … }} }}` ({})", input.name, input.ty.as_a());
            self.findings.push(Diagnostic::error(Code::MissingKey, here, message).help(help));
        }
        for (name, _) in &given.env {
            let known: Vec<&str> = self.runbook.env.iter().chain(self.env_of_called()).map(String::as_str).collect();
            if !known.contains(&name.value.as_str()) {
                let message = format!("`{}` does not list `{}` in its `env`", self.runbook.name, name.value);
                self.unknown(name, message, &known, "names");
            }
        }
        for answer in &given.answers {
            if let Some((_, step)) = self.step(&answer.step) {
                self.answers(answer, step);
            }
        }
        for script in &given.steps {
            let Some((calls, step)) = self.step(&script.step) else { continue };
            if !self.is_asked(&script.step, step) {
                continue;
            }
            let in_items = script.items.iter().flat_map(|(_, results)| results);
            let ty = self.output_of(&calls, step);
            for result in script.results.iter().chain(in_items) {
                self.result(step, &ty, result);
            }
        }
    }

    /// What runbooks called on the way list: they find it where their caller does.
    fn env_of_called(&self) -> impl Iterator<Item = &'a String> {
        let (mut seen, mut todo, mut names) = (BTreeSet::new(), vec![self.runbook], Vec::new());
        while let Some(next) = todo.pop() {
            let call = |kind: &'a StepKind| if let StepKind::Call(call) = kind { Some(&call.runbook) } else { None };
            let calls = next.index.values().filter_map(|step| self.loaded.book.runbooks.get(call(&step.kind)?));
            for called in calls.filter(|called| seen.insert(&called.name)) {
                names.push(&called.env);
                todo.push(called);
            }
        }
        names.into_iter().flatten()
    }

    /// The words fit what is asked, and whoever says them is somebody.
    fn answers(&mut self, answer: &'a Reaction, step: &Step) {
        let polls = step.kind.approval().is_some();
        let fits = |saying: &Saying| matches!(saying.say, Say::Approve | Say::Reject) == polls;
        if !answer.says.iter().all(fits) {
            let (what, words) = if polls {
                ("an approval", "`approve` or `reject`")
            } else {
                ("no approval", "`go` or `stop`, of a lost attempt `succeeded`, `failed` or `again`")
            };
            let message = format!("`{}` is {what}: it is answered with {words}", step.id);
            self.findings.push(Diagnostic::error(Code::WrongType, answer.step.spot, message).help("change the word"));
        }
        for by in answer.says.iter().filter_map(|saying| saying.by.as_ref()) {
            if let Some(finding) = ladder::contact(self.loaded, &by.value, by.spot) {
                self.findings.push(finding);
            }
        }
    }

    /// The step of that name, or a finding.
    fn step(&mut self, name: &Written<String>) -> Option<(Vec<crate::base::ids::StepId>, &'a Arc<Step>)> {
        match resolve(&self.loaded.book, self.runbook, &name.value) {
            Ok(((calls, _), step)) => Some((calls, step)),
            Err(no) => {
                let finding = Diagnostic::error(Code::UnknownStep, name.spot, no.message);
                let near = crate::diagnostic::closest(&no.part, no.known.iter().map(String::as_str));
                let known = || no.known.iter().take(12).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                self.findings.push(match near {
                    Some(near) => finding.help(format!("did you mean `{near}`?")),
                    None if no.known.is_empty() => finding.help("it has no steps inside it"),
                    None => finding.help(format!("the steps there are {}", known())),
                });
                None
            }
        }
    }

    /// Whether the world is asked anything for this step; where not, a result means nothing.
    fn is_asked(&mut self, name: &Written<String>, step: &Step) -> bool {
        let help = match &step.kind {
            StepKind::Act(_) => return true,
            StepKind::Remedy(_) => {
                format!("give results to its probe and its remedies: `{0}.until`, `{0}.ID`", name.value)
            }
            StepKind::Wait(crate::model::step::Wait::Probe { .. }) => {
                format!("give a result to its probe: `{}.until`", name.value)
            }
            StepKind::Steps(_) | StepKind::Watch(_) => "give results to the steps inside it".into(),
            StepKind::Call(_) => format!("the called runbook runs too: give results to its steps: `{}.ID`", name.value),
            StepKind::Approval(_) => {
                format!("say what people answer: `given: {{ answers: {{ {}: approve }} }}`", name.value)
            }
            StepKind::Wait(_) | StepKind::Compute(_) | StepKind::Log { .. } | StepKind::Fail(_) | StepKind::Pass(_) => {
                "take it out: it is done as in a run".into()
            }
        };
        let message = format!("`{}` ({}) asks nothing of the world", step.id, step.kind.name());
        self.findings.push(Diagnostic::error(Code::UnknownKey, name.spot, message).help(help));
        false
    }

    fn output_of(&self, calls: &[crate::base::ids::StepId], step: &Step) -> Type {
        let mut runbook = self.runbook;
        for call in calls {
            let Some(StepKind::Call(call)) = runbook.step(call).map(|step| &step.kind) else { return Type::Any };
            let Some(called) = self.loaded.book.runbooks.get(&call.runbook) else { return Type::Any };
            runbook = called;
        }
        outputs::output(self.loaded, &Outline::new(runbook), step)
    }

    fn result(&mut self, step: &Step, ty: &Type, result: &GivenResult) {
        let How::Ok { output, .. } = &result.how else { return };
        for (name, value) in output {
            let Some(field) = self.field(step, ty, name) else { continue };
            if let Some((reason, help)) = misfit(&field, value, &name.value) {
                self.findings.push(Diagnostic::error(Code::WrongType, name.spot, reason).help(help));
            }
        }
    }

    /// The type of a field of what a step puts out, or a finding.
    fn field(&mut self, step: &Step, ty: &Type, name: &Written<String>) -> Option<Type> {
        let Type::Record(fields) = ty else { return None };
        let found = fields.get(&name.value).cloned();
        if found.is_none() {
            let known: Vec<&str> = fields.keys().map(String::as_str).collect();
            let message = format!("`{}` ({}) puts out no `{}`", step.id, step.kind.name(), name.value);
            let finding = Diagnostic::error(Code::UnknownField, name.spot, message);
            self.findings.push(with_known(finding, &name.value, &known, "fields"));
        }
        found
    }

    fn unknown(&mut self, name: &Written<String>, message: String, known: &[&str], what: &str) {
        let finding = Diagnostic::error(Code::UnknownName, name.spot, message);
        self.findings.push(with_known(finding, &name.value, known, what));
    }
}

fn with_known(finding: Diagnostic, name: &str, known: &[&str], what: &str) -> Diagnostic {
    match crate::diagnostic::closest(name, known.iter().copied()) {
        Some(near) => finding.help(format!("did you mean `{near}`?")),
        None if known.is_empty() => finding.help("take it out: there are none"),
        None => finding.help(format!("its {what} are {}", known.join(", "))),
    }
}

/// Why a value is none of this type, and what would be; `at` says where in the output it is.
fn misfit(ty: &Type, value: &Value, at: &str) -> Option<(String, String)> {
    let wrong = || {
        let message = format!("`{at}` must be {}, not {} (`{}`)", ty.present(), type_name(value), plain(value));
        Some((message, format!("write {}", ty.present())))
    };
    match (ty.present(), value) {
        (Type::Any, _)
        | (Type::Bool, Value::Bool(_))
        | (Type::Number, Value::Number(_))
        | (Type::Text | Type::Level, Value::String(_)) => None,
        (Type::Int, Value::Number(number)) if number.is_i64() || number.is_u64() => None,
        (Type::List(inner), Value::Array(items)) => {
            items.iter().enumerate().find_map(|(index, item)| misfit(inner, item, &format!("{at}[{index}]")))
        }
        (Type::Map(inner), Value::Object(map)) => {
            map.iter().find_map(|(key, value)| misfit(inner, value, &format!("{at}.{key}")))
        }
        (Type::Record(fields), Value::Object(map)) => map.iter().find_map(|(key, value)| {
            if let Some(inner) = fields.get(key) {
                misfit(inner, value, &format!("{at}.{key}"))
            } else {
                let known: Vec<&str> = fields.keys().map(String::as_str).collect();
                Some((format!("`{at}` has no `{key}`"), format!("its fields are {}", known.join(", "))))
            }
        }),
        _ => wrong(),
    }
}
