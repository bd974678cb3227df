//! `system`: what this machine is doing.

mod logins;
mod sizes;
mod sockets;

use crate::act::args::Args;
use crate::act::verdict::Done;
use crate::act::world::World;
use crate::base::timekeeping::Timekeeping;
use crate::base::value::{Map, Value, json};
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use std::collections::BTreeSet;
use std::time::Duration;
use sysinfo::{Disks, LoadAvg, Networks, Process, ProcessRefreshKind, ProcessesToUpdate, System};

/// File systems that hold no files of anybody.
const PSEUDO: &[&str] =
    &["overlay", "tmpfs", "devtmpfs", "squashfs", "ramfs", "proc", "sysfs", "cgroup2", "efivarfs", "fuse.snapfuse"];

pub(super) async fn perform(args: &Args, world: &World) -> Result<Done, Failure> {
    let unknown =
        |error: sysinfo::Error| Failure::new(FailureKind::Other, format!("this machine can't be looked at: {error}"));
    let sample = args
        .span("sample")?
        .unwrap_or(Duration::from_millis(500))
        .clamp(Duration::from_millis(200), Duration::from_mins(1));
    let ports: Vec<u16> = args.list("ports").iter().filter_map(crate::act::args::number).filter_map(port).collect();
    let mut system = System::new().map_err(unknown)?;
    let mut disks = Disks::new_with_refreshed_list().map_err(unknown)?;
    let mut networks = Networks::new_with_refreshed_list().map_err(unknown)?;
    let kind = ProcessRefreshKind::nothing().with_memory().with_cpu();
    system.refresh_cpu_usage();
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, kind);
    let start = (world.ticks)();
    tokio::time::sleep(sample).await;
    let seconds = world.since(start).as_secs_f64().max(0.001);
    system.refresh_cpu_usage();
    system.refresh_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, kind);
    disks.refresh(true);
    networks.refresh(true);
    let sockets = sockets::count(&ports)?;
    let connections: u64 = sockets.iter().filter_map(|one| one["established"].as_u64()).sum();
    let output = json!({
        "hostname": System::host_name().unwrap_or_default(),
        "uptime_s": System::uptime().unwrap_or_default(),
        "cpu": cpu(&system),
        "load": load(&system),
        "memory": memory(&system),
        "disks": mounts(&disks, &args.texts("mounts"))?,
        "io": traffic(&disks, &networks, seconds),
        "sockets": sockets,
        "connections": connections,
        "processes": args.texts("processes").iter().map(|name| named(&system, name)).collect::<Vec<_>>(),
        "top": top(&system, args.count("top")?.unwrap_or(5)),
        "sizes": sizes::of(args.texts("sizes"), world).await?,
        "listening": sockets::listening(args).await?,
        "logins": if args.flag("logins")? == Some(true) { logins::of(args, world).await? } else { Value::Null },
        "clock": if args.flag("clock")? == Some(true) { clock(world)? } else { Value::Null },
    });
    Ok(Done::new(output))
}

/// Whether the clock is kept right.
fn clock(world: &World) -> Result<Value, Failure> {
    let unknown = |error: std::io::Error| {
        Failure::new(FailureKind::Other, format!("the kernel does not tell about its clock: {error}"))
    };
    let Timekeeping { synchronised, offset_ms, error_ms, max_error_ms } = (world.timekeeping)().map_err(unknown)?;
    Ok(json!({
        "synchronised": synchronised,
        "offset_ms": offset_ms,
        "error_ms": error_ms,
        "max_error_ms": max_error_ms,
    }))
}

fn port(number: f64) -> Option<u16> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked by the range")]
    (1.0..=65_535.0).contains(&number).then_some(number as u16)
}

/// A share or a rate to one decimal.
fn tenth(number: f64) -> Value {
    json!((number * 10.0).round() / 10.0)
}

#[expect(clippy::cast_precision_loss, reason = "one decimal of a percentage is shown")]
fn percent(used: u64, total: u64) -> Value {
    if total == 0 { json!(0.0) } else { tenth(used as f64 * 100.0 / total as f64) }
}

fn cpu(system: &System) -> Value {
    json!({
        "used_percent": tenth(f64::from(system.global_cpu_usage())),
        "cores": system.cpus().len(),
        "per_core": system.cpus().iter().map(|core| tenth(f64::from(core.usage()))).collect::<Vec<_>>(),
    })
}

fn load(system: &System) -> Value {
    let LoadAvg { one, five, fifteen } =
        System::load_average().unwrap_or(LoadAvg { one: 0.0, five: 0.0, fifteen: 0.0 });
    #[expect(clippy::cast_precision_loss, reason = "a number of cores")]
    let cores = system.cpus().len().max(1) as f64;
    json!({ "one": one, "five": five, "fifteen": fifteen, "per_core": (five / cores * 100.0).round() / 100.0 })
}

