//! systemd's manager on a bus: its calls, the end of its jobs, and its refusals in words.

use crate::act::service::unit::{Properties, Unit};
use crate::act::world::World;
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use futures_util::StreamExt;
use std::io;
use std::num::NonZeroUsize;
use std::time::Duration;
use zbus::connection::Builder;
use zbus::message::Type;
use zbus::{Connection, DBusError, Error, MatchRule, Message, MessageStream, OwnedObjectPath};

const SYSTEMD: &str = "org.freedesktop.systemd1";
const PATH: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const UNIT: &str = "org.freedesktop.systemd1.Unit";

/// Where the bus of the system listens.
const SYSTEM_BUS: &str = "unix:path=/run/dbus/system_bus_socket";

/// Where else it listens, as every program that speaks D-Bus reads it.
const SYSTEM_BUS_VARIABLE: &str = "DBUS_SYSTEM_BUS_ADDRESS";

/// Jobs whose end may be told before we look; a busy manager ends many at once.
const JOBS: NonZeroUsize = NonZeroUsize::new(4_096).expect("not 0");

/// How long one call may take. Jobs are not waited for in a call.
const CALL: Duration = Duration::from_secs(25);

/// A connection to systemd.
pub(super) struct Manager {
    bus: Connection,
}

/// The address that `bus:` means.
pub(in crate::act) fn bus(written: Option<&str>, world: &World) -> Result<String, Failure> {
    // A bus elsewhere is not ours to command, and `unixexec:` would be a command.
    let good = |address: &str| address.starts_with("unix:path=/") && !address.contains([',', ';']);
    let elsewhere = world.base_env.iter().find(|(name, value)| name == SYSTEM_BUS_VARIABLE && !value.is_empty());
    match written.map(str::trim) {
        None | Some("system") => match elsewhere {
            None => Ok(SYSTEM_BUS.into()),
            Some((_, address)) if good(address) => Ok(address.clone()),
            Some((name, other)) => {
                let why = format!("{name}={other}: only `unix:path=/…` is spoken to; set it so, or unset it");
                Err(Failure::lasting(FailureKind::Connect, why))
            }
        },
        Some("user") => Ok(format!("unix:path=/run/user/{}/bus", rustix::process::geteuid().as_raw())),
        Some(address) if good(address) => Ok(address.into()),
        Some(other) => {
            let why = format!("`bus: {other}` is none: write `system`, `user` or `unix:path=/run/…`");
            Err(Failure::lasting(FailureKind::Template, why))
        }
    }
}

impl Manager {
    pub(super) async fn connect(address: &str) -> Result<Self, Failure> {
        let built = Builder::address(address).method_timeout(CALL).build().await;
        built.map(|bus| Self { bus }).map_err(|error| no_bus(address, &error))
    }

    /// How a unit is now; one that systemd does not know is `not-found`.
    pub(super) async fn unit(&self, name: &str) -> Result<Unit, Failure> {
        let read = async {
            let loaded = self.call(PATH, MANAGER, "LoadUnit", &(name,)).await?;
            let path: OwnedObjectPath = loaded.body().deserialize()?;
            let unit = self.properties(path.as_str(), UNIT).await?;
            let sort = name.rsplit_once('.').map_or("service", |(_, sort)| sort);
            let (first, rest) = sort.split_at(1);
            let sort = format!("{SYSTEMD}.{}{rest}", first.to_ascii_uppercase());
            // Not every sort has properties of its own.
            let sort = self.properties(path.as_str(), &sort).await.unwrap_or_default();
            Ok(Unit::of(name, &unit, &sort))
        };
        read.await.map_err(|error| refused(name, "look at", &error))
    }

    /// Has all unit files read anew.
    pub(super) async fn daemon_reload(&self) -> Result<(), Failure> {
        let done = self.call(PATH, MANAGER, "Reload", &()).await;
        done.map(drop).map_err(|error| refused("all unit files", "read anew", &error))
    }

    /// Has systemd do something with a unit, and says how that job ended: `done`, `failed`, `timeout`, …
    pub(super) async fn job(&self, method: &str, name: &str, word: &str) -> Result<String, Failure> {
        let refused = |error: Error| refused(name, word, &error);
        let mut ends = self.ends().await.map_err(refused)?;
        // Without a subscriber systemd does not tell how jobs end.
        match self.call(PATH, MANAGER, "Subscribe", &()).await {
            Ok(_) => {}
            Err(error) if named(&error).is_some_and(|(name, _)| name.ends_with("AlreadySubscribed")) => {}
            Err(error) => return Err(refused(error)),
        }
        let ordered = self.call(PATH, MANAGER, method, &(name, "replace")).await.map_err(refused)?;
        let job: OwnedObjectPath = ordered.body().deserialize().map_err(refused)?;
        while let Some(told) = ends.next().await {
            let told = told.map_err(refused)?;
            let removed = told.body().deserialize::<(u32, OwnedObjectPath, String, String)>();
            if let Some((_, _, _, result)) = removed.ok().filter(|(_, removed, _, _)| *removed == job) {
                return Ok(result);
            }
        }
        let why = format!(
            "{name}: the bus closed the connection before the job to {word} it had ended; how it ended is not known"
        );
        Err(Failure::new(FailureKind::Connect, why))
    }

