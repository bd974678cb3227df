//! `redis`: ping, INFO, count and delete by pattern.

use crate::act::args::{Args, number};
use crate::act::connect::{Target, connect};
use crate::act::millis;
use crate::act::subset::differences;
use crate::act::verdict::{Done, Verdict, bounds, latency, tidy};
use crate::act::world::World;
use crate::base::value::{Map, Value, json, plain};
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ErrorKind, RedisConnectionInfo, RedisError, cmd};
use std::collections::BTreeSet;

/// Keys asked for, and unlinked, at once.
const BATCH: usize = 500;

/// Keys that `delete` removes at most unless `at_most` says otherwise.
const AT_MOST: u64 = 100_000;

pub(super) async fn perform(args: &Args, world: &World) -> Result<Done, Failure> {
    let target = Target::parse(&args.text("connect").unwrap_or_else(|| "localhost:6379".into()), Some(6379))?;
    refuse_everything(args)?;
    let (stream, _) = connect(&target).await?;
    let talk = async {
        let made = MultiplexedConnection::new_with_config(&settings(args)?, stream, patient()).await;
        let (connection, driver) = made.map_err(|error| failure(&target, &error))?;
        // The driver moves the bytes; it ends with the connection.
        tokio::select! {
            done = converse(args, world, &target, connection) => done,
            () = driver => Err(Failure::new(FailureKind::Connect, format!("{target} closed the connection: is it a Redis?"))),
        }
    };
    talk.await
}

/// The library waits half a second for an answer; how long a step waits is for its `timeout` to say.
fn patient() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_response_timeout(None)
}

fn settings(args: &Args) -> Result<RedisConnectionInfo, Failure> {
    let db = args.count("db")?.unwrap_or_default();
    let mut settings =
        RedisConnectionInfo::default().set_skip_set_lib_name().set_db(i64::try_from(db).unwrap_or_default());
    if let Some(username) = args.text("username") {
        settings = settings.set_username(username);
    }
    if let Some(password) = args.text("password") {
        settings = settings.set_password(password);
    }
    Ok(settings)
}

async fn converse(
    args: &Args,
    world: &World,
    target: &Target,
    mut connection: MultiplexedConnection,
) -> Result<Done, Failure> {
    let said = |error: RedisError| failure(target, &error);
    let start = (world.ticks)();
    let _: String = cmd("PING").query_async(&mut connection).await.map_err(said)?;
    let took = world.since(start);
    let text: String = cmd("INFO").query_async(&mut connection).await.map_err(said)?;
    let info = info(&text);
    let mut matched = 0;
    if let Some(pattern) = args.text("count") {
        matched = keys(&mut connection, &pattern, None).await.map_err(said)?.len();
    }
    let mut deleted = 0;
    if let Some(pattern) = args.text("delete") {
        let at_most = args.count("at_most")?.unwrap_or(AT_MOST);
        let keys = keys(&mut connection, &pattern, Some(at_most)).await.map_err(said)?;
        matched = keys.len();
        if matched as u64 > at_most {
            let why =
                format!("{target}: more than {at_most} keys match `{pattern}`: nothing was deleted (raise `at_most`)");
            return Err(Failure::lasting(FailureKind::Expect, why));
        }
        deleted = unlink(&mut connection, &keys).await.map_err(said)?;
    }
    #[expect(clippy::cast_precision_loss, reason = "a count of keys for a comparison")]
    let count = matched as f64;
    let verdict = Verdict::of(args, |entry| {
        let mut problems: Vec<String> = latency(entry, took)?.into_iter().collect();
        problems
            .extend(entry.get("info").map_or_else(Vec::new, |want| differences(want, &Value::Object(info.clone()))));
        problems.extend(entry.get("count").and_then(|want| bounds(want, count, "the number of keys")));
        Ok(problems)
    })?;
    let version = info.get("redis_version").map(plain).unwrap_or_default();
    let output =
        json!({ "latency_ms": millis(took), "version": version, "info": info, "count": matched, "deleted": deleted });
    verdict.end(&target.to_string(), output)
}

