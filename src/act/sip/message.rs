//! What is said: the requests of one conversation, and what of the answers is worth knowing.
//!
//! Parsing and printing are `ezk-sip-types`', digests `ezk-sip-auth`'s. Nothing here sends anything.

use crate::act::args::Args;
use crate::act::connect::Target;
use crate::act::sip::Transport;
use crate::act::verdict::beginning;
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use ezk_sip_auth::{
    ClientAuthenticator, DigestAuthenticator, DigestCredentials, DigestUser, RequestParts, ResponseParts,
};
use ezk_sip_types::header::typed::{
    Accept, Algorithm, AlgorithmValue, AuthChallenge, CSeq, CallID, Contact, FromTo, MaxForwards, Via,
};
use ezk_sip_types::host::{Host, HostPort};
use ezk_sip_types::msg::{Line, PullParser, RequestLine, StatusLine};
use ezk_sip_types::print::{AppendCtx, PrintCtx, UriContext};
use ezk_sip_types::uri::params::Param;
use ezk_sip_types::uri::{NameAddr, SipUri};
use ezk_sip_types::{Headers, Method, Name, StatusCode};
use std::fmt::Write as _;
use std::net::SocketAddr;

/// What a branch of this version of SIP begins with.
const COOKIE: &str = "z9hG4bK";

/// One conversation: what stays the same from request to request.
pub(super) struct Talk {
    line: RequestLine,
    /// Everything but `Via`, `CSeq` and credentials.
    headers: Headers,
    via: (Transport, SocketAddr),
    /// Nobody else's branches begin with it.
    token: String,
    cseq: u32,
    digest: Option<DigestAuthenticator>,
    signed: bool,
}

/// A request, ready to be sent, and what its answer is known by.
pub(super) struct Asked {
    pub(super) bytes: Vec<u8>,
    line: RequestLine,
    headers: Headers,
    branch: String,
    cseq: u32,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) code: u16,
    pub(super) reason: String,
    headers: Headers,
}

/// What a message turned out to be.
#[derive(Debug)]
pub(super) enum Heard {
    /// An answer to what was asked.
    Answer(Answer),
    /// SIP, and not for us: an answer to something else, or a request.
    Stray,
    /// No SIP; its beginning.
    Noise(String),
}

impl Talk {
    pub(super) fn new(args: &Args, transport: Transport, target: &Target, local: SocketAddr) -> Result<Self, Failure> {
        let token = token()?;
        let (call, tag) = token.split_at(24);
        let asked = match args.text("to") {
            Some(text) => uri("to", &text)?,
            None => SipUri::new(host_port(target)?),
        };
        let mut asks = SipUri::new(HostPort { host: Host::from(local.ip()), port: None });
        asks.set_user("stepladder".into());
        let asks = args.text("from").map_or(Ok(asks), |text| uri("from", &text))?;
        let mut here = SipUri::new(HostPort::from(local));
        here.set_user("stepladder".into());
        let here = match transport {
            Transport::Udp => here,
            Transport::Tcp | Transport::Tls => here.uri_param_value("transport", transport.name().to_ascii_lowercase()),
        };
        let mut headers = Headers::new();
        headers.insert_named(&MaxForwards(70));
        headers.insert_type(Name::FROM, &FromTo::new(NameAddr::uri(asks), Some(tag.into())));
        headers.insert_type(Name::TO, &FromTo::new(NameAddr::uri(asked.clone()), None));
        headers.insert_named(&CallID::new(call));
        headers.insert_named(&Contact::new(NameAddr::uri(here)));
        headers.insert_named(&Accept("application/sdp".into()));
        headers.insert(Name::USER_AGENT, concat!("stepladder/", env!("CARGO_PKG_VERSION")));
        headers.insert(Name::CONTENT_LENGTH, "0");
        let line = RequestLine { method: Method::OPTIONS, uri: asked };
        Ok(Self { line, headers, via: (transport, local), token, cseq: 0, digest: digest(args)?, signed: false })
    }

    pub(super) fn has_credentials(&self) -> bool {
        self.digest.is_some()
    }

