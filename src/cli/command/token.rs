//! `token`: who may come in over HTTP.

use crate::api::wire::{TokenRequest, TokenRow};
use crate::cli::args::{Token, TokenWhat};
use crate::cli::door::{Door, Purpose};
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::cli::settings::Settings;
use crate::cli::trouble::Trouble;

/// Makes, lists or revokes tokens.
pub async fn run(args: &Token, settings: &Settings) -> Result<Exit, Trouble> {
    let door = Door::open(settings, &settings.book()?, Purpose::Look).await?;
    match &args.what {
        TokenWhat::Create { name, role } => {
            let made = door.create_token(TokenRequest { name: name.clone(), role: role.word().into() }).await?;
            output::aside(&format!("the token `{name}` ({}), shown this once:", made.role));
            output::line(&made.token)?;
        }
        TokenWhat::List { json } => {
            for row in door.tokens().await? {
                let line = if *json { serde_json::to_string(&row).unwrap_or_default() } else { line(&row) };
                output::line(&line)?;
            }
        }
        TokenWhat::Revoke { name } => {
            door.revoke_token(name).await?;
            output::aside(&format!("the token `{name}` opens nothing any more"));
        }
    }
    Ok(Exit::Fine)
}

fn line(row: &TokenRow) -> String {
    let TokenRow { name, role, created, by, revoked } = row;
    let end = revoked.map(|at| format!(", revoked {at:.0}")).unwrap_or_default();
    format!("{name}  {role}  made {created:.0} by {by}{end}")
}
