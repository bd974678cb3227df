//! What a daemon says before it ends because its journal can't go on (invariant 13): one message to whoever catches
//! all, over every way to them at the same time. Nothing of it can be written down.

use crate::act::{World, addresses, channel};
use crate::base::level::Level;
use crate::model::message::{Address, Message, Sent};
use crate::model::oncall::resolve;
use crate::runtime::clock;
use crate::service::Service;
use futures_util::future::join_all;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// How long is waited for providers: a service manager starts the daemon again after that.
const PATIENCE: Duration = Duration::from_secs(15);

impl Service {
    /// Tells whoever catches all why the journal can't go on; returns over how many of how many ways.
    pub async fn last_words(&self, why: &str) -> (usize, usize) {
        let world = self.world_of_the_book();
        let ways: BTreeSet<Address> = world
            .ladder
            .catch_all
            .iter()
            .flat_map(|target| resolve(&world.ladder, target, None, world.now))
            .filter_map(|name| world.ladder.contacts.get(&name))
            .flat_map(|person| addresses(person, &world))
            .collect();
        let message = words(why, &self.node, &world);
        let all = join_all(ways.iter().map(|way| channel::send(&message, way, &world)));
        let sent = tokio::time::timeout(PATIENCE, all).await.unwrap_or_default();
        let went = sent.iter().filter(|sent| matches!(sent, Sent::Accepted { .. } | Sent::Delivered { .. })).count();
        (went, ways.len())
    }

    /// The place from which messages go, by the book as it is obeyed now.
    fn world_of_the_book(&self) -> World {
        let world = World { now: clock::now(), ..World::clone(&self.world) };
        match self.current_book() {
            Ok(book) => World {
                ladder: Arc::new(book.escalation.clone().unwrap_or_default()),
                settings: Arc::new(book.settings.clone()),
                ..world
            },
            Err(_) => world,
        }
    }
}

fn words(why: &str, node: &str, world: &World) -> Message {
    Message {
        key: format!("engine/journal/{}", world.now.as_millisecond()),
        thread: None,
        severity: Some("P1".into()),
        level: Level::Critical,
        title: "stepladder ends: its journal can't be written".into(),
        text: format!(
            "{why}\n\nUntil it is started again nothing is started, nobody is paged, and no incident climbs. \
             Steps that are at work go on; the next daemon hears of them. See to the disk of `{}`.",
            world.book_dir.display()
        ),
        fields: vec![("component".into(), "stepladder".into()), ("node".into(), node.into())],
        at: world.now,
        link: None,
        actions: Vec::new(),
        perhaps_again: false,
    }
}
