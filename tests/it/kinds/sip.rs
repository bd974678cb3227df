//! SIP servers for `sip.md`: Debian's sipp for what a trunk says, our own for what no trunk should.

use crate::kinds::servers::{Process, Servers, free_port};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fmt::Write as _;
use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// An answer to a request, as text: what a request is known by is copied.
fn answer(request: &str, status: &str, headers: &str) -> String {
    let copied = ["via:", "from:", "to:", "call-id:", "cseq:"];
    let mut text = format!("SIP/2.0 {status}\r\n");
    for line in request.lines().filter(|line| copied.iter().any(|name| line.to_ascii_lowercase().starts_with(name))) {
        let _ = write!(text, "{line}\r\n");
    }
    let _ = write!(text, "{headers}Content-Length: 0\r\n\r\n");
    text
}

impl Servers {
    /// Trunks of every sort: `{sip}`, `{sip_digest}`, `{sip_tcp}` of sipp, nothing where there is none, and the others.
    pub(crate) fn trunks(self) -> Option<Self> {
        self.sipp("sip", "options", "u1")?
            .sipp("sip_digest", "digest", "u1")?
            .sipp("sip_tcp", "digest", "t1")
            .map(|servers| servers.odd_trunks().secure_trunk().web())
    }

    /// A sipp with a scenario of `fixtures/kinds/sipp`.
    fn sipp(mut self, name: &'static str, scenario: &str, transport: &str) -> Option<Self> {
        let port = free_port();
        let directory = tempfile::tempdir().unwrap();
        let scenario = super::fixtures().join(format!("sipp/{scenario}.xml"));
        let mut command = Command::new("sipp");
        command.arg("-sf").arg(scenario).args(["-i", "127.0.0.1", "-t", transport, "-nostdin", "-p"]);
        command.arg(port.to_string()).current_dir(directory.path()).env("TERM", "dumb");
        let Ok(child) = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn() else {
            crate::tools::missing("sipp");
            return None;
        };
        self.processes.push(Process(child));
        self.directories.push(directory);
        self.addresses.insert(name, format!("127.0.0.1:{port}"));
        let table = if transport == "u1" { "/proc/net/udp" } else { "/proc/net/tcp" };
        for _ in 0..600 {
            if std::fs::read_to_string(table).unwrap().contains(&format!(":{port:04X} ")) {
                return Some(self);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("sipp does not listen on {port} after 12 s");
    }

    /// Over UDP: `{sip_deaf}` hears the third request only, `{sip_silent}` none, `{sip_noise}` says much else first,
    /// `{sip_working}` says that it works on it and no more, `{sip_stale}` wants it signed twice, `{sip_session}` in a way
    /// that is not spoken, `{sip_absent}` says 404 and `{sip_busy}` 503.
    fn odd_trunks(self) -> Self {
        let digest =
            |nonce: &str, rest: &str| format!("Proxy-Authenticate: Digest realm=\"r\", nonce=\"{nonce}\"{rest}\r\n");
        let signed = |request: &str, nonce: &str| request.contains("Proxy-Authorization") && request.contains(nonce);
        self.odd("sip_silent", |_, _| Vec::new())
            .odd("sip_deaf", |request, count| match count {
                3 => vec![answer(request, "200 OK", "Server: hard of hearing\r\n")],
                _ => Vec::new(),
            })
            .odd("sip_noise", |request, _| {
                let other = request.replace("branch=z9hG4bK", "branch=z9hG4bKx");
                let asks = "OPTIONS sip:you@127.0.0.1 SIP/2.0\r\nCSeq: 1 OPTIONS\r\n\r\n".to_owned();
                let invite = request.replace("1 OPTIONS", "1 INVITE");
                let answers = [&other, &invite].map(|request| answer(request, "403 Forbidden", ""));
                let good = answer(request, "200", "user-agent:  far \r\n too long\r\n\u{1}no header\r\n");
                [vec!["\u{0}\u{ff}".into(), "SIP/2.0 200 OK\r\n".into(), asks], answers.to_vec(), vec![good]].concat()
            })
            .odd("sip_working", |request, _| vec![answer(request, "100 Trying", "")])
            .odd("sip_stale", move |request, _| {
                let sha = ", algorithm=SHA-256, qop=\"auth,auth-int\", opaque=\"x\"";
                vec![match () {
                    () if signed(request, "second") => answer(request, "200 OK", ""),
                    () if signed(request, "first") => {
                        answer(request, "407 Stale", &digest("second", &format!("{sha}, stale=TRUE")))
                    }
                    () => answer(request, "407 Proxy Authentication Required", &digest("first", sha)),
                }]
            })
            .odd("sip_session", move |request, _| {
                vec![answer(request, "407 Proxy Authentication Required", &digest("n", ", algorithm=MD5-sess"))]
            })
            .odd("sip_absent", |request, _| vec![answer(request, "404 Not Found", "")])
            .odd("sip_busy", |request, _| {
                vec![answer(request, "503 Service Unavailable", "Retry-After: 7 (in a moment);duration=60\r\n")]
            })
    }

    /// A server over UDP whose answers are made of the request and its number in the conversation.
    fn odd(mut self, name: &'static str, mut says: impl FnMut(&str, usize) -> Vec<String> + Send + 'static) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        self.addresses.insert(name, socket.local_addr().unwrap().to_string());
        std::thread::spawn(move || {
            let mut buffer = vec![0; 65536];
            let mut count = 0;
            while let Ok((size, peer)) = socket.recv_from(&mut buffer) {
                count += 1;
                let request = String::from_utf8_lossy(&buffer[..size]).into_owned();
                for answer in says(&request, count) {
                    let _ = socket.send_to(answer.as_bytes(), peer);
                }
            }
        });
        self
    }

    /// Over TLS, with the certificate of the test root: `{sip_tls}`. Over TCP `{sip_endless}`, whose answer never ends.
    fn secure_trunk(mut self) -> Self {
        let path = |ending: &str| super::fixtures().join(format!("certificates/server.{ending}"));
        let chain: Vec<_> = CertificateDer::pem_file_iter(path("pem")).unwrap().map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(path("key")).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = self.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        self.addresses.insert("sip_tls", listener.local_addr().unwrap().to_string());
        self.runtime.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                if let Ok(stream) = acceptor.accept(stream).await {
                    answers_in_pieces(stream).await;
                }
            }
        });
        let listener = self.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        self.addresses.insert("sip_endless", listener.local_addr().unwrap().to_string());
        self.runtime.spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.write_all(b"SIP/2.0 200 OK\r\n").await;
                while stream.write_all(b"Server: and so on, and so on\r\n").await.is_ok() {}
            }
        });
        self
    }
}

/// Keep-alives, `100 Trying`, and an answer with a body, a few bytes at a time.
async fn answers_in_pieces(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut buffer = vec![0; 65536];
    let Ok(size) = stream.read(&mut buffer).await else { return };
    let request = String::from_utf8_lossy(&buffer[..size]).into_owned();
    let good = answer(&request, "200 OK", "Server: over TLS\r\n").replace("Content-Length: 0", "l : 5") + "v=0\r\n";
    let said = format!("\r\n\r\n{}{good}", answer(&request, "100 Trying", ""));
    for piece in said.as_bytes().chunks(37) {
        if stream.write_all(piece).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        tokio::task::yield_now().await;
    }
    let _ = stream.shutdown().await;
}
