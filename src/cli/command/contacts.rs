//! `contacts`: who there is, by which ways they are reached, and what is known of those.

use crate::act::{World, addresses, channel};
use crate::api::wire::{DrillRequest, IdleAddress, PersonReach, WayReach};
use crate::base::ids::Name;
use crate::base::level::Level;
use crate::cli::args::{Contacts, ContactsWhat};
use crate::cli::door::{self, Door, Purpose};
use crate::cli::exit::Exit;
use crate::cli::settings::Settings;
use crate::cli::table::{Cell, table};
use crate::cli::trouble::Trouble;
use crate::cli::view::{Tone, ago};
use crate::cli::{ask, output};
use crate::model::channel::{Provider, Recipient};
use crate::model::message::{Address, Message, Sent};
use crate::runtime::clock;
use jiff::Timestamp;
use serde_json::json;

/// Lists contacts, or tests the ways to them.
pub async fn run(args: &Contacts, settings: &Settings) -> Result<Exit, Trouble> {
    match &args.what {
        None => list(args.json, settings).await,
        Some(ContactsWhat::Drill { who, channels, yes }) => drill(who, channels, *yes, settings).await,
        Some(ContactsWhat::Test { who, severity, yes, json }) => {
            let world = door::world(settings)?;
            let ways = ways(&world, who.as_deref())?;
            if !yes {
                confirmed(&ways, settings)?;
            }
            test(&world, &ways, severity.as_deref(), *json, settings).await
        }
    }
}

/// One way to somebody.
struct Way {
    /// Whom it is a way to; a channel's own room is nobody's.
    who: String,
    to: Address,
}

impl Way {
    /// `slack:#alerts`.
    fn address(&self) -> String {
        if self.to.to.is_empty() { self.to.channel.to_string() } else { format!("{}:{}", self.to.channel, self.to.to) }
    }
}

/// Lists people with what is known of each way to them; 1 where somebody who may be paged within a week can't be reached.
async fn list(json: bool, settings: &Settings) -> Result<Exit, Trouble> {
    let door = Door::open(settings, &settings.book()?, Purpose::Look).await?;
    let reach = door.reach().await?;
    let unreachable = reach.people.iter().any(|person| person.soon && person.unreachable.is_some());
    let exit = if unreachable { Exit::Warning } else { Exit::Fine };
    if json {
        for person in &reach.people {
            output::line(&serde_json::to_string(person).map_err(|reason| Trouble::new(reason.to_string()))?)?;
        }
        return Ok(exit);
    }
    if reach.people.is_empty() {
        output::aside("this book has no contacts: declare people in escalation.yaml below `contacts:`");
        return Ok(exit);
    }
    let now = clock::now();
    let head = ["contact", "name", "channel", "address", "state", "last good", "confirmed", "note"];
    let mut cells = vec![head.map(|word| Cell::new(word, Tone::Dim)).to_vec()];
    cells.extend(reach.people.iter().flat_map(|person| rows(person, now)));
    output::data(&table(&cells, settings.out))?;
    for person in reach.people.iter().filter(|person| person.soon) {
        if let Some(why) = person.unreachable.as_ref().or(person.unproved.as_ref()) {
            output::aside(&format!("`{}` may be paged within a week: {why}", person.contact));
        }
    }
    Ok(exit)
}

/// The lines of one person.
fn rows(person: &PersonReach, now: Timestamp) -> Vec<Vec<Cell>> {
    let since = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), |at| ago(at, now));
    let way = |way: &WayReach| {
        let tone = match way.state.as_str() {
            "works" => Tone::Good,
            "fails" => Tone::Bad,
            _ => Tone::Warning,
        };
        let note = way.bad.as_ref().filter(|_| way.state == "fails").map(|bad| bad.words.clone()).unwrap_or_default();
        [
            Cell::new(&way.channel, Tone::Plain),
            Cell::new(&way.to, Tone::Dim),
            Cell::new(&way.state, tone),
            Cell::new(&since(way.good.as_ref().map(|good| good.at)), Tone::Dim),
            Cell::new(&since(way.confirmed), Tone::Dim),
            Cell::new(&note, Tone::Bad),
        ]
    };
    let idle = |idle: &IdleAddress| {
        let dash = || Cell::new("-", Tone::Dim);
        let (channel, to) = (Cell::new(&idle.channel, Tone::Plain), Cell::new(&idle.to, Tone::Dim));
        [channel, to, Cell::new("no channel", Tone::Warning), dash(), dash(), Cell::new("", Tone::Plain)]
    };
    let all = person.ways.iter().map(way).chain(person.idle.iter().map(idle));
    let named = all.enumerate().map(|(index, cells)| {
        let names = if index == 0 { [person.contact.as_str(), person.name.as_str()] } else { ["", ""] };
        names.into_iter().map(|name| Cell::new(name, Tone::Plain)).chain(cells).collect()
    });
    named.collect()
}

/// Sends everybody that is meant a test page by the daemon, behind everything else, and goes.
async fn drill(who: &[String], channels: &[String], yes: bool, settings: &Settings) -> Result<Exit, Trouble> {
    if !yes {
        let whom = if who.is_empty() { "everybody".to_owned() } else { who.join(", ") };
        let how = if channels.is_empty() { "every way there is".to_owned() } else { channels.join(", ") };
        agreed(&format!("a test page goes out to {whom} by {how}"), settings)?;
    }
    let door = Door::open(settings, &settings.book()?, Purpose::Look).await?;
    let held = door.hold_drill(&DrillRequest { who: who.to_vec(), channels: channels.to_vec() }).await?;
    output::aside(&format!(
        "{} test pages are on their way; `stepladder contacts` says what becomes of them",
        held.pages
    ));
    output::line(&held.drill)?;
    Ok(Exit::Fine)
}