/// A pattern that means every key is a mistake or FLUSHDB by another name.
fn refuse_everything(args: &Args) -> Result<(), Failure> {
    let Some(pattern) = args.text("delete") else { return Ok(()) };
    if pattern.trim_matches(['*', '?', ' ']).is_empty() {
        let why = format!("`delete: \"{pattern}\"` would delete every key: name what is to go, such as `cache:*`");
        return Err(Failure::lasting(FailureKind::Template, why));
    }
    Ok(())
}

/// The keys that match, each once; stops past `at_most`.
async fn keys(
    connection: &mut MultiplexedConnection,
    pattern: &str,
    at_most: Option<u64>,
) -> Result<BTreeSet<Vec<u8>>, RedisError> {
    let mut found = BTreeSet::new();
    let mut cursor = 0_u64;
    loop {
        let mut scan = cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(BATCH);
        let (next, keys): (u64, Vec<Vec<u8>>) = scan.query_async(connection).await?;
        found.extend(keys);
        if next == 0 || at_most.is_some_and(|most| found.len() as u64 > most) {
            return Ok(found);
        }
        cursor = next;
    }
}

async fn unlink(connection: &mut MultiplexedConnection, keys: &BTreeSet<Vec<u8>>) -> Result<u64, RedisError> {
    let keys: Vec<&Vec<u8>> = keys.iter().collect();
    let mut deleted = 0;
    for batch in keys.chunks(BATCH) {
        let removed: u64 = cmd("UNLINK").arg(batch).query_async(connection).await?;
        deleted += removed;
    }
    Ok(deleted)
}

/// INFO as a map; numbers are numbers.
fn info(text: &str) -> Map<String, Value> {
    let line = |line: &str| {
        let (key, value) = line.trim_end().split_once(':')?;
        let plain = Value::from(value);
        let value = number(&plain).filter(|_| value.starts_with(|c: char| c.is_ascii_digit())).map_or(plain, tidy);
        Some((key.to_owned(), value))
    };
    text.lines().filter(|line| !line.starts_with('#')).filter_map(line).collect()
}

fn failure(target: &Target, error: &RedisError) -> Failure {
    let detail = error.detail().map_or_else(|| error.to_string(), str::to_owned);
    let (kind, why, lasting) = match (error.kind(), error.code()) {
        (ErrorKind::AuthenticationFailed, _) | (_, Some("WRONGPASS")) => {
            (FailureKind::Status, "the password (or the user) is wrong".into(), true)
        }
        (_, Some("NOAUTH")) => (FailureKind::Status, "it asks for a password: set `password`".into(), true),
        (ErrorKind::Io, _) => (FailureKind::Connect, format!("the connection broke: {detail}"), false),
        (ErrorKind::Parse | ErrorKind::UnexpectedReturnType, _) => {
            (FailureKind::Connect, format!("what answers there is no Redis: {detail}"), false)
        }
        (_, Some(code)) => (FailureKind::Status, format!("it answered {code} {detail}"), false),
        (_, None) => (FailureKind::Other, error.to_string(), false),
    };
    Failure { lasting, ..Failure::new(kind, format!("{target}: {why}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn info_is_read_as_numbers_and_text() {
        let map = info("# Server\r\nredis_version:7.0.15\r\nused_memory:1024\r\nload:0.5\r\nrole:master\r\n");
        assert_eq!(
            Value::Object(map),
            json!({"redis_version": "7.0.15", "used_memory": 1024, "load": 0.5, "role": "master"})
        );
    }

    #[test]
    fn a_pattern_of_every_key_is_refused() {
        let args = |pattern: &str| Args::from_map(Map::from_iter([("delete".to_owned(), json!(pattern))]));
        for pattern in ["*", "**", "?*", " * ", ""] {
            assert!(refuse_everything(&args(pattern)).is_err(), "{pattern:?}");
        }
        assert!(refuse_everything(&args("cache:*")).is_ok());
    }
}
