//! Every name that an expression or template reads: is it there, may it be read here, does its type fit.

use super::outline::{Lane, Outline, Standing};
use super::scope::{self, Own, Scopes};
use crate::base::ids::StepId;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::expr::{Expr, Problem, ProblemKind, Read, Type, Types};
use crate::lang::{Formula, Loaded, Mention};
use crate::model::channel::GATEWAY_NAMES;
use crate::model::step::StepKind;

/// Checks all mentions of one runbook.
pub(super) fn check<'a>(
    loaded: &'a Loaded,
    outline: &'a Outline<'a>,
    mentions: &[&'a Mention],
    findings: &mut Diagnostics,
) {
    let mut scopes = Scopes::new(loaded, outline);
    for mention in mentions {
        let step = mention.step.as_ref();
        let own = own(outline, mention);
        let mut special = special(outline, mention);
        if own == Own::Item
            && let Some(each) = each(outline, mention)
        {
            let mut types = scopes.at(step, own).clone();
            types.insert("it".into(), scope::item_of(each, &types));
            special = Some(types);
        }
        if let Some(plots) = super::plots::seen(outline, mention) {
            let mut types = special.unwrap_or_else(|| scopes.at(step, own).clone());
            types.insert("plots".into(), plots);
            special = Some(types);
        }
        let types = match &special {
            Some(types) => types,
            None => scopes.at(step, own),
        };
        let lost = lost_steps(loaded, outline, mention, findings);
        let problems = match &mention.what {
            Formula::Expr(expr) => expr.check(types, &wanted(mention)),
            Formula::Template(template) => template.check(types),
        };
        for problem in problems.iter().filter(|problem| !lost.iter().any(|read| overlaps(problem, read))) {
            let found =
                unknown_root_field(outline, mention, problem).or_else(|| item_outside(outline, mention, problem));
            findings.push(found.unwrap_or_else(|| mention.finding(problem)));
        }
    }
}

/// A misspelt input, var or variable is a name that does not exist, rather than a field of something.
fn unknown_root_field(outline: &Outline, mention: &Mention, problem: &Problem) -> Option<Diagnostic> {
    let read = mention.what.reads().iter().find(|read| overlaps(problem, read))?;
    let [root, name] = read.path.as_slice() else { return None };
    if root == "inputs" && outline.runbook.is_sealed(name) {
        let message = format!("`inputs.{name}` is a secret, which expressions cannot read");
        let help = format!("use `{{{{ inputs.{name} }}}}` in `env:`, or in headers, auth or body of `http`");
        return Some(mention.finding(&Problem { kind: ProblemKind::Secret, message, ..problem.clone() }.help(help)));
    }
    let nothing = |what: &str, key: &str| {
        let way = format!("declare some by `{key}`, or take the block out");
        (format!("this runbook has no {what}: there is nothing to go through"), way)
    };
    let (what, way) = match root.as_str() {
        "inputs" | "vars" if name == "*" => nothing(root, &format!("{root}:")),
        "env" if name == "*" => nothing("names in its `env`", "env:"),
        "inputs" => (format!("unknown input `{name}`"), format!("declare it: `inputs: {{ {name}: text }}`")),
        "vars" => (format!("unknown var `{name}`"), format!("declare it: `vars: {{ {name}: EXPRESSION }}`")),
        "env" => (
            format!("`{name}` is not listed in `env:` of this runbook"),
            format!("list it at the top of the runbook: `env: [{name}]`"),
        ),
        _ => return None,
    };
    let help = problem.help.clone().or(Some(way));
    let named = Problem { kind: ProblemKind::Name, message: what, help, ..problem.clone() };
    (problem.kind == ProblemKind::Field).then(|| mention.finding(&named))
}

