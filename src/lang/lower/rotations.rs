//! `contacts:` and `on_call:` of `escalation.yaml`: addresses, own rules, quiet hours, turns, who stands in.

use crate::base::ids::Name;
use crate::diagnostic::{Code, Spot};
use crate::lang::decode::{Ctx, Fields};
use crate::lang::keys::escalation::DAYS;
use crate::lang::lower::escalation::{named, names, string, texts};
use crate::lang::lower::policy::{pairs, span, text};
use crate::lang::yaml::Node;
use crate::model::book::Settings;
use crate::model::escalation::{Contact, ContactRule, Holidays, Override, Quiet, Rotation, Window};
use crate::model::param::Param;
use crate::model::turns::instant;
use jiff::Timestamp;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The channels a contact's keys are addresses of; `phone` is a number, not a channel.
const ADDRESSES: &[&str] = &["phone", "email", "slack", "sms", "voice", "telegram", "ntfy", "mattermost", "teams"];

/// The length of a turn is a whole number of these, or one of [`PARTS`] of one.
const DAY: u64 = 24;

/// Hours into which a day can be divided for turns.
const PARTS: &[u64] = &[1, 2, 3, 4, 6, 8, 12];

/// The longest turn, in hours: a year.
const LONGEST: u64 = 366 * DAY;

/// The people of a ladder. `zone` is the ladder's.
pub(super) fn contacts(ctx: &mut Ctx, fields: &Fields<'_>, zone: &TimeZone) -> BTreeMap<Name, Contact> {
    named(ctx, fields, "contacts", |ctx, node, param| contact(ctx, node, param, zone))
}

fn contact(ctx: &mut Ctx, node: Option<&Node>, param: &Param, zone: &TimeZone) -> Contact {
    let address = |channel: &&str| Some(((*channel).to_owned(), string(param, channel)?));
    let mut addresses: BTreeMap<String, String> = ADDRESSES.iter().filter_map(address).collect();
    for (channel, address) in pairs(param.get("addresses")) {
        if let Err(bad) = Name::parse(channel) {
            let written = node.and_then(|node| node.get("addresses")?.entry(channel));
            if let Some((key, _)) = written {
                ctx.bad_name(key.spot, channel, &bad);
            }
        } else if let Some(address) = text(address) {
            addresses.insert(channel.clone(), address.to_owned());
        }
    }
    if let (None, Some(phone)) = (addresses.get("sms"), addresses.get("phone").cloned()) {
        addresses.insert("sms".into(), phone);
    }
    let zone = own_zone(param).unwrap_or_else(|| zone.clone());
    let rule = |one: &Param| ContactRule {
        after: one.get("after").and_then(span).unwrap_or_default(),
        by: names(one.get("by")),
        severities: texts(one.get("severities")),
    };
    let quiet = |one: &Param| {
        Some(Quiet { zone: zone.clone(), window: window(one)?, severities: texts(one.get("severities")) })
    };
    Contact {
        name: string(param, "name").unwrap_or_default(),
        addresses,
        users: texts(param.get("user")),
        rules: items(param.get("rules")).iter().map(rule).collect(),
        quiet: items(param.get("quiet")).iter().filter_map(quiet).collect(),
    }
}

/// How the members of each rotation take turns. `zone` is the ladder's.
pub(super) fn rotations(
    ctx: &mut Ctx,
    fields: &Fields<'_>,
    zone: &TimeZone,
    settings: &Settings,
) -> BTreeMap<Name, Rotation> {
    let mut found = BTreeMap::new();
    for (text, param) in fields.map("on_call") {
        // A key that is no name was reported with the members.
        let Ok(name) = Name::parse(text) else { continue };
        let node = fields.node("on_call").and_then(|node| node.get(text));
        found.insert(name, rotation(ctx, node, param, zone, settings));
    }
    found
}

