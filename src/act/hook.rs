//! Whether a call is from whom it says, what it is known by, and what it says. The secrets are read here and forgotten.

use crate::act::Secrets;
use crate::base::digest::Digest;
use crate::base::value::{Map, Value};
use crate::model::called::Scheme;
use crate::model::perform::Failure;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, PAD};
use jiff::Timestamp;
use ring::hmac;
use std::collections::BTreeMap;

/// How far the clocks of a sender and of this machine may be apart, in seconds: an older signature may be a replay.
const TOLERANCE: i64 = 300;

/// A call as it came: names of headers in small letters.
#[derive(Debug, Clone, Default)]
pub struct Incoming {
    /// Headers by name.
    pub headers: BTreeMap<String, String>,
    /// The body, as it is.
    pub body: Vec<u8>,
}

impl Incoming {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// What the sender calls this delivery, so that the same one sent again is known. `None` = nothing says so.
    #[must_use]
    pub fn delivery(&self, scheme: Option<Scheme>) -> Option<String> {
        let of_body = |key: &str| {
            let body: Value = serde_json::from_slice(&self.body).ok()?;
            body[key].as_str().map(str::to_owned)
        };
        let header = |name: &str| self.header(name).map(str::to_owned);
        let hash = || Some(Digest::of(&self.body).to_string());
        match scheme {
            // Without an id of its own, the same signed body is the same delivery: nothing else is signed.
            Some(Scheme::Github) => header("x-github-delivery").or_else(hash),
            Some(Scheme::Slack) => of_body("event_id").or_else(|| header("x-slack-signature")),
            Some(Scheme::Stripe) => of_body("id").or_else(|| header("stripe-signature")),
            Some(Scheme::Standard) => header("webhook-id"),
            Some(Scheme::Token) | None => header("idempotency-key"),
        }
    }

    /// What it says: JSON, a form, or text.
    ///
    /// # Errors
    /// A sentence, when it does not read.
    pub fn read(&self) -> Result<Value, String> {
        let kind = self.header("content-type").unwrap_or_default().to_ascii_lowercase();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let text = || std::str::from_utf8(&self.body).map_err(|_| "the body is not UTF-8".to_owned());
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        match kind {
            // What `curl -d` calls a form without being asked is JSON often enough; no form begins so.
            "application/x-www-form-urlencoded" if !matches!(self.body.first(), Some(b'{' | b'[')) => form(text()?),
            "text/plain" => Ok(Value::String(text()?.to_owned())),
            _ => serde_json::from_slice(&self.body).map_err(|error| format!("the body is not JSON: {error}")),
        }
    }
}

fn form(text: &str) -> Result<Value, String> {
    let url = reqwest::Url::parse(&format!("http://form/?{text}"))
        .map_err(|error| format!("the form does not read: {error}"))?;
    let mut fields = Map::new();
    for (name, value) in url.query_pairs() {
        // What interactive messages of Slack carry is JSON within a form.
        let value = match serde_json::from_str(&value) {
            Ok(inner @ Value::Object(_)) if name == "payload" => inner,
            Ok(_) | Err(_) => Value::String(value.into_owned()),
        };
        fields.insert(name.into_owned(), value);
    }
    Ok(Value::Object(fields))
}

impl Secrets {
    /// Whether a call proves by the secret of that name that it is from who has it. The value does not leave this file.
    ///
    /// # Errors
    /// [`Failure`] when the secret can't be read: that is our fault, not the caller's.
    pub async fn proves(
        &self,
        name: &str,
        scheme: Scheme,
        came: &Incoming,
        now: Timestamp,
    ) -> Result<Result<(), String>, Failure> {
        let secret = self.one(name).await?;
        Ok(prove(scheme, &secret, came, now))
    }
}

