//! Drills as use cases: begun by the schedule of the ladder or by a person, sent behind everything else, written down page by
//! page, confirmed by whoever was sent one. No incident is opened by a drill, and none waits for it.

use crate::act::Seal;
use crate::base::actor::{Actor, Role, Via};
use crate::base::ids::{DrillId, Name};
use crate::base::level::Level;
use crate::base::limits::MAX_DRILL;
use crate::escalation::drill::{Drill, Event, Page, Recorded, Try, Way};
use crate::escalation::event::PageFate;
use crate::escalation::fate::of_sent;
use crate::model::book::{Book, Settings};
use crate::model::channel::Provider;
use crate::model::escalation::{Drill as Plan, Escalation};
use crate::model::message::{Action, Address, Message, Sent, Verb};
use crate::model::oncall;
use crate::model::schedule::Dst;
use crate::runtime::incidents::ladder;
use crate::runtime::pager::{AttemptNote, DRILL, Job, Outcome, PageKey, Pager};
use crate::runtime::{clock, drills, links};
use crate::schedule::timetable::{Times, Timetable, Verdict};
use crate::service::duty::Stay;
use crate::service::trouble::{apart, may};
use crate::service::{Reaching, Service, Trouble};
use crate::store::Journal;
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::MutexGuard;

/// An instant of the schedule that passed so long ago while nobody was here is not made up for.
const WITHIN: SignedDuration = SignedDuration::from_hours(1);
/// Pages of a drill that began longer ago are not sent any more: whoever waited for them has gone home.
const GOES_ON: SignedDuration = SignedDuration::from_hours(2);
/// Between two looks.
const LOOK: Duration = Duration::from_mins(1);

/// A drill that has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Its id.
    pub drill: DrillId,
    /// How many pages it sends.
    pub pages: usize,
}

/// What the link of a page of a drill offers.
#[derive(Debug, Clone)]
pub struct DrillOffer {
    /// The drill.
    pub drill: DrillId,
    /// The number of the page.
    pub number: u32,
    /// The page.
    pub page: Page,
    /// Why it can't be confirmed any more; `None` = it can.
    pub closed: Option<String>,
}

impl Service {
    /// Sends a marked test page to each of these people by each of their ways: contacts and rotations, nobody named is
    /// everybody. Durable when this returns; the pages go out behind everything else.
    ///
    /// # Errors
    /// [`Trouble`] when the actor may not, no daemon serves the book, a drill is going on, or there is no way to them.
    pub async fn hold_drill(&self, actor: Actor, who: &[String], channels: &[Name]) -> Result<Held, Trouble> {
        may(&actor, Role::Operator, "hold", "a drill")?;
        self.begin_drill(actor, None, (who, channels)).await
    }

    async fn begin_drill(
        &self,
        actor: Actor,
        due: Option<Timestamp>,
        (who, channels): (&[String], &[Name]),
    ) -> Result<Held, Trouble> {
        let pager = self.drills_pager().ok_or(Trouble::NoDaemon)?;
        let _one = self.beginning(&pager).await?;
        let now = clock::now();
        if let Some(since) = self.drill_going_on(now)? {
            let help = "`stepladder contacts` shows what has come of it so far";
            return Err(Trouble::Input(format!("a drill is going on since {since:.0}: {help}")));
        }
        let book = self.current_book()?;
        let ways = ways(&book, who, channels, now)?;
        let drill = DrillId::of(clock::new_run(now));
        let begun = Recorded { at: now, event: Event::Begun { actor, due, ways: ways.clone() } };
        let journal = Arc::clone(&self.journal);
        apart(move || drills::begin(journal.as_ref(), drill, &begun).map_err(Trouble::Store)).await?;
        for (number, way) in (1..).zip(&ways) {
            self.send_test_page(&pager, (drill, number), way, now, false);
        }
        tracing::info!(%drill, pages = ways.len(), "a drill has begun");
        Ok(Held { drill, pages: ways.len() })
    }

