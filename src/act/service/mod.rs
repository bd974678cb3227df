//! `service`: a unit of systemd, looked at and changed over D-Bus.
//!
//! A job that systemd has taken is waited for, and then the unit: what is only on its way is not there.

use crate::act::args::Args;
use crate::act::service::manager::Manager;
use crate::act::service::unit::Unit;
use crate::act::verdict::{Done, Verdict, bounds};
use crate::act::world::World;
use crate::base::level::Level;
use crate::base::span::Span;
use crate::base::value::{Value, json};
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use std::time::Duration;
use tokio::time::Instant;

mod manager;
mod unit;

pub(super) use manager::bus;

/// Between two looks at a unit that is on its way.
const LOOK: Duration = Duration::from_millis(100);

/// What is wanted of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Status,
    Start,
    Stop,
    Restart,
    Reload,
}

impl Action {
    const ALL: [(&'static str, Self); 5] = [
        ("status", Self::Status),
        ("start", Self::Start),
        ("stop", Self::Stop),
        ("restart", Self::Restart),
        ("reload", Self::Reload),
    ];

    /// The method of systemd's manager.
    fn method(self) -> Option<&'static str> {
        match self {
            Self::Status => None,
            Self::Start => Some("StartUnit"),
            Self::Stop => Some("StopUnit"),
            Self::Restart => Some("RestartUnit"),
            Self::Reload => Some("ReloadUnit"),
        }
    }

    /// What it is called, and what was done.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Status => ("look at", "looked at"),
            Self::Start => ("start", "started"),
            Self::Stop => ("stop", "stopped"),
            Self::Restart => ("restart", "restarted"),
            Self::Reload => ("reload", "reloaded"),
        }
    }
}

/// What the step says.
struct Order {
    action: Action,
    name: String,
    daemon_reload: bool,
}

/// How long there is, and since when.
#[derive(Clone, Copy)]
struct Patience {
    until: Option<Instant>,
    whole: Duration,
}

impl Patience {
    /// A little less than the step may take, so that it can say how it was.
    fn of(timeout: Option<Duration>) -> Self {
        let whole = timeout.map(|timeout| timeout.saturating_sub(timeout / 20));
        Self { until: whole.map(|whole| Instant::now() + whole), whole: whole.unwrap_or_default() }
    }

    /// The future, or `None` when there is no time left for it.
    async fn bounds<T>(self, future: impl Future<Output = T>) -> Option<T> {
        match self.until {
            Some(until) => tokio::time::timeout_at(until, future).await.ok(),
            None => Some(future.await),
        }
    }
}

pub(super) async fn perform(
    args: &Args,
    world: &World,
    timeout: Option<Duration>,
    rehearsal: bool,
) -> Result<Done, Failure> {
    let order = Order::of(args)?;
    let address = bus(args.text("bus").as_deref(), world)?;
    let patience = Patience::of(timeout);
    let asked = async {
        let manager = Manager::connect(&address).await?;
        let before = manager.unit(&order.name).await?;
        Ok((manager, before))
    };
    let late = || {
        let whole = Span::from(patience.whole);
        Failure::new(FailureKind::Timeout, format!("{}: systemd did not answer within {whole}", order.name))
    };
    let asked = patience.bounds(asked).await.unwrap_or_else(|| Err(late()));
    if rehearsal && order.action != Action::Status {
        return Ok(order.rehearse(asked));
    }
    let (manager, before) = asked?;
    if order.action == Action::Status {
        return judged(args, &order, &before, output(&before, false, &before.in_words()));
    }
    order.possible(&before).map_err(|why| Failure::lasting(FailureKind::Missing, why))?;
    order.change(&manager, patience).await?;
    let after = order.settled(&manager, patience).await?;
    // What runs once was started and is over: it looks as it did before.
    let once = order.action == Action::Start && after.is_down();
    let again = matches!(order.action, Action::Restart | Action::Reload);
    let changed = once || again || before.identity() != after.identity();
    let did = if changed {
        format!("{} was {}; it is {}", order.name, order.action.words().1, after.state())
    } else {
        format!("{} was {} already", order.name, after.state())
    };
    judged(args, &order, &after, output(&after, changed, &did))
}

