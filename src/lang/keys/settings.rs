//! The keys of `stepladder.yaml`.

use crate::base::arg::Landing;
use crate::lang::keys::channel::CHANNEL;
use crate::lang::keys::syntax;
use crate::model::defaults;
use crate::model::shape::{Key, Shape, key, required};

const SECRETS: &[Key] = &[
    key("env", Shape::Record(&[]), "The environment of the owner."),
    key("file", Shape::Syntax(&syntax::PATH), "A YAML file of names and values, mode 0600."),
    key("systemd_credentials", Shape::Record(&[]), "Credentials given by systemd."),
    key("command", Shape::List(&Shape::Verbatim), "A command that prints the value; the name is its last argument.")
        .hidden(),
    key("age", Shape::Syntax(&syntax::PATH), "A YAML file of names and values, encrypted by age to a key."),
    key(
        "identity",
        Shape::Syntax(&syntax::PATH),
        "What opens the `age` file: a file (mode 0600), or `$NAME` of a variable that holds the key.",
    )
    .variables(&[defaults::AGE_KEY])
    .default(defaults::AGE_FILE)
    .beside("age"),
];

const TELEMETRY: &[Key] = &[
    key(
        "endpoint",
        Shape::Syntax(&syntax::URL),
        "The collector; `/v1/traces` is added. Nothing is sent where there is none.",
    )
    .variables(defaults::OTLP_ENDPOINT)
    .hidden(),
    key("headers", Shape::Map(&Shape::Text(Landing::Header)), "Headers of each request, such as a token.")
        .variables(defaults::OTLP_HEADERS)
        .hidden(),
    key("service", Shape::Verbatim, "What this daemon is called in traces: `service.name`.")
        .variables(defaults::OTEL_SERVICE)
        .default(defaults::SERVICE),
    key(
        "attributes",
        Shape::Map(&Shape::Verbatim),
        "What else is said of it: `deployment.environment.name: production`.",
    )
    .variables(defaults::OTEL_ATTRIBUTES),
    key("timeout", Shape::Duration, "How long one request may take. The variables are in milliseconds.")
        .variables(defaults::OTLP_TIMEOUT)
        .default(defaults::TELEMETRY_TIMEOUT),
    key(
        "ca",
        Shape::Syntax(&syntax::PATH),
        "A PEM file of certificates that are trusted beside the system's, relative to the book.",
    )
    .variables(defaults::OTLP_CERTIFICATE),
];

/// The keys of `stepladder.yaml`.
pub(crate) const SETTINGS: &[Key] = &[
    key("timezone", Shape::Syntax(&syntax::ZONE), "The IANA zone of triggers and of `date`.")
        .default(defaults::TIMEZONE)
        .live(),
    key("data", Shape::Syntax(&syntax::PATH), "The data directory, relative to the book.").default(defaults::DATA),
    key("secrets", Shape::List(&Shape::Record(SECRETS)), "Where secrets come from; the first that has a name wins.")
        .default(defaults::SECRETS),
    key("channels", Shape::Map(&Shape::Record(CHANNEL)), "Channels by name."),
    key(
        "http",
        Shape::Record(&[
            key("listen", Shape::Syntax(&syntax::LISTEN), "The address of the HTTP server."),
            key("public_url", Shape::Syntax(&syntax::URL), "How the world calls it."),
            key(
                "tls",
                Shape::Record(&[
                    required("certificate", Shape::Syntax(&syntax::PATH), "A PEM file."),
                    required("key", Shape::Syntax(&syntax::PATH), "A PEM file."),
                ]),
                "Serve https.",
            ),
            key("socket_group", Shape::Verbatim, "The group that may use the socket."),
        ]),
        "The HTTP server.",
    ),
    key(
        "roots",
        Shape::Map(&Shape::Syntax(&syntax::PATH)),
        "Named directories: the only places `files`, `backup`, `restore` may touch.",
    ),
    key("allow_hosts", Shape::List(&Shape::Syntax(&syntax::HOST)), "Where values from outside may lead an http step.")
        .default(defaults::ALLOW_HOSTS)
        .live(),
    key(
        "calendars",
        Shape::Map(&Shape::Record(&[
            key("dates", Shape::List(&Shape::Syntax(&syntax::DATE)), "Days."),
            key("ics", Shape::Syntax(&syntax::PATH), "An iCalendar file, relative to the book."),
        ])),
        "Days on which triggers with `except` do not fire.",
    )
    .live(),
    key(
        "dead_man",
        Shape::Record(&[
            required("url", Shape::Text(Landing::Url), "Called while all is well.").live(),
            required("every", Shape::Duration, "How often.").live(),
        ]),
        "A watcher outside that notices when this daemon is gone.",
    ),
    key(
        "keep",
        Shape::Record(&[
            key("runs", Shape::Int(1, 1_000_000), "How many finished runs of a runbook.").default(defaults::KEEP_RUNS),
            key("age", Shape::Duration, "How old finished runs may get.").default(defaults::KEEP_AGE),
            key("incidents", Shape::Duration, "How long ended incidents are kept.").default(defaults::KEEP_INCIDENTS),
            key("min_free", Shape::Size, "New runs are refused below this much free space.")
                .default(defaults::MIN_FREE)
                .live(),
        ]),
        "How long things are kept.",
    ),
    key("output_limit", Shape::Size, "How much of a process's output is kept on disk.").default(defaults::OUTPUT_LIMIT),
    key(
        "telemetry",
        Shape::Record(TELEMETRY),
        "Where what runs do is sent as traces, by OpenTelemetry's protocol (OTLP over HTTP).",
    ),
];