    /// The right to begin a drill, one at a time; whoever gets it first takes up what an earlier daemon left.
    async fn beginning(&self, pager: &Pager) -> Result<MutexGuard<'_, bool>, Trouble> {
        let mut taken_up = self.reaching.beginning.lock().await;
        if !*taken_up {
            let (service, pager) = (self.clone(), pager.clone());
            apart(move || service.take_up_drills(&pager)).await?;
            *taken_up = true;
        }
        Ok(taken_up)
    }

    /// The outbox, where this is a daemon: nobody else stays until the pages have gone out.
    fn drills_pager(&self) -> Option<Pager> {
        let lasting = self.duty.as_ref().is_some_and(|duty| duty.stay == Stay::Lasting) && self.pump.is_some();
        self.paging.as_ref().filter(|_| lasting).map(|paging| paging.pager.clone())
    }

    /// Since when a drill is going on.
    fn drill_going_on(&self, now: Timestamp) -> Result<Option<Timestamp>, Trouble> {
        let recent = self.known_drills(before(now, GOES_ON))?;
        let going_on = recent.last_key_value().filter(|(_, drill)| drill.unsettled().next().is_some());
        Ok(going_on.map(|(id, _)| id.began()))
    }

    /// Holds the drill of the schedule that is due, and tells of people who can't be reached; how long to wait until the
    /// next look. The first look sends again what was on its way when an earlier daemon ended.
    ///
    /// # Errors
    /// [`Trouble`] when the book or the store can't be read.
    pub async fn look_at_drills(&self) -> Result<Duration, Trouble> {
        let Some(pager) = self.drills_pager() else { return Ok(LOOK) };
        drop(self.beginning(&pager).await?);
        let book = self.current_book()?;
        let now = clock::now();
        let mut wait = LOOK;
        if let Some(plan) = &ladder(&book).drill {
            if let Some(due) = self.due_drill(plan, now)? {
                let actor = Actor::engine("drill");
                match self.begin_drill(actor, Some(due), (&plan.who, &plan.channels)).await {
                    Ok(_) => {}
                    Err(Trouble::Store(why)) => tracing::error!(%due, why, "the drill that was due does not begin yet"),
                    Err(why) => {
                        tracing::error!(%due, %why, "the drill that was due is not held");
                        // The next one is; this one is not tried again and again.
                        self.reaching.left_out(due);
                    }
                }
            }
            if let Some(next) = table(plan).next_fire(clock::now()) {
                let until = Duration::try_from(next.at.duration_since(clock::now())).unwrap_or_default();
                wait = wait.min(until);
            }
        }
        let service = self.clone();
        apart(move || service.tell_unreachable()).await?;
        Ok(wait)
    }

    /// The newest instant of the schedule that has passed and was not held, where it passed not long ago: since the last
    /// drill, or since the book is as it is.
    fn due_drill(&self, plan: &Plan, now: Timestamp) -> Result<Option<Timestamp>, Trouble> {
        let recent = before(now, WITHIN);
        let mut since = self.book.as_ref().and_then(|book| book.stand().since).unwrap_or(now);
        // The newest that was held for an instant says which instants are past.
        let due = |drill: Drill| drill.begun.and_then(|(_, _, due)| due);
        since = self.known_drills(recent)?.into_values().filter_map(due).max().map_or(since, |due| since.max(due));
        since = since.max(self.reaching.left_out_until()).max(recent);
        let table = table(plan);
        let passed = table.after(since).take_while(|due| due.at <= now);
        Ok(passed.filter(|due| due.verdict == Verdict::Fires).map(|due| due.at).last())
    }

    /// Pages of drills that an earlier daemon left on their way.
    fn take_up_drills(&self, pager: &Pager) -> Result<(), Trouble> {
        let now = clock::now();
        for (id, drill) in self.known_drills(before(now, links::GOOD_FOR))? {
            let goes_on = now.duration_since(id.began()) < GOES_ON;
            for (number, page) in drill.unsettled() {
                if goes_on {
                    self.send_test_page(pager, (id, number), &page.way, id.began(), true);
                    continue;
                }
                let note = "nobody was here to send it".to_owned();
                let event = Event::Settled { page: number, fate: PageFate::Withdrawn, note, tries: Vec::new() };
                let recorded = Recorded { at: now, event };
                if let Err(why) = drills::keep(self.journal.as_ref(), id, &recorded) {
                    tracing::error!(drill = %id, page = number, why, "that a test page is not sent any more can't be written down");
                }
            }
        }
        Ok(())
    }

    fn send_test_page(&self, pager: &Pager, (drill, number): (DrillId, u32), way: &Way, begun: Timestamp, again: bool) {
        let action = self.confirmation(drill, number);
        let mut message = test_page(drill, number, begun, action);
        message.perhaps_again = again;
        // A page that waits holds no journal open.
        let (journal, reaching) = (Arc::downgrade(&self.journal), Arc::clone(&self.reaching));
        pager.drill(Job {
            key: PageKey(format!("drill/{drill}/{number}")),
            about: drill.to_string(),
            address: Address { channel: way.channel.clone(), to: way.address.clone() },
            urgency: DRILL,
            compose: Box::new(move || Some(message.clone())),
            told: Some(Arc::new(move |_, outcome, notes| {
                settle((&journal, &reaching), (drill, number), &outcome, &notes);
            })),
        });
    }

    /// The button by which whoever was sent a page says that it has arrived.
    fn confirmation(&self, drill: DrillId, number: u32) -> Option<Action> {
        let token = links::write_drill(&Seal::of(&self.data), drill, number)
            .inspect_err(|why| tracing::error!(%why, "test pages have no buttons: nothing can be signed"))
            .ok()?;
        let link = self.world.settings.public_url().map(|url| format!("{url}/act/{token}"));
        Some(Action { verb: Verb::Acknowledge, label: "It has arrived".to_owned(), link, token })
    }

    /// What the link of a page of a drill offers; `None` = it is no link of a drill. Changes nothing.
    ///
    /// # Errors
    /// [`Trouble::Unproved`] where there is no such page any more.
    pub fn drill_offer(&self, text: &str) -> Result<Option<DrillOffer>, Trouble> {
        let Some((drill, number)) = links::read_drill(&Seal::of(&self.data), text) else { return Ok(None) };
        let known = drills::read(self.journal.as_ref(), drill).map_err(Trouble::Store)?;
        let page = known.pages.get(&number).cloned();
        let page = page.ok_or_else(|| Trouble::Unproved("this link belongs to no page any more".into()))?;
        let closed = if page.confirmed.is_some() {
            Some("this link was used before: it is known that it has arrived".to_owned())
        } else if clock::now().duration_since(drill.began()) > links::GOOD_FOR {
            Some("this link is older than a week".to_owned())
        } else {
            None
        };
        Ok(Some(DrillOffer { drill, number, page, closed }))
    }

    /// Somebody says that a page of a drill has arrived. `by` = who, where the provider says so.
    ///
    /// # Errors
    /// [`Trouble::Input`] with a sentence for whoever says so.
    pub async fn confirm_drill(&self, offer: &DrillOffer, by: Option<&str>) -> Result<String, Trouble> {
        if let Some(why) = &offer.closed {
            return Err(Trouble::Input(why.clone()));
        }
        let who = offer.page.way.who.to_string();
        let actor = Actor { id: by.unwrap_or(&who).to_owned(), via: Via::Link, role: Role::Operator };
        let event = Event::Confirmed { page: offer.number, actor };
        let recorded = Recorded { at: clock::now(), event };
        let (journal, drill) = (Arc::clone(&self.journal), offer.drill);
        if apart(move || drills::keep(journal.as_ref(), drill, &recorded).map_err(Trouble::Store)).await? {
            return Ok(format!("Thank you, {who}: {} reaches you.", offer.page.way.channel));
        }
        Err(Trouble::Input("this link was used before: it is known that it has arrived".into()))
    }

    /// The newest page of a drill that was sent to whoever writes from there over that channel and that nobody confirmed.
    pub(super) fn drill_page_of(&self, fits: impl Fn(&Way) -> bool) -> Result<Option<DrillOffer>, Trouble> {
        let now = clock::now();
        for (drill, known) in self.known_drills(before(now, links::GOOD_FOR))?.into_iter().rev() {
            let open = |page: &Page| page.confirmed.is_none() && went_out(page) && fits(&page.way);
            let page = known.pages.into_iter().find(|(_, page)| open(page));
            if let Some((number, page)) = page {
                return Ok(Some(DrillOffer { drill, number, page, closed: None }));
            }
        }
        Ok(None)
    }

    /// What a provider says later became of a message that it had accepted under that id; `true` = it was one of a drill.
    pub(super) fn drill_fate(&self, channel: &str, id: &str, sent: &Sent) -> Result<bool, Trouble> {
        let journal = self.journal.as_ref();
        for (drill, known) in self.known_drills(before(clock::now(), links::GOOD_FOR))?.into_iter().rev() {
            let is_it = |page: &Page| {
                let note = page.fate.as_ref().map(|(_, note, _)| note.as_str());
                page.way.channel.as_str() == channel && note.is_some_and(|note| note.split(' ').next() == Some(id))
            };
            if let Some((number, _)) = known.pages.iter().find(|(_, page)| is_it(page)) {
                let (fate, note) = of_sent(sent, &[]);
                let event = Event::Settled { page: *number, fate, note, tries: Vec::new() };
                let recorded = Recorded { at: clock::now(), event };
                drills::keep(journal, drill, &recorded).map_err(Trouble::Store)?;
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether a page left this house, as far as that is known.
fn went_out(page: &Page) -> bool {
    page.fate.as_ref().is_some_and(|(fate, ..)| match fate {
        PageFate::Accepted | PageFate::Delivered | PageFate::Read => true,
        PageFate::Failed | PageFate::Withdrawn => false,
    })
}

/// The instant so long before another.
fn before(at: Timestamp, time: SignedDuration) -> Timestamp {
    at.checked_sub(time).unwrap_or(Timestamp::MIN)
}

/// When drills are held.
pub(super) fn table(plan: &Plan) -> Timetable {
    let times = Times::Cron(plan.pattern.clone());
    Timetable { times, zone: plan.zone.clone(), dst: Dst::Once, except: Vec::new() }
}

/// Every way to these people, over these channels; nobody named is everybody, no channel named is every one but those that
/// open something with each page.
fn ways(book: &Book, who: &[String], channels: &[Name], now: Timestamp) -> Result<Vec<Way>, Trouble> {
    let policy: &Escalation = ladder(book);
    let mut people: Vec<Name> = Vec::new();
    for target in who {
        let found = oncall::resolve(policy, target, None, now);
        if found.is_empty() && !target.starts_with("on_call.") {
            return Err(Trouble::Input(format!("`{target}` is no contact and no rotation of escalation.yaml")));
        }
        people.extend(found.into_iter().filter(|one| !people.contains(one)).collect::<Vec<_>>());
    }
    if who.is_empty() {
        people = policy.contacts.keys().cloned().collect();
    }
    let ways: Vec<Way> = people.iter().flat_map(|who| ways_of(policy, &book.settings, who)).collect();
    let ways: Vec<Way> = ways.into_iter().filter(|way| is_meant(&book.settings, channels, &way.channel)).collect();
    match ways.len() {
        0 => Err(Trouble::Input("there is no way to anybody meant: escalation.yaml has no address of theirs on a channel of stepladder.yaml".into())),
        count if count > MAX_DRILL => Err(Trouble::Input(format!(
            "that would be {count} pages, and a drill sends {MAX_DRILL} at most: name people or channels"
        ))),
        _ => Ok(ways),
    }
}

/// Whether a drill goes over that channel. Nothing resolves the alert that `PagerDuty` makes of a test page: only where it
/// is named.
fn is_meant(settings: &Settings, channels: &[Name], channel: &Name) -> bool {
    let opens = || settings.channels.get(channel).is_some_and(|own| own.get(Provider::Pagerduty.key()).is_some());
    if channels.is_empty() { !opens() } else { channels.contains(channel) }
}

/// Every way to a person over the channels of the book.
pub(super) fn ways_of(policy: &Escalation, settings: &Settings, who: &Name) -> Vec<Way> {
    let Some(contact) = policy.contacts.get(who) else { return Vec::new() };
    let way = |channel: &Name| {
        let address = contact.address(channel.as_str())?.to_owned();
        Some(Way { who: who.clone(), channel: channel.clone(), address })
    };
    settings.channels.keys().filter_map(way).collect()
}

/// What a page of a drill says.
fn test_page(drill: DrillId, number: u32, begun: Timestamp, action: Option<Action>) -> Message {
    Message {
        key: format!("drill/{drill}/{number}"),
        thread: None,
        severity: None,
        level: Level::Notice,
        title: "TEST: does this reach you?".into(),
        text:
            "This is only a test of the ways to people. Nothing is wrong. Say that it has arrived, by the button, the \
               link, or `ack` as an answer to a text message."
                .into(),
        fields: vec![("Component".into(), "stepladder".into()), ("Drill".into(), drill.to_string())],
        at: begun,
        link: None,
        actions: action.into_iter().collect(),
        perhaps_again: false,
    }
}

/// What the outbox says of a page is written down.
fn settle(
    (journal, reaching): (&Weak<dyn Journal>, &Arc<Reaching>),
    (drill, page): (DrillId, u32),
    outcome: &Outcome,
    notes: &[AttemptNote],
) {
    let Some(journal) = journal.upgrade() else { return };
    let reaching = Arc::clone(reaching);
    let (fate, note) = match outcome {
        Outcome::Said(sent) => of_sent(sent, &[]),
        Outcome::NoTurn(why) => (PageFate::Withdrawn, why.clone()),
    };
    let tries = notes.iter().map(|note| Try {
        at: note.at,
        took: u64::try_from(note.took.as_millis()).unwrap_or(u64::MAX),
        sent: note.sent.clone(),
    });
    let event = Event::Settled { page, fate, note, tries: tries.collect() };
    let recorded = Recorded { at: clock::now(), event };
    drop(tokio::task::spawn_blocking(move || {
        if let Err(why) = drills::keep(journal.as_ref(), drill, &recorded) {
            tracing::error!(%drill, page, %why, "what became of a test page can't be written down; it is sent again by the next daemon");
        }
        reaching.news.notify_one();
    }));
}
