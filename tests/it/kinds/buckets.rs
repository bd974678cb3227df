//! Copies of backups in an S3-compatible store: s3rver, and a store of ours that verifies every signature and fails.

use super::servers::{Process, Servers};
use super::{Stage, request};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request as Asked, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use stepladder::act::{World, perform};
use stepladder::base::span::Span;
use stepladder::model::perform::{Failure, Reply};

/// Where `.ci/run` puts it.
fn s3rver() -> Option<PathBuf> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/s3/node_modules/.bin/s3rver");
    if program.is_file() {
        return Some(program);
    }
    crate::tools::missing("s3rver");
    None
}

/// A book with something to save, and where copies go.
struct House {
    stage: Stage,
    store: Value,
    /// Seconds since it began, for the names of archives.
    second: std::cell::Cell<i64>,
    now: jiff::Timestamp,
}

impl House {
    fn new(servers: Servers, store: Value) -> Self {
        let stage = Stage { book: tempfile::tempdir().unwrap(), said: Arc::default(), servers };
        std::fs::create_dir(stage.book.path().join("tree")).unwrap();
        std::fs::write(stage.book.path().join("tree/a"), "one").unwrap();
        #[expect(
            clippy::disallowed_methods,
            reason = "requests are signed with the time, and the store looks at its own clock"
        )]
        let now = jiff::Timestamp::now();
        Self { stage, store, second: 0.into(), now }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.stage.book.path().join(name)
    }

    fn ask(&self, kind: &str, with: &Value) -> Result<Value, Failure> {
        self.second.set(self.second.get() + 1);
        let world = World { now: self.now + jiff::SignedDuration::from_secs(self.second.get()), ..self.stage.world() };
        let request = stepladder::model::perform::Request { timeout: Some(Span::from_secs(60)), ..request(kind, with) };
        let done = self.stage.servers.block_on(async {
            tokio::time::timeout(Duration::from_mins(1), perform(&request, &world)).await.expect("in time")
        });
        match done {
            Reply::Done { output, .. } => Ok(output),
            Reply::Failed(failure) => Err(failure),
            other => panic!("{other:?}"),
        }
    }

    fn backup(&self, more: Value) -> Result<Value, Failure> {
        self.ask(
            "backup",
            &merged(json!({ "to": "saved", "name": "t", "sources": { "tree": "**" }, "copy_to": self.store }), more),
        )
    }

    fn restore(&self, more: Value) -> Result<Value, Failure> {
        self.ask("restore", &merged(json!({ "from": "saved", "name": "t", "fetch_from": self.store }), more))
    }

    /// Names below the directory of archives.
    fn here(&self) -> Vec<String> {
        names(&self.path("saved"))
    }
}

fn merged(mut map: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("a map") };
    map.as_object_mut().unwrap().extend(more);
    map
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// s3rver with a bucket `offsite`, its files in that directory. By TLS with a certificate that `ca` vouches for.
fn started(program: &Path, tls: bool) -> (Servers, Value, PathBuf) {
    let mut servers = Servers::start();
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(program);
    command.args(["-a", "127.0.0.1", "-p", "0", "--no-vhost-buckets", "--configure-bucket", "offsite", "-d"]);
    command.arg(directory.path());
    let certificates = super::fixtures().join("certificates");
    if tls {
        command.arg("--key").arg(certificates.join("server.key")).arg("--cert").arg(certificates.join("server.pem"));
    }
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let said = child.stdout.take().unwrap();
    servers.processes.push(Process(child));
    let mut lines = BufReader::new(said).lines();
    let port = lines.by_ref().map(Result::unwrap).find_map(|line| {
        let (_, address) = line.split_once("listening on ")?;
        address.trim().rsplit(':').next()?.parse::<u16>().ok()
    });
    let port = port.expect("a port");
    // It goes on saying what it is asked.
    std::thread::spawn(move || lines.for_each(drop));
    let root = directory.path().join("offsite");
    servers.directories.push(directory);
    let mut store = json!({
        "url": format!("{}://{}:{port}/offsite/night/ly", if tls { "https" } else { "http" }, if tls { "localhost" } else { "127.0.0.1" }),
        "access_key": "S3RVER",
        "secret_key": "S3RVER",
    });
    if tls {
        store["ca"] = certificates.join("root.pem").display().to_string().into();
    }
    (servers, store, root.join("night/ly"))
}

/// What s3rver has, by name; its own files beside each left out.
fn there(root: &Path) -> Vec<String> {
    let objects = names(root).into_iter().filter_map(|name| name.strip_suffix("._S3rver_object").map(str::to_owned));
    objects.collect()
}