    /// The ends of jobs, from now on.
    async fn ends(&self) -> Result<MessageStream, Error> {
        let rule = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(SYSTEMD)
            .path(PATH)
            .interface(MANAGER)
            .member("JobRemoved")
            .build()?;
        MessageStream::for_match_rule(rule, &self.bus, Some(JOBS)).await
    }

    async fn properties(&self, path: &str, interface: &str) -> Result<Properties, Error> {
        let all = self.call(path, "org.freedesktop.DBus.Properties", "GetAll", &(interface,)).await?;
        all.body().deserialize()
    }

    async fn call<B>(&self, path: &str, interface: &str, method: &str, body: &B) -> Result<Message, Error>
    where
        B: serde::Serialize + zbus::DynamicType,
    {
        self.bus.call_method(Some(SYSTEMD), path, Some(interface), method, body).await
    }
}

/// No bus where one was looked for.
fn no_bus(address: &str, error: &Error) -> Failure {
    let path = address.trim_start_matches("unix:path=");
    let why = match io_error(error) {
        Some(io::ErrorKind::NotFound) => format!(
            "no bus at {path}: this machine does not run systemd, or its D-Bus is not installed (Debian: `dbus`); in a container \
             there is none of either. One that listens elsewhere is named by `bus:`, or by {SYSTEM_BUS_VARIABLE} for all"
        ),
        Some(io::ErrorKind::ConnectionRefused) => {
            format!("nothing listens at {path}: D-Bus has stopped (`systemctl start dbus.socket`)")
        }
        Some(io::ErrorKind::PermissionDenied) => format!("{path} may not be opened by this user"),
        Some(_) | None => format!("{path}: {error}"),
    };
    Failure::new(FailureKind::Connect, why)
}

/// The sort of an error of the system beneath, if there is one.
#[expect(clippy::wildcard_enum_match_arm, reason = "an enum of a library, which grows")]
fn io_error(error: &Error) -> Option<io::ErrorKind> {
    match error {
        Error::InputOutput(error) | Error::Connection(error, ..) => Some(error.kind()),
        _ => None,
    }
}

/// What somebody on the bus answered instead: the name of the error, and its words.
#[expect(clippy::wildcard_enum_match_arm, reason = "an enum of a library, which grows")]
fn named(error: &Error) -> Option<(String, String)> {
    match error {
        Error::MethodError(name, words, _) => Some((name.to_string(), words.clone().unwrap_or_default())),
        Error::FDO(error) => Some((error.name().to_string(), error.description().unwrap_or_default().to_owned())),
        _ => None,
    }
}

/// Why systemd does not do it, and what to do about that.
fn refused(name: &str, word: &str, error: &Error) -> Failure {
    let Some((error_name, words)) = named(error) else {
        let kind =
            if io_error(error) == Some(io::ErrorKind::TimedOut) { FailureKind::Timeout } else { FailureKind::Connect };
        return Failure::new(kind, format!("{name}: the bus broke off: {error}"));
    };
    let short = error_name.rsplit_once('.').map_or(error_name.as_str(), |(_, short)| short);
    let failed = |kind, why: String| Failure::new(kind, format!("{name}: {why}"));
    match short {
        "AccessDenied" | "InteractiveAuthorizationRequired" | "AuthFailed" => {
            let user = rustix::process::geteuid().as_raw();
            let way = "run stepladder as root, use `bus: user` for units of this user, or allow it with a rule of polkit \
                       (/etc/polkit-1/rules.d, action org.freedesktop.systemd1.manage-units)";
            let why = format!("systemd does not let the user {user} {word} it: {way}");
            Failure { lasting: true, ..failed(FailureKind::Start, why) }
        }
        "NoSuchUnit" | "LoadFailed" => {
            Failure { lasting: true, ..failed(FailureKind::Missing, format!("systemd knows no such unit: {words}")) }
        }
        "UnitMasked" => Failure {
            lasting: true,
            ..failed(
                FailureKind::Missing,
                format!("it is masked, so that nobody starts it by mistake: `systemctl unmask {name}` ends that"),
            )
        },
        "OnlyByDependency" => Failure {
            lasting: true,
            ..failed(
                FailureKind::Start,
                format!("its unit refuses to be handled by hand (RefuseManualStart, RefuseManualStop): {words}"),
            )
        },
        "ServiceUnknown" | "NameHasNoOwner" | "ChildExited" | "ExecFailed" | "FileInvalid" => failed(
            FailureKind::Connect,
            "there is a bus, and nobody on it who answers for systemd: this machine is run by something else".into(),
        ),
        "NoReply" | "Timeout" | "TimedOut" => failed(FailureKind::Timeout, format!("systemd did not answer: {words}")),
        "Disconnected" => failed(FailureKind::Connect, "the bus closed the connection".into()),
        _ => failed(FailureKind::Other, format!("systemd does not {word} it: {words} ({short})")),
    }
}
