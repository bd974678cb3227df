//! Managers of units for `service.md`: a stand-in that speaks systemd's interface on a bus of its own, since a real one
//! cannot be made to cancel or forbid at will; and a real one where the machine lets us start it.

use crate::kinds::servers::{Process, Servers};
use crate::kinds::{Stage, request};
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use stepladder::act::perform;
use stepladder::model::perform::{Reply, Request};
use zbus::connection::Builder;
use zbus::message::Type;
use zbus::{Connection, MessageStream, ObjectPath, Variant};

const ROOT: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";

/// Everybody may do everything on it.
fn configuration(listen: &str) -> String {
    format!(
        "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \
         \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n<busconfig><type>session</type>\
         <listen>{listen}</listen><auth>EXTERNAL</auth><policy context=\"default\"><allow send_destination=\"*\" \
         eavesdrop=\"true\"/><allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>"
    )
}

/// A unit of the stand-in, by how it behaves.
#[derive(Clone)]
struct Unit {
    load: &'static str,
    state: (&'static str, &'static str),
    sort: &'static str,
    result: &'static str,
    status: i32,
    pid: u32,
    restarts: u32,
    enabled: &'static str,
    can_reload: bool,
    since: u64,
}

const RUNS: (&str, &str) = ("active", "running");
const IS_DEAD: (&str, &str) = ("inactive", "dead");
const HAS_FAILED: (&str, &str) = ("failed", "failed");

impl Unit {
    fn new(name: &str) -> Self {
        let dead = Self {
            load: "loaded",
            state: IS_DEAD,
            sort: "simple",
            result: "success",
            status: 0,
            pid: 0,
            restarts: 0,
            enabled: "enabled",
            can_reload: false,
            since: 1_767_355_200_000_000,
        };
        match name.split(['.', '@']).next().unwrap() {
            "app" => Self { state: RUNS, pid: 100, restarts: 2, can_reload: true, ..dead },
            "forbidden" | "private" | "phoenix" | "stuck" | "plain" => {
                Self { state: RUNS, pid: 200, enabled: "disabled", ..dead }
            }
            "masked" => Self { load: "masked", enabled: "masked", ..dead },
            "broken" => Self { load: "bad-setting", ..dead },
            "gone" | "new" => Self { load: "not-found", enabled: "", ..dead },
            "once" => Self { sort: "oneshot", enabled: "static", ..dead },
            "crashed" => Self { state: HAS_FAILED, result: "signal", status: 9, ..dead },
            "nightly" => Self { state: ("active", "waiting"), sort: "", ..dead },
            _ => dead,
        }
    }

    fn properties(&self, interface: &str) -> Option<HashMap<&'static str, Variant<'static>>> {
        let text = |text: &'static str| Variant::Str(text.into());
        match interface {
            "org.freedesktop.systemd1.Unit" => Some(HashMap::from([
                ("Description", text("A unit of the tests")),
                ("LoadState", text(self.load)),
                ("ActiveState", text(self.state.0)),
                ("SubState", text(self.state.1)),
                ("UnitFileState", text(self.enabled)),
                ("CanReload", Variant::Bool(self.can_reload)),
                ("StateChangeTimestamp", Variant::U64(self.since)),
                // What runs once and is over was never active.
                ("ActiveEnterTimestamp", Variant::U64(if self.sort == "oneshot" { 0 } else { self.since })),
            ])),
            "org.freedesktop.systemd1.Service" if !self.sort.is_empty() => Some(HashMap::from([
                ("MainPID", Variant::U32(self.pid)),
                ("NRestarts", Variant::U32(self.restarts)),
                ("Result", text(self.result)),
                ("Type", text(self.sort)),
                ("ExecMainStatus", Variant::I32(self.status)),
            ])),
            _ => None,
        }
    }

    fn runs(&mut self) {
        (self.state, self.pid, self.result, self.status) = (RUNS, self.pid.max(100) + 1, "success", 0);
        self.since += 60_000_000;
    }

