//! The keys of one channel of `stepladder.yaml`: its provider, or what the provider needs.

use crate::base::arg::Landing;
use crate::model::shape::{Key, Shape, key, required};

const PLAIN: Shape = Shape::Text(Landing::Plain);
const URL: Shape = Shape::Text(Landing::Url);
const HEADERS: Shape = Shape::Map(&Shape::Text(Landing::Header));

/// Slack's Web API.
const SLACK: &[Key] = &[
    required("token", PLAIN, "The bot's token, `xoxb-…`; it needs `chat:write`."),
    key("signing_secret", PLAIN, "What Slack signs button presses with. Without it buttons are links."),
    key("url", URL, "The API. `https://slack.com/api` unless said."),
];

/// Text messages in Twilio's shape.
const TWILIO: &[Key] = &[
    required("account", PLAIN, "The account."),
    required("token", PLAIN, "The token; it also verifies what comes back."),
    required("from", PLAIN, "The sender's number, or a messaging service `MG…`."),
    key("url", URL, "The API. `https://api.twilio.com` unless said."),
    key("callback", URL, "Where what became of a message is told."),
];

/// Calls in Twilio's shape.
const VOICE: &[Key] = &[
    required("account", PLAIN, "The account."),
    required("token", PLAIN, "The token; it also verifies what comes back."),
    required("from", PLAIN, "The caller's number."),
    key("url", URL, "The API. `https://api.twilio.com` unless said."),
    key("callback", URL, "Where what became of a call is told."),
    key("gather", URL, "Where keys that are pressed go: 4 acknowledges, 5 escalates, 6 resolves."),
    key("language", Shape::Verbatim, "The language it is read in, `ru-RU`."),
];

/// Any other provider that is asked by one HTTP request.
const GATEWAY: &[Key] = &[
    required("url", URL, "Whom to ask."),
    key("method", Shape::Choice(&["get", "post", "put"]), "How. post unless said."),
    key("headers", HEADERS, "Headers."),
    key("form", Shape::Map(&PLAIN), "A form; its values may name `to`, `text`, `title`, `severity`, `key`, `link`."),
    key("json", Shape::Any(Landing::Json), "A JSON body, with the same names."),
    key("username", PLAIN, "For basic authentication."),
    key("password", PLAIN, "Its password."),
    key("accepted", Shape::Verbatim, "What a good answer has in it, where the status alone does not tell."),
];

/// A bot at Telegram.
const TELEGRAM: &[Key] = &[
    required("token", PLAIN, "The bot's token."),
    key("url", URL, "The API. `https://api.telegram.org` unless said."),
];

/// A server of ntfy.
const NTFY: &[Key] = &[
    key("url", URL, "The server. `https://ntfy.sh` unless said."),
    key("token", PLAIN, "An access token, `tk_…`."),
    key("username", PLAIN, "For basic authentication."),
    key("password", PLAIN, "Its password."),
];

/// A program of somebody's own.
const HOOK: &[Key] = &[
    required("url", URL, "Whom to tell."),
    key("secret", PLAIN, "Signs the body: header `Stepladder-Signature`."),
    key("headers", HEADERS, "Headers."),
];

/// PagerDuty's Events API.
const PAGERDUTY: &[Key] = &[
    required("routing_key", PLAIN, "The integration key of the service."),
    key("url", URL, "The API. `https://events.pagerduty.com` unless said."),
];

/// A command.
const EXEC: &[Key] = &[
    required(
        "command",
        Shape::List(&Shape::Verbatim),
        "The command; the message comes on its standard input, as JSON.",
    ),
    key("env", Shape::Map(&Shape::Text(Landing::Env)), "Its environment."),
];

/// The keys of one channel.
pub(crate) const CHANNEL: &[Key] = &[
    key("webhook", URL, "An incoming webhook of Slack, or of what takes the same form."),
    key("slack", Shape::Record(SLACK), "Slack by a bot: messages that are kept up to date, with buttons."),
    key("smtp", PLAIN, "A mail server, `host:port`."),
    key("twilio", Shape::Record(TWILIO), "Text messages by Twilio."),
    key("voice", Shape::Record(VOICE), "Calls by Twilio."),
    key("gateway", Shape::Record(GATEWAY), "Text messages, or anything else, by one HTTP request to any provider."),
    key("telegram", Shape::Record(TELEGRAM), "Telegram by a bot; an address is a chat."),
    key("ntfy", Shape::Record(NTFY), "ntfy; an address is the name that people subscribe to."),
    key("mattermost", URL, "An incoming webhook of Mattermost."),
    key("teams", URL, "A webhook of Microsoft Teams."),
    key("hook", Shape::Record(HOOK), "A program of your own that takes JSON, signed."),
    key("pagerduty", Shape::Record(PAGERDUTY), "PagerDuty's Events API."),
    key("exec", Shape::Record(EXEC), "A command."),
    key("file", PLAIN, "A file below `reports/` that messages are appended to, a line of JSON each."),
    key("terminal", Shape::Bool, "The terminal of whoever runs it."),
    key("to", PLAIN, "Whom messages are for whose address names nobody."),
    key("tls", Shape::Choice(&["starttls", "tls", "none"]), "How the mail server is spoken to. starttls unless said."),
    key("username", PLAIN, "The user of the mail server."),
    key("password", PLAIN, "The password of the mail server."),
    key("from", Shape::Text(Landing::Header), "The sender of mail."),
    key("ca", Shape::Verbatim, "A PEM file of certificates that are trusted beside the system's."),
    key("at_once", Shape::Int(1, 100), "How many messages are handed over at the same time. 8 unless said."),
    key("per_minute", Shape::Int(1, 100_000), "How many a minute; the most urgent ones are not held back by it."),
];