/// Whether a signature is right and not too old.
fn prove(scheme: Scheme, secret: &str, came: &Incoming, now: Timestamp) -> Result<(), String> {
    let header = |name: &str| came.header(name).ok_or_else(|| format!("the header `{name}` is missing"));
    // An empty secret is one that anybody knows.
    if secret.is_empty() {
        return Err("the secret is empty".into());
    }
    match scheme {
        Scheme::Github => {
            let given = header("x-hub-signature-256")?;
            let given = given.strip_prefix("sha256=").and_then(unhex);
            signed(secret.as_bytes(), &[&came.body], given.as_slice())
        }
        Scheme::Slack => {
            let (at, given) = (header("x-slack-request-timestamp")?, header("x-slack-signature")?);
            recent(at, now)?;
            let given = given.strip_prefix("v0=").and_then(unhex);
            signed(secret.as_bytes(), &[b"v0:", at.as_bytes(), b":", &came.body], given.as_slice())
        }
        Scheme::Stripe => {
            let parts: Vec<(&str, &str)> =
                header("stripe-signature")?.split(',').filter_map(|part| part.trim().split_once('=')).collect();
            let at = parts.iter().find(|(key, _)| *key == "t").map(|(_, at)| *at).unwrap_or_default();
            recent(at, now)?;
            let given: Vec<Vec<u8>> =
                parts.iter().filter(|(key, _)| *key == "v1").filter_map(|(_, hex)| unhex(hex)).collect();
            signed(secret.as_bytes(), &[at.as_bytes(), b".", &came.body], &given)
        }
        Scheme::Standard => {
            let (id, at, given) = (header("webhook-id")?, header("webhook-timestamp")?, header("webhook-signature")?);
            recent(at, now)?;
            let key = match secret.strip_prefix("whsec_") {
                Some(text) => unbase64(text).ok_or("the secret is no base64 behind `whsec_`")?,
                None => secret.as_bytes().to_vec(),
            };
            let given: Vec<Vec<u8>> = given.split(' ').filter_map(|one| unbase64(one.strip_prefix("v1,")?)).collect();
            signed(&key, &[id.as_bytes(), b".", at.as_bytes(), b".", &came.body], &given)
        }
        Scheme::Token => {
            let given = header("authorization")?;
            let given = given.split_once(' ').filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer"));
            let token = given.map(|(_, token)| token.trim()).ok_or("send `Authorization: Bearer TOKEN`")?;
            // Hashes are compared, so that nothing is learnt from how long it takes.
            let same = Digest::of(token.as_bytes()) == Digest::of(secret.as_bytes());
            same.then_some(()).ok_or_else(|| "the token is wrong".into())
        }
    }
}

/// Whether one of these is the signature of the parts, in a time that says nothing.
fn signed(secret: &[u8], parts: &[&[u8]], given: &[Vec<u8>]) -> Result<(), String> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let text = parts.concat();
    let right = given.iter().any(|tag| hmac::verify(&key, &text, tag).is_ok());
    right.then_some(()).ok_or_else(|| "the signature is wrong".into())
}

