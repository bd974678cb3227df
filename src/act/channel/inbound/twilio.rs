//! What Twilio posts: texts that come in, keys that are pressed, what became of what was sent.

use crate::act::channel::inbound::{Reply, Said, form, same, value};
use crate::base::digest::Digest;
use crate::model::message::Sent;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

/// Verifies a request by `X-Twilio-Signature`: `url` is the address as Twilio was given it (the public one, with its
/// query), `body` what it posted as a form. A body of another kind is named in the query, by its hash.
///
/// # Errors
/// Why it is not authentic, in a sentence.
pub fn verify(token: &str, url: &str, body: &[u8], signature: &str) -> Result<(), String> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let hash = form(query.as_bytes()).into_iter().find(|(name, _)| name == "bodySHA256").map(|(_, hash)| hash);
    let mut signed = url.to_owned();
    match hash {
        Some(hash) if same(Digest::of(body).to_string().as_bytes(), hash.to_ascii_lowercase().as_bytes()) => {}
        Some(_) => return Err("its body is not the one that was signed".into()),
        None => {
            let mut pairs = form(body);
            pairs.sort();
            for (name, value) in &pairs {
                signed.extend([name.as_str(), value.as_str()]);
            }
        }
    }
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    let wanted = STANDARD.encode(hmac::sign(&key, signed.as_bytes()));
    if same(wanted.as_bytes(), signature.as_bytes()) {
        return Ok(());
    }
    Err("its signature is not Twilio's: is `http.public_url` the address it calls, and the token the account's?".into())
}

/// A text that somebody sent.
///
/// # Errors
/// What about it is not understood.
pub fn text(body: &[u8]) -> Result<Reply, String> {
    let pairs = form(body);
    let need = |name: &str| value(&pairs, name).ok_or_else(|| format!("it has no `{name}`"));
    // Some telephones put blanks behind what is typed.
    let said = Said::Text(need("Body")?.trim().to_owned());
    Ok(Reply { said, who: need("From")?.into(), provider_ref: need("MessageSid")?.into(), answer: None })
}

/// A key that was pressed during a call; the address that was called has the tokens by their keys, `?4=TOKEN`.
///
/// # Errors
/// What about it is not understood, or that the key means nothing.
pub fn key(url: &str, body: &[u8]) -> Result<Reply, String> {
    let pairs = form(body);
    let digits = value(&pairs, "Digits").ok_or("no key was pressed")?;
    let query = form(url.split_once('?').map_or("", |(_, query)| query).as_bytes());
    let token = value(&query, digits).ok_or_else(|| format!("the key `{digits}` means nothing"))?;
    // In a call that we make, who answers is whom we called.
    let who = value(&pairs, "To").or_else(|| value(&pairs, "Called")).unwrap_or("somebody");
    let call = value(&pairs, "CallSid").unwrap_or_default();
    let provider_ref = format!("{call}/{digits}");
    Ok(Reply { said: Said::Token(token.into()), who: who.into(), provider_ref, answer: None })
}

/// Whether what Twilio posts is what became of a message or a call, and not somebody's answer.
#[must_use]
pub fn is_status(body: &[u8]) -> bool {
    let pairs = form(body);
    let has = |name: &str| value(&pairs, name).is_some();
    (has("MessageStatus") || has("CallStatus")) && !has("Body") && !has("Digits")
}

/// What became of a message or a call: Twilio's id of it, and its fate. `None` for the states in between.
///
/// # Errors
/// What about it is not understood.
pub fn status(body: &[u8]) -> Result<(String, Option<Sent>), String> {
    let pairs = form(body);
    let text = |name: &str| value(&pairs, name);
    let id = text("MessageSid").or_else(|| text("CallSid")).ok_or("it names neither a message nor a call")?;
    let state = text("MessageStatus").or_else(|| text("CallStatus")).ok_or("it says no status")?;
    let code = text("ErrorCode").map_or_else(String::new, |code| format!(" (error {code})"));
    let fate = fate(state, id, &code);
    Ok((id.to_owned(), fate))
}

/// What a state of Twilio's means; `None` for those in between.
pub(in crate::act::channel) fn fate(state: &str, id: &str, code: &str) -> Option<Sent> {
    match state {
        "delivered" | "read" | "completed" => Some(Sent::Delivered { id: Some(id.to_owned()) }),
        "undelivered" | "failed" | "canceled" | "busy" | "no-answer" => {
            Some(Sent::Refused { reason: format!("Twilio says `{state}`{code}") })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
    const BODY: &str =
        "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212";

    /// The vector of Twilio's own documentation.
    #[test]
    fn only_what_twilio_signed_is_authentic() {
        let verified = |url: &str, body: &str, signature: &str| verify("12345", url, body.as_bytes(), signature);
        assert_eq!(verified(URL, BODY, "RSOYDt4T1cUTdK1PDd93/VVr8B8="), Ok(()));
        assert!(verified(URL, &BODY.replace("1234", "1235"), "RSOYDt4T1cUTdK1PDd93/VVr8B8=").is_err());
        assert!(verified("http://mycompany.com/myapp.php?foo=1&bar=2", BODY, "RSOYDt4T1cUTdK1PDd93/VVr8B8=").is_err());
        assert!(verified(URL, BODY, "").is_err());
    }

    #[test]
    fn a_body_of_another_kind_is_signed_by_its_hash() {
        let body = r#"{"a":1}"#;
        let url = format!("https://x.example/hook?bodySHA256={}", Digest::of(body.as_bytes()));
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"12345");
        let signature = STANDARD.encode(hmac::sign(&key, url.as_bytes()));
        assert_eq!(verify("12345", &url, body.as_bytes(), &signature), Ok(()));
        assert!(verify("12345", &url, br#"{"a":2}"#, &signature).is_err());
    }

    #[test]
    fn texts_keys_and_fates_are_read() {
        let reply = text(b"MessageSid=SM1&From=%2B15550123&Body=1a++%0A").expect("reply");
        assert_eq!((reply.said, reply.who), (Said::Text("1a".into()), "+15550123".into()));
        let pressed = |digits: &str| {
            key("https://x/in?4=tok4&6=tok6", format!("CallSid=CA1&To=%2B1555&Digits={digits}").as_bytes())
        };
        assert_eq!(pressed("6").map(|reply| reply.said), Ok(Said::Token("tok6".into())));
        assert_eq!(pressed("9"), Err("the key `9` means nothing".into()));
        let told = |body: &str| status(body.as_bytes()).expect(body).1;
        assert_eq!(told("MessageSid=SM1&MessageStatus=delivered"), Some(Sent::Delivered { id: Some("SM1".into()) }));
        assert_eq!(told("MessageSid=SM1&MessageStatus=sent"), None);
        let refused = Sent::Refused { reason: "Twilio says `undelivered` (error 30003)".into() };
        assert_eq!(told("MessageSid=SM1&MessageStatus=undelivered&ErrorCode=30003"), Some(refused));
        assert!(status(b"MessageSid=SM1").is_err() && text(b"From=1").is_err());
    }
}
