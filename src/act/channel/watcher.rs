//! The watcher outside that notices when this daemon is gone: called while all is well (`dead_man`).

use crate::act::args::Args;
use crate::act::channel::masked;
use crate::act::channel::wire::Ask;
use crate::act::secret::Filled;
use crate::act::world::World;
use crate::base::value::Value;
use crate::expr::Scope;
use crate::model::message::Sent;
use crate::model::param::Param;
use reqwest::Method;

/// Calls it once. Takes at most ten seconds.
///
/// # Errors
/// Why it was not reached, without the path of its URL, which may be what opens it.
pub async fn call(url: &Param, world: &World) -> Result<(), String> {
    let arg = url.render(&Scope::default()).map_err(|error| format!("`dead_man.url`: {error}"))?;
    let filled: Filled = world.secrets.gather_for(&arg).await.map_err(|failure| failure.message)?;
    let url = arg.fill(&mut |secret| filled.value(secret)).map_err(|failure| failure.message)?;
    let Value::String(url) = url else { return Err("`dead_man.url` is no text".to_owned()) };
    let sent = Ask::post(url, &Args::default(), world).method(Method::GET).good().await;
    let why = |sent: Sent| match masked(sent, &filled) {
        Sent::Later { reason, .. } | Sent::Refused { reason } => reason,
        Sent::Accepted { .. } | Sent::Delivered { .. } => "it did not answer as a watcher does".to_owned(),
    };
    sent.map(drop).map_err(why)
}
