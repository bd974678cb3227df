//! The kinds that `act` performs, one file each: the row of the table that decoder, schema, checker
//! and manual read. A new kind is a variant here, its row, and its file in `act`; the compiler leads.

use crate::model::shape::{Effects, KindSpec};

mod backup;
mod dns;
mod expect;
mod files;
mod http;
mod incident;
mod livekit;
mod logs;
mod notify;
mod prometheus;
mod redis;
mod report;
mod restore;
mod scrape;
mod service;
mod shell;
mod sip;
mod sql;
mod system;
mod tcp;
mod tls;

pub use files::{parse_mode, parse_share};

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident => $spec:expr;)*) => {
        /// A kind of step that touches the outside world.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $($(#[$doc])* $name),* }

        impl Kind {
            /// Every kind, in the order of the manual.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its row in the table.
            #[must_use]
            pub fn spec(self) -> &'static KindSpec {
                match self { $(Self::$name => &$spec),* }
            }
        }
    };
}

kinds! {
    /// `shell:` a shell line.
    Shell => shell::SHELL;
    /// `exec:` an argument vector.
    Exec => shell::EXEC;
    /// `script:` a script for a named interpreter.
    Script => shell::SCRIPT;
    /// `http:` a request.
    Http => http::HTTP;
    /// `tcp:` a connection.
    Tcp => tcp::TCP;
    /// `dns:` a name resolved.
    Dns => dns::DNS;
    /// `tls:` a certificate chain.
    Tls => tls::TLS;
    /// `sip:` a SIP server, asked with OPTIONS.
    Sip => sip::SIP;
    /// `redis:` a Redis server.
    Redis => redis::REDIS;
    /// `sql:` a query of SQLite or PostgreSQL.
    Sql => sql::SQL;
    /// `prometheus:` a PromQL query.
    Prometheus => prometheus::PROMETHEUS;
    /// `scrape:` a `/metrics` page.
    Scrape => scrape::SCRAPE;
    /// `system:` the machine.
    System => system::SYSTEM;
    /// `logs:` lines of log files.
    Logs => logs::LOGS;
    /// `service:` a unit of systemd.
    Service => service::SERVICE;
    /// `livekit:` the server API of LiveKit.
    Livekit => livekit::LIVEKIT;
    /// `files:` files below a named root.
    Files => files::FILES;
    /// `backup:` an archive of files and databases.
    Backup => backup::BACKUP;
    /// `restore:` such an archive put back.
    Restore => restore::RESTORE;
    /// `report:` a file for people or programs.
    Report => report::REPORT;
    /// `notify:` a message.
    Notify => notify::NOTIFY;
    /// `escalate:` trouble for the ladder.
    Escalate => incident::ESCALATE;
    /// `resolve:` the end of an incident.
    Resolve => incident::RESOLVE;
    /// `silence:` nobody is told for a time.
    Silence => incident::SILENCE;
}

impl Kind {
    /// The key that chooses it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.spec().name
    }

    /// The kind of that key.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == text)
    }

    /// Keys of which exactly one has to be there; empty = no such rule.
    #[must_use]
    pub fn one_of(self) -> &'static [&'static str] {
        match self {
            Self::Shell => &["sh", "bash"],
            Self::Http => http::METHODS,
            Self::Tls => &["connect", "file"],
            Self::Sql => &["sqlite", "postgres"],
            Self::Report => &["json", "markdown", "html", "text"],
            Self::Service => service::ACTIONS,
            Self::Livekit => livekit::ACTIONS,
            Self::Files => files::ACTIONS,
            Self::Backup
            | Self::Restore
            | Self::Exec
            | Self::Script
            | Self::Tcp
            | Self::Dns
            | Self::Sip
            | Self::Redis
            | Self::Prometheus
            | Self::Scrape
            | Self::System
            | Self::Logs
            | Self::Notify
            | Self::Escalate
            | Self::Resolve
            | Self::Silence => &[],
        }
    }

    /// Keys whose templates may name `secrets.X` (`env` of the step may always).
    #[must_use]
    pub fn secret_keys(self) -> &'static [&'static str] {
        match self {
            Self::Http => &["headers", "auth", "body", "json", "form"],
            Self::Prometheus | Self::Scrape => &["headers", "auth"],
            Self::Redis | Self::Sql | Self::Sip => &["password"],
            Self::Backup => &["copy_to"],
            Self::Restore => &["identity", "fetch_from"],
            Self::Livekit => &["api_key", "api_secret", "verify"],
            Self::Service
            | Self::Files
            | Self::Shell
            | Self::Exec
            | Self::Script
            | Self::Tcp
            | Self::Dns
            | Self::Tls
            | Self::System
            | Self::Logs
            | Self::Report
            | Self::Notify
            | Self::Escalate
            | Self::Resolve
            | Self::Silence => &[],
        }
    }

    /// Whether a step with these keys only reads; `has` says whether a key is written.
    #[must_use]
    pub fn reads(self, has: &dyn Fn(&str) -> bool) -> bool {
        match self.spec().effects {
            Effects::Reads => true,
            Effects::Changes => false,
            Effects::Depends => !match self {
                Self::Http => ["post", "put", "patch", "delete"].iter().any(|key| has(key)),
                Self::Redis => has("delete"),
                Self::Sql => has("execute"),
                Self::Tcp => has("send"),
                Self::Service => service::CHANGES.iter().any(|key| has(key)),
                Self::Files => !["find", "verify"].iter().any(|key| has(key)),
                Self::Backup
                | Self::Restore
                | Self::Shell
                | Self::Exec
                | Self::Script
                | Self::Dns
                | Self::Tls
                | Self::Sip
                | Self::Livekit
                | Self::Prometheus
                | Self::Scrape
                | Self::System
                | Self::Logs
                | Self::Report
                | Self::Notify
                | Self::Escalate
                | Self::Resolve
                | Self::Silence => true,
            },
        }
    }
}

