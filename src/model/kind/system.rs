//! `system`: the machine this runs on.

use crate::base::arg::Landing;
use crate::model::shape::{Effects, Field, FieldType, Key, KindSpec, Shape, key};

const CPU: &[Field] = &[
    Field { name: "used_percent", ty: FieldType::Number, doc: "How busy all cores were over the sample." },
    Field { name: "cores", ty: FieldType::Int, doc: "How many cores." },
    Field { name: "per_core", ty: FieldType::List(&FieldType::Number), doc: "How busy each was." },
];

const LOAD: &[Field] = &[
    Field { name: "one", ty: FieldType::Number, doc: "Load over one minute." },
    Field { name: "five", ty: FieldType::Number, doc: "Load over five minutes." },
    Field { name: "fifteen", ty: FieldType::Number, doc: "Load over fifteen minutes." },
    Field { name: "per_core", ty: FieldType::Number, doc: "Load over five minutes, for each core." },
];

const MEMORY: &[Field] = &[
    Field { name: "total_bytes", ty: FieldType::Int, doc: "All of it (the control group's limit where that is less)." },
    Field { name: "used_bytes", ty: FieldType::Int, doc: "Total less available." },
    Field { name: "available_bytes", ty: FieldType::Int, doc: "What programs can still get." },
    Field { name: "used_percent", ty: FieldType::Number, doc: "Used of total." },
    Field { name: "swap_total_bytes", ty: FieldType::Int, doc: "All swap." },
    Field { name: "swap_used_bytes", ty: FieldType::Int, doc: "Swap in use." },
    Field { name: "swap_used_percent", ty: FieldType::Number, doc: "Used of total; 0 without swap." },
];

const DISK: &[Field] = &[
    Field { name: "mount", ty: FieldType::Text, doc: "Where it is mounted." },
    Field { name: "device", ty: FieldType::Text, doc: "The device." },
    Field { name: "filesystem", ty: FieldType::Text, doc: "Its type." },
    Field { name: "total_bytes", ty: FieldType::Int, doc: "Its size." },
    Field { name: "used_bytes", ty: FieldType::Int, doc: "Size less available." },
    Field { name: "available_bytes", ty: FieldType::Int, doc: "What can still be written." },
    Field { name: "used_percent", ty: FieldType::Number, doc: "Used of total." },
];

const IO: &[Field] = &[
    Field { name: "read_bytes_per_s", ty: FieldType::Number, doc: "Read from all disks, over the sample." },
    Field { name: "written_bytes_per_s", ty: FieldType::Number, doc: "Written to all disks, over the sample." },
    Field {
        name: "received_bytes_per_s",
        ty: FieldType::Number,
        doc: "Received by all network interfaces but loopback.",
    },
    Field { name: "sent_bytes_per_s", ty: FieldType::Number, doc: "Sent by them." },
];

const SOCKETS: &[Field] = &[
    Field { name: "port", ty: FieldType::Int, doc: "The local port." },
    Field {
        name: "listening",
        ty: FieldType::Bool,
        doc: "Whether something listens on it (TCP) or is bound to it (UDP).",
    },
    Field { name: "established", ty: FieldType::Int, doc: "Established TCP connections." },
    Field { name: "waiting", ty: FieldType::Int, doc: "Connections in any other state (TIME_WAIT, CLOSE_WAIT, …)." },
];

const PROCESSES: &[Field] = &[
    Field { name: "name", ty: FieldType::Text, doc: "The name asked for, or the process's." },
    Field { name: "count", ty: FieldType::Int, doc: "How many such processes run." },
    Field { name: "cpu_percent", ty: FieldType::Number, doc: "Their CPU over the sample; 100 is one core." },
    Field { name: "memory_bytes", ty: FieldType::Int, doc: "Their resident memory." },
    Field { name: "pids", ty: FieldType::List(&FieldType::Int), doc: "Their ids." },
];

const LISTENING: &[Field] = &[
    Field { name: "protocol", ty: FieldType::Text, doc: "`tcp`, or `udp` (bound, and connected to nobody)." },
    Field { name: "address", ty: FieldType::Text, doc: "The local address; `0.0.0.0` and `::` are all of them." },
    Field { name: "port", ty: FieldType::Int, doc: "The local port." },
    Field {
        name: "outside",
        ty: FieldType::Bool,
        doc: "Whether more than this machine reaches it: no loopback address.",
    },
    Field { name: "user", ty: FieldType::Int, doc: "The id of the user who opened it." },
    Field {
        name: "process",
        ty: FieldType::Maybe(&FieldType::Text),
        doc: "The name of the process, where this user may look into it.",
    },
    Field { name: "pid", ty: FieldType::Maybe(&FieldType::Int), doc: "Its id." },
    Field { name: "text", ty: FieldType::Text, doc: "All that in a line: `tcp 0.0.0.0:4444 nc (1234)`." },
];

const LISTEN: &[Key] = &[
    key(
        "only",
        Shape::Choice(WHICH),
        "`outside` leaves out what listens on loopback addresses alone; `all` by default.",
    ),
    key("protocol", Shape::Choice(&["tcp", "udp"]), "Only these; both by default."),
    key("except", Shape::Many(&Shape::Int(1, 65_535)), "Ports that are known and left out."),
];

