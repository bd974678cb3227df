//! The keys of `triggers:`.

use crate::base::arg::Landing;
use crate::lang::keys::syntax;
use crate::model::shape::{Key, Shape, key, required};

/// Values given to the run by what came in: expressions over it.
const MAPPED: Key = key(
    "inputs",
    Shape::Map(&Shape::Expr),
    "Inputs of the run, each an expression over what came in: `body.environment`, `alert.labels.instance`.",
);

const WEBHOOK: &[Key] = &[
    required("path", Shape::Name, "The last part of its URL: `/hooks/PATH`."),
    key(
        "verify",
        Shape::Record(&[
            key("github", Shape::Syntax(&syntax::VARIABLE), "The secret of GitHub's signature."),
            key("slack", Shape::Syntax(&syntax::VARIABLE), "The signing secret of Slack."),
            key("stripe", Shape::Syntax(&syntax::VARIABLE), "The secret of Stripe's signature."),
            key("standard", Shape::Syntax(&syntax::VARIABLE), "The secret of Standard Webhooks."),
            key("token", Shape::Syntax(&syntax::VARIABLE), "The secret of a bearer token."),
        ]),
        "How a caller proves who it is, and the secret for it.",
    ),
    key("unauthenticated", Shape::Bool, "`true` lets anybody call it."),
    MAPPED,
];

const HEARTBEAT: &[Key] = &[
    required("path", Shape::Name, "The last part of its URL: `/heartbeats/PATH`."),
    required("every", Shape::Duration, "How often the call must come."),
    key("grace", Shape::Duration, "How late it may be. 0 unless said."),
    key("severity", Shape::Verbatim, "The severity of the incident when it does not come. P3 unless said."),
];

const ALERT: &[Key] = &[
    required("match", Shape::Map(&Shape::Verbatim), "Labels the alert must have."),
    key(
        "per",
        Shape::Choice(&["alert", "group"]),
        "One run for each alert, or for each group of them. group unless said.",
    ),
    MAPPED,
    key(
        "resolved",
        Shape::Choice(&["finish", "cancel", "ignore"]),
        "What its end means for the run. finish unless said.",
    ),
    key("cooldown", Shape::Duration, "No second run for the same alert within this time."),
];

const RUN_ENDED: &[Key] = &[
    required("runbook", Shape::Name, "Whose run."),
    key(
        "outcome",
        Shape::Many(&Shape::Choice(&["succeeded", "recovered", "failed", "cancelled"])),
        "Which ends; all unless said.",
    ),
    MAPPED,
];

const FILE: &[Key] = &[
    required("path", Shape::Text(Landing::Path), "The file or pattern of files."),
    key(
        "on",
        Shape::Many(&Shape::Choice(&["created", "changed", "removed"])),
        "Which changes. created and changed unless said.",
    ),
    MAPPED,
];

/// The keys of one trigger: exactly one kind, and when and how it counts.
pub(crate) const TRIGGER: &[Key] = &[
    key("id", Shape::Name, "Keeps the ledger's identity when the expression changes."),
    key("cron", Shape::Syntax(&syntax::CRON), "crontab(5) with five fields, six with seconds first, or `@daily`."),
    key("every", Shape::Duration, "So often, aligned to the epoch."),
    key("at", Shape::Syntax(&syntax::INSTANT), "Once, at this local date and time."),
    key("webhook", Shape::Record(WEBHOOK), "A call from outside."),
    key("heartbeat", Shape::Record(HEARTBEAT), "A call that must come; when it does not, an incident opens."),
    key("alert", Shape::Record(ALERT), "An alert."),
    key("run_ended", Shape::Record(RUN_ENDED), "The end of another runbook's run."),
    key("file", Shape::Record(FILE), "A file that appears or changes."),
    key("startup", Shape::Bool, "The start of the daemon."),
    key(
        "timezone",
        Shape::Syntax(&syntax::ZONE),
        "The IANA zone of `cron` and `at`; the book's unless said, never silently the host's.",
    ),
    key(
        "missed",
        Shape::Choice(&["skip", "latest", "all"]),
        "Which of the instants that passed while the daemon was down still start. cron: latest, every: skip.",
    ),
    key("within", Shape::Duration, "How old a missed instant may be. 1h unless said."),
    key(
        "overlap",
        Shape::Either(&[
            Shape::Choice(&["skip", "queue", "replace", "allow"]),
            Shape::Record(&[required("queue", Shape::Int(1, 1_000), "How many wait, the newest kept.")]),
        ]),
        "What happens while the last run is still going. skip unless said.",
    ),
    key(
        "dst",
        Shape::Choice(&["once", "skip", "each"]),
        "What a change of the clock means: once per local day unless said.",
    ),
    key("jitter", Shape::Duration, "Delay by up to this, the same for the same instant on every node."),
    key("except", Shape::Many(&Shape::Name), "Calendars of stepladder.yaml on whose days it does not fire."),
    key(
        "deadline",
        Shape::Record(&[
            key("by", Shape::Syntax(&syntax::TIME), "The first such time of day after the due instant."),
            key("after", Shape::Duration, "So long after the due instant."),
            key("severity", Shape::Verbatim, "The severity of the incident. P3 unless said."),
        ]),
        "When the run must have ended well, or an incident opens.",
    ),
    key("inputs", Shape::Map(&Shape::Literal), "Inputs of the run, as they stand."),
];

/// The keys of a trigger that are its kind.
pub(crate) const KINDS: &[&str] =
    &["cron", "every", "at", "webhook", "heartbeat", "alert", "run_ended", "file", "startup"];
