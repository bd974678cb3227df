//! What a service manager is told: `sd_notify(3)` and its watchdog, where the environment names them.

use rustix::time::{ClockId, clock_gettime};
use std::collections::BTreeMap;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Who started us, if it wants to hear from us.
#[derive(Debug)]
pub struct Manager {
    to: Option<SocketAddr>,
    watchdog: Option<Duration>,
}

impl Manager {
    /// The one that the environment names.
    #[must_use]
    pub fn of(env: &BTreeMap<String, String>) -> Self {
        let to = env.get("NOTIFY_SOCKET").and_then(|name| match name.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name).ok(),
            None => SocketAddr::from_pathname(name).ok(),
        });
        let number = |name: &str| env.get(name).and_then(|text| text.parse::<u64>().ok());
        let ours = number("WATCHDOG_PID").is_none_or(|process| process == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|period| ours && *period > 0).map(Duration::from_micros);
        Self { to, watchdog }
    }

    /// How often it wants to hear that all is well: half of its patience.
    #[must_use]
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog.map(|patience| patience / 2)
    }

    /// Tells it something. That it does not listen stops nothing.
    pub fn tell(&self, what: &str) {
        let Some(to) = &self.to else { return };
        let told = UnixDatagram::unbound().and_then(|socket| socket.send_to_addr(what.as_bytes(), to));
        if let Err(error) = told {
            tracing::debug!(%error, "the service manager does not listen");
        }
    }

    /// Tells it that everything is read again; `READY=1` says that it was.
    pub fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let micros = Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0));
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={}", micros.as_micros()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watchdog_is_ours_or_nobodys() {
        let manager = |vars: &[(&str, &str)]| {
            Manager::of(&vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
        };
        let own = std::process::id().to_string();
        for (vars, want) in [
            (&[][..], None),
            (&[("WATCHDOG_USEC", "30000000")], Some(15_000)),
            (&[("WATCHDOG_USEC", "30000000"), ("WATCHDOG_PID", own.as_str())], Some(15_000)),
            (&[("WATCHDOG_USEC", "30000000"), ("WATCHDOG_PID", "1")], None),
            (&[("WATCHDOG_USEC", "0")], None),
            (&[("WATCHDOG_USEC", "soon")], None),
        ] {
            assert_eq!(manager(vars).watchdog(), want.map(Duration::from_millis), "{vars:?}");
        }
    }
}