impl Kind {
    /// Whether it starts a process of the author's, which has an environment.
    #[must_use]
    pub fn starts_process(self) -> bool {
        matches!(self, Self::Shell | Self::Exec | Self::Script)
    }

    /// Whether it can say itself what it would do: a dry run asks it, by a request that is marked as a rehearsal.
    #[must_use]
    pub fn rehearses(self) -> bool {
        match self {
            Self::Service | Self::Files | Self::Backup | Self::Restore => true,
            Self::Shell
            | Self::Exec
            | Self::Script
            | Self::Http
            | Self::Tcp
            | Self::Dns
            | Self::Tls
            | Self::Sip
            | Self::Livekit
            | Self::Redis
            | Self::Sql
            | Self::Prometheus
            | Self::Scrape
            | Self::System
            | Self::Logs
            | Self::Report
            | Self::Notify
            | Self::Escalate
            | Self::Resolve
            | Self::Silence => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::shape::Shape;

    fn keys(kind: Kind) -> Vec<&'static str> {
        let Shape::Record(keys) = kind.spec().shape else { panic!("`{}` is no record", kind.name()) };
        keys.iter().map(|key| key.name).collect()
    }

    #[test]
    fn rows_only_speak_of_keys_they_have() {
        for kind in Kind::ALL.iter().copied() {
            let keys = keys(kind);
            let named = kind.one_of().iter().chain(kind.secret_keys()).copied().chain(kind.spec().short);
            for key in named {
                assert!(keys.contains(&key), "`{}` has no key `{key}`", kind.name());
            }
            assert!(kind.spec().example.starts_with(&format!("{}:", kind.name())), "example of `{}`", kind.name());
        }
    }

    #[test]
    fn only_what_reads_is_repeated() {
        let keys = |list: &'static [&'static str]| move |key: &str| list.contains(&key);
        for (kind, written, reads) in [
            (Kind::Http, &["get"][..], true),
            (Kind::Http, &["post"][..], false),
            (Kind::Redis, &["connect"][..], true),
            (Kind::Redis, &["delete"][..], false),
            (Kind::Sql, &["query"][..], true),
            (Kind::Sql, &["execute"][..], false),
            (Kind::Tcp, &["connect"][..], true),
            (Kind::Tcp, &["send"][..], false),
            (Kind::Shell, &["sh"][..], false),
            (Kind::Logs, &["files"][..], true),
            (Kind::Service, &["status"][..], true),
            (Kind::Service, &["restart", "bus"][..], false),
            (Kind::Files, &["root", "find"][..], true),
            (Kind::Files, &["root", "verify"][..], true),
            (Kind::Files, &["root", "remove"][..], false),
            (Kind::Backup, &["to"][..], false),
            (Kind::Restore, &["from"][..], false),
        ] {
            assert_eq!(kind.reads(&keys(written)), reads, "{} {written:?}", kind.name());
        }
    }
}
