//! The guide's `incident_contacts.yaml`, another spelling of the ladder: it loads unchanged.

use crate::base::ids::Name;
use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic};
use crate::lang::decode::{Ctx, Fields};
use crate::lang::keys::escalation::CONTACTS_FILE;
use crate::lang::lower::policy::{pairs, text};
use crate::lang::yaml::Node;
use crate::model::book::Settings;
use crate::model::escalation::{Contact, Escalation, LadderLevel, Reach, Route, Severity, Unless};
use crate::model::param::Param;
use std::collections::BTreeMap;

/// A severity of the guide: its word for urgency, how soon somebody answers, when each level comes.
struct Row {
    name: &'static str,
    title: &'static str,
    urgency: &'static str,
    respond: u64,
    /// Minutes from the opening, by level.
    climb: &'static [u64],
    /// Minutes between two pages of one level.
    repeat: u64,
    lapse: u64,
    /// Whether every channel is used at once, or one after the other.
    at_once: bool,
}

/// The guide's matrix of severities and its clocks.
const MATRIX: &[Row] = &[
    Row {
        name: "P1",
        title: "Critical",
        urgency: "critical",
        respond: 15,
        climb: &[0, 15, 60, 120],
        repeat: 5,
        lapse: 30,
        at_once: true,
    },
    Row {
        name: "P2",
        title: "High",
        urgency: "high",
        respond: 60,
        climb: &[0, 15, 120, 240],
        repeat: 15,
        lapse: 120,
        at_once: true,
    },
    Row {
        name: "P3",
        title: "Medium",
        urgency: "medium",
        respond: 240,
        climb: &[0, 15, 480],
        repeat: 120,
        lapse: 480,
        at_once: false,
    },
    Row {
        name: "P4",
        title: "Low",
        urgency: "low",
        respond: 1_440,
        climb: &[0, 15, 2_880],
        repeat: 1_440,
        lapse: 2_880,
        at_once: false,
    },
];

/// The guide's levels: what each is called, and its duties.
const LEVELS: &[(&str, &[&str])] = &[
    ("Automated response", &["Automatic diagnostics", "Auto-recovery attempts", "Initial alerts"]),
    ("On-call engineer", &["Manual diagnostics", "Immediate fixes", "Status updates"]),
    ("Senior engineer", &["Complex troubleshooting", "Architecture decisions", "Vendor escalation"]),
    ("Management", &["Customer communication", "Resource allocation", "Post-incident review"]),
];

/// What level 1 does that mends nothing: the runbook gathers evidence. What any other word means is tried.
const GATHERS: &[&str] = &["run_diagnostics"];

/// The ladder that the guide's file means.
pub(super) fn ladder(ctx: &mut Ctx, root: &Node, settings: &Settings) -> Option<Escalation> {
    let fields = ctx.fields(root, CONTACTS_FILE, Some("incident_contacts.yaml"));
    let mut ladder = Escalation { timezone: Some(settings.timezone.clone()), ..Escalation::default() };
    let actions = fields.map("actions");
    for (key, people) in fields.map("escalation_contacts") {
        let place = fields.node("escalation_contacts").and_then(|node| node.entry(key));
        let (key_node, node) = place?;
        let number = key.strip_prefix("level_").and_then(|number| number.parse::<u32>().ok());
        let Some(number) = number.filter(|number| *number > 0) else {
            ctx.error(Code::UnknownKey, key_node.spot, format!("`{key}` is no level: they are `level_1`, `level_2` …"));
            continue;
        };
        let mut level = empty_level(number);
        let Param::List(people) = people else { continue };
        let mut unexplained = false;
        for (person, node) in people.iter().zip(node.items().unwrap_or_default()) {
            match person.get("action").and_then(text) {
                Some(action) => unexplained |= !action_of(ctx, action, actions, node, &mut level),
                None => person_of(ctx, person, node, number, &mut level, &mut ladder),
            }
        }
        // An action that nothing explains has been told of; there is no level of that alone.
        if !(unexplained && level.page.is_empty() && level.gather.is_empty() && level.tries.is_empty()) {
            ladder.levels.insert(number, level);
        }
    }
    let channels = announcements(ctx, &fields, &mut ladder);
    for row in MATRIX {
        let severity = severity(row, &channels, &ladder);
        ladder.severities.insert(row.name.to_owned(), severity);
    }
    let paging = ladder.levels.values().rev().find(|level| !level.page.is_empty());
    ladder.catch_all = paging.map(|level| level.page.clone()).unwrap_or_default();
    ladder.routes = routes();
    Some(ladder)
}

/// A level of the guide before anybody is on it.
fn empty_level(number: u32) -> LadderLevel {
    let guide = usize::try_from(number).ok().and_then(|number| LEVELS.get(number.checked_sub(1)?));
    let (name, duties) = guide.copied().unwrap_or_default();
    LadderLevel {
        name: if name.is_empty() { format!("Level {number}") } else { name.to_owned() },
        duties: duties.iter().map(|duty| (*duty).to_owned()).collect(),
        limit: (number == 1).then_some(Span::from_secs(15 * 60)),
        not_again_within: (number == 1).then_some(Span::from_secs(3_600)),
        unless: if number == 4 { Unless::Resolved } else { Unless::Acknowledged },
        ..LadderLevel::default()
    }
}

