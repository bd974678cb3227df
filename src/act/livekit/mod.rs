//! `livekit`: rooms, participants, SIP trunks and egress by the server API; tokens minted and verified.

use crate::act::args::Args;
use crate::act::livekit::api::{Api, camel, field, flag, instant, items, number, text, word};
use crate::act::livekit::token::Keys;
use crate::act::millis;
use crate::act::verdict::{Done, Verdict, bounds, latency};
use crate::act::world::World;
use crate::base::limits::MAX_LIVEKIT_LISTED;
use crate::base::span::Span;
use crate::base::value::{Map, Value, json};
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use std::cmp::Reverse;
use std::time::Duration;

mod api;
mod token;

/// How long a token is valid where nothing is said, and at most.
const TTL: Duration = Duration::from_mins(10);
const LONGEST_TTL: Duration = Duration::from_hours(24);

/// What was found; what is not filled in says nothing.
#[derive(Default)]
struct Found {
    count: usize,
    participants: i64,
    rooms: Vec<Value>,
    people: Vec<Value>,
    trunks: Vec<Value>,
    egresses: Vec<Value>,
    token: String,
    looked: Option<token::Looked>,
}

pub(super) async fn perform(args: &Args, world: &World) -> Result<Done, Failure> {
    let keys = Keys::new(args.need("api_key")?, &args.need("api_secret")?)?;
    if args.has("mint") {
        let found = mint(args, &keys, world)?;
        return judged(args, "mint", &found, &Asked::default());
    }
    if args.has("verify") {
        let found = Found { looked: Some(keys.look(&args.need("verify")?, world.now)), ..Found::default() };
        return judged(args, "the token", &found, &Asked::default());
    }
    let mut api = Api::new(args, &keys, world)?;
    let found = match () {
        () if args.has("rooms") => rooms(&mut api, &args.texts("rooms")).await?,
        () if args.has("participants") => participants(&mut api, &args.texts("participants")).await?,
        () if args.has("sip_trunks") => trunks(&mut api, &args.need("sip_trunks")?).await?,
        () if args.has("egress") => egress(&mut api, &args.need("egress")?).await?,
        () => {
            let why = "nothing is asked: one of `rooms`, `participants`, `sip_trunks`, `egress`, `mint`, `verify`";
            return Err(Failure::lasting(FailureKind::Template, why));
        }
    };
    let asked = Asked { requests: api.requests, slowest: api.slowest };
    judged(args, &api.subject(), &found, &asked)
}

/// What asking took.
#[derive(Default)]
struct Asked {
    requests: u32,
    slowest: Duration,
}

/// The names that are asked for; none means all.
fn named(names: &[String]) -> Vec<String> {
    if names.iter().any(|name| name == "all") { Vec::new() } else { names.to_vec() }
}

async fn list_rooms(api: &mut Api<'_>, names: &[String]) -> Result<Vec<Value>, Failure> {
    let question = if names.is_empty() { json!({}) } else { json!({ "names": names }) };
    let answer = api.call("RoomService/ListRooms", ("video", json!({ "roomList": true })), &question).await?;
    let mut rooms = items(&answer, "rooms");
    rooms.sort_by_key(|room| Reverse(number(room, "num_participants")));
    Ok(rooms)
}

async fn rooms(api: &mut Api<'_>, names: &[String]) -> Result<Found, Failure> {
    let rooms = list_rooms(api, &named(names)).await?;
    let shown = |room: &Value| {
        json!({
            "name": text(room, "name"),
            "id": text(room, "sid"),
            "participants": number(room, "num_participants"),
            "publishers": number(room, "num_publishers"),
            "recording": flag(room, "active_recording"),
            "created": instant(room, "creation_time", 1),
        })
    };
    Ok(Found {
        count: rooms.len(),
        participants: rooms.iter().map(|room| number(room, "num_participants")).sum(),
        rooms: rooms.iter().take(MAX_LIVEKIT_LISTED).map(shown).collect(),
        ..Found::default()
    })
}

