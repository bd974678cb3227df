//! Words that nothing declares, and that are one letter away from one that the book uses elsewhere: labels by which
//! routes and triggers choose, groups and mutexes, metrics of a watched system; or from `localhost` and `/metrics`.
//!
//! Only the world knows whether such a word is wrong, so it is asked about and never refused.

use super::outline::Outline;
use super::{place, urls};
use crate::base::ids::StepId;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Spot};
use crate::lang::Loaded;
use crate::model::kind::Kind;
use crate::model::param::Param;
use crate::model::runbook::Runbook;
use crate::model::step::StepKind;
use std::collections::{BTreeMap, BTreeSet};

/// Shorter parts of words differ by one letter with good reason: `db-a` and `db-b`.
const LEAST: usize = 4;
/// In a word so long a letter too few is no other word, in short parts neither: `ap-lifecycle`.
const LONG: usize = 8;

/// Where a word is used.
#[derive(Debug, Clone)]
enum Use<'a> {
    /// In a runbook, at a path of its keys or of a step's.
    At(&'a Runbook, Option<&'a StepId>, String),
    /// In a file that chooses by it.
    In(&'static str),
}

/// What is used of one sort, by word.
type Words<'a> = BTreeMap<&'a str, Vec<Use<'a>>>;

/// What sort of word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sort {
    Label,
    Held,
    Metric,
}

/// Values of that label.
fn of_label(label: &str) -> (Sort, String) {
    (Sort::Label, format!("{label}: "))
}

/// Asks about every such word that runbooks share, or that routes and alerts choose by.
pub(super) fn book(loaded: &Loaded, findings: &mut Diagnostics) {
    let mut sorts: BTreeMap<(Sort, String), Words<'_>> = BTreeMap::new();
    for (label, value, file) in declared(loaded) {
        sorts.entry(of_label(label)).or_default().entry(value).or_default().push(Use::In(file));
    }
    for runbook in loaded.book.runbooks.values() {
        for (label, value) in &runbook.labels {
            let used = Use::At(runbook, None, format!("labels.{label}"));
            sorts.entry(of_label(label)).or_default().entry(value).or_default().push(used);
        }
        let held = sorts.entry((Sort::Held, String::new())).or_default();
        held_by(runbook, &mut |word, used| held.entry(word).or_default().push(used));
        let metrics = sorts.entry((Sort::Metric, String::new())).or_default();
        metrics_of(runbook, &mut |metric, used| metrics.entry(metric).or_default().push(used));
    }
    for ((_, label), words) in &sorts {
        for (one, other) in pairs(words) {
            let rare = [one, other].into_iter().filter_map(|word| Some((word, spot(loaded, words[word].first()?)?)));
            let Some((rare, spot_of)) = rare.min_by_key(|(word, _)| words[word].len()) else { continue };
            let usual = if rare == one { other } else { one };
            if words[rare].len() > 1 {
                continue;
            }
            let finding = nearly(&format!("{label}{rare}"), &format!("{label}{usual}"), spot_of);
            findings.push(match &words[usual][0] {
                Use::In(file) => finding.label(format!("{file} has `{usual}`")),
                there @ Use::At(..) => match spot(loaded, there) {
                    Some(there) => finding.note(there, "the other is here"),
                    None => finding,
                },
            });
        }
    }
}

fn spot(loaded: &Loaded, used: &Use<'_>) -> Option<Spot> {
    match used {
        Use::At(runbook, step, path) => Some(place(loaded, &Outline::new(runbook), *step, path)),
        Use::In(_) => None,
    }
}

fn nearly(word: &str, usual: &str, spot: Spot) -> Diagnostic {
    Diagnostic::warning(Code::NearName, spot, format!("`{word}` stands nowhere else, and is nearly `{usual}`"))
        .help(format!("did you mean `{usual}`? if not, take a name that can't be mistaken for that one"))
}

/// Labels of routes and alerts.
fn declared(loaded: &Loaded) -> impl Iterator<Item = (&str, &str, &'static str)> {
    let routes = loaded.book.escalation.iter().flat_map(|ladder| &ladder.routes).flat_map(|route| &route.matches);
    let alerts = loaded.book.alerts.values().flat_map(|alert| &alert.labels);
    let routes = routes.map(|(label, value)| (label.as_str(), value.as_str(), "escalation.yaml"));
    routes.chain(alerts.map(|(label, value)| (label.as_str(), value.as_str(), "alerts.yaml")))
}

/// What a runbook and its steps hold so that nobody else does: a group and a mutex of one name are one.
fn held_by<'a>(runbook: &'a Runbook, add: &mut dyn FnMut(&'a str, Use<'a>)) {
    if let Some(concurrency) = &runbook.concurrency {
        add(concurrency.group.as_str(), Use::At(runbook, None, "concurrency.group".into()));
    }
    for standing in Outline::new(runbook).iter() {
        if let Some(mutex) = &standing.step.mutex {
            add(mutex.as_str(), Use::At(runbook, Some(&standing.step.id), "mutex".into()));
        }
    }
}

