//! Events of tokens and of the audit as bytes, version 1.

use crate::base::actor::{Actor, Role, Via};
use crate::base::digest::Digest;
use crate::base::ids::RunId;
use crate::model::access::{Deed, KeptAnswer, KeyNote, KeyUse, TokenChange, TokenEvent};
use crate::store::codec::CodecError;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Who did it, as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct By {
    id: String,
    via: String,
    role: String,
}

impl By {
    pub(super) fn of(actor: &Actor) -> Self {
        Self { id: actor.id.clone(), via: actor.via.as_str().into(), role: actor.role.as_str().into() }
    }

    pub(super) fn actor(self) -> Result<Actor, CodecError> {
        let via = Via::parse(&self.via).ok_or_else(|| unknown(&self.via))?;
        let role = Role::parse(&self.role).ok_or_else(|| unknown(&self.role))?;
        Ok(Actor { id: self.id, via, role })
    }
}

pub(super) fn unknown(what: &str) -> CodecError {
    CodecError::Malformed(format!("`{what}` is unknown"))
}

pub(super) fn write(v1: &impl Serialize) -> Result<Vec<u8>, CodecError> {
    serde_json::to_vec(v1).map_err(|error| CodecError::Unstorable(error.to_string()))
}

pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    match super::version_of(bytes)? {
        1 => serde_json::from_slice(bytes).map_err(|error| CodecError::Malformed(error.to_string())),
        found => Err(CodecError::Newer { found }),
    }
}

/// Version 1 of a token event: never edited, only followed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct TokenV1 {
    v: u32,
    at: Timestamp,
    event: TokenKind,
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    by: By,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TokenKind {
    Created,
    Revoked,
}

/// Version 1 of an audited request: never edited, only followed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct DeedV1 {
    v: u32,
    at: Timestamp,
    by: By,
    from: String,
    what: String,
    status: u16,
}

/// Version 1 of a reserved run: never edited, only followed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct ReservedV1 {
    v: u32,
    at: Timestamp,
    key: String,
    request: String,
    run: String,
}

/// Version 2 of what is known of a key, of requests that start no run: never edited, only followed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct KeyV2 {
    v: u32,
    at: Timestamp,
    key: String,
    request: String,
    event: KeyKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KeyKind {
    Begun,
    Done,
    Refused,
}

/// The event as bytes: version 1 where it means a run.
///
/// # Errors
/// [`CodecError::Unstorable`], in theory.
pub fn encode_key(note: &KeyNote) -> Result<Vec<u8>, CodecError> {
    let KeyNote { at, key, request, outcome } = note;
    let (at, key, request) = (*at, key.to_string(), request.to_string());
    let (event, status, body) = match outcome {
        KeyUse::Run(run) => return write(&ReservedV1 { v: 1, at, key, request, run: run.to_string() }),
        KeyUse::Begun => (KeyKind::Begun, None, None),
        KeyUse::Done(KeptAnswer { status, body }) => (KeyKind::Done, Some(*status), body.clone()),
        KeyUse::Refused => (KeyKind::Refused, None, None),
    };
    write(&KeyV2 { v: 2, at, key, request, event, status, body })
}

/// The event of these bytes.
///
/// # Errors
/// [`CodecError::Newer`] or [`CodecError::Malformed`].
pub fn decode_key(bytes: &[u8]) -> Result<KeyNote, CodecError> {
    let digest = |text: &str| Digest::parse(text).ok_or_else(|| unknown(text));
    if super::version_of(bytes)? != 2 {
        let ReservedV1 { v: _, at, key, request, run } = read(bytes)?;
        let run = RunId::parse(&run).map_err(|_| unknown(&run))?;
        return Ok(KeyNote { at, key: digest(&key)?, request: digest(&request)?, outcome: KeyUse::Run(run) });
    }
    let read = serde_json::from_slice(bytes).map_err(|error| CodecError::Malformed(error.to_string()))?;
    let KeyV2 { v: _, at, key, request, event, status, body } = read;
    let outcome = match event {
        KeyKind::Begun => KeyUse::Begun,
        KeyKind::Done => KeyUse::Done(KeptAnswer { status: status.ok_or_else(|| unknown("done"))?, body }),
        KeyKind::Refused => KeyUse::Refused,
    };
    Ok(KeyNote { at, key: digest(&key)?, request: digest(&request)?, outcome })
}

/// The event as bytes.
///
/// # Errors
/// [`CodecError::Unstorable`], in theory.
pub fn encode_token(event: &TokenEvent) -> Result<Vec<u8>, CodecError> {
    let (kind, role, hash) = match &event.change {
        TokenChange::Created { role, hash } => (TokenKind::Created, Some(role.as_str().into()), Some(hash.to_string())),
        TokenChange::Revoked => (TokenKind::Revoked, None, None),
    };
    write(&TokenV1 { v: 1, at: event.at, event: kind, name: event.name.clone(), role, hash, by: By::of(&event.actor) })
}

