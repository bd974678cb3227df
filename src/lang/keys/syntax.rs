//! Texts with a syntax of their own: cron, time zones, dates, globs, bands.

use crate::base::span::Span;
use crate::diagnostic::Code;
use crate::lang::keys::escalation::DAYS;
use crate::model::measure::Band;
use crate::model::shape::Syntax;
use crate::template::Template;

/// An IANA time zone; which exist is for the rule about triggers and settings to say.
pub(crate) const ZONE: Syntax =
    Syntax { name: "a time zone", example: "Europe/Moscow", code: Code::BadZone, test: any };
/// An IANA time zone of the ladder.
pub(crate) const LADDER_ZONE: Syntax = Syntax { test: zone, ..ZONE };
/// A cron expression; whether it is one is for whoever reads it to say.
pub(crate) const CRON: Syntax =
    Syntax { name: "a cron expression", example: "30 6 * * *", code: Code::BadCron, test: any };
/// The instant of a trigger; whether it is one is for the rule about triggers to say.
pub(crate) const INSTANT: Syntax = Syntax { test: any, ..DATE_TIME };
/// A local date and time.
pub(crate) const DATE_TIME: Syntax =
    Syntax { name: "a date and time", example: "2026-12-31 09:00", code: Code::BadDate, test: date_time };
/// A date.
pub(crate) const DATE: Syntax = Syntax { name: "a date", example: "2026-12-31", code: Code::BadDate, test: date };
/// A time of day.
pub(crate) const TIME: Syntax = Syntax { name: "a time of day", example: "07:00", code: Code::BadDate, test: time };
/// A day of the week and a time, or a time alone.
pub(crate) const HANDOFF: Syntax =
    Syntax { name: "a weekday and a time", example: "mon 09:00", code: Code::BadDate, test: handoff };
/// A wait or a range of waits.
pub(crate) const BACKOFF: Syntax =
    Syntax { name: "a wait or a range of waits", example: "5s..30s", code: Code::BadDuration, test: backoff };
/// A band of a threshold.
pub(crate) const BAND: Syntax = Syntax { name: "a band", example: ">= 80", code: Code::BadBand, test: band };
/// A pattern of file names.
pub(crate) const GLOB: Syntax =
    Syntax { name: "a pattern of file names", example: "*.log", code: Code::BadPattern, test: glob };
/// The name of an environment variable or a secret.
pub(crate) const VARIABLE: Syntax =
    Syntax { name: "the name of a variable", example: "DEPLOY_HOOK", code: Code::BadName, test: variable };
/// An address of a channel.
pub(crate) const ADDRESS: Syntax =
    Syntax { name: "an address of a channel", example: "slack:#incidents", code: Code::BadName, test: address };
/// A URL.
pub(crate) const URL: Syntax =
    Syntax { name: "a URL", example: "https://steps.example.com", code: Code::BadUrl, test: url };
/// A host and port.
pub(crate) const LISTEN: Syntax =
    Syntax { name: "an address and port", example: "127.0.0.1:8320", code: Code::BadUrl, test: listen };

/// An address of mail, a name before it or not.
pub(crate) const MAIL: Syntax =
    Syntax { name: "a mail address", example: "bot@company.com", code: Code::BadAddress, test: mail };
/// A mail server.
pub(crate) const MAIL_SERVER: Syntax =
    Syntax { name: "a mail server", example: "smtp.company.com:587", code: Code::BadAddress, test: mail_server };
/// A host, or every host below a domain.
pub(crate) const HOST: Syntax = Syntax { name: "a host", example: "*.company.com", code: Code::BadAddress, test: host };
/// A file or a directory.
pub(crate) const PATH: Syntax = Syntax { name: "a path", example: "logs", code: Code::BadAddress, test: path };

#[expect(clippy::unnecessary_wraps, reason = "it stands among tests that do refuse")]
fn any(_: &str) -> Result<(), String> {
    Ok(())
}

fn zone(text: &str) -> Result<(), String> {
    if crate::base::zone::zone(text).is_some() {
        return Ok(());
    }
    let known: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    let near = crate::diagnostic::closest(text, known.iter().map(String::as_str));
    let near = near.map_or(String::new(), |near| format!(": did you mean `{near}`?"));
    Err(format!("`{text}` is no time zone of this system{near}"))
}

fn date(text: &str) -> Result<(), String> {
    text.parse::<jiff::civil::Date>().map(drop).map_err(|_| format!("`{text}` is not a date: write it like 2026-12-31"))
}

fn date_time(text: &str) -> Result<(), String> {
    let good = text.parse::<jiff::civil::DateTime>().is_ok() || text.parse::<jiff::Timestamp>().is_ok();
    good.then_some(()).ok_or_else(|| format!("`{text}` is not a date and time: write it like 2026-12-31 09:00"))
}

fn time(text: &str) -> Result<(), String> {
    text.parse::<jiff::civil::Time>()
        .map(drop)
        .map_err(|_| format!("`{text}` is not a time of day: write it like 07:00"))
}

fn handoff(text: &str) -> Result<(), String> {
    let (day, at) = text.split_once(' ').map_or((None, text), |(day, at)| (Some(day), at));
    if day.is_none_or(|day| DAYS.contains(&day)) && time(at.trim()).is_ok() {
        Ok(())
    } else {
        Err(format!("`{text}` is not a weekday and a time: write it like mon 09:00, or 09:00"))
    }
}

