//! What a process goes by beside `stepladder.yaml`: its flags, and every variable of the environment that the program reads.
//!
//! `stepladder config` shows these, and `docs/environment.md` is made from the table.

use crate::cli::args::{ColorChoice, LogFormat};
use crate::cli::log;
use crate::cli::settings::Settings;
use crate::lang::set::{Origin, Setting, of_variable};
use crate::model::defaults;
use std::fmt::Write;
use std::path::PathBuf;

/// A variable of the environment that the program reads.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// Whether it may hold a secret.
    hidden: bool,
    /// Whether a setting of its own says what comes of it, so that it needs no row.
    shown_elsewhere: bool,
}

const fn read(name: &'static str, about: &'static str) -> Variable {
    Variable { name, about, hidden: false, shown_elsewhere: false }
}

const fn setting(name: &'static str, about: &'static str) -> Variable {
    Variable { shown_elsewhere: true, ..read(name, about) }
}

const fn secret(name: &'static str, about: &'static str) -> Variable {
    Variable { hidden: true, ..read(name, about) }
}

/// Every one of them. `SSL_CERT_FILE` and `SSL_CERT_DIR` are read by what finds the system's certificates.
pub const VARIABLES: &[Variable] = &[
    setting("STEPLADDER_BOOK", "The book's directory, where `--book` does not say it."),
    setting("STEPLADDER_LOG", "What is logged, as a filter of `tracing`: `stepladder=debug`. Wins over `--verbose`."),
    secret(defaults::AGE_KEY, "What opens an `age` file of secrets, where its `identity` is not said."),
    read("STEPLADDER_COMPLETE", "A shell asks for completions: it holds the shell's name."),
    read("CREDENTIALS_DIRECTORY", "Where systemd puts credentials, for `secrets: [ { systemd_credentials: {} } ]`."),
    read("NOTIFY_SOCKET", "Where the daemon tells its service manager how it is."),
    read("WATCHDOG_USEC", "How often the service manager wants to hear of the daemon, in microseconds."),
    read("WATCHDOG_PID", "Whose watchdog that is."),
    setting("JOURNAL_STREAM", "Set by systemd: the daemon logs as its journal takes it."),
    setting("NO_COLOR", "No colours."),
    setting("CLICOLOR", "`0`: no colours."),
    setting("CLICOLOR_FORCE", "Colours also where there is no terminal, unless it is `0`."),
    setting("COLUMNS", "How wide what is printed may be."),
    setting("TERM", "`dumb`: no colours, nothing redrawn."),
    setting("LC_ALL", "The locale: with UTF-8 symbols may be printed. Handed on to children."),
    setting("LC_CTYPE", "The same, where `LC_ALL` is not set."),
    setting("LANG", "The same, where neither is set. Handed on to children."),
    setting("SUDO_USER", "Who types, for the record."),
    setting("USER", "The same, where `SUDO_USER` is not set. Handed on to children."),
    setting("LOGNAME", "The same, where neither is set."),
    read("PATH", "Where commands are found. Handed on to children."),
    read("HOME", "Where `~/.config` is. Handed on to children."),
    read("XDG_CONFIG_HOME", "Where it is otherwise."),
    read("TZ", "Handed on to children; no time of ours is read by it."),
    read("DBUS_SYSTEM_BUS_ADDRESS", "The bus of the system, for `service` and `system` steps. Handed on to children."),
    read("SSL_CERT_FILE", "Certificates that are trusted, in the place of the system's."),
    read("SSL_CERT_DIR", "The same, as a directory."),
    setting(
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "Where traces are sent, as it stands, where `telemetry.endpoint` does not say it.",
    ),
    setting("OTEL_EXPORTER_OTLP_ENDPOINT", "The same; `/v1/traces` is added."),
    Variable {
        hidden: true,
        ..setting("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "`telemetry.headers`, as `name=value,name=value`.")
    },
    Variable { hidden: true, ..setting("OTEL_EXPORTER_OTLP_HEADERS", "The same.") },
    setting("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "`telemetry.timeout`, in milliseconds."),
    setting("OTEL_EXPORTER_OTLP_TIMEOUT", "The same."),
    setting("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "`telemetry.ca`."),
    setting("OTEL_EXPORTER_OTLP_CERTIFICATE", "The same."),
    setting("OTEL_SERVICE_NAME", "`telemetry.service`."),
    setting("OTEL_RESOURCE_ATTRIBUTES", "`telemetry.attributes`, as `name=value,name=value`."),
    read("OTEL_SDK_DISABLED", "`true`: no traces are sent."),
    read("OTEL_TRACES_EXPORTER", "`none`: no traces are sent."),
    read("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "What traces are written in: only `http/protobuf` is known here."),
    read("OTEL_EXPORTER_OTLP_PROTOCOL", "The same."),
];

/// What this process goes by: its flags and its environment.
#[must_use]
pub fn process(settings: &Settings, serves: bool) -> Vec<Setting> {
    let mut all = vec![book(settings), logged(settings, serves)];
    if serves {
        all.push(log_format(settings));
    } else {
        all.extend([color(settings), width(settings), symbols(settings), user(settings)]);
    }
    for variable in VARIABLES.iter().filter(|variable| !variable.shown_elsewhere) {
        let set = settings.env.get(variable.name).filter(|value| !value.is_empty());
        let (value, masked) = match set.map(|value| of_variable(value, variable.hidden)) {
            Some((value, masked)) => (Some(value), masked),
            None => (None, false),
        };
        let origin = if value.is_some() { Origin::Variable(variable.name.to_owned()) } else { Origin::Nobody };
        let key = format!("${}", variable.name);
        all.push(Setting { masked, ..one(&key, value, origin, variable.about) });
    }
    all
}

/// `docs/environment.md`.
#[must_use]
pub fn page() -> String {
    let mut text = String::from(
        "# The environment\n\nEvery variable that the program reads, made from the table that `stepladder config` reads; do not edit (`UPDATE=1 cargo test` writes it).\n\
         `stepladder config` shows what they come to. Which variables steps see is another matter ([language.md](language.md): `env`).\n\n| variable | |\n|---|---|\n",
    );
    for Variable { name, about, .. } in VARIABLES {
        let _ = writeln!(text, "| `{name}` | {about} |");
    }
    text
}

fn one(key: &str, value: Option<String>, origin: Origin, about: &str) -> Setting {
    Setting { key: key.to_owned(), value, origin, masked: false, wrong: None, live: false, about: about.to_owned() }
}

/// The first of these that is set.
fn variable(settings: &Settings, names: &[&str]) -> Option<Origin> {
    let set = |name: &&&str| settings.env.get(**name).is_some_and(|value| !value.is_empty());
    names.iter().find(set).map(|name| Origin::Variable((*name).to_owned()))
}

fn book(settings: &Settings) -> Setting {
    let whole = |book: PathBuf| std::fs::canonicalize(&book).unwrap_or(book).display().to_string();
    let value = settings.book().ok().map(whole);
    let origin = if settings.typed.book.is_some() {
        Origin::Flag("--book")
    } else {
        variable(settings, &["STEPLADDER_BOOK"]).unwrap_or(Origin::Default)
    };
    one(
        "book",
        value,
        origin,
        "The book's directory; else the nearest one above the working directory with a stepladder.yaml.",
    )
}

fn logged(settings: &Settings, serves: bool) -> Setting {
    let about = "What is logged, as a filter of `tracing`.";
    match (variable(settings, &["STEPLADDER_LOG"]), &settings.log) {
        (Some(origin), log) => one("log", log.clone(), origin, about),
        (None, Some(log)) => one("log", Some(log.clone()), Origin::Flag("--verbose"), about),
        (None, None) if serves => one("log", Some(log::DAEMON.to_owned()), Origin::Default, about),
        (None, None) => one("log", None, Origin::Nobody, about),
    }
}

fn log_format(settings: &Settings) -> Setting {
    let (word, origin) = match (settings.log_format, variable(settings, &["JOURNAL_STREAM"])) {
        (Some(LogFormat::Json), _) => ("json", Origin::Flag("--log-format")),
        (Some(LogFormat::Text), _) => ("text", Origin::Flag("--log-format")),
        (None, Some(origin)) => ("journald", origin),
        (None, None) => ("text", Origin::Default),
    };
    one("log_format", Some(word.to_owned()), origin, "How it logs.")
}

fn color(settings: &Settings) -> Setting {
    let typed = &settings.typed;
    let origin = if typed.plain {
        Origin::Flag("--plain")
    } else if typed.no_color {
        Origin::Flag("--no-color")
    } else if typed.color != ColorChoice::Auto {
        Origin::Flag("--color")
    } else {
        variable(settings, &["NO_COLOR", "CLICOLOR_FORCE", "CLICOLOR"]).unwrap_or(Origin::Default)
    };
    one(
        "color",
        Some(on(settings.out.color)),
        origin,
        "Whether what is printed has colours; on a terminal unless said.",
    )
}

fn width(settings: &Settings) -> Setting {
    let origin = variable(settings, &["COLUMNS"]).unwrap_or(Origin::Default);
    one(
        "width",
        Some(settings.out.width.to_string()),
        origin,
        "How many columns what is printed may take; the terminal's unless said.",
    )
}

fn symbols(settings: &Settings) -> Setting {
    let origin = if settings.typed.plain {
        Origin::Flag("--plain")
    } else {
        variable(settings, &["LC_ALL", "LC_CTYPE", "LANG"]).unwrap_or(Origin::Default)
    };
    one("symbols", Some(on(settings.out.unicode)), origin, "Whether symbols are printed: where the locale has UTF-8.")
}

fn user(settings: &Settings) -> Setting {
    let origin = variable(settings, &["SUDO_USER", "USER", "LOGNAME"]).unwrap_or(Origin::Default);
    one("user", Some(settings.user.clone()), origin, "Who types, for the record.")
}

fn on(yes: bool) -> String {
    if yes { "on".into() } else { "off".into() }
}