    /// The next request, with credentials where they were asked for.
    pub(super) fn ask(&mut self) -> Asked {
        self.cseq += 1;
        let branch = format!("{COOKIE}{}{}", self.token, self.cseq);
        let mut headers = self.headers.clone();
        let (transport, local) = self.via;
        let mut via = Via::new(transport.name(), HostPort::from(local), branch.as_str());
        via.params.push(Param::name("rport"));
        headers.insert_named_front(&via);
        headers.insert_named(&CSeq::new(self.cseq, Method::OPTIONS));
        if let Some(digest) = self.digest.as_mut().filter(|_| self.signed) {
            digest.authorize_request(&mut headers);
        }
        let context = PrintCtx { method: Some(&self.line.method), uri: Some(UriContext::ReqUri) };
        let bytes = format!("{}\r\n{headers}\r\n", self.line.print_ctx(context)).into_bytes();
        Asked { bytes, line: self.line.clone(), headers, branch, cseq: self.cseq }
    }

    /// Makes the credentials that an answer asks for. False where those that were sent are not what it wants.
    pub(super) fn signs(&mut self, asked: &Asked, answer: &Answer, subject: &str) -> Result<bool, Failure> {
        let unspoken =
            |why: &str| Failure::lasting(FailureKind::Status, format!("{subject}: {}, {why}", answer.in_words()));
        let (challenges, others) = challenges(answer);
        if challenges.is_empty() {
            return Err(if others.is_empty() {
                unspoken("and does not say how")
            } else {
                unspoken(&format!("by a way of signing that is not spoken here: {}", others.join(", ")))
            });
        }
        let stale = |(_, challenge): &(Name, AuthChallenge)| match challenge {
            AuthChallenge::Digest(digest) => digest.stale,
            AuthChallenge::Other(_) => false,
        };
        if self.signed && !challenges.iter().any(stale) {
            return Ok(false);
        }
        let Some(digest) = &mut self.digest else { return Ok(false) };
        let mut headers = Headers::new();
        for (name, challenge) in &challenges {
            headers.insert_type(name.clone(), challenge);
        }
        let line = StatusLine { code: StatusCode::from(answer.code), reason: None };
        let request = RequestParts { line: &asked.line, headers: &asked.headers, body: &[] };
        let rejected = ResponseParts { line: &line, headers: &headers, body: &[] };
        match digest.handle_rejection(request, rejected) {
            Ok(()) => self.signed = true,
            Err(_) if self.signed => return Ok(false),
            Err(error) => return Err(unspoken(&format!("and its challenge can't be answered: {error}"))),
        }
        Ok(true)
    }
}

/// The challenges that can be answered, and what the others are called.
///
/// The session algorithms are not among them: `ezk-sip-auth` 0.5 makes their digest of text that should be hashed.
fn challenges(answer: &Answer) -> (Vec<(Name, AuthChallenge)>, Vec<String>) {
    let (mut known, mut others) = (Vec::new(), Vec::new());
    for name in [Name::WWW_AUTHENTICATE, Name::PROXY_AUTHENTICATE] {
        let found = answer.headers.try_get::<Vec<AuthChallenge>>(name.clone());
        for challenge in found.and_then(Result::ok).unwrap_or_default() {
            match &challenge {
                AuthChallenge::Digest(digest) => match &digest.algorithm {
                    Algorithm::AlgorithmValue(
                        AlgorithmValue::MD5 | AlgorithmValue::SHA256 | AlgorithmValue::SHA512256,
                    ) => known.push((name.clone(), challenge)),
                    Algorithm::AlgorithmValue(other) => others.push(other.to_string()),
                    Algorithm::AkaNamespace(other) => others.push(Algorithm::AkaNamespace(other.clone()).to_string()),
                },
                AuthChallenge::Other(other) => others.push(other.scheme.to_string()),
            }
        }
    }
    (known, others)
}

