//! Sockets on local ports, from `/proc/net`.

use crate::base::value::{Value, json};

/// TCP states as the kernel numbers them.
const ESTABLISHED: &str = "01";
const LISTEN: &str = "0A";

/// One entry for each port.
pub(super) fn count(ports: &[u16]) -> Vec<Value> {
    if ports.is_empty() {
        return Vec::new();
    }
    let read = |name: &str| std::fs::read_to_string(format!("/proc/net/{name}")).unwrap_or_default();
    let tcp: String = [read("tcp"), read("tcp6")].concat();
    let udp: String = [read("udp"), read("udp6")].concat();
    ports.iter().map(|port| one(*port, &tcp, &udp)).collect()
}

fn one(port: u16, tcp: &str, udp: &str) -> Value {
    let states: Vec<&str> = tcp.lines().filter_map(|line| state(line, port)).collect();
    let of = |state: &str| states.iter().filter(|found| **found == state).count();
    let (listening, established) = (of(LISTEN), of(ESTABLISHED));
    let bound = udp.lines().any(|line| state(line, port).is_some());
    json!({
        "port": port,
        "listening": listening > 0 || bound,
        "established": established,
        "waiting": states.len() - listening - established,
    })
}

/// The state of a line's socket, if its local port is this one.
fn state(line: &str, port: u16) -> Option<&str> {
    let mut words = line.split_whitespace();
    let (_, local) = words.nth(1)?.rsplit_once(':')?;
    let state = words.nth(1)?;
    (u16::from_str_radix(local, 16).ok()? == port).then_some(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_local_port_and_state() {
        let tcp = "  sl  local_address rem_address   st tx_queue\n\
                   0: 0100007F:1F40 00000000:0000 0A 00000000\n\
                   1: 0100007F:1F40 0100007F:C350 01 00000000\n\
                   2: 0100007F:C350 0100007F:1F40 01 00000000\n\
                   3: 00000000000000000000000001000000:1F40 0000:0000 06 00000000\n";
        assert_eq!(one(8000, tcp, ""), json!({"port": 8000, "listening": true, "established": 1, "waiting": 1}));
        assert_eq!(one(53, tcp, "0: 00000000:0035 00000000:0000 07 0\n")["listening"], true);
        assert_eq!(one(9, tcp, "")["listening"], false);
    }
}
