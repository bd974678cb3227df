//! The keys of `escalation.yaml`, and of the guide's `incident_contacts.yaml` that loads in its place.

use crate::lang::keys::syntax;
use crate::model::shape::{Key, Shape, key, required};

const ADDRESSES: Shape = Shape::List(&Shape::Syntax(&syntax::ADDRESS));
const WHO: Shape = Shape::Many(&Shape::Verbatim);

/// The keys of a severity.
pub(crate) const SEVERITY: &[Key] = &[
    key("title", Shape::Prose, "What people read."),
    key("respond_within", Shape::Duration, "How soon somebody must answer."),
    key("climb", Shape::Map(&Shape::Duration), "Level to offset from the opening."),
    key("climb_early", Shape::Bool, "Climb at once when level 1 fails."),
    key("repeat", Shape::Duration, "How often a level is paged again."),
    key("ack_lapses", Shape::Duration, "After how long without activity an acknowledgement lapses."),
    key("announce", Shape::Verbatim, "The broadcast set that is told."),
    key(
        "reach",
        Shape::Record(&[
            key("at_once", Shape::List(&Shape::Name), "Channels used together."),
            key("in_turn", Shape::List(&Shape::Name), "Channels used one after the other."),
            key("wait", Shape::Duration, "Between one and the next."),
        ]),
        "How a person is reached.",
    ),
];

/// The keys of a level.
pub(crate) const LEVEL: &[Key] = &[
    required("name", Shape::Prose, "What people read."),
    key("gather", Shape::List(&Shape::Name), "Runbooks that gather evidence."),
    key("try", Shape::List(&Shape::Name), "Runbooks that try to mend, in order."),
    key("limit", Shape::Duration, "How long the level may take."),
    key("not_again_within", Shape::Duration, "A runbook that ran for this key is not run again within this time."),
    key("page", WHO, "Contacts and rotations: `senior`, `on_call.owner`."),
    key("duties", Shape::List(&Shape::Prose), "What whoever is paged does."),
    key("unless", Shape::Choice(&["acknowledged", "resolved"]), "What stops it. acknowledged unless said."),
];

/// The keys of a contact, beside one address for each channel.
pub(crate) const CONTACT: &[Key] = &[
    required("name", Shape::Prose, "Their name."),
    key("phone", Shape::Verbatim, "Telephone number, `+1-555-0123`."),
    key("email", Shape::Verbatim, "Mail address."),
    key("slack", Shape::Verbatim, "Slack handle."),
    key("sms", Shape::Verbatim, "Number for messages; the phone's unless said."),
    key("voice", Shape::Verbatim, "Number for calls; the phone's unless said."),
    key("telegram", Shape::Verbatim, "Chat at Telegram."),
    key("ntfy", Shape::Verbatim, "What they listen to at ntfy."),
    key("mattermost", Shape::Verbatim, "Mattermost handle."),
    key("teams", Shape::Verbatim, "Address at Microsoft Teams."),
    key(
        "user",
        Shape::Many(&Shape::Verbatim),
        "Who they are when they come in: users of the machine and names of tokens. The contact's own name unless said.",
    ),
    key("addresses", Shape::Map(&Shape::Verbatim), "Addresses on channels of other names."),
    key("timezone", Shape::Syntax(&syntax::LADDER_ZONE), "The zone of their quiet hours; the ladder's unless said."),
    key("rules", Shape::Many(&Shape::Record(CONTACT_RULE)), "How they want to be reached, in the place of `reach`."),
    key(
        "quiet",
        Shape::Many(&Shape::Record(QUIET)),
        "When they are left alone: what comes then waits for the end of it.",
    ),
];

/// The keys of a contact's own rule.
pub(crate) const CONTACT_RULE: &[Key] = &[
    key("after", Shape::Duration, "So long after the page. At once unless said."),
    required("by", Shape::Many(&Shape::Name), "Channels, all at once."),
    key("severities", Shape::Many(&Shape::Verbatim), "The severities it is for. Every one unless said."),
];

/// The keys of quiet hours.
pub(crate) const QUIET: &[Key] = &[
    required("from", Shape::Syntax(&syntax::TIME), "When they begin."),
    required("to", Shape::Syntax(&syntax::TIME), "When they end; on the next day where that is not later."),
    key("days", Shape::Many(&Shape::Choice(DAYS)), "The days on which they begin. Every day unless said."),
    required("severities", Shape::Many(&Shape::Verbatim), "The severities that wait."),
];

/// The keys of the hours of a rotation.
pub(crate) const HOURS: &[Key] = &[
    required("from", Shape::Syntax(&syntax::TIME), "When they begin."),
    required("to", Shape::Syntax(&syntax::TIME), "When they end; on the next day where that is not later."),
    key("days", Shape::Many(&Shape::Choice(DAYS)), "The days on which they begin. Every day unless said."),
];

