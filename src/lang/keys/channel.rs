//! The keys of one channel of `stepladder.yaml`: its provider, or what the provider needs.

use crate::base::arg::Landing;
use crate::lang::keys::syntax;
use crate::model::defaults;
use crate::model::shape::{Key, Shape, key, required};

const PLAIN: Shape = Shape::Text(Landing::Plain);
const URL: Shape = Shape::Text(Landing::Url);
const HEADERS: Shape = Shape::Map(&Shape::Text(Landing::Header));

/// Slack's Web API.
const SLACK: &[Key] = &[
    required("token", PLAIN, "The bot's token, `xoxb-…`; it needs `chat:write`.").hidden(),
    key("signing_secret", PLAIN, "What Slack signs button presses with. Without it buttons are links.").hidden(),
    key("url", URL, "The API.").default(defaults::SLACK_URL),
];

/// Text messages in Twilio's shape.
const TWILIO: &[Key] = &[
    required("account", PLAIN, "The account."),
    required("token", PLAIN, "The token; it also verifies what comes back.").hidden(),
    required("from", PLAIN, "The sender's number, or a messaging service `MG…`."),
    key("url", URL, "The API.").default(defaults::TWILIO_URL),
    key("callback", URL, "Where what became of a message is told.").hidden(),
];

/// Calls in Twilio's shape.
const VOICE: &[Key] = &[
    required("account", PLAIN, "The account."),
    required("token", PLAIN, "The token; it also verifies what comes back.").hidden(),
    required("from", PLAIN, "The caller's number."),
    key("url", URL, "The API.").default(defaults::TWILIO_URL),
    key("callback", URL, "Where what became of a call is told.").hidden(),
    key("gather", URL, "Where keys that are pressed go: 4 acknowledges, 5 escalates, 6 resolves.").hidden(),
    key("language", Shape::Verbatim, "The language it is read in, `ru-RU`."),
];

/// Any other provider that is asked by one HTTP request.
const GATEWAY: &[Key] = &[
    required("url", URL, "Whom to ask."),
    key("method", Shape::Choice(&["get", "post", "put"]), "How.").default(defaults::GATEWAY_METHOD),
    key("headers", HEADERS, "Headers.").hidden(),
    key("form", Shape::Map(&PLAIN), "A form; its values may name `to`, `text`, `title`, `severity`, `key`, `link`.")
        .hidden(),
    key("json", Shape::Any(Landing::Json), "A JSON body, with the same names.").hidden(),
    key("username", PLAIN, "For basic authentication."),
    key("password", PLAIN, "Its password.").hidden(),
    key("accepted", Shape::Verbatim, "What a good answer has in it, where the status alone does not tell."),
];

/// A bot at Telegram.
const TELEGRAM: &[Key] = &[
    required("token", PLAIN, "The bot's token.").hidden(),
    key("url", URL, "The API.").default(defaults::TELEGRAM_URL),
];

/// A server of ntfy.
const NTFY: &[Key] = &[
    key("url", URL, "The server.").default(defaults::NTFY_URL),
    key("token", PLAIN, "An access token, `tk_…`.").hidden(),
    key("username", PLAIN, "For basic authentication."),
    key("password", PLAIN, "Its password.").hidden(),
];

/// A program of somebody's own.
const HOOK: &[Key] = &[
    required("url", URL, "Whom to tell."),
    key("secret", PLAIN, "Signs the body: header `Stepladder-Signature`.").hidden(),
    key("headers", HEADERS, "Headers.").hidden(),
];

/// PagerDuty's Events API.
const PAGERDUTY: &[Key] = &[
    required("routing_key", PLAIN, "The integration key of the service.").hidden(),
    key("url", URL, "The API.").default(defaults::PAGERDUTY_URL),
];

/// A command.
const EXEC: &[Key] = &[
    required(
        "command",
        Shape::List(&Shape::Verbatim),
        "The command; the message comes on its standard input, as JSON.",
    )
    .hidden(),
    key("env", Shape::Map(&Shape::Text(Landing::Env)), "Its environment.").hidden(),
];

/// The keys of one channel.
pub(crate) const CHANNEL: &[Key] = &[
    key("webhook", URL, "An incoming webhook of Slack, or of what takes the same form.").hidden(),
    key("slack", Shape::Record(SLACK), "Slack by a bot: messages that are kept up to date, with buttons."),
    key("smtp", PLAIN, "A mail server, `host:port`."),
    key("twilio", Shape::Record(TWILIO), "Text messages by Twilio."),
    key("voice", Shape::Record(VOICE), "Calls by Twilio."),
    key("gateway", Shape::Record(GATEWAY), "Text messages, or anything else, by one HTTP request to any provider."),
    key("telegram", Shape::Record(TELEGRAM), "Telegram by a bot; an address is a chat."),
    key("ntfy", Shape::Record(NTFY), "ntfy; an address is the name that people subscribe to."),
    key("mattermost", URL, "An incoming webhook of Mattermost.").hidden(),
    key("teams", URL, "A webhook of Microsoft Teams.").hidden(),
    key("hook", Shape::Record(HOOK), "A program of your own that takes JSON, signed."),
    key("pagerduty", Shape::Record(PAGERDUTY), "PagerDuty's Events API."),
    key("exec", Shape::Record(EXEC), "A command."),
    key("file", PLAIN, "A file below `reports/` that messages are appended to, a line of JSON each."),
    key("terminal", Shape::Bool, "The terminal of whoever runs it."),
    key("to", PLAIN, "Whom messages are for whose address names nobody."),
    key("tls", Shape::Choice(&["starttls", "tls", "none"]), "How the mail server is spoken to.")
        .default(defaults::MAIL_TLS)
        .beside("smtp"),
    key("username", PLAIN, "The user of the mail server."),
    key("password", PLAIN, "The password of the mail server.").hidden(),
    key("from", Shape::Text(Landing::Header), "The sender of mail."),
    key("ca", Shape::Syntax(&syntax::PATH), "A PEM file of certificates that are trusted beside the system's."),
    key("at_once", Shape::Int(1, 100), "How many messages are handed over at the same time.")
        .default(defaults::AT_ONCE),
    key("per_minute", Shape::Int(1, 100_000), "How many a minute; the most urgent ones are not held back by it."),
];
