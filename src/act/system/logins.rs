//! Who is logged in: as systemd-logind says, or `/run/utmp` where that is not there.
//!
//! Newer systems have no utmp any more, those without systemd have no logind. Where there is neither nothing is known, and
//! that is a failure: an empty list would say that nobody is there.

use crate::act::args::Args;
use crate::act::service;
use crate::act::world::World;
use crate::base::value::{Value, json};
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use std::collections::HashMap;
use std::mem::{offset_of, size_of};
use std::time::Duration;
use zbus::connection::Builder;
use zbus::{Connection, Error, OwnedObjectPath, OwnedVariant, Variant};

const LOGIND: &str = "org.freedesktop.login1";
const PATH: &str = "/org/freedesktop/login1";
const UTMP: &str = "/run/utmp";

/// How long one question may take.
const CALL: Duration = Duration::from_secs(5);

/// One login.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Login {
    user: String,
    terminal: String,
    from: String,
    since: Option<jiff::Timestamp>,
}

impl Login {
    fn told(&self) -> Value {
        let part = |word: &str, text: &str| if text.is_empty() { String::new() } else { format!(" {word} {text}") };
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let since = self.since.map(|since| since.to_string());
        let (on, from) = (part("on", &self.terminal), part("from", &self.from));
        json!({
            "user": self.user,
            "terminal": given(&self.terminal),
            "from": given(&self.from),
            "since": since,
            "text": format!("{}{on}{from}{}", self.user, part("since", since.as_deref().unwrap_or_default())),
        })
    }
}

pub(super) async fn of(args: &Args, world: &World) -> Result<Value, Failure> {
    let address = service::bus(args.text("bus").as_deref(), world)?;
    let mut logins = match sessions(&address).await {
        Ok(logins) => logins,
        Err(no_logind) => match std::fs::read(UTMP) {
            Ok(bytes) => records(&bytes, &|pid| std::path::Path::new("/proc").join(pid.to_string()).exists()),
            Err(no_utmp) => {
                let why = format!(
                    "who is logged in is not known here: systemd-logind does not answer ({no_logind}), and {UTMP} can't be \
                     read ({no_utmp})"
                );
                return Err(Failure::new(FailureKind::Missing, why));
            }
        },
    };
    logins.sort();
    Ok(logins.iter().map(Login::told).collect())
}

/// The sessions of people.
async fn sessions(address: &str) -> Result<Vec<Login>, Error> {
    let bus = Builder::address(address).method_timeout(CALL).build().await?;
    let listed = call(&bus, PATH, "org.freedesktop.login1.Manager", "ListSessions", &()).await?;
    let listed: Vec<(String, u32, String, String, OwnedObjectPath)> = listed.body().deserialize()?;
    let mut logins = Vec::new();
    for (_, _, user, _, path) in listed {
        let asked = &("org.freedesktop.login1.Session",);
        // One that ended meanwhile is none.
        let Ok(all) = call(&bus, path.as_str(), "org.freedesktop.DBus.Properties", "GetAll", asked).await else {
            continue;
        };
        let properties: HashMap<String, OwnedVariant> = all.body().deserialize()?;
        let text = |name: &str| match properties.get(name).map(|value| &**value) {
            Some(Variant::Str(text)) => text.to_string(),
            Some(_) | None => String::new(),
        };
        // A greeter, or a manager of services, is nobody who logged in.
        if !text("Class").starts_with("user") || text("State") == "closing" {
            continue;
        }
        let since = match properties.get("Timestamp").map(|value| &**value) {
            Some(Variant::U64(micros)) => i64::try_from(*micros).ok().filter(|micros| *micros > 0),
            Some(_) | None => None,
        };
        let since = since.and_then(|micros| jiff::Timestamp::from_microsecond(micros).ok());
        logins.push(Login { user, terminal: text("TTY"), from: text("RemoteHost"), since });
    }
    Ok(logins)
}