#[test]
fn copies_are_sent_read_back_kept_and_fetched() {
    let Some(program) = s3rver() else { return };
    for tls in [false, true] {
        let (servers, store, root) = started(&program, tls);
        let house = House::new(servers, store);
        let dry = house.backup(json!({ "dry": true })).unwrap();
        assert_eq!((there(&root), house.here()), (vec![], vec![]));
        assert_eq!(dry["copied"], json!([dry["archive"]]));
        let first = house.backup(json!({})).unwrap();
        let name = text(&first["archive"]);
        assert_eq!(there(&root), [name.clone(), format!("{name}.sha256")]);
        assert_eq!((&first["copied"], &first["copies"]), (&json!([name]), &json!(1)));
        let summary = text(&first["summary"]);
        let address = text(&house.store["url"]);
        let said = format!("; 1 sent to {address} and read back, nothing older was removed there, 1 copies are there");
        assert!(summary.ends_with(&said), "{summary}");

        // Its directory is lost: a dry run reads the copy and keeps nothing, a run fetches it.
        std::fs::remove_dir_all(house.path("saved")).unwrap();
        std::fs::write(house.path("tree/a"), "two").unwrap();
        let dry = house.restore(json!({ "dry": true })).unwrap();
        assert_eq!((&dry["changed"], &dry["archive"]), (&json!(1), &json!(name)), "{dry}");
        assert!(!house.path("saved").exists());
        let done = house.restore(json!({})).unwrap();
        assert_eq!(std::fs::read_to_string(house.path("tree/a")).unwrap(), "one", "{done}");
        assert!(house.here().contains(&name) && house.here().contains(&format!("{name}.sha256")));

        // Damaged here: it is fetched anew, by its name as well.
        for wanted in [json!({}), json!({ "archive": name })] {
            std::fs::write(house.path("saved").join(&name), "damaged").unwrap();
            std::fs::write(house.path("tree/a"), "three").unwrap();
            house.restore(wanted).unwrap();
            assert_eq!(std::fs::read_to_string(house.path("tree/a")).unwrap(), "one");
        }

        // One more than is kept: the older goes in both places, and never fewer than the least stay.
        let keep = json!({ "keep": { "last": 1, "at_least": 2 } });
        let second = house.backup(keep.clone()).unwrap();
        assert_eq!((&second["removed_copies"], &second["copies"]), (&json!([]), &json!(2)));
        let third = house.backup(keep).unwrap();
        assert_eq!((&third["removed_copies"], &third["copies"]), (&json!([name]), &json!(2)));
        assert_eq!(third["removed"], json!([name]));
        let left = [text(&second["archive"]), text(&third["archive"])];
        let both: Vec<String> = left.iter().flat_map(|name| [name.clone(), format!("{name}.sha256")]).collect();
        assert_eq!(there(&root), both);
    }
}

#[test]
fn a_night_without_the_store_loses_nothing_and_is_made_up_for() {
    let Some(program) = s3rver() else { return };
    let (servers, store, root) = started(&program, false);
    let mut house = House::new(servers, store.clone());
    let keep = json!({ "keep": { "last": 1, "at_least": 1 } });
    let kept = text(&house.backup(keep.clone()).unwrap()["archive"]);
    for (wrong, why) in [
        (json!({ "access_key": "nobody" }), "it does not know `access_key`"),
        (json!({ "url": text(&store["url"]).replace("offsite", "nowhere") }), "there is no bucket `nowhere`"),
        (json!({ "url": format!("http://{}/offsite", house.stage.servers.addresses["closed"]) }), "nothing listens"),
    ] {
        house.store = merged(store.clone(), wrong);
        let failure = house.backup(keep.clone()).unwrap_err();
        assert!(failure.message.contains(why), "{}", failure.message);
        assert!(failure.message.contains("was read back, but has no copy"), "{}", failure.message);
        assert!(!failure.message.contains("X-Amz"), "{}", failure.message);
        assert!(house.here().contains(&kept), "nothing older went");
        // What is here is restored all the same, and that nobody could look there is said.
        let done = house.restore(json!({})).unwrap();
        assert!(text(&done["notes"][0]).contains("copies were not looked at"), "{done}");
    }
    // Nothing is here and nobody could look there: it may go better.
    let failure = house.restore(json!({ "under": "nothing" })).unwrap_err();
    assert!(!failure.lasting && failure.message.contains("copies were not looked at"), "{}", failure.message);
    // Broken off on the way: without its checksum beside it a copy does not count.
    house.store = store;
    let of_kept = |ending: &str| root.join(format!("{kept}.sha256._S3rver_{ending}"));
    for ending in ["object", "object.md5", "metadata.json"] {
        let _ = std::fs::remove_file(of_kept(ending));
    }
    assert_eq!(there(&root), std::slice::from_ref(&kept));
    let missed: Vec<String> = house
        .here()
        .into_iter()
        .filter(|name| name.starts_with("t-2") && !name.contains("sha256") && *name != kept)
        .collect();
    let missed: Vec<&String> = missed.iter().filter(|name| !name.contains("before-restore")).collect();
    assert_eq!(missed.len(), 3);
    let done = house.backup(json!({})).unwrap();
    assert_eq!(done["copied"].as_array().map(Vec::len), Some(5), "{done}");
    let last = text(&house.backup(keep).unwrap()["archive"]);
    assert_eq!(there(&root), [last.clone(), format!("{last}.sha256")]);
}

