//! The other side: small servers in this process, and real ones started for a test and stopped with it.

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get};
use hickory_resolver::proto::op::{Message, MessageType, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, MX, TXT};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use rustix::net::{AddressFamily, SocketType};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

/// A server of its own, ended with the test.
pub(super) struct Process(pub(super) Child);

impl Drop for Process {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        let _ = self.0.wait();
    }
}

pub(crate) struct Servers {
    pub(super) runtime: tokio::runtime::Runtime,
    pub(super) addresses: BTreeMap<&'static str, String>,
    pub(super) processes: Vec<Process>,
    pub(super) directories: Vec<tempfile::TempDir>,
    /// Has the port at which nothing listens: one that is merely free is soon somebody else's.
    _closed: OwnedFd,
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.processes.clear();
    }
}

impl Servers {
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (closed, address) = closed();
        let addresses = BTreeMap::from([("closed", address.to_string())]);
        Self { runtime, addresses, processes: Vec::new(), directories: Vec::new(), _closed: closed }
    }

    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    pub(crate) fn port(&self, name: &str) -> u16 {
        self.addresses[name].rsplit_once(':').unwrap().1.parse().unwrap()
    }

    /// `{http}` and the like as addresses.
    pub(crate) fn fill(&self, text: &str, book: &Path) -> String {
        let text = text.replace("{book}", &book.display().to_string());
        let text = text.replace("{certificates}", &super::fixtures().join("certificates").display().to_string());
        self.addresses.iter().fold(text, |text, (name, address)| text.replace(&format!("{{{name}}}"), address))
    }

    /// Addresses as `{http}` and the like; what differs each time as a constant.
    pub(crate) fn scrub(&self, text: &str, book: &Path) -> String {
        let text = text.replace(&book.display().to_string(), "{book}");
        let text = text.replace(&super::fixtures().join("certificates").display().to_string(), "{certificates}");
        let mut text =
            self.addresses.iter().fold(text, |text, (name, address)| text.replace(address, &format!("{{{name}}}")));
        for (pattern, with) in [
            (r#""date":"[^"]*""#, r#""date":"…""#),
            ("date: [A-Z][a-z]+, [^`]* GMT", "date: …"),
            (r#"token: "[0-9a-f]{16}:[0-9a-f]+""#, r#"token: "…""#),
            (r"info: \{.*\}", "info: {…}"),
            (r#"version: "[^"]*""#, r#"version: "…""#),
        ] {
            text = regex::Regex::new(pattern).unwrap().replace_all(&text, with).into_owned();
        }
        text
    }

    /// An HTTP server: `{http}`.
    pub(crate) fn web(mut self) -> Self {
        let listener = self.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        self.addresses.insert("http", listener.local_addr().unwrap().to_string());
        self.runtime.spawn(async move { axum::serve(listener, routes()).await.unwrap() });
        self.banner()
    }

    /// Something that says hello and repeats what it hears: `{banner}`.
    fn banner(mut self) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        self.addresses.insert("banner", listener.local_addr().unwrap().to_string());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                use std::io::Write;
                let mut stream = stream;
                let mut heard = [0; 64];
                let _ = stream.write_all(b"220 hello\r\n");
                let count = stream.read(&mut heard).unwrap_or(0);
                let _ = stream.write_all(&heard[..count]);
            }
        });
        self
    }

    /// TLS servers: `{tls}` with a chain of the test root, `{self_signed}` without.
    pub(crate) fn secure(mut self) -> Self {
        for (name, file) in [("tls", "server"), ("self_signed", "self")] {
            let path = |ending: &str| super::fixtures().join(format!("certificates/{file}.{ending}"));
            let chain: Vec<_> = CertificateDer::pem_file_iter(path("pem")).unwrap().map(Result::unwrap).collect();
            let key = PrivateKeyDer::from_pem_file(path("key")).unwrap();
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = rustls::ServerConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(chain, key)
                .unwrap();
            let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
            let listener = self.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
            self.addresses.insert(name, listener.local_addr().unwrap().to_string());
            self.runtime.spawn(async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    drop(acceptor.accept(stream).await);
                }
            });
        }
        self.web()
    }

    /// A name server that knows `example.test`: `{dns}`.
    pub(crate) fn names(mut self) -> Self {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        self.addresses.insert("dns", socket.local_addr().unwrap().to_string());
        std::thread::spawn(move || {
            let mut buffer = [0; 1500];
            while let Ok((size, peer)) = socket.recv_from(&mut buffer) {
                let answer = names(&Message::from_vec(&buffer[..size]).unwrap());
                let _ = socket.send_to(&answer.to_vec().unwrap(), peer);
            }
        });
        self
    }

    /// A Redis of its own: `{redis}`; nothing where there is none.
    pub(crate) fn redis(mut self) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let port = free_port();
        let mut command = Command::new("redis-server");
        command.args([
            "--save",
            "",
            "--bind",
            "127.0.0.1",
            "--port",
            &port.to_string(),
            "--requirepass",
            "hunter2-hunter2",
        ]);
        command.current_dir(directory.path()).stdout(Stdio::piped()).stderr(Stdio::null());
        let Ok(mut child) = command.spawn() else {
            crate::tools::missing("redis-server");
            return None;
        };
        wait_for(child.stdout.take().unwrap(), "Ready to accept connections");
        self.processes.push(Process(child));
        self.directories.push(directory);
        let mut client = redis::Client::open(format!("redis://:hunter2-hunter2@127.0.0.1:{port}/"))
            .unwrap()
            .get_connection()
            .unwrap();
        for (name, count) in [("cache", 1_200), ("session", 3)] {
            for number in 0..count {
                redis::cmd("SET").arg(format!("{name}:{number}")).arg("x").exec(&mut client).unwrap();
            }
        }
        self.addresses.insert("redis", format!("127.0.0.1:{port}"));
        Some(self.web())
    }

    /// A PostgreSQL of its own: `{postgres}`; nothing where there is none.
    pub(crate) fn postgres(mut self) -> Option<Self> {
        let Some(bin) = postgres_bin() else {
            crate::tools::missing("postgres");
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        std::fs::create_dir(&data).unwrap();
        if rustix::process::geteuid().is_root() {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
            let done = Command::new("chown").arg("-R").arg("postgres").arg(directory.path()).status().unwrap();
            assert!(done.success());
        }
        let password = directory.path().join("password");
        std::fs::write(&password, "hunter2-hunter2\n").unwrap();
        let mut initdb = as_postgres(&bin.join("initdb"));
        initdb.args(["-U", "ops", "-A", "scram-sha-256", "--no-sync", "-E", "UTF8", "--locale=C", "--pwfile"]);
        let done = initdb.arg(&password).arg("-D").arg(&data).stdout(Stdio::null()).status().unwrap();
        assert!(done.success());
        let port = free_port();
        let mut server = as_postgres(&bin.join("postgres"));
        server
            .args(["-F", "-h", "127.0.0.1", "-p", &port.to_string(), "-k", "", "-D"])
            .arg(&data)
            .stderr(Stdio::piped());
        let mut child = server.spawn().unwrap();
        wait_for(child.stderr.take().unwrap(), "ready to accept connections");
        self.processes.push(Process(child));
        self.directories.push(directory);
        self.addresses.insert("postgres", format!("127.0.0.1:{port}"));
        Some(self.web())
    }
}

