//! `contacts`: who there is, by which ways they are reached, and whether those work.

use crate::act::{World, addresses, channel};
use crate::base::ids::Name;
use crate::base::level::Level;
use crate::cli::args::{Contacts, ContactsWhat};
use crate::cli::door;
use crate::cli::exit::Exit;
use crate::cli::settings::Settings;
use crate::cli::table::{Cell, table};
use crate::cli::trouble::Trouble;
use crate::cli::view::Tone;
use crate::cli::{ask, output};
use crate::model::channel::{Provider, Recipient};
use crate::model::message::{Address, Message, Sent};
use crate::runtime::clock;
use serde_json::json;

/// Lists contacts, or tests the ways to them.
pub async fn run(args: &Contacts, settings: &Settings) -> Result<Exit, Trouble> {
    let world = door::world(settings)?;
    match &args.what {
        None => list(&world, args.json, settings),
        Some(ContactsWhat::Test { who, severity, yes, json }) => {
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

fn list(world: &World, json: bool, settings: &Settings) -> Result<Exit, Trouble> {
    let people = &world.ladder.contacts;
    if people.is_empty() && !json {
        output::aside("this book has no contacts: declare people in escalation.yaml below `contacts:`");
        return Ok(Exit::Fine);
    }
    let mut cells =
        vec![["contact", "name", "channel", "address", "note"].map(|word| Cell::new(word, Tone::Dim)).to_vec()];
    for (name, person) in people {
        let ways = addresses(person, world);
        let idle = person.addresses.iter().filter(|(key, address)| {
            !ways.iter().any(|way| way.channel.as_str() == key.as_str() || (*key == "phone" && way.to == **address))
        });
        let idle: Vec<_> = idle.collect();
        if json {
            let ways: Vec<_> =
                ways.iter().map(|way| json!({ "channel": way.channel.as_str(), "to": way.to })).collect();
            let idle: Vec<_> = idle.iter().map(|(key, to)| json!({ "channel": key, "to": to })).collect();
            output::line(
                &json!({ "contact": name.as_str(), "name": person.name, "ways": ways, "idle": idle }).to_string(),
            )?;
            continue;
        }
        let mut rows: Vec<_> = ways.iter().map(|way| (way.channel.as_str(), way.to.as_str(), "")).collect();
        rows.extend(idle.iter().map(|(key, to)| (key.as_str(), to.as_str(), "no channel of that name")));
        for (index, (channel, to, note)) in rows.into_iter().enumerate() {
            let (id, called) = if index == 0 { (name.as_str(), person.name.as_str()) } else { ("", "") };
            cells.push(vec![
                Cell::new(id, Tone::Plain),
                Cell::new(called, Tone::Plain),
                Cell::new(channel, Tone::Plain),
                Cell::new(to, Tone::Dim),
                Cell::new(note, Tone::Warning),
            ]);
        }
    }
    if !json {
        output::data(&table(&cells, settings.out))?;
    }
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
    let listed = ways.iter().map(|way| format!("  {} {}\n", way.who, way.address())).collect::<String>();
    if !settings.can_ask {
        return Err(
            Trouble::new("nobody is here to say that the messages may go out").help("--yes sends them without asking")
        );
    }
    let answer = ask::line(&format!("a test message goes out to:\n{listed}send? [y/N] "))?;
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