#[test]
fn a_large_archive_goes_in_parts() {
    let Some(program) = s3rver() else { return };
    let (servers, store, root) = started(&program, false);
    let house = House::new(servers, store);
    let noise = noise(34 << 20);
    std::fs::write(house.path("tree/noise"), &noise).unwrap();
    let done = house.backup(json!({})).unwrap();
    let name = text(&done["archive"]);
    let (ours, its) = (house.path("saved").join(&name), root.join(format!("{name}._S3rver_object")));
    assert!(std::fs::read(&ours).unwrap() == std::fs::read(its).unwrap());
    std::fs::remove_dir_all(house.path("saved")).unwrap();
    std::fs::write(house.path("tree/noise"), "").unwrap();
    house.restore(json!({})).unwrap();
    assert!(std::fs::read(house.path("tree/noise")).unwrap() == noise);
}

/// A store of ours, whose answers go wrong as a test says.
#[derive(Default)]
struct Bad {
    objects: BTreeMap<String, Bytes>,
    /// So many requests are refused for now.
    busy: usize,
    /// What is read is not what was written.
    rots: bool,
    /// No part of a large file is taken.
    full: bool,
    asked: Vec<String>,
}

fn asked_with(parts: &Parts, name: &str) -> String {
    let query = parts.uri.query().unwrap_or_default();
    let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    value.unwrap_or_default().to_owned()
}

/// The signature that a request must have: Signature Version 4 in a query, its payload unsigned.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>
fn signature(parts: &Parts, secret: &str) -> String {
    let query = parts.uri.query().unwrap_or_default();
    let mut pairs: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("X-Amz-Signature=")).collect();
    pairs.sort_unstable();
    let host = parts.headers["host"].to_str().unwrap();
    let canonical =
        format!("{}\n{}\n{}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD", parts.method, parts.uri.path(), pairs.join("&"));
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    let date = asked_with(parts, "X-Amz-Date");
    let credential = asked_with(parts, "X-Amz-Credential");
    let scope: Vec<&str> = credential.split("%2F").skip(1).collect();
    let digest = ring::digest::digest(&ring::digest::SHA256, canonical.as_bytes());
    let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{}\n{}", scope.join("/"), hex(digest.as_ref()));
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in scope.iter().chain([&to_sign.as_str()]) {
        let by = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &key);
        key = ring::hmac::sign(&by, part.as_bytes()).as_ref().to_vec();
    }
    hex(&key)
}

