//! `stepladder.yaml`.

use crate::base::ids::Name;
use crate::base::span::Span;
use crate::base::value::Value;
use crate::diagnostic::{Code, Diagnostic, Sources, Spot};
use crate::lang::decode::{Ctx, Fields};
use crate::lang::keys::settings::SETTINGS;
use crate::lang::keys::syntax;
use crate::lang::lower::policy::{pairs, span, text};
use crate::lang::lower::triggers::plain;
use crate::lang::yaml::Node;
use crate::model::book::{DeadMan, SecretSource, Settings, Telemetry};
use crate::model::calendar::Calendar;
use crate::model::channel::Provider;
use crate::model::ics;
use crate::model::param::Param;
use crate::model::shape::Syntax;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The settings; the default for whatever is wrong.
pub(super) fn settings(ctx: &mut Ctx, root: &Node, sources: &Sources) -> Settings {
    let default = Settings::default();
    if root.pairs().is_none() {
        let message = format!("stepladder.yaml must be a map, not {}", root.is_a());
        ctx.error_help(Code::WrongType, root.spot, message, "write each setting as a line: `timezone: Europe/Moscow`");
        return default;
    }
    let fields = ctx.fields(root, SETTINGS, Some("stepladder.yaml"));
    one_provider(ctx, &fields);
    mail(ctx, &fields);
    no_time(ctx, &fields);
    let keep = |key: &str| fields.param("keep").and_then(|keep| keep.get(key));
    let whole = |param: Option<&Param>| param.and_then(Param::value).and_then(Value::as_u64);
    let others = ["http", "calendars", "keep"];
    let other = others.iter().filter_map(|key| Some(((*key).to_owned(), plain(fields.param(key)?)))).collect();
    let timezone = fields.string("timezone").unwrap_or(default.timezone);
    let (calendars, calendar_files) = calendars(ctx, &fields, sources, &timezone, root.spot);
    Settings {
        timezone,
        data: fields.string("data").unwrap_or(default.data),
        secrets: secrets(ctx, &fields).unwrap_or(default.secrets),
        channels: named(ctx, &fields, "channels").into_iter().map(|(name, param)| (name, param.clone())).collect(),
        roots: named(ctx, &fields, "roots")
            .into_iter()
            .filter_map(|(name, param)| Some((name, text(param)?.to_owned())))
            .collect(),
        allow_hosts: if fields.has("allow_hosts") { fields.texts("allow_hosts") } else { default.allow_hosts },
        calendars,
        calendar_files,
        output_limit: whole(fields.param("output_limit")).unwrap_or(default.output_limit),
        keep_runs: whole(keep("runs")).and_then(|runs| u32::try_from(runs).ok()).unwrap_or(default.keep_runs),
        keep_age: keep("age").and_then(span).unwrap_or(default.keep_age),
        keep_incidents: keep("incidents").and_then(span).unwrap_or(default.keep_incidents),
        min_free: whole(keep("min_free")).unwrap_or(default.min_free),
        dead_man: fields.param("dead_man").and_then(dead_man),
        telemetry: fields.param("telemetry").map(telemetry).unwrap_or_default(),
        other,
    }
}

/// What is said of a mail server and of the addresses of its channel, where no value is put in.
fn mail(ctx: &mut Ctx, fields: &Fields<'_>) {
    for (name, channel) in fields.node("channels").and_then(Node::pairs).unwrap_or_default() {
        if channel.get("smtp").is_none() {
            continue;
        }
        let texts: [(&str, &Syntax, bool); 3] =
            [("smtp", &syntax::MAIL_SERVER, false), ("from", &syntax::MAIL, false), ("to", &syntax::MAIL, true)];
        for (key, syntax, many) in texts {
            let Some(node) = channel.get(key).filter(|node| !node.is_null()) else { continue };
            let Some(text) = node.name().filter(|text| !text.contains("{{")) else { continue };
            let each = if many { text.split(',').collect() } else { vec![text] };
            if let Some(bad) = each.into_iter().find_map(|text| (syntax.test)(text).err()) {
                let message = format!("{bad} (at `channels.{}.{key}`)", name.name().unwrap_or_default());
                ctx.error_help(
                    syntax.code,
                    node.spot,
                    message,
                    format!("write {} like `{}`", syntax.name, syntax.example),
                );
            }
        }
    }
}

/// Lengths of time within which nothing could be done.
fn no_time(ctx: &mut Ctx, fields: &Fields<'_>) {
    for (outer, key) in [("dead_man", "every"), ("telemetry", "timeout")] {
        let written = fields.node(outer).and_then(|node| node.get(key));
        let none = |node: &&Node| node.name().is_some_and(|text| Span::parse(text) == Ok(Span::ZERO));
        if let Some(node) = written.filter(none) {
            let message = format!("`{outer}.{key}` is no time at all");
            ctx.error_help(Code::BadDuration, node.spot, message, "write how long it is, like `1m`");
        }
    }
}

fn dead_man(param: &Param) -> Option<DeadMan> {
    let every = param.get("every").and_then(span).filter(|every| *every > Span::ZERO)?;
    Some(DeadMan { url: param.get("url")?.clone(), every })
}

fn telemetry(param: &Param) -> Telemetry {
    let word = |key: &str| param.get(key).and_then(text).map(str::to_owned);
    let attributes = pairs(param.get("attributes")).iter();
    Telemetry {
        endpoint: word("endpoint"),
        headers: pairs(param.get("headers")).to_vec(),
        service: word("service"),
        attributes: attributes.filter_map(|(name, value)| Some((name.clone(), text(value)?.to_owned()))).collect(),
        timeout: param.get("timeout").and_then(span).filter(|timeout| *timeout > Span::ZERO),
        ca: word("ca"),
    }
}