/// A socket with an address of its own that does not listen: who connects is refused as long as it is there.
fn closed() -> (OwnedFd, SocketAddr) {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&socket, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = rustix::net::getsockname(&socket).unwrap();
    (socket, SocketAddr::try_from(address).unwrap())
}

pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Reads what a server says until it is ready, then drains it on a thread.
fn wait_for(stream: impl Read + Send + 'static, ready: &str) {
    let mut lines = BufReader::new(stream).lines();
    let mut said = String::new();
    loop {
        let line = lines.next().and_then(Result::ok).unwrap_or_else(|| panic!("the server ended:\n{said}"));
        if line.contains(ready) {
            break;
        }
        said.push_str(&line);
    }
    std::thread::spawn(move || lines.for_each(drop));
}

fn postgres_bin() -> Option<std::path::PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten().collect();
    found.sort_by_key(std::fs::DirEntry::file_name);
    found.pop().map(|entry| entry.path().join("bin")).filter(|bin| bin.join("postgres").exists())
}

/// PostgreSQL refuses to run as root.
fn as_postgres(program: &Path) -> Command {
    if rustix::process::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program).current_dir("/");
        return command;
    }
    Command::new(program)
}

const METRICS: &str = "\
# HELP calls_total Calls\n# TYPE calls_total counter\ncalls_total{status=\"ok\",path=\"/a,b\"} 10\ncalls_total{status=\"error\"} 2\n\
# TYPE latency_seconds histogram\nlatency_seconds_bucket{le=\"0.1\"} 50\nlatency_seconds_bucket{le=\"0.5\"} 90\n\
latency_seconds_bucket{le=\"1\"} 100\nlatency_seconds_bucket{le=\"+Inf\"} 100\nlatency_seconds_sum 20\nlatency_seconds_count 100\n\
# TYPE rooms gauge\nrooms 4\n";

