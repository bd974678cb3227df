//! The guide's `incident_contacts.yaml`, another spelling of the ladder: it loads unchanged.

use crate::base::ids::Name;
use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic};
use crate::lang::decode::Ctx;
use crate::lang::keys::escalation::CONTACTS_FILE;
use crate::lang::lower::policy::{pairs, text};
use crate::lang::yaml::Node;
use crate::model::escalation::{Contact, Escalation, LadderLevel, Reach, Severity};
use crate::model::param::Param;
use std::collections::BTreeMap;

/// The guide's matrix: severity, its word for urgency, time to answer, offsets of the levels in minutes, channels.
const MATRIX: &[(&str, &str, &str, u64, [u64; 4])] = &[
    ("P1", "Critical", "critical", 15, [0, 15, 60, 120]),
    ("P2", "High", "high", 60, [0, 15, 120, 240]),
    ("P3", "Medium", "medium", 240, [0, 15, 480, 2_880]),
    ("P4", "Low", "low", 1_440, [0, 15, 2_880, 2_880]),
];

/// The ladder that the guide's file means.
pub(super) fn ladder(ctx: &mut Ctx, root: &Node) -> Option<Escalation> {
    let fields = ctx.fields(root, CONTACTS_FILE, Some("incident_contacts.yaml"));
    let mut ladder = Escalation::default();
    let actions = fields.map("actions");
    for (key, people) in fields.map("escalation_contacts") {
        let place = fields.node("escalation_contacts").and_then(|node| node.entry(key));
        let (key_node, node) = place?;
        let Some(number) = key.strip_prefix("level_").and_then(|number| number.parse::<u32>().ok()) else {
            ctx.error(Code::UnknownKey, key_node.spot, format!("`{key}` is no level: they are `level_1`, `level_2` …"));
            continue;
        };
        let mut level = LadderLevel { name: format!("Level {number}"), ..LadderLevel::default() };
        let Param::List(people) = people else { continue };
        for (person, node) in people.iter().zip(node.items().unwrap_or_default()) {
            match person.get("action").and_then(text) {
                Some(action) => action_of(ctx, action, actions, node, &mut level),
                None => person_of(ctx, person, node, number, &mut level, &mut ladder),
            }
        }
        ladder.levels.insert(number, level);
    }
    announcements(ctx, &fields, &mut ladder);
    let numbers: Vec<u32> = ladder.levels.keys().copied().collect();
    for (severity, title, announce, minutes, offsets) in MATRIX {
        ladder
            .severities
            .insert((*severity).to_owned(), matrix_row(title, announce, *minutes, offsets, &numbers, &ladder));
    }
    ladder.catch_all = ladder.levels.values().next_back().map(|level| level.page.clone()).unwrap_or_default();
    Some(ladder)
}

fn matrix_row(
    title: &str,
    announce: &str,
    minutes: u64,
    offsets: &[u64; 4],
    levels: &[u32],
    ladder: &Escalation,
) -> Severity {
    let climb = levels.iter().filter_map(|level| {
        let offset = offsets.get(usize::try_from(*level).ok()?.checked_sub(1)?)?;
        Some((*level, Span::from_secs(offset * 60)))
    });
    let addresses = ladder.announce.get(announce).map(Vec::as_slice).unwrap_or_default();
    let channels = addresses.iter().filter_map(|address| Name::parse(address.split(':').next()?).ok());
    Severity {
        title: title.to_owned(),
        respond_within: Some(Span::from_secs(minutes * 60)),
        climb: climb.collect(),
        climb_early: minutes <= 60,
        repeat: Some(Span::from_secs(minutes * 20)),
        ack_lapses: Some(Span::from_secs(minutes * 120)),
        announce: ladder.announce.contains_key(announce).then(|| announce.to_owned()),
        reach: Some(Reach::AtOnce(channels.collect())),
    }
}

fn action_of(ctx: &mut Ctx, action: &str, actions: &[(String, Param)], node: &Node, level: &mut LadderLevel) {
    let meant = actions.iter().find(|(word, _)| word == action).and_then(|(_, name)| text(name));
    if let Some(runbook) = meant.and_then(|name| Name::parse(name).ok()) {
        level.tries.push(runbook);
    } else {
        let spot = node.get("action").map_or(node.spot, |action| action.spot);
        let finding =
            Diagnostic::warning(Code::UnknownRunbook, spot, format!("nothing says which runbook `{action}` is"));
        ctx.findings.push(finding.help(format!("add `actions: {{ {action}: NAME }}` at the end of the file")));
    }
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
    let slug: String =
        shown.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let Ok(name) = Name::parse(slug.trim_matches('-')).or_else(|_| Name::parse(&format!("level-{number}"))) else {
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
    level.page.push(name.as_str().to_owned());
    shown.clone_into(&mut level.name);
    ladder.contacts.insert(name, Contact { name: shown.to_owned(), addresses, ..Contact::default() });
}

fn announcements(ctx: &mut Ctx, fields: &crate::lang::decode::Fields<'_>, ladder: &mut Escalation) {
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
}