/// The item of the step's own list, asked about where there is none yet: before the list is gone through.
fn item_outside(outline: &Outline, mention: &Mention, problem: &Problem) -> Option<Diagnostic> {
    let step = outline.get(mention.step.as_ref().filter(|_| mention.key == "when")?)?.step;
    let item = step.foreach.as_ref()?.item.as_str();
    let read = mention.what.reads().iter().find(|read| overlaps(problem, read))?;
    if problem.kind != ProblemKind::Name || read.path.first().is_none_or(|root| root != item) {
        return None;
    }
    let message = format!("`{item}` is no name here: `when` is asked once for the whole, before there is an item");
    let help = format!(
        "let `{}` be a group over the list, and give the `when` to a step in it: `steps: [ {{ id: NAME, when: …, … }} ]`",
        step.id
    );
    Some(mention.finding(&Problem { message, ..problem.clone() }.help(help)))
}

/// Checks what stands in the files of the whole book.
pub(super) fn check_book(mention: &Mention, findings: &mut Diagnostics) {
    let mut types = Types::new();
    if mention.key == "channels" {
        // `channels.NAME.gateway.…`: only a gateway is told what to send by templates.
        if mention.path.split(['.', '[']).nth(2) == Some("gateway") {
            types.extend(GATEWAY_NAMES.iter().map(|name| ((*name).into(), Type::Text)));
        }
    } else {
        for root in ["run", "incident", "trigger", "alert"] {
            types.insert(root.into(), Type::Any);
        }
        types.insert("level".into(), Type::Level);
    }
    let problems = match &mention.what {
        Formula::Expr(expr) => expr.check(&types, &Type::Any),
        Formula::Template(template) => template.check(&types),
    };
    for problem in &problems {
        findings.push(mention.finding(problem));
    }
}

fn overlaps(problem: &Problem, read: &Read) -> bool {
    problem.offset < read.offset + read.len && read.offset < problem.offset + problem.len.max(1)
}

/// The last key of its path.
fn last(mention: &Mention) -> &str {
    mention.path.rsplit('.').next().unwrap_or_default()
}

/// The list of the measure that the place belongs to, where it has one.
fn each<'a>(outline: &'a Outline, mention: &Mention) -> Option<&'a Expr> {
    let step = outline.get(mention.step.as_ref()?)?.step;
    let name = mention.path.split('.').nth(1)?;
    step.measure.iter().find(|measure| measure.name.as_str() == name)?.each.as_ref()
}

/// What the place sees of its own step.
fn own(outline: &Outline, mention: &Mention) -> Own {
    match mention.key {
        "measure" => {
            let each = each(outline, mention);
            if each.is_some() && last(mention) != "each" { Own::Item } else { Own::Output }
        }
        "retry" => Own::Failure,
        "rhai" => Own::Output,
        "watch" if mention.path.ends_with("bad") => Own::Round,
        "when" | "foreach" => Own::Outside,
        _ => Own::Before,
    }
}

/// Places with a scope that is not their step's.
fn special(outline: &Outline, mention: &Mention) -> Option<Types> {
    if mention.step.is_some() {
        return None;
    }
    match mention.key {
        "vars" => {
            let name = mention.path.split('.').nth(1)?;
            let index = outline.runbook.vars.iter().position(|(known, _)| known.as_str() == name)?;
            Some(scope::of_var(outline, index))
        }
        "triggers" => Some(scope::of_trigger()),
        _ => None,
    }
}

/// The type a place asks for.
fn wanted(mention: &Mention) -> Type {
    let path = mention.path.as_str();
    let list = || Type::List(Box::new(Type::Any));
    match mention.key {
        "when" => Type::Bool,
        "retry" if path.ends_with("unless") => Type::Bool,
        "watch" if path.ends_with("bad") => Type::Bool,
        "foreach" => list(),
        "measure" if last(mention) == "each" => list(),
        "measure" => Type::Number,
        _ => Type::Any,
    }
}

