//! What systemd says of a unit.

use crate::base::value::Value;
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use std::collections::HashMap;
use zbus::{OwnedVariant, Variant};

/// The sorts of units; a name that ends otherwise is a service's.
const SORTS: &[&str] = &[
    "service",
    "socket",
    "timer",
    "target",
    "path",
    "mount",
    "automount",
    "swap",
    "slice",
    "scope",
    "device",
    "snapshot",
];

/// The longest name of a unit.
const LONGEST: usize = 255;

/// The properties of an interface.
pub(super) type Properties = HashMap<String, OwnedVariant>;

/// A unit as it is now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) load_state: String,
    pub(super) active_state: String,
    pub(super) sub_state: String,
    pub(super) enabled: String,
    pub(super) main_pid: u32,
    pub(super) restarts: u32,
    pub(super) result: String,
    pub(super) can_reload: bool,
    pub(super) is_oneshot: bool,
    status: i32,
    changed_at: u64,
    active_since: u64,
}

/// A unit's whole name.
pub(super) fn name(text: &str) -> Result<String, Failure> {
    let text = text.trim();
    let bad = |why: &str| Failure::lasting(FailureKind::Template, format!("`{text}` is no name of a unit: {why}"));
    if !text.chars().all(|c| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c)) {
        return Err(bad("it may have letters, digits and `:-_.\\@`"));
    }
    let whole = match text.rsplit_once('.') {
        Some((stem, sort)) if SORTS.contains(&sort) && !stem.is_empty() => text.to_owned(),
        Some(_) | None => format!("{text}.service"),
    };
    if text.is_empty() || text.starts_with('.') || whole.len() > LONGEST {
        return Err(bad("it is empty, begins with a dot or is too long"));
    }
    if text.ends_with('@') || whole.contains("@.") {
        return Err(bad("it is a template: say which one (`getty@tty1`)"));
    }
    Ok(whole)
}

impl Unit {
    /// A unit from the properties of `org.freedesktop.systemd1.Unit`, and those of its sort.
    pub(super) fn of(name: &str, unit: &Properties, sort: &Properties) -> Self {
        Self {
            name: name.to_owned(),
            description: text(unit, "Description"),
            load_state: text(unit, "LoadState"),
            active_state: text(unit, "ActiveState"),
            sub_state: text(unit, "SubState"),
            enabled: text(unit, "UnitFileState"),
            main_pid: number(sort, "MainPID").try_into().unwrap_or_default(),
            restarts: number(sort, "NRestarts").try_into().unwrap_or(u32::MAX),
            result: text(sort, "Result"),
            can_reload: flag(unit, "CanReload"),
            is_oneshot: text(sort, "Type") == "oneshot" || sort.is_empty(),
            status: signed(sort, "ExecMainStatus"),
            changed_at: number(unit, "StateChangeTimestamp"),
            active_since: number(unit, "ActiveEnterTimestamp"),
        }
    }

    /// A unit nobody could be asked about.
    pub(super) fn unknown(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// What makes it another when it differs.
    pub(super) fn identity(&self) -> (&str, u32, u64) {
        (&self.active_state, self.main_pid, self.active_since)
    }

    /// Whether it is over, or never began.
    pub(super) fn is_down(&self) -> bool {
        self.active_state == "inactive"
    }

    /// `active (running)`.
    pub(super) fn state(&self) -> String {
        match (self.active_state.as_str(), self.sub_state.as_str()) {
            ("", _) => "in a state that is not known".into(),
            (state, "") => state.to_owned(),
            (state, sub) => format!("{state} ({sub})"),
        }
    }

    /// Its state in a sentence.
    pub(super) fn in_words(&self) -> String {
        format!("{} is {}", self.name, self.state())
    }

    /// Its state, why, and where to read more.
    pub(super) fn troubles(&self) -> String {
        let why = match (self.result.as_str(), self.status) {
            ("" | "success", _) => String::new(),
            ("exit-code", status) => format!(", its process ended with exit status {status}"),
            ("signal" | "core-dump", signal) => format!(", its process was killed by signal {signal}"),
            ("timeout", _) => ", it took too long".into(),
            ("start-limit-hit", _) => {
                format!(", it was started too often in a short time: `systemctl reset-failed {}` lifts that", self.name)
            }
            ("oom-kill", _) => ", the system was out of memory and killed it".into(),
            (result, _) => format!(", result `{result}`"),
        };
        let more = if self.active_state == "failed" {
            format!("; `journalctl -u {}` says more", self.name)
        } else {
            String::new()
        };
        format!("{}{why}{more}", self.state())
    }

    pub(super) fn starts_with_the_machine(&self) -> bool {
        ["enabled", "enabled-runtime", "alias", "generated"].contains(&self.enabled.as_str())
    }

    /// When it came into its state.
    pub(super) fn since(&self) -> Value {
        let micros = i64::try_from(self.changed_at).ok().filter(|micros| *micros > 0);
        let instant = micros.and_then(|micros| jiff::Timestamp::from_microsecond(micros).ok());
        instant.map_or(Value::Null, |instant| Value::from(instant.to_string()))
    }
}

fn text(properties: &Properties, name: &str) -> String {
    match properties.get(name).map(|value| &**value) {
        Some(Variant::Str(text)) => text.to_string(),
        Some(_) | None => String::new(),
    }
}

fn flag(properties: &Properties, name: &str) -> bool {
    matches!(properties.get(name).map(|value| &**value), Some(Variant::Bool(true)))
}

fn number(properties: &Properties, name: &str) -> u64 {
    match properties.get(name).map(|value| &**value) {
        Some(Variant::U32(number)) => u64::from(*number),
        Some(Variant::U64(number)) => *number,
        Some(_) | None => 0,
    }
}

fn signed(properties: &Properties, name: &str) -> i32 {
    match properties.get(name).map(|value| &**value) {
        Some(Variant::I32(number)) => *number,
        Some(_) | None => 0,
    }
}