/// Calendars by name, and the files they are made of.
fn calendars(
    ctx: &mut Ctx,
    fields: &Fields<'_>,
    sources: &Sources,
    zone: &str,
    here: Spot,
) -> (BTreeMap<Name, Arc<Calendar>>, Vec<String>) {
    let zone = crate::base::zone::zone(zone).unwrap_or(TimeZone::UTC);
    let (mut calendars, mut files) = (BTreeMap::new(), Vec::new());
    for (name, param) in named(ctx, fields, "calendars") {
        let dates = match param.get("dates") {
            Some(Param::List(dates)) => dates.iter().filter_map(text).filter_map(|date| date.parse().ok()).collect(),
            _ => std::collections::BTreeSet::new(),
        };
        let mut calendar = Calendar::new(dates, Vec::new());
        if let Some(file) = param.get("ics").and_then(text) {
            let written = fields.node("calendars").and_then(|all| all.get(name.as_str())?.get("ics"));
            let spot = written.map_or_else(|| fields.spot("calendars", here), |node| node.spot);
            match sources.iter().find(|(_, source)| source.name == file).map(|(_, source)| &source.text) {
                Some(text) => match ics::parse(text, &zone) {
                    Ok(more) => calendar = calendar.and(more),
                    Err(bad) => ctx.error_help(
                        Code::BadDate,
                        spot,
                        format!("`{file}` of the calendar `{name}`: {bad}"),
                        "`docs/schedules.md` says what is read of a calendar file",
                    ),
                },
                None => ctx.error_help(
                    Code::UnknownCalendar,
                    spot,
                    format!("the calendar `{name}` is in `{file}`, which is not there"),
                    "its path is relative to the book",
                ),
            }
            files.push(file.to_owned());
        }
        calendars.insert(name, Arc::new(calendar));
    }
    (calendars, files)
}

/// The pairs of a map whose keys are names.
fn named<'f>(ctx: &mut Ctx, fields: &'f Fields<'_>, key: &str) -> Vec<(Name, &'f Param)> {
    let mut named = Vec::new();
    for (text, param) in fields.map(key) {
        match Name::parse(text) {
            Ok(name) => named.push((name, param)),
            Err(bad) => {
                let entry = fields.node(key).and_then(|node| node.entry(text));
                if let Some((key, _)) = entry {
                    ctx.bad_name(key.spot, text, &bad);
                }
            }
        }
    }
    named
}

fn one_provider(ctx: &mut Ctx, fields: &Fields<'_>) {
    for (key, node) in fields.node("channels").and_then(Node::pairs).unwrap_or_default() {
        let written: Vec<_> = Provider::ALL.iter().map(|it| it.key()).filter(|key| node.get(key).is_some()).collect();
        let name = key.name().unwrap_or_default();
        match written.as_slice() {
            [_] => {}
            [] => ctx.error_help(
                Code::KindCount,
                key.spot,
                format!("the channel `{name}` has no provider"),
                format!("add one of {}", Provider::ALL.iter().map(|it| it.key()).collect::<Vec<_>>().join(", ")),
            ),
            [first, second, ..] => {
                ctx.findings.push(Diagnostic::error(
                    Code::KindCount,
                    key.spot,
                    format!("the channel `{name}` has two providers: `{first}` and `{second}`"),
                ));
            }
        }
    }
}

fn secrets(ctx: &mut Ctx, fields: &Fields<'_>) -> Option<Vec<SecretSource>> {
    let Some(Param::List(list)) = fields.param("secrets") else { return None };
    let items = fields.node("secrets").and_then(Node::items).unwrap_or_default();
    let mut sources = Vec::new();
    for (param, node) in list.iter().zip(items) {
        let written = pairs(Some(param));
        let identity = written.iter().find(|(name, _)| name == "identity").map(|(_, value)| value);
        let providers: Vec<_> = written.iter().filter(|(name, _)| name != "identity").collect();
        match providers.as_slice() {
            [(name, _)] if identity.is_some() && name != "age" => ctx.error_help(
                Code::UnknownKey,
                node.entry("identity").map_or(node.spot, |(key, _)| key.spot),
                format!("`identity` means nothing beside `{name}`"),
                "it is what opens an `age` file",
            ),
            [(name, value)] => sources.extend(source(name, value, identity)),
            others => {
                let trouble = if others.is_empty() { "names no provider" } else { "names two providers" };
                ctx.error_help(
                    Code::KindCount,
                    node.spot,
                    format!("this entry of `secrets` {trouble}"),
                    "write one in each item: `- env: {}`",
                );
            }
        }
    }
    Some(sources)
}

fn source(name: &str, value: &Param, identity: Option<&Param>) -> Option<SecretSource> {
    let path = || text(value).map(str::to_owned);
    match name {
        "env" => Some(SecretSource::Env),
        "file" => path().map(SecretSource::File),
        "systemd_credentials" => Some(SecretSource::SystemdCredentials),
        "age" => path().map(|file| SecretSource::Age { file, identity: identity.and_then(text).map(str::to_owned) }),
        "command" => {
            let Param::List(words) = value else { return None };
            Some(SecretSource::Command(words.iter().filter_map(text).map(str::to_owned).collect()))
        }
        _ => None,
    }
}
