//! Tokens: who may come in over HTTP, with which right. Of a token itself only the hash is kept.

use crate::base::actor::{Actor, Role, Via};
use crate::base::digest::Digest;
use crate::base::ids::Name;
use crate::base::limits::MAX_TOKENS;
use crate::model::access::{TokenChange, TokenEvent};
use crate::runtime::append::append;
use crate::runtime::clock;
use crate::service::trouble::admin;
use crate::service::{Service, Trouble};
use crate::store::{Batch, Guard, StreamId, Version, codec};
use jiff::Timestamp;
use std::sync::{Mutex, PoisonError};

/// What every token begins with, so that a search for leaked ones finds it.
const BEGINS: &str = "slt_";

/// A token, without what opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its name, which stands in everything done with it.
    pub name: String,
    /// Its right.
    pub role: Role,
    /// When it was made.
    pub created: Timestamp,
    /// By whom.
    pub by: String,
    /// Since when it opens nothing any more.
    pub revoked: Option<Timestamp>,
    hash: Digest,
}

/// The tokens as they were read last.
#[derive(Debug, Default)]
pub struct Access {
    read: Mutex<(Version, Vec<Token>)>,
}

fn stream() -> StreamId {
    StreamId::new("book", "tokens")
}

impl Service {
    /// Makes a token and returns it: nobody can be told it again.
    ///
    /// # Errors
    /// [`Trouble`] when the name is none or taken, or the actor may not.
    pub fn create_token(&self, actor: Actor, name: &str, role: Role) -> Result<String, Trouble> {
        admin(&actor, "make a token for")?;
        let parsed =
            Name::parse(name).map_err(|why| Trouble::Input(format!("`{name}` is no name for a token: {why}")))?;
        let known = self.read_tokens()?;
        let open = || known.iter().filter(|token| token.revoked.is_none());
        if open().any(|token| token.name == name) {
            return Err(Trouble::Input(format!("there is a token `{name}`: revoke it first, or choose another name")));
        }
        if open().count() >= MAX_TOKENS {
            return Err(Trouble::Input(format!("there are {MAX_TOKENS} tokens: revoke what is not needed")));
        }
        let random =
            clock::unguessable().ok_or_else(|| Trouble::Store("this machine has no source of chance".into()))?;
        let token = random.iter().fold(BEGINS.to_owned(), |text, byte| format!("{text}{byte:02x}"));
        let change = TokenChange::Created { role, hash: Digest::of(token.as_bytes()) };
        self.keep_token(&TokenEvent { at: clock::now(), actor, name: parsed.to_string(), change })?;
        Ok(token)
    }

    /// Takes a token's right away, at once.
    ///
    /// # Errors
    /// [`Trouble`] when there is none of that name, or the actor may not.
    pub fn revoke_token(&self, actor: Actor, name: &str) -> Result<(), Trouble> {
        admin(&actor, "revoke a token of")?;
        if !self.read_tokens()?.iter().any(|token| token.name == name && token.revoked.is_none()) {
            return Err(Trouble::NoToken(name.to_owned()));
        }
        self.keep_token(&TokenEvent { at: clock::now(), actor, name: name.into(), change: TokenChange::Revoked })
    }

    /// Every token there ever was, oldest first.
    ///
    /// # Errors
    /// [`Trouble`] when they can't be read, or the actor may not.
    pub fn tokens(&self, actor: &Actor) -> Result<Vec<Token>, Trouble> {
        admin(actor, "list the tokens of")?;
        self.read_tokens()
    }

    /// Who comes with that token; `None` = it opens nothing.
    ///
    /// # Errors
    /// [`Trouble::Store`] when the tokens can't be read.
    pub fn bearer(&self, token: &str) -> Result<Option<Actor>, Trouble> {
        let hash = Digest::of(token.as_bytes());
        let tokens = self.read_tokens()?;
        let found = tokens.into_iter().find(|token| token.hash == hash && token.revoked.is_none());
        Ok(found.map(|token| Actor { id: token.name, via: Via::Api, role: token.role }))
    }

    fn read_tokens(&self) -> Result<Vec<Token>, Trouble> {
        let cannot = |why: String| Trouble::Store(format!("the tokens can't be read: {why}"));
        let version = self.journal.version(&stream()).map_err(|error| cannot(error.to_string()))?;
        let mut read = self.access.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.0 != version {
            let events = self.journal.read(&stream(), 0).map_err(|error| cannot(error.to_string()))?;
            let events = events.iter().map(|bytes| codec::decode_token(bytes));
            let events = events.collect::<Result<Vec<_>, _>>().map_err(|error| cannot(error.to_string()))?;
            *read = (version, folded(events));
        }
        Ok(read.1.clone())
    }

    fn keep_token(&self, event: &TokenEvent) -> Result<(), Trouble> {
        let cannot = |why: String| Trouble::Store(format!("the token can't be kept: {why}"));
        let version = self.journal.version(&stream()).map_err(|error| cannot(error.to_string()))?;
        let bytes = codec::encode_token(event).map_err(|error| cannot(error.to_string()))?;
        let guards = vec![Guard::Lease(self.journal.epoch()), Guard::At(stream(), version)];
        let batch = Batch { guards, appends: vec![(stream(), vec![bytes])], ..Batch::default() };
        append(self.journal.as_ref(), batch).map_err(|error| cannot(error.to_string()))
    }
}

fn folded(events: Vec<TokenEvent>) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    for TokenEvent { at, actor, name, change } in events {
        match change {
            TokenChange::Created { role, hash } => {
                tokens.push(Token { name, role, created: at, by: actor.id, revoked: None, hash });
            }
            TokenChange::Revoked => {
                let open = tokens.iter_mut().filter(|token| token.name == name && token.revoked.is_none());
                open.for_each(|token| token.revoked = Some(at));
            }
        }
    }
    tokens
}