/// The event of these bytes.
///
/// # Errors
/// [`CodecError::Newer`] or [`CodecError::Malformed`].
pub fn decode_token(bytes: &[u8]) -> Result<TokenEvent, CodecError> {
    let TokenV1 { v: _, at, event, name, role, hash, by } = read(bytes)?;
    let change = match event {
        TokenKind::Created => {
            let (role, hash) = (role.unwrap_or_default(), hash.unwrap_or_default());
            let role = Role::parse(&role).ok_or_else(|| unknown(&role))?;
            TokenChange::Created { role, hash: Digest::parse(&hash).ok_or_else(|| unknown(&hash))? }
        }
        TokenKind::Revoked => TokenChange::Revoked,
    };
    Ok(TokenEvent { at, actor: by.actor()?, name, change })
}

/// The event as bytes.
///
/// # Errors
/// [`CodecError::Unstorable`], in theory.
pub fn encode_deed(deed: &Deed) -> Result<Vec<u8>, CodecError> {
    let Deed { at, actor, from, what, status } = deed;
    let (from, what) = (from.clone(), what.clone());
    write(&DeedV1 { v: 1, at: *at, by: By::of(actor), from, what, status: *status })
}

/// The event of these bytes.
///
/// # Errors
/// [`CodecError::Newer`] or [`CodecError::Malformed`].
pub fn decode_deed(bytes: &[u8]) -> Result<Deed, CodecError> {
    let DeedV1 { v: _, at, by, from, what, status } = read(bytes)?;
    Ok(Deed { at, actor: by.actor()?, from, what, status })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_deeds_read_back_from_what_release_one_wrote() {
        let at: Timestamp = "2026-11-24T23:00:00Z".parse().expect("an instant");
        let actor = Actor { id: "anna".into(), via: Via::Socket, role: Role::Admin };
        let name = "ci".to_owned();
        let by = r#""by":{"id":"anna","via":"socket","role":"admin"}"#;
        let hash = Digest::of(b"abc");
        let created = TokenChange::Created { role: Role::Viewer, hash };
        for (golden, change) in [
            (
                format!(
                    r#"{{"v":1,"at":"2026-11-24T23:00:00Z","event":"created","name":"ci","role":"viewer","hash":"{hash}",{by}}}"#
                ),
                created,
            ),
            (
                format!(r#"{{"v":1,"at":"2026-11-24T23:00:00Z","event":"revoked","name":"ci",{by}}}"#),
                TokenChange::Revoked,
            ),
        ] {
            let event = TokenEvent { at, actor: actor.clone(), name: name.clone(), change };
            assert_eq!(decode_token(golden.as_bytes()), Ok(event.clone()));
            assert_eq!(encode_token(&event), Ok(golden.into_bytes()));
        }
        let golden = format!(
            r#"{{"v":1,"at":"2026-11-24T23:00:00Z",{by},"from":"127.0.0.1:5","what":"POST /api/v1/runs","status":201}}"#
        );
        let what = "POST /api/v1/runs".into();
        let deed = Deed { at, actor, from: "127.0.0.1:5".into(), what, status: 201 };
        assert_eq!(decode_deed(golden.as_bytes()), Ok(deed.clone()));
        assert_eq!(encode_deed(&deed), Ok(golden.into_bytes()));
        let golden = format!(
            r#"{{"v":1,"at":"2026-11-24T23:00:00Z","key":"{hash}","request":"{hash}","run":"00000000010000000000000002"}}"#
        );
        let noted = |outcome| KeyNote { at, key: hash, request: hash, outcome };
        let mut goldens = vec![(golden, noted(KeyUse::Run(RunId::new(1, 2))))];
        let of =
            |rest: &str| format!(r#"{{"v":2,"at":"2026-11-24T23:00:00Z","key":"{hash}","request":"{hash}",{rest}}}"#);
        let done = |body: Option<&str>| KeyUse::Done(KeptAnswer { status: 201, body: body.map(ToOwned::to_owned) });
        goldens.push((of(r#""event":"begun""#), noted(KeyUse::Begun)));
        goldens.push((of(r#""event":"done","status":201,"body":"{}""#), noted(done(Some("{}")))));
        goldens.push((of(r#""event":"done","status":201"#), noted(done(None))));
        goldens.push((of(r#""event":"refused""#), noted(KeyUse::Refused)));
        for (golden, note) in goldens {
            assert_eq!(decode_key(golden.as_bytes()), Ok(note.clone()));
            assert_eq!(encode_key(&note), Ok(golden.into_bytes()));
        }
        assert!(matches!(decode_key(br#"{"v":3}"#), Err(CodecError::Newer { found: 3 })));
        assert!(matches!(decode_deed(br#"{"v":2}"#), Err(CodecError::Newer { found: 2 })));
    }
}
