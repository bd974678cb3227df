//! A LiveKit server for `livekit.md`: its API over HTTP, which believes no token that it has not verified itself.

use crate::kinds::servers::Servers;
use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use ring::hmac;
use serde_json::{Value, json};

/// What the servers' only key is called, and its secret.
pub(crate) const KEY: &str = "devkey";
pub(crate) const SECRET: &str = "hunter2-hunter2";

/// The second at which all tests of kinds happen.
fn then() -> i64 {
    super::NOW.parse::<jiff::Timestamp>().unwrap().as_second()
}

fn refused(status: StatusCode, code: &str, msg: &str) -> Response {
    (status, axum::Json(json!({ "code": code, "msg": msg }))).into_response()
}

/// The second at which whole programs ask.
fn now() -> i64 {
    stepladder::runtime::clock::now().as_second()
}

/// The claims of a token that is signed with the secret and valid for at most two minutes.
fn verified(headers: &HeaderMap, now: i64) -> Option<Value> {
    let token = headers.get("authorization")?.to_str().ok()?.strip_prefix("Bearer ")?;
    let (signed, signature) = token.rsplit_once('.')?;
    let (head, claims) = signed.split_once('.')?;
    let read = |part: &str| {
        let padding = "=".repeat((4 - part.len() % 4) % 4);
        stepladder::act::unbase64(&(part.replace('-', "+").replace('_', "/") + padding.as_str()))
    };
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), signed.as_bytes(), &read(signature)?).ok()?;
    let head: Value = serde_json::from_slice(&read(head)?).ok()?;
    let claims: Value = serde_json::from_slice(&read(claims)?).ok()?;
    let (begins, ends) = (claims["nbf"].as_i64()?, claims["exp"].as_i64()?);
    let good = head["alg"] == "HS256" && claims["iss"] == KEY && begins <= now && (now + 1..now + 120).contains(&ends);
    good.then_some(claims)
}

fn twirp(clock: fn() -> i64, method: &str, headers: &HeaderMap, body: &str) -> Response {
    let Some(claims) = verified(headers, clock()) else {
        return refused(StatusCode::UNAUTHORIZED, "unauthenticated", "invalid API key: no such key");
    };
    let asked: Value = serde_json::from_str(body).unwrap();
    let (video, sip) = (&claims["video"], &claims["sip"]);
    let permits = match method {
        "livekit.RoomService/ListRooms" => *video == json!({ "roomList": true }),
        "livekit.RoomService/ListParticipants" => *video == json!({ "roomAdmin": true, "room": asked["room"] }),
        "livekit.Egress/ListEgress" => *video == json!({ "roomRecord": true }),
        _ => *sip == json!({ "admin": true }),
    };
    if !permits || headers["content-type"] != "application/json" {
        return refused(StatusCode::FORBIDDEN, "permission_denied", "permissions denied");
    }
    axum::Json(match method {
        "livekit.RoomService/ListRooms" => rooms(&asked),
        "livekit.RoomService/ListParticipants" => match asked["room"].as_str() {
            Some("support") => people(),
            Some("lobby") => json!({ "participants": [] }),
            _ => return refused(StatusCode::NOT_FOUND, "not_found", "requested room does not exist"),
        },
        "livekit.Egress/ListEgress" => egress(&asked),
        "livekit.SIP/ListSIPInboundTrunk" => json!({ "items": [
            { "sip_trunk_id": "ST_in", "name": "calls in", "numbers": ["+15550100", "+15550101"], "auth_username": "", "auth_password": "" },
        ] }),
        "livekit.SIP/ListSIPOutboundTrunk" => json!({ "items": [
            { "sip_trunk_id": "ST_out", "name": "calls out", "address": "sip.provider.com", "numbers": ["+15550199"],
              "auth_username": "us", "auth_password": "a password of the trunk" },
        ] }),
        other => return refused(StatusCode::NOT_FOUND, "bad_route", &format!("no handler for {other}")),
    })
    .into_response()
}

/// As its Go server writes them: names of protobuf, numbers of 64 bits as text.
fn rooms(asked: &Value) -> Value {
    let all = [
        json!({ "sid": "RM_1", "name": "lobby", "num_participants": 0, "num_publishers": 0, "creation_time": "0", "active_recording": false }),
        json!({ "sid": "RM_2", "name": "support", "num_participants": 2, "num_publishers": 1, "creation_time": "1767355140",
                "active_recording": true }),
        json!({ "sid": "RM_3", "name": "gone", "num_participants": 1, "num_publishers": 0, "creation_time": "1767355200" }),
    ];
    let wanted = |room: &&Value| asked["names"].as_array().is_none_or(|names| names.contains(&room["name"]));
    json!({ "rooms": all.iter().filter(wanted).collect::<Vec<_>>() })
}

/// As others write it: names of JSON.
fn people() -> Value {
    json!({ "participants": [
        { "sid": "PA_1", "identity": "+15550123", "name": "A caller", "state": "ACTIVE", "kind": "SIP", "isPublisher": true,
          "joinedAt": "1767355150" },
        { "sid": "PA_2", "identity": "agent-7", "name": "", "state": "JOINING", "isPublisher": false },
    ] })
}

fn egress(asked: &Value) -> Value {
    let active = json!({ "egress_id": "EG_1", "room_name": "support", "status": "EGRESS_ACTIVE", "started_at": "1767355160000000000" });
    let failed = json!({ "egress_id": "EG_0", "room_name": "lobby", "status": "EGRESS_FAILED", "error": "no space", "started_at": "0" });
    json!({ "items": if asked["active"] == true { vec![active] } else { vec![active, failed] } })
}

impl Servers {
    /// `{livekit}`: the API at `/`, and below `/behind/a/proxy`; `/sick` and `/other` are no good.
    pub(crate) fn livekit(self) -> Self {
        self.livekit_by(then)
    }

    /// The same, that goes by the real time.
    pub(crate) fn livekit_now(self) -> Self {
        self.livekit_by(now)
    }

    fn livekit_by(mut self, clock: fn() -> i64) -> Self {
        let api = move |Path(method): Path<String>, headers: HeaderMap, body: String| async move {
            twirp(clock, &method, &headers, &body)
        };
        let routes = Router::new()
            .route("/twirp/{*method}", post(api))
            .route("/behind/a/proxy/twirp/{*method}", post(api))
            .route("/", axum::routing::get(|| async { "OK" }))
            .route(
                "/sick/twirp/{*method}",
                post(|| async { refused(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "no node\nis left") }),
            )
            .route("/old/twirp/{*method}", post(|| async { refused(StatusCode::NOT_FOUND, "bad_route", "no handler") }))
            .route("/other/twirp/{*method}", post(|| async { "<html>Welcome</html>" }));
        let listener = self.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        self.addresses.insert("livekit", listener.local_addr().unwrap().to_string());
        self.runtime.spawn(async move { axum::serve(listener, routes).await.unwrap() });
        self.web()
    }
}
