//! The keys of `stepladder.yaml`.

use crate::base::arg::Landing;
use crate::lang::keys::channel::CHANNEL;
use crate::lang::keys::syntax;
use crate::model::shape::{Key, Shape, key, required};

const SECRETS: &[Key] = &[
    key("env", Shape::Record(&[]), "The environment of the owner."),
    key("file", Shape::Verbatim, "A YAML file of names and values, mode 0600."),
    key("systemd_credentials", Shape::Record(&[]), "Credentials given by systemd."),
    key("command", Shape::List(&Shape::Verbatim), "A command that prints the value; the name is its last argument."),
    key("age", Shape::Verbatim, "A YAML file of names and values, encrypted by age to a key."),
    key(
        "identity",
        Shape::Verbatim,
        "What opens the `age` file: a file (mode 0600), or `$NAME` of a variable that holds the key. \
         `$STEPLADDER_AGE_KEY`, else `~/.config/stepladder/age.txt`, unless said.",
    ),
];

/// The keys of `stepladder.yaml`.
pub(crate) const SETTINGS: &[Key] = &[
    key("timezone", Shape::Syntax(&syntax::ZONE), "The IANA zone of triggers and of `date`. UTC unless said."),
    key("data", Shape::Verbatim, "The data directory, relative to the book. `.stepladder` unless said."),
    key(
        "secrets",
        Shape::List(&Shape::Record(SECRETS)),
        "Where secrets come from; the first that has a name wins. The environment unless said.",
    ),
    key("channels", Shape::Map(&Shape::Record(CHANNEL)), "Channels by name."),
    key(
        "http",
        Shape::Record(&[
            key("listen", Shape::Syntax(&syntax::LISTEN), "The address of the HTTP server."),
            key("public_url", Shape::Syntax(&syntax::URL), "How the world calls it."),
            key(
                "tls",
                Shape::Record(&[
                    required("certificate", Shape::Verbatim, "A PEM file."),
                    required("key", Shape::Verbatim, "A PEM file."),
                ]),
                "Serve https.",
            ),
            key("socket_group", Shape::Verbatim, "The group that may use the socket."),
        ]),
        "The HTTP server.",
    ),
    key(
        "roots",
        Shape::Map(&Shape::Verbatim),
        "Named directories: the only places `files`, `backup`, `restore` may touch.",
    ),
    key(
        "allow_hosts",
        Shape::List(&Shape::Verbatim),
        "Where values from outside may lead an http step. localhost unless said.",
    ),
    key(
        "calendars",
        Shape::Map(&Shape::Record(&[
            key("dates", Shape::List(&Shape::Syntax(&syntax::DATE)), "Days."),
            key("ics", Shape::Verbatim, "An iCalendar file, relative to the book."),
        ])),
        "Days on which triggers with `except` do not fire.",
    ),
    key(
        "dead_man",
        Shape::Record(&[
            required("url", Shape::Text(Landing::Url), "Called while all is well."),
            required("every", Shape::Duration, "How often."),
        ]),
        "A watcher outside that notices when this daemon is gone.",
    ),
    key(
        "keep",
        Shape::Record(&[
            key("runs", Shape::Int(1, 1_000_000), "How many finished runs of a runbook. 1000 unless said."),
            key("age", Shape::Duration, "How old finished runs may get. 400d unless said."),
            key("incidents", Shape::Duration, "How long ended incidents are kept. 2y unless said."),
            key("min_free", Shape::Size, "New runs are refused below this much free space. 1GiB unless said."),
        ]),
        "How long things are kept.",
    ),
    key("output_limit", Shape::Size, "How much of a process's output is kept on disk. 64MiB unless said."),
];