/// Reports steps that cannot be mentioned here; returns those reads, so that nothing is said about them twice.
fn lost_steps<'m>(
    loaded: &Loaded,
    outline: &Outline,
    mention: &'m Mention,
    findings: &mut Diagnostics,
) -> Vec<&'m Read> {
    let mut lost = Vec::new();
    let reads = mention.what.reads().iter();
    for read in reads.filter(|read| read.path.first().is_some_and(|root| root == "steps")) {
        let Some(name) = read.path.get(1).filter(|name| *name != "*") else { continue };
        let visible = scope::visible_to(outline, mention);
        if visible.iter().any(|seen| seen.standing.step.id.as_str() == name) {
            continue;
        }
        lost.push(read);
        let spot = mention.text.spot(read.offset, read.len);
        findings.push(if let Some(there) = outline.named(name) {
            not_before(loaded, outline, mention, there, spot)
        } else {
            let known = visible.iter().map(|seen| seen.standing.step.id.as_str());
            let message = format!("unknown step `{name}`");
            let finding = Diagnostic::error(Code::UnknownStep, spot, message).label("no step has this id");
            near(loaded, outline, name, known, finding)
        });
    }
    lost
}

/// With the step that was probably meant, and where it is written.
fn near<'a>(
    loaded: &Loaded,
    outline: &Outline,
    wrong: &str,
    known: impl Iterator<Item = &'a str> + Clone,
    finding: Diagnostic,
) -> Diagnostic {
    let meant = crate::diagnostic::closest(wrong, known.clone());
    if let Some((near, there)) = meant.and_then(|near| Some((near, outline.named(near)?))) {
        let (line, _) = loaded.sources.line_column(there.step.spot);
        finding.help(format!("did you mean `{near}`? defined on line {line}"))
    } else {
        let names: Vec<String> = known.take(8).map(|name| format!("`{name}`")).collect();
        if names.is_empty() {
            finding.help("no step can be mentioned here: only steps above, in this list or one around it")
        } else {
            finding.help(format!("steps that can be mentioned here: {}", names.join(", ")))
        }
    }
}

fn not_before(
    loaded: &Loaded,
    outline: &Outline,
    mention: &Mention,
    there: &Standing,
    spot: crate::diagnostic::Spot,
) -> Diagnostic {
    let id = &there.step.id;
    let (line, _) = loaded.sources.line_column(there.step.spot);
    let here = mention.step.as_ref().map(|id| outline.upwards(id)).unwrap_or_default();
    let around = here.iter().any(|standing| standing.step.id == *id);
    let beside = here.iter().any(|standing| {
        let same_parent = standing.parent.map(|step| &step.id) == there.parent.map(|step| &step.id);
        same_parent && standing.lane == there.lane && there.index > standing.index
    });
    let own = mention.step.as_ref() == Some(id);
    let (message, help) = if own {
        (
            format!("`{id}` cannot mention itself here: it has not run yet"),
            "in `measure` and `retry.unless` its own output is `output`".to_owned(),
        )
    } else if around {
        (format!("`{id}` has not ended here: this step is inside it"), "mention the steps above this one".to_owned())
    } else if beside {
        (
            format!("`{id}` cannot have run before: it stands below, on line {line}"),
            format!("move `{id}` above this step"),
        )
    } else if let Some(parent) = there.parent {
        inner(id, parent, there.lane)
    } else {
        let list = match there.lane {
            Lane::OnFailure => "on_failure",
            Lane::Finally => "finally",
            Lane::Body | Lane::Recover | Lane::OnError | Lane::Undo | Lane::Probe | Lane::Try | Lane::Check => "steps",
        };
        (format!("`{id}` cannot have run before: it stands in `{list}`"), "mention steps that run earlier".to_owned())
    };
    Diagnostic::error(Code::NotBefore, spot, message)
        .label("not before this")
        .note(there.step.spot, "defined here")
        .help(help)
}

fn inner(id: &StepId, parent: &crate::model::step::Step, lane: Lane) -> (String, String) {
    let message = format!("`{id}` cannot be mentioned here: it stands inside `{}`", parent.id);
    let help = match (&parent.foreach, &parent.kind, lane) {
        (Some(_), StepKind::Steps(_), Lane::Body) => {
            format!("each item has its own: `steps.{}.items[\"…\"].{id}`", parent.id)
        }
        (Some(_) | None, _, _) => format!("ask about `{}`, or move this step into it", parent.id),
    };
    (message, help)
}
