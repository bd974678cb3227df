//! Runbooks that start one another in a circle: by calls, by ends of runs, and by incidents that are opened anew each time.
//!
//! What a run says to incidents depends on what started it (`engine/tells.rs`, `runtime/pump/speak.rs`), so a runbook stands
//! here once for each [`Manner`]. An `alert` trigger closes no circle: no run calls it, only an alert that begins does, and
//! that is the same one until it is over.

use super::openings::{Opening, openings, resolvers};
use super::outline::Outline;
use super::place;
use super::responses::responses;
use crate::base::ids::Name;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Spot};
use crate::lang::Loaded;
use crate::model::step::StepKind;
use crate::model::trigger::TriggerKind;
use std::collections::{BTreeMap, BTreeSet};

/// What started a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Manner {
    /// A trigger: its end opens incidents, and so do its `escalate` steps.
    Triggered,
    /// Another runbook: its end is its caller's business, its `escalate` steps open incidents.
    Called,
    /// An incident: whatever it says is added to that one.
    Responding,
}

/// All of them.
const MANNERS: [Manner; 3] = [Manner::Triggered, Manner::Called, Manner::Responding];

type Node<'a> = (&'a Name, Manner);
type Edges<'a> = BTreeMap<Node<'a>, Vec<Edge<'a>>>;
/// A runbook on the way, and how it starts the next.
type Link<'a> = (&'a Name, Manner, Edge<'a>);

/// One runbook starts another.
#[derive(Debug, Clone)]
struct Edge<'a> {
    to: Node<'a>,
    how: How,
    /// The place that says so.
    spot: Spot,
}

/// How it does.
#[derive(Debug, Clone)]
enum How {
    /// By a `runbook` step.
    Call,
    /// By its end, for which the other has a trigger.
    End,
    /// By an incident that it opens anew each time.
    Incident {
        /// The severity, where it is known.
        severity: Option<String>,
        /// Where the ladder names the other.
        rung: Spot,
        /// What the ladder does there: `level 1 tries`.
        does: String,
        /// Whether it is another incident for its key; else it is the same again, which the other has ended.
        fresh: bool,
    },
}

/// Finds them.
pub(super) fn check(loaded: &Loaded, findings: &mut Diagnostics) {
    let edges = edges(loaded);
    let (mut done, mut told) = (BTreeSet::new(), BTreeSet::new());
    for node in edges.keys() {
        walk(*node, &edges, &mut Vec::new(), &mut done, &mut |path| {
            let Some(finding) = circle(path) else { return };
            if told.insert((finding.spot.file, finding.spot.start, finding.message.clone())) {
                findings.push(finding);
            }
        });
    }
}

fn edges(loaded: &Loaded) -> Edges<'_> {
    let mut edges = Edges::new();
    let resolvers = resolvers(loaded);
    for (name, runbook) in &loaded.book.runbooks {
        let outline = Outline::new(runbook);
        for standing in outline.iter() {
            if let StepKind::Call(call) = &standing.step.kind {
                let spot = place(loaded, &outline, Some(&standing.step.id), "runbook.run");
                for manner in MANNERS {
                    let edge = Edge { to: (&call.runbook, Manner::Called), how: How::Call, spot };
                    edges.entry((name, manner)).or_default().push(edge);
                }
            }
        }
        for trigger in &runbook.triggers {
            if let TriggerKind::RunEnded { runbook: ended, .. } = &trigger.kind {
                for manner in MANNERS {
                    let edge = Edge { to: (name, Manner::Triggered), how: How::End, spot: trigger.spot };
                    edges.entry((ended, manner)).or_default().push(edge);
                }
            }
        }
        for opening in openings(loaded, &outline) {
            respond(loaded, name, &opening, &resolvers, &mut edges);
        }
    }
    edges
}

/// What the ladder starts for an incident that a runbook opens.
fn respond<'a>(
    loaded: &'a Loaded,
    name: &'a Name,
    opening: &Opening<'_>,
    resolvers: &BTreeSet<&Name>,
    edges: &mut Edges<'a>,
) {
    for response in responses(loaded, opening) {
        // While it is open nothing is started again for the same key. Where a response ends it, it may open anew.
        let again = !response.spaced && resolvers.contains(response.runbook);
        if !opening.fresh && !again {
            continue;
        }
        for manner in opening.manners {
            let known = edges.entry((name, *manner)).or_default();
            let to = (response.runbook, Manner::Responding);
            if known.iter().any(|edge| edge.to == to) {
                continue;
            }
            let how = How::Incident {
                severity: response.severity.map(str::to_owned),
                rung: response.spot,
                does: response.does.clone(),
                fresh: opening.fresh,
            };
            known.push(Edge { to, how, spot: opening.spot });
        }
    }
}

