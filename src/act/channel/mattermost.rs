//! Mattermost: the guide's attachment in its incoming webhook, where text is Markdown.

use crate::act::channel::form::Markup;
use crate::act::channel::{Sending, slack};
use crate::model::message::Sent;

pub(super) async fn send(sending: &Sending<'_>) -> Sent {
    slack::post(sending, "mattermost", Markup::Markdown).await
}