fn recent(at: &str, now: Timestamp) -> Result<(), String> {
    let at: i64 = at.parse().map_err(|_| format!("`{at}` is no time in seconds"))?;
    let apart = now.as_second().saturating_sub(at);
    if apart.saturating_abs() > TOLERANCE {
        let way = if apart > 0 { "before" } else { "after" };
        let seconds = apart.saturating_abs();
        return Err(format!("it was signed {seconds} s {way} this machine's time, and {TOLERANCE} s are taken"));
    }
    Ok(())
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

/// The bytes that base64 stands for, with padding or without; `None` = it is none.
#[must_use]
pub fn unbase64(text: &str) -> Option<Vec<u8>> {
    const EITHER_WAY: GeneralPurposeConfig = PAD.with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&STANDARD, EITHER_WAY).decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn came(headers: &[(&str, &str)], body: &str) -> Incoming {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Incoming { headers, body: body.into() }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("an instant")
    }

    const SLACK: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&\
                         channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&\
                         response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F\
                         96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";

    /// What the providers publish: GitHub's and Slack's documentation, the specification of Standard Webhooks. Stripe
    /// publishes none: that one was made with openssl.
    #[test]
    fn the_providers_own_examples_are_right_and_anything_else_is_wrong() {
        let github = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let slack = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
        let standard = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let table = [
            (Scheme::Github, "It's a Secret to Everybody", 0, vec![("x-hub-signature-256", github)], "Hello, World!"),
            (
                Scheme::Slack,
                "8f742231b10e8888abcd99yyyzzz85a5",
                1_531_420_618,
                vec![("x-slack-request-timestamp", "1531420618"), ("x-slack-signature", slack)],
                SLACK,
            ),
            (Scheme::Stripe, "whsec_test", 1_700_000_000, vec![("stripe-signature", STRIPE)], "{\"id\":\"evt_1\"}"),
            (
                Scheme::Standard,
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                1_614_265_330,
                vec![
                    ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
                    ("webhook-timestamp", "1614265330"),
                    ("webhook-signature", standard),
                ],
                "{\"test\": 2432232314}",
            ),
            (Scheme::Token, "a token", 0, vec![("authorization", "Bearer a token")], ""),
        ];
        for (scheme, secret, second, headers, body) in table {
            let good = came(&headers, body);
            assert_eq!(prove(scheme, secret, &good, at(second + 299)), Ok(()), "{scheme:?}");
            for skew in [-301, 301] {
                let timed = !matches!(scheme, Scheme::Github | Scheme::Token);
                let found = prove(scheme, secret, &good, at(second + skew));
                assert_eq!(found.is_err(), timed, "{scheme:?} {skew} s off: {found:?}");
            }
            assert!(prove(scheme, "another", &good, at(second)).is_err(), "{scheme:?}: another secret");
            assert!(prove(scheme, "", &good, at(second)).is_err(), "{scheme:?}: no secret");
            if scheme != Scheme::Token {
                let changed = came(&headers, &format!("{body} "));
                assert_eq!(
                    prove(scheme, secret, &changed, at(second)),
                    Err("the signature is wrong".into()),
                    "{scheme:?}"
                );
            }
            for left_out in 0..headers.len() {
                let mut fewer = headers.clone();
                fewer.remove(left_out);
                assert!(
                    prove(scheme, secret, &came(&fewer, body), at(second)).is_err(),
                    "{scheme:?} without {left_out}"
                );
            }
            let cut: Vec<(&str, &str)> =
                headers.iter().map(|(name, value)| (*name, &value[..value.len() - 2])).collect();
            assert!(prove(scheme, secret, &came(&cut, body), at(second)).is_err(), "{scheme:?}: a part of a signature");
        }
    }

    const STRIPE: &str = "t=1700000000,v1=00,v0=ff,v1=c89214b5b5da833daed6f0b8c5bb6bd58cea9022bd80ccc78230f3942d632925";

    #[test]
    fn a_delivery_is_known_by_what_its_sender_calls_it() {
        let one = |scheme, headers: &[(&str, &str)], body: &str| came(headers, body).delivery(scheme);
        assert_eq!(one(Some(Scheme::Github), &[("x-github-delivery", "d")], "x").as_deref(), Some("d"));
        assert_eq!(one(Some(Scheme::Github), &[], "x").map(|id| id.len()), Some(64), "the same body is the same");
        assert_eq!(
            one(Some(Scheme::Slack), &[("x-slack-signature", "s")], "{\"event_id\":\"E\"}").as_deref(),
            Some("E")
        );
        assert_eq!(one(Some(Scheme::Slack), &[("x-slack-signature", "s")], "a=b").as_deref(), Some("s"));
        assert_eq!(one(Some(Scheme::Stripe), &[], "{\"id\":\"evt\"}").as_deref(), Some("evt"));
        assert_eq!(one(Some(Scheme::Standard), &[("webhook-id", "m")], "").as_deref(), Some("m"));
        assert_eq!(one(None, &[("idempotency-key", "k")], "").as_deref(), Some("k"));
        assert_eq!(one(Some(Scheme::Token), &[], "{}"), None);
    }

    #[test]
    fn bodies_are_json_forms_or_text() {
        let read = |kind: &str, body: &str| came(&[("content-type", kind)], body).read();
        let json = crate::base::value::json!({ "a": 1 });
        assert_eq!(read("application/json; charset=utf-8", "{\"a\":1}"), Ok(json.clone()));
        assert_eq!(read("", "{\"a\":1}"), Ok(json.clone()));
        assert_eq!(read("application/x-www-form-urlencoded", "{\"a\":1}"), Ok(json.clone()));
        assert_eq!(read("text/plain", "hello"), Ok(Value::String("hello".into())));
        assert_eq!(read("application/json", ""), Ok(Value::Null));
        let form = read("application/x-www-form-urlencoded", "text=a+b%26c&payload=%7B%22a%22%3A1%7D");
        assert_eq!(form, Ok(crate::base::value::json!({ "text": "a b&c", "payload": json })));
        assert!(read("application/json", "{").is_err_and(|why| why.starts_with("the body is not JSON")));
    }
}