fn walk<'a>(
    node: Node<'a>,
    edges: &Edges<'a>,
    path: &mut Vec<Link<'a>>,
    done: &mut BTreeSet<Node<'a>>,
    found: &mut dyn FnMut(&[Link<'a>]),
) {
    if done.contains(&node) {
        return;
    }
    for edge in edges.get(&node).into_iter().flatten() {
        path.push((node.0, node.1, edge.clone()));
        match path.iter().position(|(name, manner, _)| (*name, *manner) == edge.to) {
            Some(from) => found(&path[from..]),
            None => walk(edge.to, edges, path, done, found),
        }
        path.pop();
    }
    done.insert(node);
}

/// A circle, told from the incident on that is opened in it; where there is none, from its first runbook on.
fn circle(path: &[Link<'_>]) -> Option<Diagnostic> {
    let begins = |(name, _, edge): &Link<'_>| (!matches!(edge.how, How::Incident { .. }), name.to_string());
    let first = path.iter().enumerate().min_by_key(|(_, step)| begins(step)).map_or(0, |(index, _)| index);
    let steps: Vec<(&Name, &Edge<'_>)> =
        path[first..].iter().chain(&path[..first]).map(|(name, _, edge)| (*name, edge)).collect();
    let (name, edge) = *steps.first()?;
    Some(match &edge.how {
        How::Incident { rung, does, fresh, .. } => {
            let responder = edge.to.0;
            let (label, help) = way_out(*fresh, responder);
            let finding = Diagnostic::error(Code::RunbookCycle, edge.spot, sentence(name, &steps));
            let finding = finding.label(label).note(*rung, format!("{does} `{responder}` for it"));
            steps.iter().skip(1).fold(finding, |finding, (name, edge)| hop(finding, name, edge)).help(help)
        }
        How::Call | How::End => plain(name, &steps),
    })
}

/// Why each run opens an incident, and what to do about it.
fn way_out(fresh: bool, responder: &Name) -> (String, String) {
    if fresh {
        let help = "let its key be the same each time (without `key` it is the runbook's name), or take one of these starts out";
        return ("another incident each time: its key is another".to_owned(), help.to_owned());
    }
    (
        format!("open anew each time: `{responder}` resolves it"),
        format!(
            "take the `resolve` out of `{responder}`, give the level a `not_again_within`, or take one of these starts out"
        ),
    )
}

/// A circle without incidents.
fn plain(name: &Name, steps: &[(&Name, &Edge<'_>)]) -> Diagnostic {
    let names: Vec<String> = steps.iter().map(|(name, _)| format!("`{name}`")).chain([format!("`{name}`")]).collect();
    let message = match steps {
        [_] => format!("`{name}` starts itself"),
        _ => format!("runbooks that start one another: {}", names.join(" starts ")),
    };
    let finding = Diagnostic::error(Code::RunbookCycle, steps[steps.len() - 1].1.spot, message)
        .label("closes the circle")
        .help("take one of the calls out; to try again and again, use `retry`, `watch` or `remedy`");
    let before = &steps[..steps.len() - 1];
    before.iter().fold(finding, |finding, (name, edge)| finding.note(edge.spot, format!("`{name}` starts the next")))
}

/// The whole circle in a sentence.
fn sentence(name: &Name, steps: &[(&Name, &Edge<'_>)]) -> String {
    let hops: Vec<String> = steps
        .iter()
        .map(|(_, edge)| match &edge.how {
            How::Call => format!("calls `{}`", edge.to.0),
            How::End => format!("by its end starts `{}`", edge.to.0),
            How::Incident { severity, .. } => {
                format!("opens {}, which starts `{}`", incident(severity.as_deref()), edge.to.0)
            }
        })
        .collect();
    format!("runbooks that start one another: `{name}` {}", hops.join(", which "))
}

fn incident(severity: Option<&str>) -> String {
    severity.map_or_else(|| "an incident".to_owned(), |severity| format!("an incident ({severity})"))
}

/// The places of one step of a circle.
fn hop(finding: Diagnostic, name: &Name, edge: &Edge<'_>) -> Diagnostic {
    let to = edge.to.0;
    match &edge.how {
        How::Call => finding.note(edge.spot, format!("`{name}` calls `{to}`")),
        How::End => finding.note(edge.spot, format!("the end of `{name}` starts `{to}`")),
        How::Incident { severity, rung, does, .. } => finding
            .note(edge.spot, format!("`{name}` opens {}", incident(severity.as_deref())))
            .note(*rung, format!("{does} `{to}` for it")),
    }
}
