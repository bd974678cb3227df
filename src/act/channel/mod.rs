//! Channels: one file for each way to reach people.
//!
//! [`send`] makes one try and says what became of it; who tries again, and when, is no business of this
//! module. Knows messages and addresses, never incidents or ladders. Secrets are filled in here and hidden
//! in everything that comes back (invariant 11).

mod email;
mod exec;
mod form;
mod gateway;
mod hook;
mod inbound;
mod mattermost;
mod ntfy;
mod pagerduty;
mod place;
mod posted;
mod short;
mod slack;
mod sms;
mod teams;
mod telegram;
mod voice;
mod watcher;
pub(super) mod wire;

#[cfg(test)]
pub(super) mod tests;

pub use inbound::{Reply, Said, slack as slack_inbound, telegram as telegram_inbound, twilio as twilio_inbound};
pub use posted::Posted;
pub use slack::answer as answer_slack;
pub use telegram::{answer as answer_telegram, listen as listen_telegram, poll as poll_telegram};
pub use watcher::call as call_watcher;

use crate::act::args::Args;
use crate::act::channel::wire::{later, refused};
use crate::act::secret::Filled;
use crate::act::world::World;
use crate::base::value::Value;
use crate::expr::Scope;
use crate::model::channel::{Provider, Recipient};
use crate::model::message::{Address, Message, Sent};
use std::time::Duration;

/// How long one try may take in all: a mail is a dialogue.
const WHOLE: Duration = Duration::from_secs(30);

/// One message on its way over one channel.
struct Sending<'a> {
    message: &'a Message,
    /// The channel's own name.
    channel: &'a str,
    /// Whom it is for, as the channel writes it; empty = whom the channel is set up for.
    to: String,
    /// Everything of the channel's settings, secrets filled in.
    args: Args,
    /// The settings of the provider, where they are a map of their own.
    own: Args,
    world: &'a World,
}

/// Tries once to send a message. It may be sent although an error is returned: the message's key tells.
///
/// Takes at most half a minute; the future may be dropped at any time.
pub async fn send(message: &Message, to: &Address, world: &World) -> Sent {
    let (args, provider, filled) = match settings(message, to, world).await {
        Ok(found) => found,
        Err(sent) => return sent,
    };
    let own = Args::from_map(args.map(provider.key()));
    let recipient = if to.to.is_empty() { args.text("to").unwrap_or_default() } else { to.to.clone() };
    if provider.recipient() == Recipient::Needed && recipient.is_empty() {
        let channel = &to.channel;
        return refused(format!(
            "`{channel}` needs somebody to send it to: `{channel}:ADDRESS`, or `to` of the channel"
        ));
    }
    let sending = Sending { message, channel: to.channel.as_str(), to: recipient, args, own, world };
    let sent = tokio::time::timeout(WHOLE, dispatch(provider, &sending)).await;
    let sent = sent.unwrap_or_else(|_| later(format!("no answer within {} s", WHOLE.as_secs()), None));
    masked(sent, &filled)
}

/// What became of a message that was accepted under that id, where the provider can be asked; `None` where it can't,
/// or does not know yet.
pub async fn fate(message: &Message, to: &Address, id: &str, world: &World) -> Option<Sent> {
    let (args, provider, filled) = settings(message, to, world).await.ok()?;
    let what = if provider == Provider::Voice { "Calls" } else { "Messages" };
    if !tells_fate(to.channel.as_str(), world) {
        return None;
    }
    let sending = Sending::new(message, to, args, provider, world);
    sms::fate(&sending, what, id).await.map(|sent| masked(sent, &filled))
}

/// Whether the provider of a channel can be asked what became of a message.
#[must_use]
pub fn tells_fate(channel: &str, world: &World) -> bool {
    matches!(provider(channel, world), Some(Provider::Twilio | Provider::Voice))
}

impl<'a> Sending<'a> {
    fn new(message: &'a Message, to: &'a Address, args: Args, provider: Provider, world: &'a World) -> Self {
        let own = Args::from_map(args.map(provider.key()));
        let recipient = if to.to.is_empty() { args.text("to").unwrap_or_default() } else { to.to.clone() };
        Self { message, channel: to.channel.as_str(), to: recipient, args, own, world }
    }
}

