//! Buttons of Slack, as it posts them.

use crate::act::channel::inbound::{Reply, Said, form, same, value};
use crate::base::value::Value;
use jiff::Timestamp;
use ring::hmac;
use std::fmt::Write as _;

/// How far the time of a request may be from ours, in seconds.
const SKEW: i64 = 300;

/// Verifies a request by `X-Slack-Request-Timestamp` and `X-Slack-Signature`; before anything of the body is read.
///
/// # Errors
/// Why it is not authentic, in a sentence.
pub fn verify(secret: &str, timestamp: &str, signature: &str, body: &[u8], now: Timestamp) -> Result<(), String> {
    let sent: i64 = timestamp.parse().map_err(|_| "the time of the request is no number".to_owned())?;
    if (now.as_second() - sent).abs() > SKEW {
        return Err("the request is older than 5 minutes, or its clock or ours is wrong".into());
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, &[format!("v0:{timestamp}:").as_bytes(), body].concat());
    let mut wanted = String::from("v0=");
    for byte in tag.as_ref() {
        let _ = write!(wanted, "{byte:02x}");
    }
    if same(wanted.as_bytes(), signature.as_bytes()) { Ok(()) } else { Err("its signature is not Slack's".into()) }
}

/// The reply that a pressed button is: form field `payload`, of type `block_actions`.
///
/// # Errors
/// What about it is not understood.
pub fn interaction(body: &[u8]) -> Result<Reply, String> {
    let pairs = form(body);
    let payload = value(&pairs, "payload").ok_or("it has no `payload`")?;
    let payload: Value = serde_json::from_str(payload).map_err(|error| format!("its `payload` is no JSON: {error}"))?;
    let text = |path: &str| payload.pointer(path).and_then(Value::as_str);
    if text("/type") != Some("block_actions") {
        return Err(format!("it is of type `{}`, not `block_actions`", text("/type").unwrap_or_default()));
    }
    let token = text("/actions/0/value").filter(|token| !token.is_empty()).ok_or("its button sends nothing")?;
    let (id, name) = (text("/user/id").unwrap_or_default(), text("/user/username").or_else(|| text("/user/name")));
    let place = [text("/container/channel_id"), text("/container/message_ts"), text("/actions/0/action_ts")];
    Ok(Reply {
        said: Said::Token(token.into()),
        who: format!("{} ({id})", name.unwrap_or("somebody")),
        provider_ref: place.map(Option::unwrap_or_default).join("/"),
        answer: text("/response_url").map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
    const BODY: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V\
        &channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=\
        &response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN\
        &trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

    /// The vector of Slack's own documentation.
    #[test]
    fn only_what_slack_signed_a_moment_ago_is_authentic() {
        let at = |seconds: i64| Timestamp::from_second(seconds).expect("instant");
        let verified = |signature: &str, body: &str, now| verify(SECRET, "1531420618", signature, body.as_bytes(), now);
        assert_eq!(verified(SIGNATURE, BODY, at(1_531_420_618 + 300)), Ok(()));
        assert!(verified(SIGNATURE, BODY, at(1_531_420_618 + 301)).is_err(), "too old");
        assert!(verified(SIGNATURE, BODY, at(1_531_420_618 - 301)).is_err(), "from the future");
        assert!(verified(SIGNATURE, &BODY.replace("foobar", "foobaz"), at(1_531_420_618)).is_err());
        assert!(verified(&SIGNATURE.replace("v0=a", "v0=b"), BODY, at(1_531_420_618)).is_err());
        assert!(verify(SECRET, "soon", SIGNATURE, BODY.as_bytes(), at(1_531_420_618)).is_err());
    }

    #[test]
    fn a_pressed_button_is_its_token() {
        let payload = r#"{"type":"block_actions","user":{"id":"U2","username":"road+runner"},
            "container":{"message_ts":"1.2","channel_id":"C1"},"response_url":"https://hooks.slack.com/actions/x",
            "actions":[{"action_id":"acknowledge","value":"tok&4","action_ts":"3.4"}]}"#;
        let mut url = reqwest::Url::parse("form:").expect("url");
        url.query_pairs_mut().append_pair("payload", payload);
        let reply = interaction(url.query().unwrap_or_default().as_bytes()).expect("reply");
        assert_eq!(reply.said, Said::Token("tok&4".into()));
        assert_eq!((reply.who.as_str(), reply.provider_ref.as_str()), ("road+runner (U2)", "C1/1.2/3.4"));
        assert_eq!(reply.answer.as_deref(), Some("https://hooks.slack.com/actions/x"));
        for bad in ["", "payload=%7B", "payload=%7B%7D", "payload=%7B%22type%22%3A%22block_actions%22%7D"] {
            assert!(interaction(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