impl Order {
    fn of(args: &Args) -> Result<Self, Failure> {
        let bad = |why: &str| Failure::lasting(FailureKind::Template, why);
        let (key, action) = Action::ALL
            .into_iter()
            .find(|(key, _)| args.has(key))
            .ok_or_else(|| bad("there is no unit: one of `status`, `start`, `stop`, `restart`, `reload` names it"))?;
        let name = unit::name(&args.need(key)?)?;
        Ok(Self { action, name, daemon_reload: args.flag("daemon_reload")? == Some(true) })
    }

    /// What would be done, with what stands against it.
    fn rehearse(&self, asked: Result<(Manager, Unit), Failure>) -> Done {
        let reload = if self.daemon_reload { "read all unit files anew and " } else { "" };
        let would = format!("would {reload}{} {}", self.action.words().0, self.name);
        let (unit, problem) = match asked {
            Ok((_, unit)) => {
                let problem = self.possible(&unit).err();
                (unit, problem)
            }
            Err(failure) => (Unit::unknown(&self.name), Some(failure.message)),
        };
        let summary = match &problem {
            None => format!("{would}, which is {}", unit.state()),
            Some(why) => {
                let why = why.strip_prefix(&format!("{}: ", self.name)).unwrap_or(why);
                format!("{would}, which would fail now: {why}")
            }
        };
        let mut output = output(&unit, false, &summary);
        output["dry"] = Value::Bool(true);
        let mut verdict = Verdict::default();
        if let Some(why) = problem {
            verdict.lift(Level::Warning, why);
        }
        verdict.end(&self.name, output.clone()).unwrap_or_else(|_| Done::new(output))
    }

    /// Why nothing can come of it.
    fn possible(&self, unit: &Unit) -> Result<(), String> {
        let name = &self.name;
        match (self.action, unit.load_state.as_str()) {
            // A unit whose file is gone may still run, and be stopped.
            (Action::Stop, _) if unit.active_state != "inactive" => Ok(()),
            // What it is will be known when the files are read anew.
            (_, "not-found") if self.daemon_reload => Ok(()),
            (_, "not-found") => Err(format!(
                "{name}: systemd knows no such unit (`systemctl list-unit-files` names those that are there)"
            )),
            (Action::Start | Action::Restart, "masked") => Err(format!(
                "{name}: it is masked, so that nobody starts it by mistake: `systemctl unmask {name}` ends that"
            )),
            (Action::Start | Action::Restart | Action::Reload, "bad-setting" | "error") => {
                Err(format!("{name}: systemd can't read its unit file: `systemd-analyze verify {name}` says why"))
            }
            (Action::Reload, _) if !unit.can_reload => {
                Err(format!("{name}: it can't be reloaded (its unit has no ExecReload), only restarted"))
            }
            (Action::Reload, _) if unit.active_state != "active" => {
                Err(format!("{name}: it is {}, and only what is active can be reloaded", unit.state()))
            }
            (Action::Status | Action::Start | Action::Stop | Action::Restart | Action::Reload, _) => Ok(()),
        }
    }

    /// Has systemd do it, and waits until it says that it is done.
    async fn change(&self, manager: &Manager, patience: Patience) -> Result<(), Failure> {
        let Some(method) = self.action.method() else { return Ok(()) };
        let (name, word) = (&self.name, self.action.words().0);
        let work = async {
            if self.daemon_reload {
                manager.daemon_reload().await?;
            }
            manager.job(method, name, word).await
        };
        let result = match patience.bounds(work).await {
            Some(result) => result?,
            None => return Err(self.late(manager, patience).await),
        };
        let ended = |why: String| Err(Failure::new(FailureKind::Other, format!("{name}: {why}")));
        match result.as_str() {
            "done" => Ok(()),
            // The unit's own words say more than the job's.
            "failed" => match manager.unit(name).await {
                Ok(unit) => ended(format!("systemd could not {word} it: {}", unit.troubles())),
                Err(failure) => Err(failure),
            },
            "timeout" => ended(format!("systemd gave up on it: to {word} it took longer than its unit allows")),
            "canceled" => {
                ended(format!("the job to {word} it was cancelled: somebody else asked for something else meanwhile"))
            }
            "dependency" => ended(format!(
                "it could not be {}: a unit that it needs did not start (`systemctl list-dependencies {name}`)",
                self.action.words().1
            )),
            "skipped" => ended(format!(
                "the job to {word} it was skipped: a condition of its unit does not hold, or it is not active"
            )),
            other => ended(format!("the job to {word} it ended as `{other}`")),
        }
    }