async fn dispatch(provider: Provider, sending: &Sending<'_>) -> Sent {
    match provider {
        Provider::Webhook => slack::webhook(sending).await,
        Provider::Slack => slack::bot(sending).await,
        Provider::Smtp => email::send(sending).await,
        Provider::Twilio => sms::send(sending).await,
        Provider::Voice => voice::send(sending).await,
        Provider::Gateway => gateway::send(sending).await,
        Provider::Telegram => telegram::send(sending).await,
        Provider::Ntfy => ntfy::send(sending).await,
        Provider::Mattermost => mattermost::send(sending).await,
        Provider::Teams => teams::send(sending).await,
        Provider::Hook => hook::send(sending).await,
        Provider::Pagerduty => pagerduty::send(sending).await,
        Provider::Exec => exec::send(sending).await,
        Provider::File => place::file(sending),
        Provider::Terminal => place::terminal(sending),
    }
}

/// The provider a channel has; `terminal` and `file` are there without settings.
#[must_use]
pub fn provider(channel: &str, world: &World) -> Option<Provider> {
    match world.settings.channels.iter().find(|(name, _)| name.as_str() == channel) {
        Some((_, settings)) => Provider::ALL.iter().copied().find(|it| settings.get(it.key()).is_some()),
        None => [Provider::Terminal, Provider::File].into_iter().find(|it| it.key() == channel),
    }
}

/// The settings of a channel with every secret filled in.
async fn settings(message: &Message, to: &Address, world: &World) -> Result<(Args, Provider, Filled), Sent> {
    let Some(provider) = provider(to.channel.as_str(), world) else {
        return Err(refused(format!("stepladder.yaml has no channel `{}`", to.channel)));
    };
    let Some(settings) = world.settings.channels.get(&to.channel) else {
        return Ok((Args::default(), provider, Filled::default()));
    };
    let scope = gateway::scope(message, to);
    let arg = settings.render(&scope).map_err(|error| refused(format!("settings of `{}`: {error}", to.channel)))?;
    // A provider of secrets that is down may be up again.
    let filled = world.secrets.gather_for(&arg).await.map_err(|failure| later(failure.message, None))?;
    let value = arg.fill(&mut |secret| filled.value(secret)).map_err(|failure| refused(failure.message))?;
    let Value::Object(map) = value else { return Err(refused(format!("`{}` has no settings", to.channel))) };
    Ok((Args::from_map(map), provider, filled))
}

/// What is filled in of a channel's settings, for what comes in over it.
///
/// # Errors
/// Why it can't be had, in a sentence.
async fn own(channel: &str, world: &World) -> Result<(Args, Provider, Filled), String> {
    let unknown = || format!("stepladder.yaml has no channel `{channel}`");
    let provider = provider(channel, world).ok_or_else(unknown)?;
    let (_, settings) =
        world.settings.channels.iter().find(|(name, _)| name.as_str() == channel).ok_or_else(unknown)?;
    let own = settings.get(provider.key()).ok_or_else(unknown)?;
    let arg = own.render(&Scope::default()).map_err(|error| format!("settings of `{channel}`: {error}"))?;
    let filled = world.secrets.gather_for(&arg).await.map_err(|failure| failure.message)?;
    let value = arg.fill(&mut |secret| filled.value(secret)).map_err(|failure| failure.message)?;
    let mut map = value.as_object().cloned().unwrap_or_default();
    if let Some(ca) = settings.get("ca").and_then(|ca| ca.value()) {
        map.insert("ca".into(), ca.clone());
    }
    Ok((Args::from_map(map), provider, filled))
}

/// A setting of a channel's own provider with its secrets filled in, for what comes in over it: Slack's
/// `signing_secret`, Twilio's `token`. None where it is not set.
///
/// # Errors
/// Why it can't be had, in a sentence.
pub async fn own_setting(channel: &str, key: &str, world: &World) -> Result<Option<String>, String> {
    let (args, _, _) = own(channel, world).await?;
    Ok(args.text(key))
}

fn masked(sent: Sent, filled: &Filled) -> Sent {
    let hide = |text: String| filled.hide(&text);
    match sent {
        Sent::Accepted { id } => Sent::Accepted { id: id.map(hide) },
        Sent::Delivered { id } => Sent::Delivered { id: id.map(hide) },
        Sent::Later { reason, after } => Sent::Later { reason: hide(reason), after },
        Sent::Refused { reason } => Sent::Refused { reason: hide(reason) },
    }
}