fn rotation(ctx: &mut Ctx, node: Option<&Node>, param: &Param, zone: &TimeZone, settings: &Settings) -> Rotation {
    let zone = own_zone(param).unwrap_or_else(|| zone.clone());
    let spot = |key: &str| node.map(|node| node.get(key).map_or(node.spot, |found| found.spot));
    let turn = turn(ctx, param, &spot);
    let handoff = string(param, "handoff").unwrap_or_else(|| "09:00".into());
    let (day, at) = handoff.split_once(' ').map_or((None, handoff.as_str()), |(day, at)| (weekday(day), at));
    let whole_weeks = turn.is_some_and(|hours| u64::from(hours) % (7 * DAY) == 0);
    if let (Some(_), false, Some(spot)) = (day, whole_weeks, spot("handoff")) {
        let message = format!("`{handoff}` names a weekday, and the turns are no whole weeks");
        ctx.error_help(
            Code::BadDate,
            spot,
            message,
            format!("write the time alone, `handoff: \"{at}\"`; turns are counted from `since`"),
        );
    }
    let instant_of = |text: &str| {
        let local = || instant(&zone, text.parse().ok()?);
        text.parse::<Timestamp>().ok().or_else(local)
    };
    let one = |one: &Param| {
        Some(Override {
            from: instant_of(&string(one, "from")?)?,
            to: instant_of(&string(one, "to")?)?,
            who: Name::parse(&string(one, "who")?).ok()?,
        })
    };
    Rotation {
        since: string(param, "since").and_then(|since| since.parse().ok()),
        turn,
        weekday: day.filter(|_| whole_weeks),
        handoff: at.trim().parse().unwrap_or(Rotation::default().handoff),
        hours: items(param.get("hours")).iter().filter_map(window).collect(),
        overrides: items(param.get("overrides")).iter().filter_map(one).collect(),
        holidays: param.get("on_holidays").and_then(|days| holidays(ctx, days, settings, spot("on_holidays"))),
        zone,
    }
}

/// The length of a turn in hours; what is none is reported, and a week.
fn turn(ctx: &mut Ctx, param: &Param, spot: &dyn Fn(&str) -> Option<Spot>) -> Option<u32> {
    let rotate = string(param, "rotate");
    let Some(every) = param.get("every").and_then(span) else {
        return match rotate.as_deref() {
            Some("never") => None,
            Some("daily") => Some(24),
            _ => Some(7 * 24),
        };
    };
    if let (Some(rotate), Some(spot)) = (rotate, spot("every")) {
        let message = format!("the rotation says both `rotate: {rotate}` and `every: {every}`");
        ctx.error_help(Code::KindCount, spot, message, "write one of them");
    }
    let hours = every.millis() / 3_600_000;
    let whole = every.millis().is_multiple_of(3_600_000) && hours > 0 && hours <= LONGEST;
    if whole && (hours.is_multiple_of(DAY) || PARTS.contains(&hours)) {
        return u32::try_from(hours).ok();
    }
    if let Some(spot) = spot("every") {
        let message = format!("`{every}` is no length of a turn: the hand-off would come at another time each day");
        let help = "write whole days or weeks, `3d` or `2w`, at most a year, or hours that divide a day: 1h, 2h, 3h, \
                    4h, 6h, 8h or 12h";
        ctx.error_help(Code::BadDuration, spot, message, help);
    }
    Some(7 * 24)
}

/// Who is on call on holidays. A calendar that is not declared is reported.
fn holidays(ctx: &mut Ctx, param: &Param, settings: &Settings, spot: Option<Spot>) -> Option<Holidays> {
    let mut calendars = Vec::new();
    for name in names(param.get("calendar")) {
        match settings.calendars.get(&name) {
            Some(calendar) => calendars.push((name, Arc::clone(calendar))),
            None => {
                if let Some(spot) = spot {
                    let message = format!("unknown calendar `{name}`");
                    let known: Vec<&str> = settings.calendars.keys().map(Name::as_str).collect();
                    let help = match crate::diagnostic::closest(name.as_str(), known.iter().copied()) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => {
                            format!("declare it in stepladder.yaml: `calendars: {{ {name}: {{ ics: {name}.ics }} }}`")
                        }
                    };
                    ctx.error_help(Code::UnknownCalendar, spot, message, help);
                }
            }
        }
    }
    Some(Holidays { calendars, who: string(param, "who")? })
}

fn own_zone(param: &Param) -> Option<TimeZone> {
    TimeZone::get(&string(param, "timezone")?).ok()
}

/// A stretch of the day; the decoder has looked at its times.
fn window(param: &Param) -> Option<Window> {
    let time = |key: &str| string(param, key)?.parse::<Time>().ok();
    let days = texts(param.get("days")).iter().filter_map(|day| weekday(day)).collect();
    Some(Window { from: time("from")?, to: time("to")?, days })
}

/// The weekday of a word of [`DAYS`].
fn weekday(word: &str) -> Option<Weekday> {
    let index = DAYS.iter().position(|day| *day == word)?;
    Weekday::from_monday_zero_offset(i8::try_from(index).ok()?).ok()
}

fn items(param: Option<&Param>) -> &[Param] {
    match param {
        Some(Param::List(list)) => list,
        Some(Param::Value(_) | Param::Text(_) | Param::Expr(_) | Param::Map(_)) | None => &[],
    }
}
