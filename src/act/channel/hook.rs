//! A program of somebody's own: the message as JSON, its body signed.

use crate::act::channel::Sending;
use crate::act::channel::form;
use crate::act::channel::wire::Ask;
use crate::model::message::Sent;
use ring::hmac;
use std::fmt::Write as _;

pub(super) async fn send(sending: &Sending<'_>) -> Sent {
    let body = form::data(sending.message, &sending.to);
    let url = sending.own.text("url").unwrap_or_default();
    let mut ask = Ask::post(url, &sending.args, sending.world).json(&body);
    for (name, value) in sending.own.pairs("headers") {
        ask = ask.header(&name, &value);
    }
    ask = ask.header("Idempotency-Key", &form::line(&sending.message.key));
    if let Some(secret) = sending.own.text("secret") {
        let signature = signature(&secret, sending.world.now.as_second(), &body.to_string());
        ask = ask.header("Stepladder-Signature", &signature);
    }
    match ask.good().await {
        Ok(_) => Sent::Accepted { id: None },
        Err(sent) => sent,
    }
}

/// `t=SECONDS,v1=HEX`: HMAC-SHA256 of the seconds, a dot and the body. The time is in it so that an old message
/// is none when it is sent again.
fn signature(secret: &str, seconds: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{seconds}.{body}").as_bytes());
    let mut text = format!("t={seconds},v1=");
    for byte in tag.as_ref() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By `printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac whsec`.
    #[test]
    fn a_body_is_signed_as_another_program_signs_it() {
        let want = "t=1700000000,v1=8ad37ba156048ae0e0a5533c75cdf26fee88b07f93cb57ee4c80adb053012032";
        assert_eq!(signature("whsec", 1_700_000_000, r#"{"a":1}"#), want);
    }
}