fn backoff(text: &str) -> Result<(), String> {
    let (first, cap) = text.split_once("..").unwrap_or((text, text));
    let (first, cap) =
        (Span::parse(first).map_err(|bad| bad.to_string())?, Span::parse(cap).map_err(|bad| bad.to_string())?);
    if first <= cap {
        Ok(())
    } else {
        Err(format!("`{text}` goes down: the first wait must not be longer than the last"))
    }
}

fn band(text: &str) -> Result<(), String> {
    Band::parse(text).map(drop)
}

fn glob(text: &str) -> Result<(), String> {
    let parts: Vec<&str> = text.strip_prefix("$RUN_DIR/").unwrap_or(text).split('/').collect();
    let why = if text.starts_with('/') {
        "it must be relative to the working directory, or begin with `$RUN_DIR/`"
    } else if parts.contains(&"..") {
        "`..` leads out of the working directory"
    } else if parts.iter().any(|part| part.is_empty() || *part == ".") {
        "a name in it is empty or `.`: write it like logs/*.log"
    } else if parts.iter().any(|part| part.contains("**") && *part != "**") {
        "`**` stands alone between slashes, for any number of directories: logs/**/*.log"
    } else if parts.last() == Some(&"**") {
        "`**` stands for directories: end it with the names of files, as in logs/**/*"
    } else if text.contains(['[', ']', '{', '}', '\0']) {
        "only `*` and `?` stand for others, and no value is put in"
    } else if parts.iter().any(|part| part.starts_with('$')) {
        "`$RUN_DIR/` at its beginning is the only variable"
    } else {
        return Ok(());
    };
    Err(format!("`{text}` is no pattern of files to keep: {why}"))
}

fn variable(text: &str) -> Result<(), String> {
    let good = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    good.then_some(())
        .ok_or_else(|| format!("`{text}` is no name of a variable: letters, digits and `_`, no digit first"))
}

fn address(text: &str) -> Result<(), String> {
    match text.split_once(':') {
        Some((channel, to)) if !channel.is_empty() && !to.is_empty() => Ok(()),
        Some(_) | None => Err(format!("`{text}` is no address: write the channel first, as in slack:#incidents")),
    }
}

fn url(text: &str) -> Result<(), String> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    // A password may hold anything, so that nobody can say where the host begins.
    let (host, port) = if text.contains('@') { (host, None) } else { host_and_port(host) };
    let port = port.is_none_or(|port| port.parse::<u16>().is_ok());
    let good = !host.is_empty() && port && !text.contains(|c: char| c.is_whitespace() || c.is_control());
    good.then_some(()).ok_or_else(|| format!("`{text}` is not an http or https URL"))
}

fn host_and_port(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        Some(_) | None => (text, None),
    }
}

/// Whether a text begins as a URL does, as far as it is written: a value in front may be anything.
pub(crate) fn begins_url(template: &Template) -> Result<(), String> {
    let text = template.source();
    match template.literal() {
        Some(text) => url(text),
        None if ["http://", "https://", "{{"].iter().any(|start| text.starts_with(start)) => Ok(()),
        None => Err(format!("`{text}` is not an http or https URL")),
    }
}

fn mail(text: &str) -> Result<(), String> {
    let text = text.trim();
    let address = match text.strip_suffix('>') {
        Some(named) => named.rsplit_once('<').map_or("", |(_, address)| address),
        None => text,
    };
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';');
    let good = address.rsplit_once('@').is_some_and(|(who, domain)| {
        !who.is_empty() && !domain.is_empty() && !domain.starts_with('.') && !domain.ends_with('.')
    });
    let good = good && !address.contains(odd);
    good.then_some(()).ok_or_else(|| format!("`{text}` is not a mail address: it has a name, an `@` and a domain"))
}

fn mail_server(text: &str) -> Result<(), String> {
    let (host, port) = text.rsplit_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let why = if host.contains("//") || port.is_some_and(|port| port.starts_with("//")) {
        "it is spoken to as `tls` says, and has no scheme"
    } else if host.is_empty() || host.contains(|c: char| c.is_whitespace() || matches!(c, '/' | '@')) {
        "it is a host, and a port where that is not the usual one"
    } else if port.is_some_and(|port| port.parse::<u16>().map_or(true, |port| port == 0)) {
        "its port is a number up to 65535"
    } else {
        return Ok(());
    };
    Err(format!("`{text}` is not a mail server: {why}"))
}

fn host(text: &str) -> Result<(), String> {
    let name = text.strip_prefix("*.").unwrap_or(text);
    let part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let v6 = name.matches(':').count() > 1 && name.chars().all(|c| c.is_ascii_hexdigit() || matches!(c, ':' | '.'));
    let good = v6 || (!name.is_empty() && name.chars().all(part) && !name.starts_with('.'));
    good.then_some(()).ok_or_else(|| {
        format!("`{text}` is not a host: it has no scheme, port or path, and `*.` at its beginning is every host below")
    })
}

fn path(text: &str) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err("a path of nothing".into());
    }
    let odd = text.contains(char::is_control);
    if odd { Err(format!("`{}` is not a path", text.escape_debug())) } else { Ok(()) }
}

fn listen(text: &str) -> Result<(), String> {
    let good = text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    good.then_some(()).ok_or_else(|| format!("`{text}` is not an address and port: write it like 127.0.0.1:8320"))
}
