//! Who carries messages: the providers a channel of `stepladder.yaml` may have.

/// What a provider needs to know of whom a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipient {
    /// Every address names one: a number, a mailbox, a chat.
    Needed,
    /// An address may name one; without, it is whom the channel is set up for.
    Possible,
}

macro_rules! providers {
    ($($(#[$doc:meta])* $name:ident = $key:literal, $recipient:ident;)*) => {
        /// A provider, named by the key that chooses it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Provider { $($(#[$doc])* $name),* }

        impl Provider {
            /// Every provider, in the order of the manual.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The key that chooses it.
            #[must_use]
            pub fn key(self) -> &'static str {
                match self { $(Self::$name => $key),* }
            }

            /// What it needs to know of whom a message is for.
            #[must_use]
            pub fn recipient(self) -> Recipient {
                match self { $(Self::$name => Recipient::$recipient),* }
            }
        }
    };
}

providers! {
    /// An incoming webhook of Slack, or of what takes the same form.
    Webhook = "webhook", Possible;
    /// Slack's Web API, with the token of a bot.
    Slack = "slack", Needed;
    /// A mail server.
    Smtp = "smtp", Needed;
    /// Text messages in Twilio's shape.
    Twilio = "twilio", Needed;
    /// Calls in Twilio's shape.
    Voice = "voice", Needed;
    /// Any other provider that is asked by one HTTP request.
    Gateway = "gateway", Needed;
    /// A bot at Telegram.
    Telegram = "telegram", Needed;
    /// A server of ntfy.
    Ntfy = "ntfy", Needed;
    /// An incoming webhook of Mattermost.
    Mattermost = "mattermost", Possible;
    /// A webhook of Microsoft Teams.
    Teams = "teams", Possible;
    /// A program of somebody's own that takes JSON, signed.
    Hook = "hook", Possible;
    /// PagerDuty's Events API.
    Pagerduty = "pagerduty", Possible;
    /// A command.
    Exec = "exec", Possible;
    /// A file.
    File = "file", Possible;
    /// The terminal of whoever runs it.
    Terminal = "terminal", Possible;
}

/// What the templates of a `gateway` may name.
pub const GATEWAY_NAMES: &[&str] = &["to", "text", "title", "severity", "key", "link"];
