//! Tokens of LiveKit: JSON Web Tokens, signed with HMAC-SHA256 under the API secret.
//!
//! `jsonwebtoken` makes and takes them apart; the signature is ring's, as everywhere here. Time is an argument.

use crate::base::value::{Map, Value, json};
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result as JwtResult, new_error};
use jsonwebtoken::signature::{Error as BadSignature, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use ring::hmac;
use std::time::Duration;

/// How far the clocks of two machines may be apart.
const LEEWAY: i64 = 10;

/// What a token is made and looked at with.
pub(super) struct Keys {
    key: String,
    signs: EncodingKey,
    reads: DecodingKey,
}

/// What was found of a token.
#[derive(Debug)]
pub(super) struct Looked {
    /// Why it is not valid.
    pub(super) reason: Option<String>,
    /// What it says; nothing where nobody vouches for it.
    pub(super) claims: Option<Map<String, Value>>,
    pub(super) seconds_left: i64,
}

impl Keys {
    pub(super) fn new(key: String, secret: &str) -> Result<Self, Failure> {
        // The first of this process installs it; the others find it there.
        let _ = RING.install_default();
        let bad = |error| Failure::lasting(FailureKind::Template, format!("`api_secret` is no secret: {error}"));
        let signs = EncodingKey::from_secret(secret.as_bytes()).map_err(bad)?;
        let reads = DecodingKey::from_secret(secret.as_bytes()).map_err(bad)?;
        Ok(Self { key, signs, reads })
    }

    /// A token that is valid from now on for so long, with these claims beside.
    pub(super) fn sign(
        &self,
        claims: Map<String, Value>,
        now: jiff::Timestamp,
        ttl: Duration,
    ) -> Result<String, Failure> {
        let now = now.as_second();
        let ends = now.saturating_add(i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX));
        let mut all = Map::from_iter([
            ("iss".to_owned(), json!(self.key)),
            ("nbf".to_owned(), json!(now - LEEWAY)),
            ("exp".to_owned(), json!(ends)),
        ]);
        all.extend(claims);
        encode(&Header::new(Algorithm::HS256), &all, &self.signs)
            .map_err(|error| Failure::new(FailureKind::Other, format!("the token can't be signed: {error}")))
    }

    /// Looks at a token: is it ours, and valid now?
    pub(super) fn look(&self, token: &str, now: jiff::Timestamp) -> Looked {
        let mut rules = Validation::new(Algorithm::HS256);
        // The time comes in as an argument, and a token without an end is told, not refused unread.
        rules.validate_exp = false;
        rules.validate_aud = false;
        rules.required_spec_claims.clear();
        let claims = match decode::<Map<String, Value>>(token.trim(), &self.reads, &rules) {
            Ok(decoded) => decoded.claims,
            Err(error) => return Looked { reason: Some(no_token(error.kind())), claims: None, seconds_left: 0 },
        };
        let second = |name: &str| claims.get(name).and_then(Value::as_f64).map(whole);
        let (now, ends, begins) = (now.as_second(), second("exp"), second("nbf"));
        let seconds_left = ends.map_or(0, |ends| ends.saturating_sub(now));
        let issuer = claims.get("iss").and_then(Value::as_str).unwrap_or_default();
        let reason = match () {
            () if issuer != self.key => {
                Some(format!("it was made with the API key `{issuer}`, not with the one that was given"))
            }
            () if ends.is_none() => Some("it has no end (`exp`): LiveKit refuses it".into()),
            () if seconds_left <= 0 => Some(format!("it ended {}", ago(seconds_left))),
            () if begins.is_some_and(|begins| begins > now + LEEWAY) => {
                let wait = begins.unwrap_or_default() - now;
                Some(format!("it is valid in {wait} s only: are the clocks of both machines right?"))
            }
            () => None,
        };
        Looked { reason, claims: Some(claims), seconds_left }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "seconds of dates are far below 2^53")]
fn whole(seconds: f64) -> i64 {
    seconds as i64
}

fn ago(seconds_left: i64) -> String {
    format!("{} ago", crate::base::span::Span::from(Duration::from_secs(seconds_left.unsigned_abs().max(1))))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "an enum of a library, which grows")]
fn no_token(kind: &ErrorKind) -> String {
    match kind {
        ErrorKind::InvalidSignature => "it was not signed with this secret".into(),
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName | ErrorKind::UnsupportedAlgorithm => {
            "it is signed in another way than LiveKit's tokens are (HS256)".into()
        }
        _ => "it is no token: three parts of base64 with dots between are wanted".into(),
    }
}

