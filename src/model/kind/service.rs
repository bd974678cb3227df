//! `service`: a unit of systemd, looked at, started, stopped, restarted, reloaded.

use crate::base::arg::Landing;
use crate::model::kind::expect::{BOUNDS, LEVEL};
use crate::model::shape::{Effects, Field, FieldType, KindSpec, Shape, key};

/// What it does: exactly one of these, with the unit.
pub(super) const ACTIONS: &[&str] = &["status", "start", "stop", "restart", "reload"];

/// Those of them that change something.
pub(super) const CHANGES: &[&str] = &["start", "stop", "restart", "reload"];

const UNIT: Shape = Shape::Text(Landing::Plain);

/// `service: { restart: app }`.
pub(super) const SERVICE: KindSpec = KindSpec {
    name: "service",
    doc: "Looks at a unit of systemd, or starts, stops, restarts or reloads it, over D-Bus. A change is done when systemd says that it is, and the unit is active (after `stop`: inactive); the step's `timeout` bounds that. A dry run says how the unit is and what would be done.",
    example: "service: { restart: livekit-voice-ai }",
    shape: Shape::Record(&[
        key(
            "status",
            UNIT,
            "The unit to look at: `nginx`, `backup.timer`, `getty@tty1`; `.service` where nothing is said. A unit that is not active fails the step, unless `expect` says otherwise. `service: UNIT` is short for this.",
        ),
        key("start", UNIT, "The unit to start; one that is active already is left as it is."),
        key("stop", UNIT, "The unit to stop."),
        key("restart", UNIT, "The unit to stop and start; one that is not active is started."),
        key("reload", UNIT, "The unit that is to read its configuration anew, without stopping."),
        key("daemon_reload", Shape::Bool, "`true`: systemd reads all unit files anew before it does so."),
        key(
            "bus",
            Shape::Text(Landing::Plain),
            "Whose units: `system` (the default; where `DBUS_SYSTEM_BUS_ADDRESS` says, if it is set), `user` (of the user that runs stepladder), or the address of a bus (`unix:path=/run/…`).",
        ),
        key(
            "expect",
            Shape::Many(&Shape::Record(&[
                key(
                    "state",
                    Shape::Many(&Shape::Choice(&[
                        "active",
                        "reloading",
                        "inactive",
                        "failed",
                        "activating",
                        "deactivating",
                    ])),
                    "Good states. For `status` `active` unless said otherwise.",
                ),
                key(
                    "sub_state",
                    Shape::Many(&Shape::Text(Landing::Plain)),
                    "Good words beside the state: `running`, `exited`.",
                ),
                key("enabled", Shape::Bool, "Whether it starts with the machine."),
                key("restarts", BOUNDS, "How often systemd has restarted it by itself: `{ at_most: 3 }`."),
                LEVEL,
            ])),
            "What the unit must be like afterwards; a list of entries may each carry a `level`.",
        ),
    ]),
    short: Some("status"),
    output: &[
        Field { name: "unit", ty: FieldType::Text, doc: "The unit's whole name." },
        Field { name: "description", ty: FieldType::Text, doc: "What it says it is." },
        Field { name: "load_state", ty: FieldType::Text, doc: "`loaded`; of a unit that is not there `not-found`." },
        Field {
            name: "active_state",
            ty: FieldType::Text,
            doc: "`active`, `reloading`, `inactive`, `failed`, `activating`, `deactivating`.",
        },
        Field {
            name: "sub_state",
            ty: FieldType::Text,
            doc: "More exactly: `running`, `exited`, `dead`, `auto-restart`.",
        },
        Field {
            name: "enabled",
            ty: FieldType::Text,
            doc: "`enabled`, `disabled`, `static`, …; empty where systemd has no unit file.",
        },
        Field { name: "main_pid", ty: FieldType::Int, doc: "Its main process; 0 when there is none." },
        Field { name: "since", ty: FieldType::Maybe(&FieldType::Text), doc: "When it came into its state." },
        Field { name: "restarts", ty: FieldType::Int, doc: "How often systemd has restarted it by itself." },
        Field {
            name: "result",
            ty: FieldType::Text,
            doc: "How it last ended: `success`, `exit-code`, `signal`, `timeout`, `oom-kill`, …",
        },
        Field {
            name: "changed",
            ty: FieldType::Bool,
            doc: "Whether this step made it another: another state, or another process.",
        },
        Field {
            name: "summary",
            ty: FieldType::Text,
            doc: "What was done, in a sentence; in a dry run what would be.",
        },
        Field { name: "dry", ty: FieldType::Bool, doc: "Whether this was a dry run, in which nothing was touched." },
    ],
    effects: Effects::Depends,
};
