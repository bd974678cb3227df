//! Sockets of this machine, from `/proc/net`: connections on local ports, and who waits for some.

use crate::act::args::{Args, number};
use crate::act::system::port;
use crate::base::value::{Value, json};
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use procfs::net::{TcpNetEntry, TcpState, UdpNetEntry, UdpState};
use procfs::process::FDTarget;
use procfs::{ProcError, ProcResult};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// Both tables, of IPv4 and IPv6.
#[derive(Debug, Default)]
struct Tables {
    tcp: Vec<TcpNetEntry>,
    udp: Vec<UdpNetEntry>,
}

/// One that waits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    protocol: &'static str,
    at: SocketAddr,
    user: u32,
    inode: u64,
}

/// Which of them are listed.
#[derive(Debug, Default)]
struct Which {
    outside: bool,
    protocol: Option<String>,
    except: BTreeSet<u16>,
}

impl Tables {
    fn read() -> Result<Self, Failure> {
        let unknown = |error: ProcError| {
            Failure::new(FailureKind::Other, format!("the sockets of this machine can't be read: {error}"))
        };
        let tcp = [procfs::net::tcp(), procfs::net::tcp6()].map(present);
        let udp = [procfs::net::udp(), procfs::net::udp6()].map(present);
        let tcp = tcp.into_iter().collect::<ProcResult<Vec<_>>>().map_err(unknown)?.concat();
        let udp = udp.into_iter().collect::<ProcResult<Vec<_>>>().map_err(unknown)?.concat();
        Ok(Self { tcp, udp })
    }

    fn on(&self, port: u16) -> Value {
        let here: Vec<&TcpNetEntry> = self.tcp.iter().filter(|one| one.local_address.port() == port).collect();
        let of = |state: &TcpState| here.iter().filter(|one| one.state == *state).count();
        let (listening, established) = (of(&TcpState::Listen), of(&TcpState::Established));
        let bound = self.udp.iter().any(|one| one.local_address.port() == port);
        json!({
            "port": port,
            "listening": listening > 0 || bound,
            "established": established,
            "waiting": here.len() - listening - established,
        })
    }

    fn waiting(&self, which: &Which) -> Vec<Waiting> {
        let tcp = self.tcp.iter().filter(|one| one.state == TcpState::Listen);
        let tcp = tcp.map(|one| Waiting { protocol: "tcp", at: one.local_address, user: one.uid, inode: one.inode });
        let udp = self.udp.iter().filter(|one| one.state == UdpState::Close);
        let udp = udp.map(|one| Waiting { protocol: "udp", at: one.local_address, user: one.uid, inode: one.inode });
        let mut all: Vec<Waiting> = tcp.chain(udp).filter(|one| which.takes(one)).collect();
        all.sort_by(|a, b| (a.protocol, a.at.port(), a).cmp(&(b.protocol, b.at.port(), b)));
        all
    }
}

/// A table that is not there, as IPv6 where that is switched off, is empty.
fn present<T>(table: ProcResult<Vec<T>>) -> ProcResult<Vec<T>> {
    match table {
        Err(ProcError::NotFound(_)) => Ok(Vec::new()),
        read => read,
    }
}

impl Which {
    fn read(args: &Args) -> Self {
        let map = Args::from_map(args.map("listening"));
        let only = map.text("only").or_else(|| args.text("listening"));
        let except = map.list("except").iter().filter_map(number).filter_map(port).collect();
        Self { outside: only.as_deref() == Some("outside"), protocol: map.text("protocol"), except }
    }

    fn takes(&self, one: &Waiting) -> bool {
        (!self.outside || one.is_outside())
            && self.protocol.as_deref().is_none_or(|protocol| protocol == one.protocol)
            && !self.except.contains(&one.at.port())
    }
}

impl Waiting {
    fn is_outside(&self) -> bool {
        !self.at.ip().to_canonical().is_loopback()
    }

    fn told(&self, owner: Option<&(i32, String)>) -> Value {
        let who = owner.map(|(pid, name)| format!(" {name} ({pid})")).unwrap_or_default();
        json!({
            "protocol": self.protocol,
            "address": self.at.ip().to_string(),
            "port": self.at.port(),
            "outside": self.is_outside(),
            "user": self.user,
            "process": owner.map(|(_, name)| name),
            "pid": owner.map(|(pid, _)| pid),
            "text": format!("{} {}{who}", self.protocol, self.at),
        })
    }
}

/// One entry for each port.
pub(super) fn count(ports: &[u16]) -> Result<Vec<Value>, Failure> {
    if ports.is_empty() {
        return Ok(Vec::new());
    }
    let tables = Tables::read()?;
    Ok(ports.iter().map(|port| tables.on(*port)).collect())
}