const WHICH: &[&str] = &["all", "outside"];

const LOGINS: &[Field] = &[
    Field { name: "user", ty: FieldType::Text, doc: "Who." },
    Field { name: "terminal", ty: FieldType::Maybe(&FieldType::Text), doc: "Where: `pts/0`." },
    Field { name: "from", ty: FieldType::Maybe(&FieldType::Text), doc: "From which host, where it is another." },
    Field { name: "since", ty: FieldType::Maybe(&FieldType::Text), doc: "Since when." },
    Field { name: "text", ty: FieldType::Text, doc: "All that in a line: `root on pts/0 from 10.0.0.7 since …`." },
];

const CLOCK: &[Field] = &[
    Field {
        name: "synchronised",
        ty: FieldType::Bool,
        doc: "Whether the kernel says that something (chrony, ntpd, systemd-timesyncd) keeps its clock right.",
    },
    Field { name: "offset_ms", ty: FieldType::Number, doc: "What the kernel still has to put right." },
    Field { name: "error_ms", ty: FieldType::Number, doc: "The error as whoever keeps it right estimates it." },
    Field { name: "max_error_ms", ty: FieldType::Number, doc: "The largest the error can be." },
];

/// `system: { ports: 8000 }`.
pub(super) const SYSTEM: KindSpec = KindSpec {
    name: "system",
    doc: "CPU, memory, load, disks and I/O of this machine, connections on ports, processes by name, sizes of directories; who listens, who is logged in, whether the clock is kept right. Only looks, and needs no rights: what it may not see it says. Judged by `measure` and thresholds.",
    example: "system: { ports: [8000], processes: [redis-server] }",
    shape: Shape::Record(&[
        key("sample", Shape::Duration, "How long CPU and I/O are watched; 500ms by default, at most 1m."),
        key(
            "mounts",
            Shape::Many(&Shape::Text(Landing::Path)),
            "Only these mount points in `disks`; every real disk by default.",
        ),
        key("ports", Shape::Many(&Shape::Int(1, 65_535)), "Local ports whose connections are counted."),
        key(
            "processes",
            Shape::Many(&Shape::Verbatim),
            "Processes to look for: the name of the executable, `*` allowed.",
        ),
        key("top", Shape::Int(0, 50), "How many of the busiest processes are listed; 5 by default."),
        key(
            "sizes",
            Shape::Many(&Shape::Text(Landing::Path)),
            "Directories or files whose size is summed, links not followed.",
        ),
        key(
            "listening",
            Shape::Either(&[Shape::Choice(WHICH), Shape::Record(LISTEN)]),
            "Lists the sockets that wait for others: `all`, `outside` (not only loopback), or a map that says which.",
        ),
        key(
            "logins",
            Shape::Bool,
            "Lists who is logged in, as systemd-logind says, or `/run/utmp` where it is not there.",
        ),
        key("clock", Shape::Bool, "Asks the kernel whether its clock is kept right, and how far off it is."),
        key(
            "bus",
            Shape::Text(Landing::Plain),
            "Where systemd-logind is asked: `system` (the default), or the address of a bus (`unix:path=/run/…`).",
        ),
    ]),
    short: None,
    output: &[
        Field { name: "hostname", ty: FieldType::Text, doc: "The machine's name." },
        Field { name: "uptime_s", ty: FieldType::Int, doc: "Seconds since it booted." },
        Field { name: "cpu", ty: FieldType::Record(CPU), doc: "The processors." },
        Field { name: "load", ty: FieldType::Record(LOAD), doc: "The run queue." },
        Field { name: "memory", ty: FieldType::Record(MEMORY), doc: "The memory." },
        Field {
            name: "disks",
            ty: FieldType::List(&FieldType::Record(DISK)),
            doc: "Each file system on a disk, once, sorted by mount.",
        },
        Field { name: "io", ty: FieldType::Record(IO), doc: "Disk and network traffic." },
        Field {
            name: "sockets",
            ty: FieldType::List(&FieldType::Record(SOCKETS)),
            doc: "One entry for each of `ports`.",
        },
        Field { name: "connections", ty: FieldType::Int, doc: "Established connections on all of `ports`." },
        Field {
            name: "processes",
            ty: FieldType::List(&FieldType::Record(PROCESSES)),
            doc: "One entry for each of `processes`.",
        },
        Field { name: "top", ty: FieldType::List(&FieldType::Record(PROCESSES)), doc: "The busiest processes." },
        Field { name: "sizes", ty: FieldType::Map(&FieldType::Int), doc: "Bytes of each of `sizes`." },
        Field {
            name: "listening",
            ty: FieldType::Maybe(&FieldType::List(&FieldType::Record(LISTENING))),
            doc: "Who listens, by protocol, port and address; there where `listening` asks for it.",
        },
        Field {
            name: "logins",
            ty: FieldType::Maybe(&FieldType::List(&FieldType::Record(LOGINS))),
            doc: "Who is logged in; there where `logins` asks for it.",
        },
        Field {
            name: "clock",
            ty: FieldType::Maybe(&FieldType::Record(CLOCK)),
            doc: "The clock; there where `clock` asks for it.",
        },
    ],
    effects: Effects::Reads,
};
