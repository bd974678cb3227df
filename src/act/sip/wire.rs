//! How messages travel: UDP with the timers of RFC 3261, TCP and TLS with the length of what is said.

use crate::act::args::Args;
use crate::act::connect::{Target, connect, connect_error, resolve};
use crate::act::sip::Transport;
use crate::act::sip::message::{Answer, Asked, Heard};
use crate::act::trust::{Trust, client, explain};
use crate::act::verdict::beginning;
use crate::act::world::World;
use crate::base::limits::MAX_SIP_MESSAGE;
use crate::base::span::Span;
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use memchr::memmem;
use rustls::pki_types::ServerName;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep_until};
use tokio_rustls::TlsConnector;

/// T1: the estimate of a round trip, and the first wait before a request is sent again.
const T1: Duration = Duration::from_millis(500);
/// T2: the longest wait before a request is sent again.
const T2: Duration = Duration::from_secs(4);

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A way to the other side.
pub(super) struct Wire {
    line: Carrier,
    target: Target,
    local: SocketAddr,
    peer: SocketAddr,
}

enum Carrier {
    Udp(UdpSocket),
    /// With what was read and not yet understood.
    Stream(Box<dyn Stream>, Vec<u8>),
}

impl Wire {
    pub(super) async fn open(
        args: &Args,
        world: &World,
        transport: Transport,
        target: &Target,
    ) -> Result<Self, Failure> {
        let bad = |error: io::Error| Failure::new(FailureKind::Connect, connect_error(&error, &target.to_string()));
        if transport == Transport::Udp {
            // Nothing says whether anybody is behind an address: of several the kind that trunks have.
            let found = resolve(target).await?;
            let peer = found.iter().find(|peer| peer.is_ipv4()).or(found.first());
            let peer = *peer.ok_or_else(|| bad(io::ErrorKind::NotFound.into()))?;
            let any: SocketAddr = match peer {
                SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
                SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
            };
            let socket = UdpSocket::bind(any).await.map_err(bad)?;
            socket.connect(peer).await.map_err(bad)?;
            let local = socket.local_addr().map_err(bad)?;
            return Ok(Self { line: Carrier::Udp(socket), target: target.clone(), local, peer });
        }
        let (stream, peer) = connect(target).await?;
        let local = stream.local_addr().map_err(bad)?;
        let stream: Box<dyn Stream> = match transport {
            Transport::Udp | Transport::Tcp => Box::new(stream),
            Transport::Tls => Box::new(secured(args, world, target, stream).await?),
        };
        Ok(Self { line: Carrier::Stream(stream, Vec::new()), target: target.clone(), local, peer })
    }

    /// The address of this side.
    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// What a message about it begins with.
    pub(super) fn subject(&self) -> String {
        self.target.to_string()
    }

    /// Sends a request until its final answer is there, for as long as `until`. Counts what it sends.
    pub(super) async fn exchange(
        &mut self,
        asked: &Asked,
        until: Instant,
        patience: Duration,
        sent: &mut u32,
    ) -> Result<Answer, Failure> {
        let peer = self.peer.to_string();
        let broken = |error: io::Error| Failure::new(FailureKind::Connect, connect_error(&error, &peer));
        let before = *sent;
        let mut heard = Listened::default();
        let answer = match &mut self.line {
            Carrier::Udp(socket) => udp(socket, asked, until, &mut heard, sent).await.map_err(broken)?,
            Carrier::Stream(stream, rest) => {
                *sent += 1;
                let talk = async {
                    stream.write_all(&asked.bytes).await.map_err(broken)?;
                    stream.flush().await.map_err(broken)?;
                    listen(stream, rest, asked, &mut heard, &peer).await
                };
                tokio::time::timeout_at(until, talk).await.ok().transpose()?
            }
        };
        answer.ok_or_else(|| heard.silence(&self.target, patience, *sent - before))
    }
}

/// What came that was no final answer.
#[derive(Default)]
struct Listened {
    provisional: Option<String>,
    noise: Option<String>,
}

impl Listened {
    /// What was heard: the final answer, or nothing yet.
    fn take(&mut self, heard: Heard) -> Option<Answer> {
        match heard {
            Heard::Answer(answer) if answer.code < 200 => self.provisional = Some(answer.in_words()),
            Heard::Answer(answer) => return Some(answer),
            Heard::Stray => {}
            Heard::Noise(text) => self.noise = Some(text),
        }
        None
    }

    fn silence(&self, target: &Target, patience: Duration, sent: u32) -> Failure {
        let times = if sent == 1 { String::new() } else { format!(", asked {sent} times") };
        let came = match (&self.provisional, &self.noise) {
            (Some(words), _) => format!("; it only said `{}`", beginning(words)),
            (None, Some(text)) => format!("; what came was no SIP: `{}`", beginning(text)),
            (None, None) => String::new(),
        };
        let patience = Span::from(patience.max(Duration::from_millis(1)));
        Failure::new(FailureKind::Timeout, format!("{target}: no final answer within {patience}{times}{came}"))
    }
}

/// Asks over UDP: again after T1, then after twice as long each time up to T2; once it works on it (1xx) each T2.
async fn udp(
    socket: &UdpSocket,
    asked: &Asked,
    until: Instant,
    heard: &mut Listened,
    sent: &mut u32,
) -> io::Result<Option<Answer>> {
    let mut wait = T1;
    let mut buffer = vec![0; MAX_SIP_MESSAGE];
    loop {
        socket.send(&asked.bytes).await?;
        *sent += 1;
        let again = Instant::now() + wait;
        loop {
            tokio::select! {
                read = socket.recv(&mut buffer) => {
                    if let Some(answer) = heard.take(asked.read(&buffer[..read?])) {
                        return Ok(Some(answer));
                    }
                }
                () = sleep_until(again.min(until)) => break,
            }
        }
        if Instant::now() >= until {
            return Ok(None);
        }
        wait = if heard.provisional.is_some() { T2 } else { longer(wait) };
    }
}

