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
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// What every token begins with, so that a search for leaked ones finds it.
const BEGINS: &str = "slt_";

/// The file in the data directory with the token that a daemon makes by itself, and the token's name.
const FIRST_TOKEN: &str = "http-token";
const FIRST: &str = "first";

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

/// Writes a file that only its owner can read, whole or not at all.
fn write_apart(file: &Path, text: &str) -> io::Result<()> {
    let beside = file.with_extension("new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Err(_) | Ok(()) => {}
    }
    let mut made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    made.write_all(text.as_bytes())?;
    made.sync_all()?;
    fs::rename(&beside, file)
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

    /// Makes the token `first` where there never was one, and leaves it in `http-token` of the data directory, which nobody but the user that
    /// serves can read: who can may do everything over the socket as well. `None` = there is one, or was.
    ///
    /// # Errors
    /// [`Trouble`] when it can't be kept, or the file not be written.
    pub fn first_token(&self) -> Result<Option<PathBuf>, Trouble> {
        let cannot = |why: String| Trouble::Store(format!("the first token can't be made: {why}"));
        if self.journal.version(&stream()).map_err(|error| cannot(error.to_string()))? > 0 {
            return Ok(None);
        }
        let file = self.data.join(FIRST_TOKEN);
        let token = self.create_token(Actor::engine("http"), FIRST, Role::Admin)?;
        let written = write_apart(&file, &format!("{token}\n"));
        written.map_err(|error| {
            cannot(format!(
                "{}: {error}; `stepladder token revoke {FIRST}` and `stepladder token create NAME` make another",
                file.display()
            ))
        })?;
        Ok(Some(file))
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
        self.keep_token(&TokenEvent { at: clock::now(), actor, name: name.into(), change: TokenChange::Revoked })?;
        if name == FIRST {
            // It opens nothing any more, whether the file goes or not.
            drop(fs::remove_file(self.data.join(FIRST_TOKEN)));
        }
        Ok(())
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
