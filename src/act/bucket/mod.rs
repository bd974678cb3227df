//! A bucket of an S3-compatible store: files by name below one prefix.
//!
//! Signing and the few documents of the protocol are `rusty_s3`'s; it is spoken over the HTTP that is there, with the clock
//! and the trust of every other kind. All of it blocks: whoever has files has a thread for them.

mod refusal;

use crate::act::args::Args;
use crate::act::roots::{self, Halt};
use crate::act::trust::{Trust, client};
use crate::act::web;
use crate::act::world::World;
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use regex::Regex;
use reqwest::{Method, Response};
use rusty_s3::actions::{
    AbortMultipartUpload, CompleteMultipartUpload, CompleteMultipartUploadResponse, CreateMultipartUpload,
    DeleteObject, GetObject, ListObjectsV2, PutObject, UploadPart,
};
use rusty_s3::{Credentials, S3Action, UrlStyle};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::LazyLock;
use std::time::Duration;
use tokio::runtime::Handle;

/// How long a signed request may be on its way before it begins.
const SIGNED: Duration = Duration::from_mins(5);
const CONNECT: Duration = Duration::from_secs(10);
/// How long nothing may come of an answer.
const SILENCE: Duration = Duration::from_mins(1);
/// Bytes of a second on the slowest way that is waited for.
const SLOWEST: u64 = 16 * 1024;
/// How often a request is sent that the store, or the way to it, could not take just then.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(500);
/// Bytes that are sent at once; the store takes at least 5 MiB and at most 10,000 of them for a file.
const PART: u64 = 16 * 1024 * 1024;
const PARTS: u64 = 9_000;
/// Bytes of a document that is read whole.
const DOCUMENT: usize = 16 * 1024 * 1024;

/// A prefix in a bucket.
pub(super) struct Bucket {
    at: rusty_s3::Bucket,
    keys: Credentials,
    /// Empty, or with a slash at its end.
    prefix: String,
    client: reqwest::Client,
    runtime: Handle,
    now: Timestamp,
    ticks: fn() -> Duration,
    began: Duration,
    silence: Duration,
    /// For messages.
    shown: String,
}

/// A file in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    /// Below the prefix.
    pub(super) name: String,
    pub(super) bytes: u64,
}

/// The bytes of a file on their way.
pub(super) struct Incoming<'a> {
    bucket: &'a Bucket,
    answer: Response,
    piece: Bytes,
}

impl Read for Incoming<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.piece.is_empty() {
            let next = self.bucket.next(&mut self.answer).map_err(|failure| io::Error::other(failure.message))?;
            let Some(next) = next else { return Ok(0) };
            self.piece = next;
        }
        let count = self.piece.len().min(into.len());
        let now = self.piece.split_to(count);
        into.iter_mut().zip(now).for_each(|(to, from)| *to = from);
        Ok(count)
    }
}

/// The root of a document, up to its namespace.
static ROOT: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"^(\s*(?:<\?[^>]*\?>)?\s*<[A-Za-z]+)(?:\s+xmlns="[^"]*")?"#).ok());

/// A document in the namespace that the protocol has now: stores write an older one, or none.
fn usual(text: &str) -> String {
    let with = r#"${1} xmlns="http://s3.amazonaws.com/doc/2006-03-01/""#;
    ROOT.as_ref().map_or_else(|| text.to_owned(), |root| root.replace(text, with).into_owned())
}