async fn participants(api: &mut Api<'_>, names: &[String]) -> Result<Found, Failure> {
    let every = named(names).is_empty();
    let rooms = if every { list_rooms(api, &[]).await? } else { Vec::new() };
    let names: Vec<String> = if every { rooms.iter().map(|room| text(room, "name")).collect() } else { names.to_vec() };
    let mut people = Vec::new();
    for name in names.iter().take(MAX_LIVEKIT_LISTED) {
        let grants = json!({ "roomAdmin": true, "room": name });
        let answer = match api.call("RoomService/ListParticipants", ("video", grants), &json!({ "room": name })).await {
            Ok(answer) => answer,
            // It ended since it was listed.
            Err(failure) if every && failure.kind == FailureKind::Missing => continue,
            Err(failure) => return Err(failure),
        };
        people.extend(items(&answer, "participants").iter().map(|person| {
            json!({
                "room": name,
                "identity": text(person, "identity"),
                "name": text(person, "name"),
                "kind": field(person, "kind").map_or_else(|| "standard".into(), |_| word(person, "kind", "")),
                "state": word(person, "state", ""),
                "publishes": flag(person, "is_publisher"),
                "joined": instant(person, "joined_at", 1),
            })
        }));
    }
    let unseen: i64 = rooms.iter().skip(MAX_LIVEKIT_LISTED).map(|room| number(room, "num_participants")).sum();
    let count = people.len() + usize::try_from(unseen).unwrap_or_default();
    people.truncate(MAX_LIVEKIT_LISTED);
    Ok(Found { count, participants: i64::try_from(count).unwrap_or(i64::MAX), people, ..Found::default() })
}

async fn trunks(api: &mut Api<'_>, which: &str) -> Result<Found, Failure> {
    let mut trunks = Vec::new();
    for (direction, method) in [("inbound", "SIP/ListSIPInboundTrunk"), ("outbound", "SIP/ListSIPOutboundTrunk")] {
        if which != "all" && which != direction {
            continue;
        }
        let answer = api.call(method, ("sip", json!({ "admin": true })), &json!({})).await?;
        trunks.extend(items(&answer, "items").iter().map(|trunk| {
            json!({
                "id": text(trunk, "sip_trunk_id"),
                "name": text(trunk, "name"),
                "direction": direction,
                "address": text(trunk, "address"),
                "numbers": items(trunk, "numbers").iter().filter_map(Value::as_str).collect::<Vec<_>>(),
                // The password itself is in the answer, too, and goes no further.
                "has_password": !text(trunk, "auth_username").is_empty(),
            })
        }));
    }
    let count = trunks.len();
    trunks.truncate(MAX_LIVEKIT_LISTED);
    Ok(Found { count, trunks, ..Found::default() })
}

async fn egress(api: &mut Api<'_>, which: &str) -> Result<Found, Failure> {
    let question = if which == "active" { json!({ "active": true }) } else { json!({}) };
    let answer = api.call("Egress/ListEgress", ("video", json!({ "roomRecord": true })), &question).await?;
    let egresses = items(&answer, "items");
    let shown = |egress: &Value| {
        json!({
            "id": text(egress, "egress_id"),
            "room": text(egress, "room_name"),
            "status": word(egress, "status", "EGRESS_"),
            "error": text(egress, "error"),
            "started": instant(egress, "started_at", 1_000_000_000),
        })
    };
    Ok(Found {
        count: egresses.len(),
        egresses: egresses.iter().take(MAX_LIVEKIT_LISTED).map(shown).collect(),
        ..Found::default()
    })
}