async fn call<B>(bus: &Connection, path: &str, interface: &str, method: &str, body: &B) -> Result<zbus::Message, Error>
where
    B: serde::Serialize + zbus::DynamicType,
{
    bus.call_method(Some(LOGIND), path, Some(interface), method, body).await
}

/// The logins of a file of utmp whose process is still there: that of one who was cut off stays in the file.
fn records(bytes: &[u8], is_alive: &dyn Fn(i32) -> bool) -> Vec<Login> {
    bytes.chunks_exact(size_of::<libc::utmpx>()).filter_map(|record| login(record, is_alive)).collect()
}

fn login(record: &[u8], is_alive: &dyn Fn(i32) -> bool) -> Option<Login> {
    let bytes = |at: usize, length: usize| record.get(at..at + length);
    let text = |at: usize, length: usize| {
        let bytes = bytes(at, length)?;
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(length);
        Some(String::from_utf8_lossy(bytes.get(..end)?).into_owned())
    };
    let kind = i16::from_ne_bytes(bytes(offset_of!(libc::utmpx, ut_type), 2)?.try_into().ok()?);
    let pid = i32::from_ne_bytes(bytes(offset_of!(libc::utmpx, ut_pid), 4)?.try_into().ok()?);
    if kind != libc::USER_PROCESS || !is_alive(pid) {
        return None;
    }
    let (time, behind) = (offset_of!(libc::utmpx, ut_tv), offset_of!(libc::utmpx, ut_addr_v6));
    // Seconds of 32 bits where both word sizes of a processor write the same file, else of 64.
    let seconds = match (behind - time) / 2 {
        4 => i64::from(i32::from_ne_bytes(bytes(time, 4)?.try_into().ok()?)),
        _ => i64::from_ne_bytes(bytes(time, 8)?.try_into().ok()?),
    };
    let (user, line, host) =
        (offset_of!(libc::utmpx, ut_user), offset_of!(libc::utmpx, ut_line), offset_of!(libc::utmpx, ut_host));
    Some(Login {
        user: text(user, 32)?,
        terminal: text(line, 32)?,
        from: text(host, 256)?,
        since: jiff::Timestamp::from_second(seconds).ok(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: i16, pid: i32, user: &str, line: &str, host: &str) -> Vec<u8> {
        let mut record = vec![0; size_of::<libc::utmpx>()];
        let mut put = |at: usize, bytes: &[u8]| record[at..at + bytes.len()].copy_from_slice(bytes);
        put(offset_of!(libc::utmpx, ut_type), &kind.to_ne_bytes());
        put(offset_of!(libc::utmpx, ut_pid), &pid.to_ne_bytes());
        put(offset_of!(libc::utmpx, ut_user), user.as_bytes());
        put(offset_of!(libc::utmpx, ut_line), line.as_bytes());
        put(offset_of!(libc::utmpx, ut_host), host.as_bytes());
        put(offset_of!(libc::utmpx, ut_tv), &1_767_323_045_i32.to_le_bytes());
        record
    }

    #[test]
    fn people_are_told_from_boots_and_from_those_who_are_gone() {
        let mut file = record(libc::BOOT_TIME, 0, "reboot", "~", "6.1");
        file.extend(record(libc::USER_PROCESS, 7, "mallory", "pts/0", "203.0.113.9"));
        file.extend(record(libc::USER_PROCESS, 8, "gone", "pts/1", ""));
        file.extend(record(libc::USER_PROCESS, 7, "root", "tty1", ""));
        file.extend([1, 2, 3]);
        let told: Vec<Value> = records(&file, &|pid| pid == 7).iter().map(Login::told).collect();
        let texts: Vec<&str> = told.iter().filter_map(|one| one["text"].as_str()).collect();
        assert_eq!(
            texts,
            ["mallory on pts/0 from 203.0.113.9 since 2026-01-02T03:04:05Z", "root on tty1 since 2026-01-02T03:04:05Z"]
        );
        assert_eq!(told[1]["from"], Value::Null);
    }
}