impl Bucket {
    /// The bucket that `url`, `region`, `access_key`, `secret_key` and `ca` name. Within a runtime only.
    pub(super) fn read(args: &Args, world: &World) -> Result<Self, Failure> {
        let wrong = |why: String| Failure::lasting(FailureKind::Template, why);
        let mut url = web::url(&args.need("url")?)?;
        let more =
            url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some();
        if more {
            let why = "`url` of a bucket is https://HOST/BUCKET/PREFIX and nothing more: no `?`, no `#`, no user before the host";
            return Err(wrong(why.into()));
        }
        let path = url.path().trim_matches('/').to_owned();
        let (name, prefix) = path.split_once('/').unwrap_or((&path, ""));
        if name.is_empty() {
            return Err(wrong(format!(
                "`{url}` names no bucket: write https://HOST/BUCKET or https://HOST/BUCKET/PREFIX"
            )));
        }
        let shown = web::shown(&url).trim_end_matches('/').to_owned();
        let prefix = if prefix.is_empty() { String::new() } else { format!("{}/", prefix.trim_end_matches('/')) };
        url.set_path("/");
        let trust = if url.scheme() == "http" { Trust::Nobody } else { Trust::Verified };
        let region = args.text("region").unwrap_or_else(|| "us-east-1".into());
        let at = rusty_s3::Bucket::new(url, UrlStyle::Path, name.to_owned(), region);
        let at = at.map_err(|error| wrong(format!("`{shown}` is no bucket: {error}")))?;
        let (tls, _) = client(args.text("ca").as_deref(), trust, world)?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("stepladder/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .no_proxy()
            .build();
        let client = client.map_err(|error| Failure::lasting(FailureKind::Other, format!("{shown}: {error}")))?;
        let runtime = Handle::try_current().map_err(|error| Failure::new(FailureKind::Other, error.to_string()))?;
        let keys = Credentials::new(args.need("access_key")?, args.need("secret_key")?);
        let (now, ticks) = (world.now, world.ticks);
        Ok(Self { at, keys, prefix, client, runtime, now, ticks, began: ticks(), silence: SILENCE, shown })
    }

    /// What messages call it.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Every file whose name begins so.
    pub(super) fn list(&self, beginning: &str, halt: &Halt) -> Result<Vec<Object>, Failure> {
        let mut all = Vec::new();
        let mut after: Option<String> = None;
        loop {
            self.check(halt)?;
            let mut list = ListObjectsV2::new(&self.at, Some(&self.keys));
            list.with_prefix(format!("{}{beginning}", self.prefix));
            if let Some(after) = &after {
                list.with_continuation_token(after.clone());
            }
            let text = self.document(&list, b"")?;
            let listed = ListObjectsV2::parse_response(&text).map_err(|error| self.stranger(&error))?;
            all.extend(listed.contents.into_iter().filter_map(|object| {
                let name = object.key.strip_prefix(&self.prefix)?.to_owned();
                Some(Object { name, bytes: object.size? })
            }));
            match listed.next_continuation_token {
                Some(next) if after.as_ref() != Some(&next) => after = Some(next),
                Some(_) | None => return Ok(all),
            }
        }
    }

    /// Writes a file of so many bytes, over one of that name.
    pub(super) fn put(&self, name: &str, file: &File, bytes: u64, halt: &Halt) -> Result<(), Failure> {
        let key = self.key(name);
        if bytes <= PART {
            let put = PutObject::new(&self.at, Some(&self.keys), &key);
            return self.ask(&put, &self.piece(name, file, 0, bytes)?).map(drop);
        }
        let create = CreateMultipartUpload::new(&self.at, Some(&self.keys), &key);
        let text = self.document(&create, b"")?;
        let created = CreateMultipartUpload::parse_response(&text).map_err(|error| self.stranger(&error))?;
        let id = created.upload_id();
        let sent = self.send_parts(name, (&key, id), (file, bytes), halt);
        if sent.is_err() {
            // Parts that never become a file are kept, and paid for, until somebody takes them away.
            let abort = AbortMultipartUpload::new(&self.at, Some(&self.keys), &key, id);
            let _ = self.ask(&abort, b"");
        }
        sent
    }

    fn send_parts(
        &self,
        name: &str,
        (key, id): (&str, &str),
        (file, bytes): (&File, u64),
        halt: &Halt,
    ) -> Result<(), Failure> {
        let size = PART.max(bytes.div_ceil(PARTS));
        let mut tags = Vec::new();
        let mut at = 0;
        while at < bytes {
            self.check(halt)?;
            let piece = self.piece(name, file, at, size.min(bytes - at))?;
            let number = u16::try_from(tags.len() + 1).unwrap_or(u16::MAX);
            let part = UploadPart::new(&self.at, Some(&self.keys), key, number, id);
            let answer = self.ask(&part, &piece)?;
            let tag = answer.headers().get("etag").and_then(|tag| tag.to_str().ok()).map(str::to_owned);
            tags.push(tag.ok_or_else(|| self.stranger(&"a part was taken without an ETag"))?);
            at += piece.len() as u64;
        }
        let complete =
            || CompleteMultipartUpload::new(&self.at, Some(&self.keys), key, id, tags.iter().map(String::as_str));
        let text = self.document(&complete(), complete().body().as_bytes())?;
        // It may say `200` first and that it went wrong afterwards.
        CompleteMultipartUploadResponse::parse(&text).map_err(|_| self.refused(200, &text))?;
        Ok(())
    }

    /// Writes a small file.
    pub(super) fn put_text(&self, name: &str, text: &str) -> Result<(), Failure> {
        let key = self.key(name);
        self.ask(&PutObject::new(&self.at, Some(&self.keys), &key), text.as_bytes()).map(drop)
    }

    /// Reads a small file.
    pub(super) fn text(&self, name: &str) -> Result<String, Failure> {
        let key = self.key(name);
        self.document(&GetObject::new(&self.at, Some(&self.keys), &key), b"")
    }

    /// A file, to be read.
    pub(super) fn open(&self, name: &str) -> Result<Incoming<'_>, Failure> {
        let key = self.key(name);
        let answer = self.ask(&GetObject::new(&self.at, Some(&self.keys), &key), b"")?;
        Ok(Incoming { bucket: self, answer, piece: Bytes::new() })
    }