/// Makes a token, looks at it as a server would, and seals it.
fn mint(args: &Args, keys: &Keys, world: &World) -> Result<Found, Failure> {
    let bad = |why: String| Failure::lasting(FailureKind::Template, why);
    let wanted = Args::from_map(args.map("mint"));
    let ttl = wanted.span("ttl")?.unwrap_or(TTL);
    if ttl > LONGEST_TTL || ttl.is_zero() {
        return Err(bad(format!("`ttl: {}` is not between a second and a day", Span::from(ttl))));
    }
    let grants = Args::from_map(wanted.map("grants"));
    let (mut video, mut sip) = (Map::new(), Map::new());
    for (name, permits) in wanted.map("grants") {
        let permits = grants.flag(&name)?.unwrap_or(permits == Value::Bool(true));
        match name.strip_prefix("sip_") {
            Some(name) => drop(sip.insert(name.to_owned(), Value::Bool(permits))),
            None => drop(video.insert(camel(&name), Value::Bool(permits))),
        }
    }
    let room = wanted.text("room").filter(|room| !room.is_empty());
    let identity = wanted.text("identity").filter(|identity| !identity.is_empty());
    if video.get("roomJoin") == Some(&Value::Bool(true)) && (room.is_none() || identity.is_none()) {
        return Err(bad("a token that may join a room needs `room` and `identity`".into()));
    }
    video.extend(room.map(|room| ("room".to_owned(), Value::from(room))));
    let mut claims = Map::new();
    claims.extend(identity.map(|identity| ("sub".to_owned(), Value::from(identity))));
    claims.extend(wanted.text("name").map(|name| ("name".to_owned(), Value::from(name))));
    claims.extend((!video.is_empty()).then(|| ("video".to_owned(), Value::Object(video))));
    claims.extend((!sip.is_empty()).then(|| ("sip".to_owned(), Value::Object(sip))));
    let token = keys.sign(claims, world.now, ttl)?;
    let looked = keys.look(&token, world.now);
    let Some(seal) = &world.secrets.seal else {
        return Err(Failure::new(FailureKind::Other, "there is nothing here to seal the token under"));
    };
    let token = seal.close(&token).map_err(|why| Failure::new(FailureKind::Missing, format!("the token: {why}")))?;
    Ok(Found { token, looked: Some(looked), ..Found::default() })
}

/// What was found, judged by what is expected of it.
fn judged(args: &Args, subject: &str, found: &Found, asked: &Asked) -> Result<Done, Failure> {
    let looked = found.looked.as_ref();
    let reason = looked.and_then(|looked| looked.reason.clone());
    let seconds_left = looked.map_or(0, |looked| looked.seconds_left);
    let claims = looked.and_then(|looked| looked.claims.clone());
    let mut invalid_is_fine = false;
    #[expect(clippy::cast_precision_loss, reason = "counts and seconds for a comparison")]
    let (count, people, left) = (found.count as f64, found.participants as f64, seconds_left as f64);
    let mut verdict = Verdict::of(args, |entry| {
        invalid_is_fine |= entry.flag("valid")? == Some(false);
        let mut problems: Vec<String> = latency(entry, asked.slowest)?.into_iter().collect();
        problems.extend(entry.get("count").and_then(|want| bounds(want, count, "the count")));
        problems.extend(entry.get("participants").and_then(|want| bounds(want, people, "the number of participants")));
        if let Some(want) = entry.number("seconds_left")?.filter(|want| left < *want) {
            problems.push(format!("it is valid for {seconds_left} s only, expected at least {want} s"));
        }
        Ok(problems)
    })?;
    if let (Some(reason), false) = (&reason, invalid_is_fine) {
        verdict.unmet(reason.clone());
    }
    let claim = |name: &str| claims.as_ref().and_then(|claims| claims.get(name)).cloned();
    let expires = claims.as_ref().map_or(Value::Null, |claims| instant(&Value::Object(claims.clone()), "exp", 1));
    let output = json!({
        "count": found.count,
        "participants": found.participants,
        "rooms": found.rooms,
        "people": found.people,
        "trunks": found.trunks,
        "egresses": found.egresses,
        "requests": asked.requests,
        "latency_ms": millis(asked.slowest),
        "token": found.token,
        "valid": looked.is_some() && reason.is_none(),
        "reason": reason.unwrap_or_default(),
        "identity": claim("sub").and_then(|sub| sub.as_str().map(str::to_owned)).unwrap_or_default(),
        "seconds_left": seconds_left,
        "expires": expires,
        "claims": claims,
    });
    verdict.end(subject, output)
}