impl Asked {
    /// What these bytes are to whoever sent this request.
    pub(super) fn read(&self, bytes: &[u8]) -> Heard {
        let noise = || Heard::Noise(String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned());
        let mut lines = Vec::new();
        for line in PullParser::new(bytes, 0) {
            let Ok(line) = line else { return noise() };
            lines.push(String::from_utf8_lossy(line).into_owned());
        }
        let Some((first, rest)) = lines.split_first() else { return noise() };
        let Ok(status) = first.parse::<StatusLine>() else {
            return if first.parse::<RequestLine>().is_ok() { Heard::Stray } else { noise() };
        };
        let mut headers = Headers::new();
        for line in rest {
            // A line that goes on in the next is one line with a blank between.
            let line = line.split(['\r', '\n']).map(str::trim).filter(|part| !part.is_empty());
            let line = line.collect::<Vec<_>>().join(" ");
            if let Some((name, value)) = header(&line) {
                headers.insert(name, value);
            }
        }
        let code = status.code.into_u16();
        let ours = headers
            .get_named::<Via>()
            .is_ok_and(|via| via.params.get_val("branch").is_some_and(|it| **it == *self.branch))
            && headers.get_named::<CSeq>().is_ok_and(|cseq| cseq == CSeq::new(self.cseq, Method::OPTIONS));
        if !ours || !(100..700).contains(&code) {
            return Heard::Stray;
        }
        let usual = || status.code.text().unwrap_or_default().to_owned();
        let reason = status.reason.as_ref().map_or_else(usual, ToString::to_string);
        Heard::Answer(Answer { code, reason, headers })
    }
}

fn header(line: &str) -> Option<(Name, String)> {
    let source = bytes::Bytes::copy_from_slice(line.as_bytes());
    // The parser's names and values are pieces of what it is given.
    let text = std::str::from_utf8(&source).ok()?;
    let (_, Line { name, value }) = Line::parse(&source, text).ok()?;
    Some((name, value.trim().to_owned()))
}

impl Answer {
    /// `404 Not Found`.
    pub(super) fn in_words(&self) -> String {
        format!("{} {}", self.code, self.reason).trim_end().to_owned()
    }

    /// A header that is one text.
    pub(super) fn text(&self, name: &Name) -> String {
        self.headers.get_raw(name).map(ToString::to_string).next().unwrap_or_default()
    }

    /// A header that is a list, perhaps in several lines.
    pub(super) fn list(&self, name: &Name) -> Vec<String> {
        let values = self.headers.get_raw(name).flat_map(|value| value.split(','));
        values.map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned).collect()
    }

    /// Seconds: `18000;duration=3600` or `120 (in a meeting)`.
    pub(super) fn retry_after(&self) -> Option<u64> {
        let text = self.text(&Name::RETRY_AFTER);
        text.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    }
}

fn digest(args: &Args) -> Result<Option<DigestAuthenticator>, Failure> {
    let bad = |why: &str| Failure::lasting(FailureKind::Template, why);
    let (user, password) = match (args.text("username"), args.text("password")) {
        (None, None) => return Ok(None),
        (Some(user), Some(password)) => (user, password),
        (Some(_), None) => return Err(bad("`username` needs `password` beside it")),
        (None, Some(_)) => return Err(bad("`password` needs `username` beside it")),
    };
    if user.contains(|c: char| c.is_control() || "\"\\".contains(c)) {
        return Err(bad("`username` has a quote, a backslash or a control character, which no user of SIP may have"));
    }
    let mut credentials = DigestCredentials::new();
    credentials.set_default(DigestUser::new(user, password));
    Ok(Some(DigestAuthenticator::new(credentials)))
}

fn uri(key: &str, text: &str) -> Result<SipUri, Failure> {
    let bad = || {
        let why = format!("`{key}: {}` is no SIP address: write it like `sip:100@pbx.company.com`", beginning(text));
        Failure::lasting(FailureKind::Template, why)
    };
    text.trim().parse().map_err(|_| bad())
}

fn host_port(target: &Target) -> Result<HostPort, Failure> {
    let bad = || Failure::lasting(FailureKind::Template, format!("`{target}` is no host and port of SIP"));
    target.to_string().parse().map_err(|_| bad())
}