    /// Looks until the unit is as it should be after this.
    async fn settled(&self, manager: &Manager, patience: Patience) -> Result<Unit, Failure> {
        let look = async {
            loop {
                let unit = manager.unit(&self.name).await?;
                match (self.action, unit.active_state.as_str()) {
                    (Action::Stop, "inactive" | "failed") => return Ok(unit),
                    (Action::Stop, "active" | "reloading") => {
                        let why = "it was stopped and is active again: something else started it";
                        return Err(Failure::new(FailureKind::Other, format!("{}: {why}", self.name)));
                    }
                    (Action::Stop, _) => {}
                    (_, "active") => return Ok(unit),
                    // A job that was done (`Type=oneshot`), or a socket that waits for somebody.
                    (_, "inactive") if unit.result == "success" && unit.is_oneshot => return Ok(unit),
                    (_, "inactive" | "failed") => {
                        let did = self.action.words().1;
                        let why = format!("{}: it was {did} and has ended again: {}", self.name, unit.troubles());
                        return Err(Failure::new(FailureKind::Other, why));
                    }
                    (_, _) => {}
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        match patience.bounds(look).await {
            Some(unit) => unit,
            None => Err(self.late(manager, patience).await),
        }
    }

    /// There is no time left: how it is now.
    async fn late(&self, manager: &Manager, patience: Patience) -> Failure {
        let now = match tokio::time::timeout(patience.whole / 20, manager.unit(&self.name)).await {
            Ok(Ok(unit)) => format!("it is {}", unit.state()),
            Ok(Err(_)) | Err(_) => "how it is now can't be said".into(),
        };
        let (whole, did) = (Span::from(patience.whole), self.action.words().1);
        let why = format!("{}: not {did} within {whole}: {now}. systemd goes on with it", self.name);
        Failure::new(FailureKind::Timeout, why)
    }
}

fn output(unit: &Unit, changed: bool, summary: &str) -> Value {
    json!({
        "unit": unit.name,
        "description": unit.description,
        "load_state": unit.load_state,
        "active_state": unit.active_state,
        "sub_state": unit.sub_state,
        "enabled": unit.enabled,
        "main_pid": unit.main_pid,
        "since": unit.since(),
        "restarts": unit.restarts,
        "result": unit.result,
        "changed": changed,
        "summary": summary,
        "dry": false,
    })
}

/// How the unit is, judged by what is expected of it.
fn judged(args: &Args, order: &Order, unit: &Unit, output: Value) -> Result<Done, Failure> {
    let mut any_state = order.action != Action::Status;
    let verdict = Verdict::of(args, |entry| {
        let mut problems = Vec::new();
        let among = |list: &[String], is: &str| list.is_empty() || list.iter().any(|want| want == is);
        let (states, subs) = (entry.texts("state"), entry.texts("sub_state"));
        any_state |= !states.is_empty() && !entry.has("level");
        if !among(&states, &unit.active_state) {
            problems.push(format!("it is {}, expected {}", unit.state(), states.join(" or ")));
        }
        if !among(&subs, &unit.sub_state) {
            problems.push(format!("it is {}, expected {}", unit.state(), subs.join(" or ")));
        }
        let starts = unit.starts_with_the_machine();
        if entry.flag("enabled")?.is_some_and(|want| want != starts) {
            let word = if unit.enabled.is_empty() { "without a unit file" } else { &unit.enabled };
            problems.push(format!("it is {word}: it does {}start with the machine", if starts { "" } else { "not " }));
        }
        let restarts = f64::from(unit.restarts);
        problems.extend(entry.get("restarts").and_then(|want| bounds(want, restarts, "the number of restarts")));
        Ok(problems)
    })?;
    if unit.load_state == "not-found" && order.action == Action::Status && unit.active_state == "inactive" {
        let why = order.possible(unit).err().unwrap_or_default();
        return Err(Failure { output, ..Failure::lasting(FailureKind::Missing, why) });
    }
    let mut verdict = verdict;
    if !any_state && unit.active_state != "active" {
        verdict.unmet(format!("it is {}", unit.troubles()));
    }
    verdict.end(&order.name, output)
}