/// A severity of the matrix over the levels and channels that the file has.
fn severity(row: &Row, channels: &BTreeMap<String, Vec<Name>>, ladder: &Escalation) -> Severity {
    let minutes = |minutes: u64| Span::from_secs(minutes * 60);
    let climb = (1..).zip(row.climb).filter(|(level, _)| ladder.levels.contains_key(level));
    let known = channels.get(row.urgency).filter(|channels| !channels.is_empty());
    Severity {
        title: row.title.to_owned(),
        respond_within: Some(minutes(row.respond)),
        climb: climb.map(|(level, offset)| (level, minutes(*offset))).collect(),
        climb_early: row.at_once,
        repeat: Some(minutes(row.repeat)),
        ack_lapses: Some(minutes(row.lapse)),
        announce: ladder.announce.contains_key(row.urgency).then(|| row.urgency.to_owned()),
        reach: known.map(|channels| {
            if row.at_once { Reach::AtOnce(channels.clone()) } else { Reach::InTurn(channels.clone(), minutes(5)) }
        }),
    }
}

/// Where incidents go: by their label `severity`, in the guide's words; what has none is medium.
fn routes() -> Vec<Route> {
    let words = [("critical", "P1"), ("high", "P2"), ("warning", "P3"), ("medium", "P3"), ("low", "P4")];
    let by_word = words.into_iter().map(|(word, severity)| Route {
        matches: BTreeMap::from([("severity".to_owned(), word.to_owned())]),
        severity: Some(severity.to_owned()),
        ..Route::default()
    });
    by_word.chain([Route { severity: Some("P3".into()), ..Route::default() }]).collect()
}

/// Puts the runbook that an action means on its level. `false` where nothing says which that is.
fn action_of(ctx: &mut Ctx, action: &str, actions: &[(String, Param)], node: &Node, level: &mut LadderLevel) -> bool {
    let meant = actions.iter().find(|(word, _)| word == action).and_then(|(_, name)| text(name));
    let meant = meant.and_then(|name| Name::parse(name).ok());
    let known = meant.is_some();
    if let Some(runbook) = meant {
        if GATHERS.contains(&action) { level.gather.push(runbook) } else { level.tries.push(runbook) }
    } else {
        let spot = node.get("action").map_or(node.spot, |action| action.spot);
        let finding =
            Diagnostic::warning(Code::UnknownRunbook, spot, format!("nothing says which runbook `{action}` is"));
        ctx.findings.push(finding.help(format!("add `actions: {{ {action}: NAME }}` at the end of the file")));
    }
    known
}

fn person_of(
    ctx: &mut Ctx,
    person: &Param,
    node: &Node,
    number: u32,
    level: &mut LadderLevel,
    ladder: &mut Escalation,
) {
    let Some(shown) = person.get("name").and_then(text) else {
        ctx.error_help(Code::MissingKey, node.spot, "a person without `name`", "add `name: …`, as pages call them");
        return;
    };
    let mut addresses = BTreeMap::new();
    for channel in ["phone", "email", "slack"] {
        if let Some(address) = person.get(channel).and_then(text) {
            addresses.insert(channel.to_owned(), address.to_owned());
        }
    }
    if let Some(phone) = addresses.get("phone").cloned() {
        addresses.insert("sms".into(), phone);
    }
    let contact = Contact { name: shown.to_owned(), addresses, ..Contact::default() };
    if let Some(name) = free_name(shown, number, &contact, ladder) {
        level.page.push(name.as_str().to_owned());
        ladder.contacts.insert(name, contact);
    }
}

/// The name of a contact: made of what people read, or of the level where that has no letters a name may have. Who has
/// the same name and the same addresses is the same person.
fn free_name(shown: &str, number: u32, contact: &Contact, ladder: &Escalation) -> Option<Name> {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let slug: String = shown.chars().map(letter).collect();
    let slug = slug.trim_matches('-');
    let base = if Name::parse(slug).is_ok() { slug.to_owned() } else { format!("level-{number}") };
    let same = |known: &Contact| known.name == contact.name && known.addresses == contact.addresses;
    let names = std::iter::once(base.clone()).chain((2..=ladder.contacts.len() + 2).map(|nth| format!("{base}-{nth}")));
    let mut names = names.filter_map(|name| Name::parse(&name).ok());
    names.find(|name| ladder.contacts.get(name).is_none_or(same))
}

/// The broadcast sets, and the channels of each urgency: those of addresses that can't be used are channels all the same.
fn announcements(ctx: &mut Ctx, fields: &Fields<'_>, ladder: &mut Escalation) -> BTreeMap<String, Vec<Name>> {
    let mut channels: BTreeMap<String, Vec<Name>> = BTreeMap::new();
    for (urgency, list) in fields.map("notification_channels") {
        let nodes = fields
            .node("notification_channels")
            .and_then(|node| node.get(urgency))
            .and_then(Node::items)
            .unwrap_or_default();
        let Param::List(list) = list else { continue };
        let mut addresses = Vec::new();
        for (entry, node) in list.iter().zip(nodes) {
            for (channel, address) in pairs(Some(entry)) {
                let Some(address) = text(address) else { continue };
                let used = channels.entry(urgency.clone()).or_default();
                used.extend(Name::parse(channel).ok().filter(|name| !used.contains(name)));
                if channel == "sms" && address.chars().any(|c| c.is_ascii_alphabetic()) {
                    let spot = node.get(channel).map_or(node.spot, |node| node.spot);
                    let finding = Diagnostic::warning(
                        Code::BadPhone,
                        spot,
                        format!("`{address}` cannot be dialled: it has letters"),
                    );
                    ctx.findings.push(finding.help("write the digits; until then nobody is told this way"));
                    continue;
                }
                addresses.push(format!("{channel}:{address}"));
            }
        }
        ladder.announce.insert(urgency.clone(), addresses);
    }
    channels
}