/// Timer E: twice as long, up to T2.
fn longer(wait: Duration) -> Duration {
    (wait * 2).min(T2)
}

/// Reads messages until the final answer is among them.
async fn listen(
    stream: &mut Box<dyn Stream>,
    rest: &mut Vec<u8>,
    asked: &Asked,
    heard: &mut Listened,
    peer: &str,
) -> Result<Answer, Failure> {
    let no_sip = |text: &str| {
        Failure::new(
            FailureKind::Connect,
            format!("{peer}: what answers there does not speak SIP: `{}`", beginning(text)),
        )
    };
    let mut buffer = [0; 4096];
    loop {
        while let Some(message) =
            cut(rest).map_err(|why| Failure::new(FailureKind::Connect, format!("{peer}: {why}")))?
        {
            if let Some(answer) = heard.take(asked.read(&message)) {
                return Ok(answer);
            }
            if let Some(text) = &heard.noise {
                return Err(no_sip(text));
            }
        }
        let read = stream.read(&mut buffer).await;
        match read.and_then(|count| if count == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(count) }) {
            Ok(count) => rest.extend_from_slice(&buffer[..count]),
            // Some say what they think of it and hang up.
            Err(_) if !rest.is_empty() && !rest.starts_with(b"SIP/2.0") => {
                return Err(no_sip(&String::from_utf8_lossy(rest)));
            }
            Err(error) => return Err(Failure::new(FailureKind::Connect, connect_error(&error, peer))),
        }
    }
}

/// Takes the first whole message off what was read.
fn cut(rest: &mut Vec<u8>) -> Result<Option<Vec<u8>>, String> {
    let too_long = || format!("a message is longer than {MAX_SIP_MESSAGE} bytes, the most that is read");
    // Empty lines between messages keep the connection alive.
    let blank = rest.iter().take_while(|byte| b"\r\n".contains(byte)).count();
    rest.drain(..blank);
    let Some(end) = memmem::find(rest, b"\r\n\r\n") else {
        return if rest.len() > MAX_SIP_MESSAGE { Err(too_long()) } else { Ok(None) };
    };
    let head = String::from_utf8_lossy(&rest[..end]);
    let length = head.lines().skip(1).filter_map(|line| line.split_once(':')).find_map(|(name, value)| {
        let named = ["content-length", "l"].iter().any(|known| name.trim().eq_ignore_ascii_case(known));
        named.then(|| {
            value.trim().parse::<usize>().map_err(|_| format!("`{}` is no length of a message", beginning(value)))
        })
    });
    let whole = (end + 4).saturating_add(length.unwrap_or(Ok(0))?);
    if whole > MAX_SIP_MESSAGE {
        return Err(too_long());
    }
    Ok((rest.len() >= whole).then(|| rest.drain(..whole).collect()))
}

async fn secured(
    args: &Args,
    world: &World,
    target: &Target,
    stream: tokio::net::TcpStream,
) -> Result<tokio_rustls::client::TlsStream<tokio::net::TcpStream>, Failure> {
    let trust = if args.flag("verify")? == Some(false) { Trust::Anybody } else { Trust::Verified };
    let (config, _) = client(args.text("ca").as_deref(), trust, world)?;
    let name = args.text("name").unwrap_or_else(|| target.host.clone());
    let bad = |error| Failure::lasting(FailureKind::Template, format!("`{name}` is no name of a server: {error}"));
    let server = ServerName::try_from(name.clone()).map_err(bad)?;
    TlsConnector::from(Arc::new(config)).connect(server, stream).await.map_err(|error| {
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()).map(explain);
        let why = tls.unwrap_or_else(|| connect_error(&error, &target.to_string()));
        Failure::new(FailureKind::Connect, format!("{target}: {why}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_sent_again_ever_later_up_to_four_seconds() {
        let waits: Vec<u128> =
            std::iter::successors(Some(T1), |wait| Some(longer(*wait))).take(6).map(|wait| wait.as_millis()).collect();
        assert_eq!(waits, [500, 1_000, 2_000, 4_000, 4_000, 4_000]);
    }

    #[test]
    fn messages_of_a_stream_are_cut_by_their_length() {
        let cut_all = |text: &str| {
            let mut rest = text.as_bytes().to_vec();
            let mut messages = Vec::new();
            while let Some(message) = cut(&mut rest).expect("no trouble") {
                messages.push(String::from_utf8(message).expect("text"));
            }
            (messages, String::from_utf8(rest).expect("text"))
        };
        let (messages, rest) = cut_all("\r\n\r\nA\r\nL: 3\r\n\r\nxyzB\r\n\r\n\r\nC\r\nContent-Length : 9\r\n\r\nhalf");
        assert_eq!(messages, ["A\r\nL: 3\r\n\r\nxyz", "B\r\n\r\n"]);
        assert_eq!(rest, "C\r\nContent-Length : 9\r\n\r\nhalf");
        for (text, says) in [
            ("A\r\nl: -1\r\n\r\n".to_owned(), "` -1` is no length of a message"),
            ("A\r\nl: 99999999999999999999\r\n\r\n".into(), "is no length of a message"),
            (format!("A\r\nl: {}\r\n\r\n", usize::MAX), "is longer than 65536 bytes"),
            ("x".repeat(MAX_SIP_MESSAGE + 1), "is longer than 65536 bytes"),
        ] {
            let why = cut(&mut text.clone().into_bytes()).expect_err(says);
            assert!(why.contains(says.trim_start_matches("` ")), "{why}");
        }
    }
}