/// The ways that a word of the command line means.
fn ways(world: &World, who: Option<&str>) -> Result<Vec<Way>, Trouble> {
    let people = &world.ladder.contacts;
    let to_person = |name: &Name| {
        let person = people.get(name).into_iter().flat_map(|person| addresses(person, world));
        person.map(|to| Way { who: name.to_string(), to }).collect::<Vec<_>>()
    };
    let everybody = || people.keys().flat_map(&to_person).collect::<Vec<_>>();
    let found = match who {
        None => everybody(),
        Some(text) => match (people.keys().find(|name| name.as_str() == text), text.split_once(':')) {
            (Some(name), _) => to_person(name),
            (None, Some((name, to))) => {
                vec![Way { who: String::new(), to: Address { channel: known(world, name)?, to: to.into() } }]
            }
            (None, None) => {
                let channel = known(world, text)?;
                let mut ways: Vec<Way> = everybody().into_iter().filter(|way| way.to.channel == channel).collect();
                let provider = channel::provider(channel.as_str(), world).map(Provider::recipient);
                if provider == Some(Recipient::Possible) {
                    ways.insert(0, Way { who: String::new(), to: Address { channel, to: String::new() } });
                }
                ways
            }
        },
    };
    if found.is_empty() {
        let what = who.map_or_else(|| "nobody".into(), |who| format!("`{who}`"));
        let help = "stepladder.yaml declares channels, escalation.yaml the addresses of people on them";
        return Err(Trouble::new(format!("there is no way to {what} to test")).help(help));
    }
    Ok(found)
}

fn known(world: &World, name: &str) -> Result<Name, Trouble> {
    let channels: Vec<&str> = world.settings.channels.keys().map(Name::as_str).collect();
    let found = Name::parse(name).ok().filter(|name| channel::provider(name.as_str(), world).is_some());
    found.ok_or_else(|| {
        let known = if channels.is_empty() { "none".into() } else { channels.join(", ") };
        Trouble::new(format!("`{name}` is neither a contact nor a channel"))
            .help(format!("channels of stepladder.yaml: {known}"))
    })
}

/// Nobody is woken by a slip of the finger.
fn confirmed(ways: &[Way], settings: &Settings) -> Result<(), Trouble> {
    let listed = ways.iter().map(|way| format!("\n  {} {}", way.who, way.address())).collect::<String>();
    agreed(&format!("a test message goes out to:{listed}"), settings)
}

/// Somebody says that what is said may happen.
fn agreed(what: &str, settings: &Settings) -> Result<(), Trouble> {
    if !settings.can_ask {
        return Err(
            Trouble::new("nobody is here to say that the messages may go out").help("--yes sends them without asking")
        );
    }
    let answer = ask::line(&format!("{what}\nsend? [y/N] "))?;
    if answer.trim().eq_ignore_ascii_case("y") || answer.trim().eq_ignore_ascii_case("yes") {
        return Ok(());
    }
    Err(Trouble::new("nothing was sent"))
}

async fn test(
    world: &World,
    ways: &[Way],
    severity: Option<&str>,
    json: bool,
    settings: &Settings,
) -> Result<Exit, Trouble> {
    let message = message(severity, &settings.user);
    let sent = futures_util::future::join_all(ways.iter().map(|way| channel::send(&message, &way.to, world))).await;
    let mut cells = vec![["contact", "address", "result", "why"].map(|word| Cell::new(word, Tone::Dim)).to_vec()];
    let mut all = true;
    for (way, sent) in ways.iter().zip(sent) {
        let (word, tone, why) = match sent {
            Sent::Delivered { id } => ("delivered", Tone::Good, id.unwrap_or_default()),
            Sent::Accepted { id } => ("accepted", Tone::Good, id.unwrap_or_default()),
            Sent::Later { reason, .. } => ("failed for now", Tone::Bad, reason),
            Sent::Refused { reason } => ("failed", Tone::Bad, reason),
        };
        all &= matches!(word, "delivered" | "accepted");
        if json {
            output::line(
                &json!({ "contact": way.who, "address": way.address(), "result": word, "why": why }).to_string(),
            )?;
            continue;
        }
        cells.push(vec![
            Cell::new(&way.who, Tone::Plain),
            Cell::new(&way.address(), Tone::Plain),
            Cell::new(word, tone),
            Cell::new(&why, Tone::Dim),
        ]);
    }
    if !json {
        output::data(&table(&cells, settings.out))?;
    }
    Ok(if all { Exit::Fine } else { Exit::Failed })
}

fn message(severity: Option<&str>, user: &str) -> Message {
    let now = clock::now();
    Message {
        key: format!("test/{}", now.as_millisecond()),
        thread: None,
        severity: severity.map(str::to_owned),
        level: Level::Notice,
        title: "TEST: this is only a test".into(),
        text: format!("{user} tests the ways to people. Nothing is wrong, and nothing has to be done."),
        fields: vec![("component".into(), "stepladder".into())],
        at: now,
        link: None,
        actions: Vec::new(),
        perhaps_again: false,
    }
}