/// The days of the week, from Monday.
pub(crate) const DAYS: &[&str] = &["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The keys of a rotation.
pub(crate) const ON_CALL: &[Key] = &[
    key("timezone", Shape::Syntax(&syntax::LADDER_ZONE), "The zone of its times; the ladder's unless said."),
    key(
        "since",
        Shape::Syntax(&syntax::DATE),
        "The day from which the members take turns; the first of them begins. Nobody is on call before.",
    ),
    key("rotate", Shape::Choice(&["daily", "weekly", "never"]), "How often it goes round. weekly unless said."),
    key("every", Shape::Duration, "How often it goes round, where neither daily nor weekly fits: `3d`, `2w`, `12h`."),
    key(
        "handoff",
        Shape::Syntax(&syntax::HANDOFF),
        "When it goes round, by the clocks of its zone: `mon 09:00`, or `09:00`. 09:00 unless said.",
    ),
    required("members", Shape::List(&Shape::Name), "Contacts, in order."),
    key("hours", Shape::Many(&Shape::Record(HOURS)), "When anybody is on call at all. Always unless said."),
    key(
        "overrides",
        Shape::List(&Shape::Record(&[
            required("from", Shape::Syntax(&syntax::DATE_TIME), "From."),
            required("to", Shape::Syntax(&syntax::DATE_TIME), "To."),
            required("who", Shape::Name, "The contact."),
        ])),
        "Who stands in, and when.",
    ),
    key(
        "on_holidays",
        Shape::Record(&[
            required("calendar", Shape::Many(&Shape::Name), "Calendars of stepladder.yaml."),
            required("who", Shape::Verbatim, "A contact, or a rotation: `on_call.weekend`."),
        ]),
        "Who is on call on the days of a calendar, in the place of whose turn it is.",
    ),
];

/// The keys of a route.
pub(crate) const ROUTE: &[Key] = &[
    required("match", Shape::Map(&Shape::Verbatim), "Labels it is for; `{}` is every incident."),
    key("severity", Shape::Verbatim, "The severity it gets."),
    key("type", Shape::Verbatim, "What kind of trouble it is."),
    key("owner", Shape::Name, "The rotation that answers."),
    key("first_response", Shape::Name, "The runbook that level 1 tries first."),
];

/// The keys of a drill.
pub(crate) const DRILL: &[Key] = &[
    required("cron", Shape::Syntax(&syntax::CRON), "When it is held, by the clocks of the ladder's zone."),
    key("who", WHO, "Contacts and rotations that are sent a page. Everybody unless said."),
    key("channels", Shape::Many(&Shape::Name), "The ways it goes. Every way a person has unless said."),
    key(
        "confirm_within",
        Shape::Duration,
        "A page that went out and that nobody confirmed in this time counts as failed. Nobody has to unless said.",
    ),
    key("stale_after", Shape::Duration, "After how long a way that worked is proved no more. 35d unless said."),
];

/// The keys of `escalation.yaml`.
pub(crate) const ESCALATION: &[Key] = &[
    key("timezone", Shape::Syntax(&syntax::LADDER_ZONE), "The zone of its times; the book's unless said."),
    required("severities", Shape::Map(&Shape::Record(SEVERITY)), "Severities by name."),
    required("levels", Shape::Map(&Shape::Record(LEVEL)), "Levels by number."),
    required("contacts", Shape::Map(&Shape::Record(CONTACT)), "People by name."),
    key("on_call", Shape::Map(&Shape::Record(ON_CALL)), "Rotations by name."),
    key("announce", Shape::Map(&ADDRESSES), "Broadcast sets by name."),
    key("routes", Shape::List(&Shape::Record(ROUTE)), "The first that matches decides; the last must match all."),
    key("catch_all", WHO, "Who is told when everything else failed."),
    key("drill", Shape::Record(DRILL), "When people are sent a page that is marked as a test, to see that it arrives."),
];

/// The keys of the guide's `incident_contacts.yaml`.
pub(crate) const CONTACTS_FILE: &[Key] = &[
    required(
        "escalation_contacts",
        Shape::Map(&Shape::List(&Shape::Record(&[
            key("type", Shape::Verbatim, "`automated` for level 1."),
            key("action", Shape::Verbatim, "What level 1 does, by a name of `actions`."),
            key("name", Shape::Prose, "Their name."),
            key("phone", Shape::Verbatim, "Telephone number."),
            key("email", Shape::Verbatim, "Mail address."),
            key("slack", Shape::Verbatim, "Slack handle."),
        ]))),
        "People by level: `level_1` to `level_4`.",
    ),
    key(
        "notification_channels",
        Shape::Map(&Shape::List(&Shape::Map(&Shape::Verbatim))),
        "Addresses by urgency: critical, high, medium, low.",
    ),
    key("actions", Shape::Map(&Shape::Name), "What the words of `action` mean: runbooks."),
];