fn json(text: &'static str) -> Response {
    ([("content-type", "application/json")], text).into_response()
}

fn routes() -> Router {
    let broken = || async {
        (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "7")], "{\"status\": \"down\"}").into_response()
    };
    let echo = |headers: HeaderMap, query: axum::extract::RawQuery, method: axum::http::Method, body: String| async move {
        let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        let query = query.0.unwrap_or_default();
        format!(
            "{method} ?{query} type={} auth={} x={}\n{body}",
            header("content-type"),
            header("authorization"),
            header("x")
        )
    };
    Router::new()
        .route(
            "/health",
            get(|| async { json("{\"status\": \"healthy\", \"components\": [{\"name\": \"redis\", \"up\": true}]}") }),
        )
        .route("/degraded", get(|| async { json("{\"status\": \"degraded\"}") }))
        .route("/down", get(broken))
        .route(
            "/busy",
            get(|| async { (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "Fri, 02 Jan 2026 12:00:30 GMT")], "") }),
        )
        .route("/moved", get(|| async { Redirect::temporary("/health") }))
        .route("/away", get(|| async { Redirect::temporary("http://other.example/") }))
        .route("/echo", any(echo))
        .route("/metrics", get(|| async { METRICS }))
        .route("/huge", get(|| async { "x".repeat(5 << 20) }))
        .route("/prom/api/v1/query", get(query))
        .route("/prom/api/v1/query_range", get(query))
}

/// A Prometheus that answers by the words of the query.
async fn query(query: axum::extract::Query<BTreeMap<String, String>>) -> Response {
    let text = query.0["query"].as_str();
    if query.0.contains_key("start") {
        let (start, end, step) = (&query.0["start"], &query.0["end"], &query.0["step"]);
        return format!(
            "{{\"status\":\"success\",\"data\":{{\"resultType\":\"matrix\",\"result\":[{{\"metric\":{{\"step\":\"{step}\"}},\
             \"values\":[[{start},\"1\"],[{end}.5,\"2.5\"]]}}]}}}}"
        )
        .into_response();
    }
    if text.contains("none") {
        return json("{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[]}}");
    }
    if text.contains("((") {
        let body = "{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"1:3: parse error: unclosed left parenthesis\"}";
        return (StatusCode::BAD_REQUEST, json(body)).into_response();
    }
    let label = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!(
        "{{\"status\":\"success\",\"warnings\":[\"slow\"],\"data\":{{\"resultType\":\"vector\",\"result\":[\
         {{\"metric\":{{\"query\":\"{label}\"}},\"value\":[1767355200,\"0.25\"]}},{{\"metric\":{{}},\"value\":[1767355200,\"NaN\"]}}]}}}}"
    )
    .into_response()
}

fn names(question: &Message) -> Message {
    let query = question.queries[0].clone();
    let name = query.name().clone();
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    answer.metadata.message_type = MessageType::Response;
    answer.metadata.recursion_available = true;
    answer.queries.push(query.clone());
    let known = name == Name::from_ascii("example.test.").unwrap();
    let data: Vec<RData> = match query.query_type() {
        _ if !known => Vec::new(),
        RecordType::A => vec![RData::A(A::new(203, 0, 113, 8)), RData::A(A::new(203, 0, 113, 7))],
        RecordType::MX => vec![RData::MX(MX::new(10, Name::from_ascii("mail.example.test.").unwrap()))],
        RecordType::TXT => vec![RData::TXT(TXT::new(vec!["v=spf1 -all".into()]))],
        _ => Vec::new(),
    };
    if !known {
        answer.metadata.response_code = ResponseCode::NXDomain;
    }
    for data in data {
        answer.answers.push(Record::from_rdata(name.clone(), 300, data));
    }
    answer
}