async fn answer(State(bad): State<Arc<Mutex<Bad>>>, asked: Asked) -> Response {
    let (parts, body) = asked.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let mut bad = bad.lock().unwrap();
    let key = parts.uri.path().trim_start_matches("/b/").to_owned();
    let upload = parts.uri.query().unwrap_or_default().contains("uploadId=");
    bad.asked.push(format!("{} {key}{}", parts.method, if upload { " of an upload" } else { "" }));
    if signature(&parts, "secret") != asked_with(&parts, "X-Amz-Signature") {
        return (StatusCode::FORBIDDEN, "<Error><Code>SignatureDoesNotMatch</Code></Error>").into_response();
    }
    if bad.busy > 0 {
        bad.busy -= 1;
        return (StatusCode::SERVICE_UNAVAILABLE, "<Error><Code>SlowDown</Code><Message>wait</Message></Error>")
            .into_response();
    }
    match (parts.method, key.as_str()) {
        (Method::GET, "") => {
            let contents: String = bad
                .objects
                .iter()
                .map(|(key, bytes)| format!("<Contents><Key>{key}</Key><Size>{}</Size></Contents>", bytes.len()))
                .collect();
            let space = "http://s3.amazonaws.com/doc/2006-03-01/";
            format!("<ListBucketResult xmlns=\"{space}\"><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>")
                .into_response()
        }
        (Method::GET, _) => match bad.objects.get(&key) {
            Some(_) if bad.rots && !key.ends_with(".sha256") => Body::from("rotten").into_response(),
            Some(bytes) => Body::from(bytes.clone()).into_response(),
            None => (StatusCode::NOT_FOUND, "<Error><Code>NoSuchKey</Code></Error>").into_response(),
        },
        (Method::POST, _) => "<InitiateMultipartUploadResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
            <UploadId>u1</UploadId></InitiateMultipartUploadResult>"
            .into_response(),
        (Method::PUT, _) if upload && bad.full => {
            (StatusCode::BAD_REQUEST, "<Error><Code>QuotaExceeded</Code><Message>full</Message></Error>")
                .into_response()
        }
        (Method::PUT, _) => {
            bad.objects.insert(key, body);
            StatusCode::OK.into_response()
        }
        (Method::DELETE, _) => {
            bad.objects.remove(&key);
            StatusCode::NO_CONTENT.into_response()
        }
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

/// A store of ours, and a house that knows it.
fn ours(secret: &str) -> (Arc<Mutex<Bad>>, House) {
    let bad = Arc::new(Mutex::new(Bad::default()));
    let servers = Servers::start();
    let listener = servers.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}/b", listener.local_addr().unwrap());
    let routes = Router::new().fallback(answer).with_state(Arc::clone(&bad));
    servers.runtime.spawn(async move { axum::serve(listener, routes).await.unwrap() });
    (bad, House::new(servers, json!({ "url": url, "access_key": "a", "secret_key": secret })))
}

#[test]
fn parts_that_never_become_a_file_are_taken_away() {
    let (bad, house) = ours("secret");
    bad.lock().unwrap().full = true;
    std::fs::write(house.path("tree/noise"), noise(17 << 20)).unwrap();
    let failure = house.backup(json!({})).unwrap_err();
    assert!(failure.message.contains("QuotaExceeded: full"), "{}", failure.message);
    let asked = bad.lock().unwrap().asked.clone();
    assert!(
        asked.last().unwrap().starts_with("DELETE t-") && asked.last().unwrap().ends_with(" of an upload"),
        "{asked:?}"
    );
}

/// An archive that only lacks its key is no damaged one: nothing takes its place.
#[test]
fn what_cannot_be_opened_is_not_fetched_again() {
    let (bad, house) = ours("secret");
    let recipient = age::x25519::Identity::generate().to_public().to_string();
    let name = text(&house.backup(json!({ "encrypt": [recipient] })).unwrap()["archive"]);
    bad.lock().unwrap().asked.clear();
    for wanted in [json!({}), json!({ "archive": name })] {
        let failure = house.restore(wanted).unwrap_err();
        assert!(failure.message.contains("it is encrypted: name a key with `identity`"), "{}", failure.message);
        assert!(failure.lasting, "a key does not come by itself");
    }
    assert!(!bad.lock().unwrap().asked.iter().any(|line| line.contains(&name)), "nobody asked for its bytes");
}

/// Bytes that nothing makes smaller.
fn noise(size: usize) -> Vec<u8> {
    let mut noise = vec![0; size];
    let mut state = 1_u64;
    for piece in noise.chunks_mut(8) {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        piece.copy_from_slice(&(state ^ (state >> 29)).to_le_bytes());
    }
    noise
}

#[test]
fn a_store_that_is_busy_is_asked_again_and_one_that_rots_is_not_believed() {
    let (bad, mut house) = ours("other");
    let failure = house.backup(json!({})).unwrap_err();
    assert!(failure.message.contains("`secret_key` is not the one of `access_key`"), "{}", failure.message);
    assert!(failure.lasting, "no use in trying again");
    std::fs::remove_dir_all(house.path("saved")).unwrap();
    bad.lock().unwrap().asked.clear();
    house.store["secret_key"] = "secret".into();
    bad.lock().unwrap().busy = 2;
    let name = text(&house.backup(json!({})).unwrap()["archive"]);
    assert_eq!(bad.lock().unwrap().asked[..3], ["GET ", "GET ", "GET "], "twice it was told to wait");
    assert_eq!(bad.lock().unwrap().objects.len(), 2);

    bad.lock().unwrap().rots = true;
    let failure = house.backup(json!({ "keep": { "last": 1, "at_least": 1 } })).unwrap_err();
    assert!(failure.message.contains("what was read back is not what was sent: it was removed"), "{}", failure.message);
    assert!(!failure.lasting, "it may go better");
    let objects: Vec<String> = bad.lock().unwrap().objects.keys().cloned().collect();
    assert_eq!(
        objects,
        [name.clone(), format!("{name}.sha256")],
        "what could not be read back is not there, all else is"
    );

    std::fs::remove_dir_all(house.path("saved")).unwrap();
    std::fs::write(house.path("tree/a"), "two").unwrap();
    let failure = house.restore(json!({})).unwrap_err();
    assert!(failure.message.contains("has other bytes than when it was sent"), "{}", failure.message);
    assert_eq!(std::fs::read_to_string(house.path("tree/a")).unwrap(), "two", "nothing was touched");
    assert!(house.here().iter().all(|name| !name.starts_with("t-2")), "and nothing rotten is here");
}
