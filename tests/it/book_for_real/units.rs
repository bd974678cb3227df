//! The units of the place: a real manager of a user where the machine lets us start one, elsewhere a stand-in that speaks
//! its interface on a bus of its own. Both start the same programs; each test says which of them it had.

use crate::kinds::servers::Servers;
use crate::kinds::systemd::{Namespace, Program, real_manager};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::Duration;
use zbus::connection::Builder;
use zbus::{OwnedObjectPath, OwnedVariant};

const SYSTEMD: &str = "org.freedesktop.systemd1";
const PATH: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";

/// How long a manager may take to answer, on a machine under load.
const CALL: Duration = Duration::from_mins(1);

/// A unit by the name of its service, and what it starts.
pub(super) struct Unit {
    pub(super) name: &'static str,
    pub(super) argv: Vec<String>,
}

/// Whoever keeps the units; ended with all that it has started.
pub(super) struct Manager {
    runtime: tokio::runtime::Runtime,
    address: String,
    _kept: Kept,
}

/// What has to live as long as the units do.
enum Kept {
    Real { _processes: Namespace, _directory: tempfile::TempDir },
    StandIn { _servers: Servers },
}

/// Each word as systemd reads it back.
fn quoted(words: &[String]) -> String {
    let one = |word: &String| {
        let word = word.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "$$").replace('%', "%%");
        format!("\"{word}\"")
    };
    words.iter().map(one).collect::<Vec<_>>().join(" ")
}

impl Manager {
    /// A real one where there can be one and it is wanted; `None`, said aloud, where there can be neither.
    pub(super) fn start(units: &[Unit], directory: &Path, real: bool) -> Option<Self> {
        let found = if real { Self::real(units, directory) } else { None };
        println!("systemd: {}", if found.is_some() { "a real manager" } else { "a stand-in" });
        let (kept, address) = found.or_else(|| Self::stand_in(units, directory))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Some(Self { runtime, address, _kept: kept })
    }

    fn real(units: &[Unit], directory: &Path) -> Option<(Kept, String)> {
        let files: Vec<(String, String)> = units
            .iter()
            .map(|unit| {
                let text = format!(
                    "[Unit]\nDescription={0}\nDefaultDependencies=no\nStartLimitIntervalSec=0\n[Service]\nWorkingDirectory={1}\n\
                     Environment=TERM=dumb\nStandardOutput=null\nStandardError=null\nTimeoutStopSec=2s\nExecStart={2}\n",
                    unit.name,
                    directory.display(),
                    quoted(&unit.argv)
                );
                (format!("{}.service", unit.name), text)
            })
            .collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let (processes, directory) = real_manager(&files)?;
        let address = format!("unix:path={}", directory.path().join("bus").display());
        Some((Kept::Real { _processes: processes, _directory: directory }, address))
    }

    fn stand_in(units: &[Unit], directory: &Path) -> Option<(Kept, String)> {
        let programs: BTreeMap<String, Program> =
            units.iter().map(|unit| (format!("{}.service", unit.name), Program::new(&unit.argv, directory))).collect();
        let servers = Servers::start().programs(programs)?;
        let address = servers.fill("{bus}", directory);
        Some((Kept::StandIn { _servers: servers }, address))
    }

    /// `DBUS_SYSTEM_BUS_ADDRESS` of whoever is to command it.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Orders something of a unit, as an operator would with `systemctl`; its end is not waited for.
    pub(super) fn order(&self, method: &str, unit: &str) {
        let name = format!("{unit}.service");
        let done = self.runtime.block_on(async {
            let bus = Builder::address(self.address.as_str()).method_timeout(CALL).build().await?;
            bus.call_method(Some(SYSTEMD), PATH, Some(MANAGER), method, &(name, "replace")).await
        });
        done.unwrap_or_else(|error| panic!("{method} {unit}: {error}"));
    }

    /// The main process of a unit; 0 where it does not run.
    pub(super) fn pid(&self, unit: &str) -> u32 {
        let name = format!("{unit}.service");
        let asked = self.runtime.block_on(async {
            let bus = Builder::address(self.address.as_str()).method_timeout(CALL).build().await?;
            let loaded = bus.call_method(Some(SYSTEMD), PATH, Some(MANAGER), "LoadUnit", &(name,)).await?;
            let path: OwnedObjectPath = loaded.body().deserialize()?;
            let service = "org.freedesktop.systemd1.Service";
            let interface = Some("org.freedesktop.DBus.Properties");
            let all = bus.call_method(Some(SYSTEMD), path.as_str(), interface, "GetAll", &(service,)).await?;
            let all: HashMap<String, OwnedVariant> = all.body().deserialize()?;
            Ok::<_, zbus::Error>(match all.get("MainPID").map(|value| &**value) {
                Some(zbus::Variant::U32(pid)) => *pid,
                _ => 0,
            })
        });
        asked.unwrap_or_else(|error| panic!("{unit}: {error}"))
    }
}
