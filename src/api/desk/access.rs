//! The desk's side for tokens and the audit.

use crate::api::desk::{Desk, told};
use crate::api::wire::{DeedRow, Fault, Problem, TokenReply, TokenRequest, TokenRow};
use crate::base::actor::{Actor, Role};
use crate::base::limits::MAX_ROWS;
use crate::model::access::Deed;
use crate::service::Token;
use std::path::PathBuf;

impl Desk {
    /// Makes a token.
    ///
    /// # Errors
    /// When the name or the role is none, or the actor may not.
    pub fn create_token(&self, actor: Actor, asked: TokenRequest) -> Result<TokenReply, Problem> {
        let TokenRequest { name, role } = asked;
        let unknown = || format!("`{role}` is no role: viewer, operator or admin");
        let parsed = Role::parse(&role).ok_or_else(|| Problem::new(Fault::Input, unknown()))?;
        let token = self.service.create_token(actor, &name, parsed).map_err(told)?;
        Ok(TokenReply { name, role, token })
    }

    /// Makes the first token where there never was one; the file it is in.
    ///
    /// # Errors
    /// When it can't be kept.
    pub fn first_token(&self) -> Result<Option<PathBuf>, Problem> {
        self.service.first_token().map_err(told)
    }

    /// Takes a token's right away.
    ///
    /// # Errors
    /// When there is none of that name, or the actor may not.
    pub fn revoke_token(&self, actor: Actor, name: &str) -> Result<(), Problem> {
        self.service.revoke_token(actor, name).map_err(told)
    }

    /// Every token there ever was.
    ///
    /// # Errors
    /// When the actor may not.
    pub fn tokens(&self, actor: &Actor) -> Result<Vec<TokenRow>, Problem> {
        let row = |token: Token| TokenRow {
            name: token.name,
            role: token.role.as_str().into(),
            created: token.created,
            by: token.by,
            revoked: token.revoked,
        };
        Ok(self.service.tokens(actor).map_err(told)?.into_iter().map(row).collect())
    }

    /// Who comes with that token.
    ///
    /// # Errors
    /// When the tokens can't be read.
    pub fn bearer(&self, token: &str) -> Result<Option<Actor>, Problem> {
        self.service.bearer(token).map_err(told)
    }

    /// Writes a request down that may have changed something.
    pub fn audit(&self, actor: Actor, from: String, what: String, status: u16) {
        self.service.audit(actor, from, what, status);
    }

    /// What was done, newest first.
    ///
    /// # Errors
    /// When the actor may not.
    pub fn deeds(&self, actor: &Actor, limit: u32) -> Result<Vec<DeedRow>, Problem> {
        let row = |deed: Deed| DeedRow {
            at: deed.at,
            actor: deed.actor.id,
            via: deed.actor.via.as_str().into(),
            role: deed.actor.role.as_str().into(),
            from: deed.from,
            what: deed.what,
            status: deed.status,
        };
        let limit = (limit as usize).clamp(1, MAX_ROWS);
        Ok(self.service.deeds(actor, limit).map_err(told)?.into_iter().map(row).collect())
    }
}