/// Who listens, where the step asks for it.
pub(super) async fn listening(args: &Args) -> Result<Value, Failure> {
    if !args.has("listening") {
        return Ok(Value::Null);
    }
    let which = Which::read(args);
    let listed = tokio::task::spawn_blocking(move || {
        let waiting = Tables::read()?.waiting(&which);
        let owners = owners(&waiting.iter().map(|one| one.inode).collect());
        let mut told: Vec<Value> = waiting.iter().map(|one| one.told(owners.get(&one.inode))).collect();
        // Several sockets of one process on one address are one thing to know.
        told.dedup();
        Ok::<_, Failure>(Value::Array(told))
    });
    listed.await.map_err(|error| Failure::new(FailureKind::Other, format!("the look at sockets stopped: {error}")))?
}

/// The process of each socket: the first that has it open, among those that this user may look into.
fn owners(inodes: &BTreeSet<u64>) -> BTreeMap<u64, (i32, String)> {
    let mut owners: BTreeMap<u64, (i32, String)> = BTreeMap::new();
    for process in procfs::process::all_processes().into_iter().flatten().flatten() {
        for open in process.fd().into_iter().flatten().flatten() {
            let FDTarget::Socket(inode) = open.target else { continue };
            let is_first = owners.get(&inode).is_none_or(|(pid, _)| process.pid < *pid);
            if inodes.contains(&inode)
                && is_first
                && let Ok(stat) = process.stat()
            {
                owners.insert(inode, (process.pid, stat.comm));
            }
        }
    }
    owners
}

#[cfg(test)]
mod tests {
    use super::*;
    use procfs::net::{TcpNetEntries, UdpNetEntries};
    use procfs::{FromBufReadSI, current_system_info};

    /// Rows as the kernel writes them: local and other address, state, inode.
    fn tables(tcp: &[(&str, &str, &str, u64)], udp: &[(&str, &str, &str, u64)]) -> Tables {
        let text = |rows: &[(&str, &str, &str, u64)]| {
            let row = |(local, other, state, inode): &(&str, &str, &str, u64)| {
                format!(
                    "   0: {local} {other} {state} 00000000:00000000 00:00000000 00000000  1000        0 {inode} 1\n"
                )
            };
            format!("  sl  local_address rem_address   st\n{}", rows.iter().map(row).collect::<String>())
        };
        let (tcp, udp, si) = (text(tcp), text(udp), current_system_info());
        Tables {
            tcp: TcpNetEntries::from_buf_read(tcp.as_bytes(), si).expect("tcp").0,
            udp: UdpNetEntries::from_buf_read(udp.as_bytes(), si).expect("udp").0,
        }
    }

    const ANY: &str = "00000000:0000";
    const NOBODY: &str = "00000000000000000000000000000000:0000";

    #[test]
    fn counts_by_local_port_and_state() {
        let tables = tables(
            &[
                ("0100007F:1F40", ANY, "0A", 1),
                ("0100007F:1F40", "0100007F:C350", "01", 2),
                ("0100007F:C350", "0100007F:1F40", "01", 3),
                ("00000000000000000000000001000000:1F40", NOBODY, "06", 4),
            ],
            &[("00000000:0035", ANY, "07", 5)],
        );
        assert_eq!(tables.on(8000), json!({"port": 8000, "listening": true, "established": 1, "waiting": 1}));
        assert_eq!(tables.on(53)["listening"], true);
        assert_eq!(tables.on(9)["listening"], false);
    }

    #[test]
    fn who_listens_outside_is_told_from_who_does_not() {
        let tables = tables(
            &[
                ("00000000000000000000000000000000:0050", NOBODY, "0A", 1),
                ("0100007F:1F40", ANY, "0A", 2),
                ("00000000:115C", ANY, "0A", 3),
                ("0500000A:115C", "0600000A:C350", "01", 4),
                ("0000000000000000FFFF00000100007F:2328", NOBODY, "0A", 5),
            ],
            &[("00000000:0035", ANY, "07", 6), ("0500000A:9C40", "0600000A:0035", "01", 7)],
        );
        let texts = |which: Value| {
            let args = Args::from_map([("listening".to_owned(), which)].into_iter().collect());
            let waiting = tables.waiting(&Which::read(&args));
            waiting.iter().map(|one| one.told(None)["text"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
        };
        let all =
            ["tcp [::]:80", "tcp 0.0.0.0:4444", "tcp 127.0.0.1:8000", "tcp [::ffff:127.0.0.1]:9000", "udp 0.0.0.0:53"];
        assert_eq!(texts(json!("all")), all);
        assert_eq!(texts(json!("outside")), ["tcp [::]:80", "tcp 0.0.0.0:4444", "udp 0.0.0.0:53"]);
        let known = json!({ "only": "outside", "protocol": "tcp", "except": [80, "22"] });
        assert_eq!(texts(known), ["tcp 0.0.0.0:4444"]);
    }

    #[test]
    fn the_process_of_a_socket_is_named() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
        let port = listener.local_addr().expect("address").port();
        let waiting = Tables::read().expect("read").waiting(&Which::default());
        let ours = waiting.iter().find(|one| one.at.port() == port && one.protocol == "tcp").expect("listed");
        let owners = owners(&BTreeSet::from([ours.inode]));
        let told = ours.told(owners.get(&ours.inode));
        assert_eq!(told["pid"], std::process::id());
        assert_eq!(told["outside"], false);
    }
}