/// 40 digits that nobody guesses.
fn token() -> Result<String, Failure> {
    let mut bytes = [0; 20];
    getrandom::fill(&mut bytes).map_err(|_| Failure::new(FailureKind::Other, "the system gives no random numbers"))?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::value::{Map, Value, json};

    fn talk(args: &Value) -> Talk {
        let args = Args::from_map(args.as_object().cloned().unwrap_or_else(Map::new));
        let target = Target { host: "pbx.test".into(), port: 5060 };
        Talk::new(&args, Transport::Udp, &target, "192.0.2.7:5080".parse().expect("address")).expect("a conversation")
    }

    fn known() -> Value {
        json!({ "username": "steps", "password": "hunter2-hunter2" })
    }

    /// What a server would say to it, the branch and number copied.
    fn said(asked: &Asked, status: &str, headers: &str) -> Vec<u8> {
        let (branch, cseq) = (&asked.branch, asked.cseq);
        format!("SIP/2.0 {status}\r\nv: SIP/2.0/UDP h;branch={branch}\r\nCSeq: {cseq} OPTIONS\r\n{headers}\r\n")
            .into_bytes()
    }

    fn answer(asked: &Asked, status: &str, headers: &str) -> Answer {
        match asked.read(&said(asked, status, headers)) {
            Heard::Answer(answer) => answer,
            other @ (Heard::Stray | Heard::Noise(_)) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_request_says_what_the_standard_wants_and_no_two_look_the_same() {
        let mut talk = talk(&json!({}));
        let first = String::from_utf8(talk.ask().bytes).expect("text");
        let lines: Vec<&str> = first.lines().collect();
        assert_eq!(lines[0], "OPTIONS sip:pbx.test:5060 SIP/2.0");
        assert!(lines[1].starts_with("Via: SIP/2.0/UDP 192.0.2.7:5080;branch=z9hG4bK") && lines[1].ends_with(";rport"));
        for line in [
            "Max-Forwards: 70",
            "To: <sip:pbx.test>",
            "CSeq: 1 OPTIONS",
            "Contact: <sip:stepladder@192.0.2.7:5080>",
            "Accept: application/sdp",
            "Content-Length: 0",
        ] {
            assert!(lines.contains(&line), "{line}:\n{first}");
        }
        assert!(first.contains("\r\nFrom: <sip:stepladder@192.0.2.7>;tag=") && first.ends_with("\r\n\r\n"), "{first}");
        let second = String::from_utf8(talk.ask().bytes).expect("text");
        let same = |name: &str| {
            first.lines().find(|line| line.starts_with(name)) == second.lines().find(|line| line.starts_with(name))
        };
        assert!(same("Call-ID: ") && same("From: ") && !same("Via: ") && !same("CSeq: "), "{second}");
    }

    #[test]
    fn an_answer_is_known_by_its_branch_its_number_and_its_method() {
        let asked = talk(&json!({})).ask();
        let good = String::from_utf8(said(&asked, "200 OK", "Allow: INVITE, ACK\r\nallow: BYE\r\n")).expect("text");
        assert_eq!(
            answer(&asked, "200", "allow: INVITE, ACK\r\nallow: BYE\r\n").list(&Name::ALLOW),
            ["INVITE", "ACK", "BYE"]
        );
        for (text, is_noise) in [
            (good.replace(COOKIE, "z9hG4bKx"), false),
            (good.replace("1 OPTIONS", "2 OPTIONS"), false),
            (good.replace("1 OPTIONS", "1 INVITE"), false),
            (good.replace("v: ", "x: "), false),
            (good.replace("200 OK", "99 Odd"), false),
            (good.replace("200 OK", "70000 Odd"), true),
            (good.replace("SIP/2.0 200 OK", "HTTP/1.1 200 OK"), true),
            (good.replace("\r\n\r\n", "\r\n"), true),
            (String::new(), true),
            ("\r\n\r\n".into(), true),
        ] {
            let heard = asked.read(text.as_bytes());
            assert_eq!(matches!(heard, Heard::Noise(_)), is_noise, "{text:?}: {heard:?}");
            assert!(!matches!(heard, Heard::Answer(_)), "{text:?}");
        }
    }

    #[test]
    fn credentials_are_made_once_again_only_when_stale_and_never_with_a_broken_header() {
        let mut talk = talk(&known());
        let digest =
            |nonce: &str, rest: &str| format!("WWW-Authenticate: Digest realm=\"r\",\r\n nonce=\"{nonce}\"{rest}\r\n");
        let first = talk.ask();
        assert!(!String::from_utf8_lossy(&first.bytes).contains("Authorization"));
        let wants = answer(&first, "401 Unauthorized", &digest("one\r\n two", ", qop=\"auth\""));
        assert_eq!(talk.signs(&first, &wants, "pbx").map_err(|failure| failure.message), Ok(true));
        let second = talk.ask();
        let text = String::from_utf8(second.bytes.clone()).expect("text");
        let line = text.lines().find(|line| line.starts_with("Authorization: ")).expect("signed");
        for part in ["username=\"steps\"", "nonce=\"one two\"", "uri=\"sip:pbx.test:5060\"", "nc=00000001", "qop=auth"]
        {
            assert!(line.contains(part), "{part}: {line}");
        }
        assert!(!text.contains("hunter2"), "{text}");
        let again = answer(&second, "401 Unauthorized", &digest("three", ""));
        assert_eq!(talk.signs(&second, &again, "pbx").ok(), Some(false), "another nonce alone is no reason");
        let stale = answer(&second, "401 Unauthorized", &digest("three", ", stale=true"));
        assert_eq!(talk.signs(&second, &stale, "pbx").ok(), Some(true));
    }

    #[test]
    fn what_cannot_be_signed_is_named() {
        for (header, says) in [
            ("", "401 Unauthorized, and does not say how"),
            ("WWW-Authenticate: \r\n", "401 Unauthorized, and does not say how"),
            ("WWW-Authenticate: Digest\r\n", "401 Unauthorized, and does not say how"),
            ("WWW-Authenticate: Digest realm=\"r\r\n", "401 Unauthorized, and does not say how"),
            ("WWW-Authenticate: Basic realm=\"r\"\r\n", "by a way of signing that is not spoken here: Basic"),
            (
                "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256-sess\r\n",
                "by a way of signing that is not spoken here: SHA-256-sess",
            ),
            (
                "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"none-of-it\"\r\n",
                "its challenge can't be answered",
            ),
        ] {
            let mut talk = talk(&known());
            let asked = talk.ask();
            let failure = talk.signs(&asked, &answer(&asked, "401 Unauthorized", header), "pbx").expect_err(header);
            assert!(failure.message.contains(says) && failure.lasting, "{header}: {}", failure.message);
        }
    }

    #[test]
    fn nothing_that_a_server_says_breaks_the_reader() {
        let mut talk = talk(&known());
        let asked = talk.ask();
        let whole = said(
            &asked,
            "401 Unauthorized",
            "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256, qop=\"auth,auth-int\", stale=true, opaque=\"\", domain=\"d\"\r\n\
             Proxy-Authenticate: Digest realm=\"p\\\"\", nonce=\"\", qop=\"\"\r\nRetry-After: 99999999999999999999;duration=1\r\n\
             Allow: ,,INVITE,\r\nServer: x\r\n folded\r\n",
        );
        let mut chance = 0x2545_F491_4F6C_DD1D_u64;
        for round in 0..20_000_usize {
            let mut bytes = whole.clone();
            for _ in 0..=round % 4 {
                chance ^= chance << 13;
                chance ^= chance >> 7;
                chance ^= chance << 17;
                let at = usize::try_from(chance % bytes.len() as u64).expect("an index");
                match chance % 5 {
                    0 => bytes.truncate(at.max(1)),
                    1 => drop(bytes.remove(at)),
                    2 => bytes.insert(at, b"\r\n\"\\,;=<>: \x00\xff"[at % 13]),
                    _ => bytes[at] = u8::try_from(chance >> 56).expect("a byte"),
                }
                if bytes.is_empty() {
                    break;
                }
            }
            if let Heard::Answer(answer) = asked.read(&bytes) {
                let _ =
                    (answer.in_words(), answer.list(&Name::ALLOW), answer.text(&Name::SERVER), answer.retry_after());
                if matches!(talk.signs(&asked, &answer, "pbx"), Ok(true)) {
                    let text = talk.ask().bytes;
                    let ends = text.windows(4).filter(|four| four == b"\r\n\r\n").count();
                    assert!(ends == 1 && text.ends_with(b"\r\n\r\n"), "{}", String::from_utf8_lossy(&text));
                }
            }
        }
    }
}
