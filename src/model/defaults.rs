//! What a setting of `stepladder.yaml` is where nobody says it: each as it would be written there.
//!
//! The code that obeys a setting, its row in the tables of keys (from which schema, hover text, manual and `stepladder config`
//! are made) and nothing else read these: none of them has a default of its own.

/// `timezone`.
pub const TIMEZONE: &str = "UTC";
/// `data`, relative to the book.
pub const DATA: &str = ".stepladder";
/// `secrets`: the environment alone. (`model::book` says it as a value; a test holds the two equal.)
pub const SECRETS: &str = "[{ env: {} }]";
/// `allow_hosts`: the only one.
pub const ALLOW_HOSTS: &str = "[localhost]";
/// `keep.runs`.
pub const KEEP_RUNS: &str = "1000";
/// `keep.age`.
pub const KEEP_AGE: &str = "400d";
/// `keep.incidents`.
pub const KEEP_INCIDENTS: &str = "2y";
/// `keep.min_free`.
pub const MIN_FREE: &str = "1GiB";
/// `output_limit`.
pub const OUTPUT_LIMIT: &str = "64MiB";
/// `url` of a bot at Slack.
pub const SLACK_URL: &str = "https://slack.com/api";
/// `url` of Twilio, for text messages and calls.
pub const TWILIO_URL: &str = "https://api.twilio.com";
/// `method` of a gateway.
pub const GATEWAY_METHOD: &str = "post";
/// `url` of a bot at Telegram.
pub const TELEGRAM_URL: &str = "https://api.telegram.org";
/// `url` of ntfy.
pub const NTFY_URL: &str = "https://ntfy.sh";
/// `url` of PagerDuty's Events API.
pub const PAGERDUTY_URL: &str = "https://events.pagerduty.com";
/// `tls` of a mail server.
pub const MAIL_TLS: &str = "starttls";
/// `at_once` of a channel.
pub const AT_ONCE: &str = "8";

/// The variable that holds what opens an `age` file, where its `identity` is not said.
pub const AGE_KEY: &str = "STEPLADDER_AGE_KEY";
/// Where that is otherwise: below `$XDG_CONFIG_HOME`, where that is set.
pub const AGE_FILE: &str = "~/.config/stepladder/age.txt";
/// `telemetry.service`.
pub const SERVICE: &str = "stepladder";
/// `telemetry.timeout`.
pub const TELEMETRY_TIMEOUT: &str = "10s";
/// Variables for `telemetry.endpoint`: the first is taken as it stands, to the second the path is added.
pub const OTLP_ENDPOINT: &[&str] = &["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
/// Variables for `telemetry.headers`.
pub const OTLP_HEADERS: &[&str] = &["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"];
/// Variables for `telemetry.timeout`, in milliseconds.
pub const OTLP_TIMEOUT: &[&str] = &["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"];
/// Variables for `telemetry.ca`.
pub const OTLP_CERTIFICATE: &[&str] = &["OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"];
/// The variable for `telemetry.service`.
pub const OTEL_SERVICE: &[&str] = &["OTEL_SERVICE_NAME"];
/// The variable for `telemetry.attributes`.
pub const OTEL_ATTRIBUTES: &[&str] = &["OTEL_RESOURCE_ATTRIBUTES"];

/// A default that is a whole number.
#[must_use]
pub fn count(text: &str) -> u64 {
    text.parse().unwrap_or_default()
}