/// HMAC-SHA256 of ring, and no other way of signing.
static RING: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| Ok(Box::new(Hs256::of(*algorithm, key.as_bytes())?) as Box<dyn JwtSigner>),
    verifier_factory: |algorithm, key| {
        Ok(Box::new(Hs256::of(*algorithm, key.try_get_as_bytes()?)?) as Box<dyn JwtVerifier>)
    },
    key_utils: KeyUtils::new_unimplemented(),
};

struct Hs256(hmac::Key);

impl Hs256 {
    fn of(algorithm: Algorithm, secret: &[u8]) -> JwtResult<Self> {
        if algorithm == Algorithm::HS256 {
            Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, secret)))
        } else {
            Err(new_error(ErrorKind::UnsupportedAlgorithm))
        }
    }
}

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, BadSignature> {
        Ok(hmac::sign(&self.0, message).as_ref().to_vec())
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), BadSignature> {
        hmac::verify(&self.0, message, signature).map_err(|_| BadSignature::new())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys::new("devkey".into(), "a secret of the tests").expect("keys")
    }

    fn at(second: i64) -> jiff::Timestamp {
        jiff::Timestamp::from_second(second).expect("an instant")
    }

    fn reason(token: &str, second: i64) -> String {
        keys().look(token, at(second)).reason.unwrap_or_default()
    }

    #[test]
    fn a_token_is_good_from_a_little_before_until_its_end() {
        let claims = Map::from_iter([("sub".to_owned(), json!("probe"))]);
        let token = keys().sign(claims, at(1_000_000), Duration::from_mins(10)).expect("signed");
        let looked = keys().look(&token, at(1_000_100));
        assert_eq!((looked.reason, looked.seconds_left), (None, 500));
        assert_eq!(looked.claims.and_then(|claims| claims.get("sub").cloned()), Some(json!("probe")));
        assert_eq!(reason(&token, 1_000_599), "");
        assert_eq!(reason(&token, 1_000_600), "it ended 1s ago");
        assert_eq!(reason(&token, 1_003_600), "it ended 50m ago");
        assert_eq!(reason(&token, 999_980), "");
        assert_eq!(reason(&token, 999_000), "it is valid in 990 s only: are the clocks of both machines right?");
    }

    /// Made by another implementation (Python's hmac): header, claims and signature are the standard's.
    #[test]
    fn the_token_of_another_implementation_is_read() {
        let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJkZXZrZXkiLCJleHAiOjIwMDAwMDAwMDAsInN1YiI6InByb2JlIiwidmlkZW8iOnsicm9vbUpvaW4iOnRydWV9fQ.LG2XkbnkUwXNcl2Xs5rgr1ADXcFCwU8BI_YDbkZwx1g";
        assert_eq!(reason(token, 1_000_000), "");
    }

    #[test]
    fn what_is_no_token_of_ours_says_why() {
        let good = keys().sign(Map::new(), at(1_000_000), Duration::from_mins(1)).expect("signed");
        let (head, tail) = good.rsplit_once('.').expect("three parts");
        let other = Keys::new("otherkey".into(), "a secret of the tests").expect("keys");
        let foreign = other.sign(Map::new(), at(1_000_000), Duration::from_mins(1)).expect("signed");
        let wrong = Keys::new("devkey".into(), "another").expect("keys").sign(
            Map::new(),
            at(1_000_000),
            Duration::from_mins(1),
        );
        // {"alg":"none","typ":"JWT"}
        let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.", head.split('.').nth(1).expect("claims"));
        for (token, says) in [
            (foreign, "it was made with the API key `otherkey`, not with the one that was given"),
            (wrong.expect("signed"), "it was not signed with this secret"),
            (format!("{head}.{}", tail.chars().rev().collect::<String>()), "it was not signed with this secret"),
            (unsigned, "it is no token: three parts of base64 with dots between are wanted"),
            (head.to_owned(), "it is no token: three parts of base64 with dots between are wanted"),
            ("a.b.c".into(), "it is no token: three parts of base64 with dots between are wanted"),
            (String::new(), "it is no token: three parts of base64 with dots between are wanted"),
        ] {
            assert_eq!(reason(&token, 1_000_001), says, "{token}");
            let vouched = keys().look(&token, at(1_000_001)).claims.is_some();
            assert_eq!(vouched, says.contains("otherkey"), "{token}");
        }
    }
}