/// Metrics that the steps of a runbook read from a page.
fn metrics_of<'a>(runbook: &'a Runbook, add: &mut dyn FnMut(&'a str, Use<'a>)) {
    let outline = Outline::new(runbook);
    for standing in outline.iter() {
        let StepKind::Act(action) = &standing.step.kind else { continue };
        let Some(Param::Map(pick)) = action.params.get("pick").filter(|_| action.kind == Kind::Scrape) else {
            continue;
        };
        for (name, metric) in pick {
            let metric = match metric {
                Param::Value(value) => value.as_str(),
                Param::Map(_) => metric.get("metric").and_then(Param::value).and_then(|value| value.as_str()),
                Param::Text(_) | Param::Expr(_) | Param::List(_) => None,
            };
            if let Some(metric) = metric {
                add(metric, Use::At(runbook, Some(&standing.step.id), format!("scrape.pick.{name}")));
            }
        }
    }
}

/// What is nearly a word that everybody knows, in URLs of steps and in defaults of inputs: the host `localhost`, and
/// `metrics` at the end of a page that is scraped.
pub(super) fn runbook(loaded: &Loaded, outline: &Outline<'_>, findings: &mut Diagnostics) {
    let host = |url: &str, spot: &dyn Fn() -> Spot, findings: &mut Diagnostics| {
        let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")).unwrap_or_default();
        let host = rest.split(['/', ':', '?', '#', '{']).next().unwrap_or_default();
        if is_near(host, "localhost") {
            findings.push(nearly(host, "localhost", spot()));
        }
    };
    for input in &outline.runbook.inputs {
        if let Some(url) = input.default.as_ref().and_then(|default| default.as_str()) {
            host(url, &|| place(loaded, outline, None, &format!("inputs.{}.default", input.name)), findings);
        }
    }
    for standing in outline.iter() {
        let StepKind::Act(action) = &standing.step.kind else { continue };
        for key in urls::KEYS {
            let Some(url) = action.params.get(key).and_then(urls::written) else { continue };
            let spot = || place(loaded, outline, Some(&standing.step.id), &format!("{}.{key}", action.kind.name()));
            host(url, &spot, findings);
            let page = url.rsplit('/').next().unwrap_or_default();
            if action.kind == Kind::Scrape && is_near(page, "metrics") {
                findings.push(nearly(page, "metrics", spot()));
            }
        }
    }
}

/// Words one letter apart, each pair once: those that are alike when a letter is left out of either are looked at.
fn pairs<'a>(words: &Words<'a>) -> BTreeSet<(&'a str, &'a str)> {
    let mut alike: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut found = BTreeSet::new();
    for word in words.keys().copied() {
        // Digits tell things apart on purpose: of a thousand numbered names none is like another.
        let letters = word.char_indices().filter(|(_, c)| !c.is_ascii_digit());
        let without = letters.map(|(at, letter)| format!("{}{}", &word[..at], &word[at + letter.len_utf8()..]));
        for key in without.chain([word.to_owned()]) {
            let others = alike.entry(key).or_default();
            found.extend(others.iter().filter(|other| is_near(other, word)).map(|other| (*other, word)));
            others.push(word);
        }
    }
    found
}

/// Whether two words differ by one letter in a part that is long enough to be misspelt.
fn is_near(one: &str, other: &str) -> bool {
    let whole = (one, other);
    let parts = |word: &'_ str| -> Vec<String> {
        word.split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect::<Vec<_>>()
    };
    let (ones, others) = (parts(one), parts(other));
    let mut differ = ones.iter().zip(&others).filter(|(one, other)| one != other);
    let (Some((one, other)), None, true) = (differ.next(), differ.next(), ones.len() == others.len()) else {
        return false;
    };
    let without_digits = |word: &str| word.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    let (short, words) = (one.chars().count().min(other.chars().count()), (whole.0.len(), whole.1.len()));
    let lost = words.0 != words.1 && words.0.min(words.1) >= LONG && short > 1;
    let long = short >= LEAST || lost;
    // Numbers tell things apart on purpose, and so does the plural.
    let meant = without_digits(one) == without_digits(other) || plural(one, other) || plural(other, one);
    long && !meant && strsim::damerau_levenshtein(one, other) == 1
}

fn plural(one: &str, many: &str) -> bool {
    many.strip_suffix('s') == Some(one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_letter_in_a_long_part_is_near() {
        for (one, other, near) in [
            ("voice", "voce", true),
            ("voice", "vioce", true),
            ("locahost", "localhost", true),
            ("livekit_conections_total", "livekit_connections_total", true),
            ("voice", "voice", false),
            ("app-lifecycle", "ap-lifecycle", true),
            ("app-lifecycle", "apt-lifecycle", false),
            ("db-a", "db-b", false),
            ("web1", "web2", false),
            ("node12", "node1", false),
            ("room", "rooms", false),
            ("api", "app", false),
            ("a_total", "b_total", false),
            ("east-side", "west-side", false),
            ("voice", "voice-two", false),
        ] {
            assert_eq!(is_near(one, other), near, "{one} {other}");
            assert_eq!(is_near(other, one), near, "{other} {one}");
            let words: Words<'_> = [one, other].map(|word| (word, Vec::new())).into();
            assert_eq!(pairs(&words).len(), usize::from(near), "{one} {other}");
        }
    }
}