    /// What comes of an order: how its job ends, if it ever does.
    fn obeys(&mut self, name: &str, order: &str) -> Option<&'static str> {
        let fails = |unit: &mut Self, result, status| {
            (unit.state, unit.pid, unit.result, unit.status) = (HAS_FAILED, 0, result, status);
        };
        match (name.split('.').next().unwrap(), order) {
            ("phoenix", "StopUnit") => self.runs(),
            ("failing", _) => {
                fails(self, "exit-code", 3);
                return Some("failed");
            }
            ("hasty", _) => {
                fails(self, "start-limit-hit", 0);
                return Some("failed");
            }
            ("slow", _) => return Some("timeout"),
            ("beaten", _) => return Some("canceled"),
            ("needy", _) => return Some("dependency"),
            ("skipped", _) => return Some("skipped"),
            ("odd", _) => return Some("collected"),
            ("dies", _) => fails(self, "signal", 11),
            ("late", _) => {
                self.state = ("activating", "start-pre");
                return None;
            }
            ("settling", _) => self.state = ("activating", "auto-restart"),
            ("once", _) => self.since += 1,
            (_, "StopUnit") => (self.state, self.pid) = (IS_DEAD, 0),
            (_, "ReloadUnit") => {}
            (_, "StartUnit") if self.state == RUNS => {}
            (_, _) => self.runs(),
        }
        Some("done")
    }
}

/// A program that the stand-in starts for a unit, and ends with itself.
pub(crate) struct Program {
    command: Command,
    child: Option<Child>,
}

impl Program {
    pub(crate) fn new(argv: &[String], directory: &Path) -> Self {
        let mut command = Command::new(&argv[0]);
        command.args(&argv[1..]).current_dir(directory).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("TERM", "dumb").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self { command, child: None }
    }