fn memory(system: &System) -> Value {
    let limits = system.cgroup_limits().filter(|limits| limits.total_memory < system.total_memory());
    let (total, available) = match limits {
        Some(limits) => (limits.total_memory, limits.free_memory.min(limits.total_memory)),
        None => (system.total_memory(), system.available_memory()),
    };
    let used = total.saturating_sub(available);
    json!({
        "total_bytes": total,
        "used_bytes": used,
        "available_bytes": available,
        "used_percent": percent(used, total),
        "swap_total_bytes": system.total_swap(),
        "swap_used_bytes": system.used_swap(),
        "swap_used_percent": percent(system.used_swap(), system.total_swap()),
    })
}

/// Each file system once, or the mount points asked for.
fn mounts(disks: &Disks, asked: &[String]) -> Result<Vec<Value>, Failure> {
    let mut found: Vec<(String, Value)> = Vec::new();
    let mut devices = BTreeSet::new();
    let mut sorted: Vec<_> = disks.iter().collect();
    sorted.sort_by_key(|disk| (disk.mount_point().as_os_str().len(), disk.mount_point().to_owned()));
    for disk in sorted {
        let mount = disk.mount_point().display().to_string();
        let filesystem = disk.file_system().to_string_lossy().into_owned();
        let device = disk.name().to_string_lossy().into_owned();
        let whole = mount == "/" || (!PSEUDO.contains(&filesystem.as_str()) && disk.total_space() > 0);
        let wanted = if asked.is_empty() { whole && devices.insert(device.clone()) } else { asked.contains(&mount) };
        if wanted && !found.iter().any(|(known, _)| *known == mount) {
            let (total, available) = (disk.total_space(), disk.available_space());
            let used = total.saturating_sub(available);
            let value = json!({
                "mount": mount, "device": device, "filesystem": filesystem, "total_bytes": total,
                "used_bytes": used, "available_bytes": available, "used_percent": percent(used, total),
            });
            found.push((mount, value));
        }
    }
    if let Some(missing) = asked.iter().find(|mount| !found.iter().any(|(known, _)| known == *mount)) {
        return Err(Failure::new(FailureKind::Missing, format!("nothing is mounted at `{missing}`")));
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found.into_iter().map(|(_, value)| value).collect())
}

fn traffic(disks: &Disks, networks: &Networks, seconds: f64) -> Value {
    let mut devices = BTreeSet::new();
    let usage = disks.iter().filter(|disk| devices.insert(disk.name().to_owned())).map(sysinfo::Disk::usage);
    let (read, written) = usage.fold((0, 0), |sum, one| (sum.0 + one.read_bytes, sum.1 + one.written_bytes));
    let interfaces: std::collections::BTreeMap<_, _> = networks.iter().filter(|(name, _)| *name != "lo").collect();
    let (received, sent) =
        interfaces.values().fold((0, 0), |sum, one| (sum.0 + one.received(), sum.1 + one.transmitted()));
    #[expect(clippy::cast_precision_loss, reason = "a rate to one decimal")]
    let rate = |bytes: u64| tenth(bytes as f64 / seconds);
    json!({
        "read_bytes_per_s": rate(read), "written_bytes_per_s": rate(written),
        "received_bytes_per_s": rate(received), "sent_bytes_per_s": rate(sent),
    })
}

/// Processes only, no threads, in the order of their ids.
fn processes(system: &System) -> Vec<&Process> {
    let mut all: Vec<&Process> =
        system.processes().values().filter(|process| process.thread_kind().is_none()).collect();
    all.sort_by_key(|process| process.pid());
    all
}

fn group(name: &str, members: &[&Process]) -> Value {
    let cpu: f64 = members.iter().map(|process| f64::from(process.cpu_usage())).sum();
    json!({
        "name": name,
        "count": members.len(),
        "cpu_percent": tenth(cpu),
        "memory_bytes": members.iter().map(|process| process.memory()).sum::<u64>(),
        "pids": members.iter().map(|process| process.pid().as_u32()).collect::<Vec<_>>(),
    })
}

fn named(system: &System, pattern: &str) -> Value {
    let fits = |process: &&Process| {
        let name = process.name().to_string_lossy();
        // Linux keeps 15 bytes of a name.
        let short: String = pattern.chars().take(15).collect();
        crate::act::glob::matches(pattern, &name) || (name.len() == 15 && name == short)
    };
    group(pattern, &processes(system).into_iter().filter(fits).collect::<Vec<_>>())
}

fn top(system: &System, most: u64) -> Vec<Value> {
    let mut all = processes(system);
    all.sort_by(|a, b| b.cpu_usage().total_cmp(&a.cpu_usage()).then(b.memory().cmp(&a.memory())));
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    all.into_iter().take(most).map(|process| group(&process.name().to_string_lossy(), &[process])).collect()
}

/// A map of names and numbers.
type Sizes = Map<String, Value>;