    /// Takes a file away; that there is none is fine.
    pub(super) fn remove(&self, name: &str) -> Result<(), Failure> {
        let key = self.key(name);
        self.ask(&DeleteObject::new(&self.at, Some(&self.keys), &key), b"").map(drop)
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn piece(&self, name: &str, file: &File, at: u64, bytes: u64) -> Result<Vec<u8>, Failure> {
        let mut piece = vec![0; usize::try_from(bytes).unwrap_or_default()];
        let said =
            |error: io::Error| roots::failure(&format!("{name} can't be read to be sent to {}", self.shown), &error);
        file.read_exact_at(&mut piece, at).map_err(said)?;
        Ok(piece)
    }

    fn check(&self, halt: &Halt) -> Result<(), Failure> {
        halt.check().map_err(|error| roots::failure(&self.shown, &error))
    }

    /// The next piece of an answer, which must not be waited for too long.
    fn next(&self, answer: &mut Response) -> Result<Option<Bytes>, Failure> {
        let next = async { tokio::time::timeout(self.silence, answer.chunk()).await };
        match self.runtime.block_on(next) {
            Ok(piece) => piece.map_err(|error| self.broken(error)),
            Err(_) => Err(self.silent(self.silence)),
        }
    }

    /// A document, whole.
    fn document<'a, A: S3Action<'a>>(&self, action: &A, body: &[u8]) -> Result<String, Failure> {
        let mut answer = self.ask(action, body)?;
        let mut text = Vec::new();
        while let Some(piece) = self.next(&mut answer)? {
            text.extend_from_slice(&piece);
            if text.len() > DOCUMENT {
                return Err(self.stranger(&"it answers with more than it could have to say"));
            }
        }
        Ok(usual(&String::from_utf8_lossy(&text)))
    }

    /// How long an answer is waited for to a request of so many bytes, which have to get there first.
    fn patience(&self, bytes: u64) -> Duration {
        self.silence + Duration::from_secs(bytes / SLOWEST)
    }

    /// Asks until the store has an answer.
    fn ask<'a, A: S3Action<'a>>(&self, action: &A, body: &[u8]) -> Result<Response, Failure> {
        let method = match A::METHOD {
            rusty_s3::Method::Head => Method::HEAD,
            rusty_s3::Method::Get => Method::GET,
            rusty_s3::Method::Post => Method::POST,
            rusty_s3::Method::Put => Method::PUT,
            rusty_s3::Method::Delete => Method::DELETE,
        };
        let mut tries = 0;
        loop {
            tries += 1;
            let passed = SignedDuration::try_from((self.ticks)().saturating_sub(self.began)).unwrap_or_default();
            let url = action.sign_with_time(SIGNED, &self.now.checked_add(passed).unwrap_or(self.now));
            let request = self.client.request(method.clone(), url).body(body.to_vec());
            let patience = self.patience(body.len() as u64);
            let sent = async { tokio::time::timeout(patience, request.send()).await };
            let failure = match self.runtime.block_on(sent) {
                Err(_) => self.silent(patience),
                Ok(Ok(answer)) if answer.status().is_success() => return Ok(answer),
                Ok(Ok(answer)) => {
                    let status = answer.status().as_u16();
                    let region = answer.headers().get("x-amz-bucket-region").and_then(|region| region.to_str().ok());
                    let region = region.map(str::to_owned);
                    let text = async { tokio::time::timeout(self.silence, answer.text()).await };
                    let text = self.runtime.block_on(text).ok().and_then(Result::ok).unwrap_or_default();
                    self.moved(status, region.as_deref()).unwrap_or_else(|| self.refused(status, &text))
                }
                Ok(Err(error)) => self.broken(error),
            };
            if failure.lasting || tries == TRIES {
                return Err(failure);
            }
            std::thread::sleep(PAUSE * 2_u32.pow(tries - 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::act::channel::tests::world;
    use crate::base::value::json;

    fn bucket(url: &str) -> Result<Bucket, Failure> {
        let args = json!({ "url": url, "access_key": "a", "secret_key": "b" });
        Bucket::read(&Args::from_map(args.as_object().expect("a map").clone()), &world(""))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_address_is_a_bucket_and_nothing_more() {
        for (url, why) in [
            ("https://s3.example.com", "names no bucket"),
            ("https://s3.example.com/", "names no bucket"),
            ("https://s3.example.com/b?versions", "nothing more"),
            ("https://me:secret@s3.example.com/b", "nothing more"),
            ("ftp://s3.example.com/b", "neither http nor https"),
        ] {
            let said = bucket(url).map(|bucket| bucket.shown).expect_err(url).message;
            assert!(said.contains(why) && !said.contains("secret"), "{url}: {said}");
        }
        let bucket = bucket("https://s3.example.com/b/a/c/").expect("a bucket");
        assert_eq!((bucket.at.name(), bucket.prefix.as_str()), ("b", "a/c/"));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_store_that_says_nothing_is_not_waited_for() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/b", silent.local_addr().expect("bound"));
        let mut bucket = bucket(&url).expect("a bucket");
        assert_eq!(bucket.patience(PART), SILENCE + Duration::from_secs(1_024), "what is sent has to get there first");
        bucket.silence = Duration::from_millis(20);
        let failure = tokio::task::spawn_blocking(move || bucket.list("x", &Halt::default())).await.expect("whole");
        let failure = failure.expect_err("nobody answers");
        assert_eq!(failure.message, format!("{url}: no answer within 20ms"));
        assert!(!failure.lasting);
        drop(silent);
    }

    #[test]
    fn lists_are_read_whatever_namespace_they_are_in() {
        for root in [
            r#"<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">"#,
            r#"<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://doc.s3.amazonaws.com/2006-03-01/">"#,
            "<?xml version='1.0'?><ListBucketResult>",
        ] {
            let text = format!("{root}<Contents><Key>a%2Fb</Key><Size>3</Size></Contents></ListBucketResult>");
            let listed = ListObjectsV2::parse_response(&usual(&text)).expect(root);
            assert_eq!(listed.contents.len(), 1, "{root}");
        }
        assert_eq!(usual("a text"), "a text");
    }
}