    /// Its process, if it runs.
    fn pid(&mut self) -> Option<u32> {
        let child = self.child.as_mut()?;
        matches!(child.try_wait(), Ok(None)).then(|| child.id())
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Does what is ordered, and says how the job ended.
    fn obeys(&mut self, order: &str) -> &'static str {
        if order != "StartUnit" {
            self.stop();
        }
        if order != "StopUnit" && self.pid().is_none() {
            self.child = self.command.spawn().ok();
            return if self.child.is_some() { "done" } else { "failed" };
        }
        "done"
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The stand-in.
#[derive(Default)]
struct StandIn {
    programs: BTreeMap<String, Program>,
    units: BTreeMap<String, Unit>,
    paths: BTreeMap<String, String>,
    jobs: u32,
    subscribed: bool,
}

impl StandIn {
    fn unit(&mut self, name: &str) -> &mut Unit {
        let unit = self.units.entry(name.to_owned()).or_insert_with(|| Unit::new(name));
        if let Some(program) = self.programs.get_mut(name) {
            let pid = program.pid();
            unit.state = match (pid, &program.child) {
                (Some(_), _) => RUNS,
                (None, Some(_)) => HAS_FAILED,
                (None, None) => IS_DEAD,
            };
            unit.pid = pid.unwrap_or_default();
        }
        unit
    }

    async fn ends(&self, bus: &Connection, job: u32, name: &str, result: &str) -> zbus::Result<()> {
        let path = ObjectPath::try_from(format!("{ROOT}/job/{job}"))?;
        bus.emit_signal(None::<&str>, ROOT, MANAGER, "JobRemoved", &(job, path, name, result)).await
    }

    async fn answers(&mut self, bus: &Connection, call: &zbus::Message) -> zbus::Result<()> {
        let header = call.header();
        let member = header.member().map(ToString::to_string).unwrap_or_default();
        match member.as_str() {
            "LoadUnit" => {
                let (name,): (String,) = call.body().deserialize()?;
                let hex =
                    |c: char| if c.is_ascii_alphanumeric() { c.to_string() } else { format!("_{:02x}", c as u32) };
                let path = format!("{ROOT}/unit/{}", name.chars().map(hex).collect::<String>());
                self.paths.insert(path.clone(), name);
                bus.reply(&header, &ObjectPath::try_from(path)?).await
            }
            "GetAll" => {
                let (interface,): (String,) = call.body().deserialize()?;
                let name = self.paths[header.path().unwrap().as_str()].clone();
                let unit = self.unit(&name);
                let told = unit.properties(&interface);
                if interface.ends_with(".Service") && name.starts_with("settling") && unit.state.0 == "activating" {
                    // The next look finds it there.
                    unit.restarts += 1;
                    if unit.restarts == 3 {
                        unit.runs();
                    }
                }
                match told {
                    Some(told) => bus.reply(&header, &told).await,
                    None => bus.reply_error(&header, "org.freedesktop.DBus.Error.UnknownInterface", &"none").await,
                }
            }
            "Subscribe" if self.subscribed => {
                bus.reply_error(&header, "org.freedesktop.systemd1.AlreadySubscribed", &"you are already").await
            }
            "Subscribe" => {
                self.subscribed = true;
                bus.reply(&header, &()).await
            }
            "Reload" => {
                self.units.insert("new.service".into(), Unit::new("idle"));
                bus.reply(&header, &()).await
            }
            "StartUnit" | "StopUnit" | "RestartUnit" | "ReloadUnit" => self.orders(bus, call, &member).await,
            _ => bus.reply_error(&header, "org.freedesktop.DBus.Error.UnknownMethod", &member.as_str()).await,
        }
    }

    async fn orders(&mut self, bus: &Connection, call: &zbus::Message, order: &str) -> zbus::Result<()> {
        let header = call.header();
        let (name, mode): (String, String) = call.body().deserialize()?;
        assert_eq!(mode, "replace");
        let refuses = match name.as_str() {
            "forbidden.service" => Some(("org.freedesktop.DBus.Error.AccessDenied", "Permission denied")),
            "private.service" => Some((
                "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
                "Interactive authentication required.",
            )),
            "stuck.service" => {
                Some(("org.freedesktop.systemd1.TransactionIsDestructive", "Transaction is destructive."))
            }
            "plain.service" => Some(("org.freedesktop.systemd1.OnlyByDependency", "Operation refused.")),
            _ => None,
        };
        if let Some((error, words)) = refuses {
            return bus.reply_error(&header, error, &words).await;
        }
        let ended = match self.programs.get_mut(&name) {
            Some(program) => Some(program.obeys(order)),
            None => self.unit(&name).obeys(&name, order),
        };
        // Jobs of others end, too.
        self.jobs += 2;
        self.ends(bus, self.jobs - 1, "other.service", "failed").await?;
        let job = self.jobs;
        if name == "early.service" {
            self.ends(bus, job, &name, "done").await?;
        }
        bus.reply(&header, &ObjectPath::try_from(format!("{ROOT}/job/{job}"))?).await?;
        match ended.filter(|_| name != "early.service") {
            Some(result) => self.ends(bus, job, &name, result).await,
            None => Ok(()),
        }
    }
}

impl Servers {
    /// `{bus}` with the stand-in on it, `{empty_bus}` with nobody, `{no_bus}` that is not there.
    pub(crate) fn units(self) -> Option<Self> {
        let mut servers = self.private_bus("empty_bus")?.programs(BTreeMap::new())?;
        servers.addresses.insert("no_bus", "unix:path=/nonexistent/bus".into());
        Some(servers)
    }

    /// `{bus}` with the stand-in on it, which starts and stops these programs, by the names of their units.
    pub(crate) fn programs(self, programs: BTreeMap<String, Program>) -> Option<Self> {
        let servers = self.private_bus("bus")?;
        let address = servers.addresses["bus"].clone();
        let ready = servers.block_on(async {
            let bus = Builder::address(address.as_str()).build().await?;
            // Before anybody can ask: what nobody listens for is never answered.
            let calls = MessageStream::from(&bus);
            bus.request_name("org.freedesktop.systemd1").await?;
            Ok::<_, zbus::Error>((bus, calls))
        });
        let (bus, mut calls) = ready.unwrap();
        servers.runtime.spawn(async move {
            let mut stand_in = StandIn { programs, ..StandIn::default() };
            while let Some(Ok(call)) = calls.next().await {
                if call.message_type() == Type::MethodCall {
                    stand_in.answers(&bus, &call).await.unwrap();
                }
            }
        });
        Some(servers)
    }

    pub(crate) fn private_bus(mut self, name: &'static str) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let (socket, config) = (directory.path().join("bus"), directory.path().join("bus.conf"));
        std::fs::write(&config, configuration(&format!("unix:path={}", socket.display()))).unwrap();
        let mut daemon = Command::new("dbus-daemon");
        daemon.arg(format!("--config-file={}", config.display())).args(["--nofork", "--nopidfile"]);
        let Ok(child) = daemon.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn() else {
            crate::tools::missing("dbus-daemon");
            return None;
        };
        self.processes.push(Process(child));
        wait_for(&socket);
        self.addresses.insert(name, format!("unix:path={}", socket.display()));
        self.directories.push(directory);
        Some(self)
    }
}

fn wait_for(socket: &Path) {
    for _ in 0..600 {
        if std::os::unix::net::UnixStream::connect(socket).is_ok() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("{} is not there after 12 s", socket.display());
}

/// What the real manager starts with. Its own bus is one of its units: it speaks on none that it has not started.
const BUS_UNITS: &[(&str, &str)] = &[
    ("default.target", "[Unit]\nDefaultDependencies=no\nWants=dbus.socket dbus.service\nAfter=dbus.service\n"),
    ("dbus.socket", "[Unit]\nDefaultDependencies=no\n[Socket]\nListenStream=%t/bus\n"),
    (
        "dbus.service",
        "[Unit]\nDefaultDependencies=no\nRequires=dbus.socket\n[Service]\nExecStart=/usr/bin/dbus-daemon --config-file=%t/bus.conf \
         --nofork --nopidfile --syslog-only\n",
    ),
];

/// The units of its test.
const UNITS: &[(&str, &str)] = &[
    (
        "app.service",
        "[Unit]\nDescription=The app\nDefaultDependencies=no\n[Service]\nExecStart=/bin/sleep 1000\nExecReload=/bin/true\n",
    ),
    ("bad.service", "[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nExecStart=/bin/sh -c 'exit 7'\n"),
    ("once.service", "[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nExecStart=/bin/true\n"),
    (
        "needy.service",
        "[Unit]\nDefaultDependencies=no\nRequires=bad.service\nAfter=bad.service\n[Service]\nExecStart=/bin/sleep 1000\n",
    ),
    (
        "slow.service",
        "[Unit]\nDefaultDependencies=no\n[Service]\nType=notify\nExecStart=/bin/sleep 1000\nTimeoutStartSec=1\n",
    ),
];

/// Control groups of its own for a manager. Two at the same time would have units of the same names in the same groups, and
/// end each other's processes.
struct Groups {
    /// Where the manager begins.
    entered: Vec<PathBuf>,
    /// Wherever it may make groups below its own.
    all: Vec<PathBuf>,
}

impl Groups {
    /// `None` where none can be made.
    fn new() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("stepladder-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mounts = std::fs::read_to_string("/proc/self/mounts").ok()?;
        let mut groups = Self { entered: Vec::new(), all: Vec::new() };
        for line in mounts.lines() {
            let [_, at, sort, options, ..] = line.split(' ').collect::<Vec<_>>()[..] else { continue };
            if !["cgroup", "cgroup2"].contains(&sort) {
                continue;
            }
            let group = Path::new(at).join(&name);
            groups.all.push(group.clone());
            if sort == "cgroup2" || options.split(',').any(|option| option == "name=systemd") {
                std::fs::create_dir(&group).ok()?;
                groups.entered.push(group);
            }
        }
        (!groups.entered.is_empty()).then_some(groups)
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        // What was in them is being ended; a group goes when it is empty.
        for _ in 0..100 {
            self.all.retain(|group| !gone(group));
            if self.all.is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Removes a group with those below it, as far as they are empty.
fn gone(group: &Path) -> bool {
    for below in std::fs::read_dir(group).into_iter().flatten().flatten() {
        if below.path().is_dir() && !gone(&below.path()) {
            return false;
        }
    }
    !group.exists() || std::fs::remove_dir(group).is_ok()
}

/// Ended with all that it has started, which `unshare` does for no milder signal.
pub(crate) struct Namespace {
    child: Child,
    _groups: Groups,
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// systemd as the manager of a user, in a mount and process namespace of its own, that believes the machine was booted with it.
///
/// `None` where the machine does not let us.
pub(crate) fn real_manager(own: &[(&str, &str)]) -> Option<(Namespace, tempfile::TempDir)> {
    let directory = tempfile::tempdir().unwrap();
    let (home, units) = (directory.path(), directory.path().join("units"));
    std::fs::create_dir(&units).unwrap();
    std::fs::write(home.join("bus.conf"), configuration("systemd:")).unwrap();
    for (name, text) in BUS_UNITS.iter().chain(own) {
        std::fs::write(units.join(name), text).unwrap();
    }
    std::os::unix::fs::symlink("/dev/null", units.join("masked.service")).unwrap();
    let groups = Groups::new()?;
    let script = "for group; do echo 0 > $group/cgroup.procs || exit; done; mount -t tmpfs none /run/systemd && \
                  mkdir /run/systemd/system && /lib/systemd/systemd --user & wait";
    // Whoever kills this test kills all that it has started.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    command.args(["sh", "-c", script, "sh"]).args(&groups.entered).env_clear();
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", home).env("XDG_RUNTIME_DIR", home);
    command.env("SYSTEMD_UNIT_PATH", &units).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = Path::new("/lib/systemd/systemd").exists().then(|| command.spawn().ok()).flatten()?;
    let mut process = Namespace { child, _groups: groups };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let address = format!("unix:path={}", home.join("bus").display());
    for _ in 0..250 {
        let known = runtime.block_on(async {
            let bus = Builder::address(address.as_str()).build().await?;
            bus.call_method(Some("org.freedesktop.systemd1"), ROOT, Some(MANAGER), "GetDefaultTarget", &()).await
        });
        if known.is_ok() {
            return Some((process, directory));
        }
        // Where it may not, it says so at once.
        if !matches!(process.child.try_wait(), Ok(None)) {
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}

/// What the stand-in says is what systemd says, as far as a real one can be made to say it.
#[test]
fn a_real_manager_does_what_is_asked() {
    let Some((_manager, directory)) = real_manager(UNITS) else {
        crate::tools::not_permitted("systemd can't be started here");
        return;
    };
    let stage = Stage { book: tempfile::tempdir().unwrap(), said: Arc::default(), servers: Servers::start() };
    let world = stage.world();
    let bus = format!("unix:path={}", directory.path().join("bus").display());
    let asked = |action: &str, unit: &str, dry: bool| {
        let mut params = json!({ "bus": bus });
        params[action] = Value::from(unit);
        let request = Request { rehearsal: dry, ..request("service", &params) };
        stage.servers.block_on(perform(&request, &world))
    };
    let done = |action: &str, unit: &str| match asked(action, unit, false) {
        Reply::Done { output, .. } => output,
        other => panic!("{action} {unit}: {other:?}"),
    };
    let failed = |action: &str, unit: &str| match asked(action, unit, false) {
        Reply::Failed(failure) => failure.message,
        other => panic!("{action} {unit}: {other:?}"),
    };

    assert_eq!(failed("status", "app"), "app.service: it is inactive (dead)");
    let Reply::Done { output: dry, .. } = asked("start", "app", true) else { panic!("a dry run") };
    assert_eq!(dry["summary"], "would start app.service, which is inactive (dead)");
    assert_eq!(failed("reload", "app"), "app.service: it is inactive (dead), and only what is active can be reloaded");
    let first = done("start", "app");
    assert_eq!(
        (&first["changed"], &first["active_state"], &first["description"]),
        (&json!(true), &json!("active"), &json!("The app"))
    );
    assert_eq!(done("start", "app.service")["changed"], false);
    assert_eq!(done("reload", "app")["main_pid"], first["main_pid"]);
    let second = done("restart", "app");
    assert!(second["main_pid"] != first["main_pid"] && second["main_pid"].as_u64() > Some(0), "{second}");
    assert!(second["since"].as_str().is_some_and(|since| since.starts_with("20")), "{second}");
    assert_eq!(done("status", "app")["sub_state"], "running");
    let stopped = done("stop", "app");
    assert_eq!(
        (&stopped["active_state"], &stopped["main_pid"], &stopped["changed"]),
        (&json!("inactive"), &json!(0), &json!(true))
    );
    assert_eq!(done("stop", "app")["changed"], false);
    let once = done("start", "once");
    assert_eq!((&once["active_state"], &once["changed"]), (&"inactive".into(), &true.into()), "it ran");
    let says = [
        (
            "start",
            "bad",
            "could not start it: failed (failed), its process ended with exit status 7; `journalctl -u bad.service`",
        ),
        ("start", "needy", "it could not be started: a unit that it needs did not start"),
        ("start", "slow", "it took too long"),
        ("start", "masked", "it is masked, so that nobody starts it by mistake"),
        ("start", "nowhere", "systemd knows no such unit"),
        ("status", "nowhere", "systemd knows no such unit"),
    ];
    for (action, unit, words) in says {
        let message = failed(action, unit);
        assert!(message.contains(words), "{action} {unit}: {message}");
    }
}

/// Programs that speak D-Bus read in `DBUS_SYSTEM_BUS_ADDRESS` where the system's bus is; so does this.
#[test]
fn the_bus_of_the_system_is_where_the_environment_says() {
    let Some(servers) = Servers::start().units() else { return };
    let stage = Stage { book: tempfile::tempdir().unwrap(), said: Arc::default(), servers };
    let at = |address: &str, params: Value| {
        let mut world = stage.world();
        world.base_env.push(("DBUS_SYSTEM_BUS_ADDRESS".into(), stage.servers.fill(address, Path::new("/"))));
        stage.servers.block_on(perform(&request("service", &params), &world))
    };
    for params in [json!({ "status": "app" }), json!({ "status": "app", "bus": "system" })] {
        let reply = at("{bus}", params);
        assert!(matches!(&reply, Reply::Done { output, .. } if output["main_pid"] == 100), "{reply:?}");
    }
    // A step that names its bus means that one.
    let elsewhere = json!({ "status": "app", "bus": "unix:path=/nonexistent/bus" });
    assert!(matches!(at("{bus}", elsewhere), Reply::Failed(_)));
    for address in ["unixexec:path=/bin/true", "tcp:host=elsewhere,port=1", "unix:path=/a,guid=1"] {
        let Reply::Failed(failure) = at(address, json!({ "status": "app" })) else { panic!("`{address}` was taken") };
        assert!(failure.lasting && failure.message.contains("only `unix:path=/…` is spoken to"), "{failure:?}");
    }
}
