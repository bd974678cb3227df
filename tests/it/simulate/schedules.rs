//! The simulator's schedules: the production pump over days of virtual time, with owners that die, lost tails, batches in doubt,
//! clocks that jump, texts that are reloaded in flight, pauses, a full disk and long downtimes.
//!
//! Afterwards every due instant has exactly one row, every row that says `ran` has its run and every run its row.

use super::chance::{Chance, drawn};
use super::script::BatchFault;
use super::store::{Session, Store};
use super::world::{Call, Hands};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use stepladder::base::actor::{Actor, Role, Via};
use stepladder::base::ids::RunId;
use stepladder::base::value::json;
use stepladder::engine::decide::Input;
use stepladder::lang;
use stepladder::model::book::Book;
use stepladder::model::perform::Reply;
use stepladder::runtime::pump::{Inbox, Message, Next, Pump, post_box};
use stepladder::runtime::recover::read_run;
use stepladder::runtime::schedules::Heard;
use stepladder::runtime::schedules::{Armed, ledger};
use stepladder::runtime::shelf::{Shelf, Texts};
use stepladder::schedule::backfill::Backfill;
use stepladder::schedule::decide::Input as ScheduleInput;
use stepladder::schedule::event::{Event, Instant, Recorded};
use stepladder::schedule::key::ScheduleId;
use stepladder::schedule::nominal::Nominal;
use stepladder::store::{Journal, codec};
use tokio::sync::oneshot;

const HOUR: u64 = 3_600_000;

/// Triggers that a script is made of: every policy, in a zone whose clock changes.
const TRIGGERS: &[&str] = &[
    "id: nightly, cron: '30 2 * * *'",
    "id: gap, cron: '*/20 2 * * *', overlap: allow",
    "id: fold, cron: '0,40 1,2 * * *', dst: each, missed: all, within: 5h",
    "id: hourly, cron: '10 * * * *', overlap: queue, missed: skip",
    "id: often, every: 7m, overlap: { queue: 2 }",
    "id: busy, every: 5m",
    "id: newest, every: 11m, overlap: replace, jitter: 40s",
    "id: both, every: 13m, overlap: allow, missed: latest, within: 30m",
    "id: due, cron: '0 */3 * * *', deadline: { after: 40m }, except: [off]",
    "id: once, at: '2026-10-25 02:30', missed: latest, within: 12h",
];

struct Texted {
    texts: Texts,
    book: Arc<Book>,
}

/// The book of these triggers; the edition is in its text.
fn book(triggers: &[&str], edition: u32) -> Texted {
    let lines: String = triggers.iter().map(|trigger| format!("  - {{ {trigger} }}\n")).collect();
    let text = format!("runbook: work\ntriggers:\n{lines}steps:\n  - {{ id: work, shell: 'work {edition}' }}\n");
    let settings = "timezone: Europe/Berlin\ncalendars: { off: { dates: ['2026-10-26', '2026-03-29'] } }\n";
    let texts = Texts::from([
        ("stepladder.yaml".to_owned(), Arc::from(settings)),
        ("runbooks/work.yaml".to_owned(), Arc::from(text)),
    ]);
    let files: Vec<_> = texts.iter().map(|(name, text)| (name.clone(), Arc::clone(text))).collect();
    let loaded = lang::load(&files);
    let style = stepladder::diagnostic::render::Style { color: false, unicode: true, width: 120 };
    let findings = stepladder::diagnostic::render::people(&loaded.sources, &loaded.findings, style);
    assert!(!loaded.findings.has_errors(), "{findings}");
    Texted { texts, book: Arc::new(loaded.book) }
}

#[derive(Debug, Clone, Copy)]
enum Deed {
    /// The process dies; of its batches on their way so many are durable; the next owner comes so much later.
    Crash(usize, u64),
    /// The wall clock is set, by so many milliseconds.
    Jump(i64),
    /// The book is loaded again, without that trigger.
    Reload(Option<usize>),
    Pause(usize),
    Resume(usize),
    /// Some of the instants of a trigger in so many milliseconds before now are made up for.
    Backfill(usize, u64),
    /// No room for so long.
    Full(u64),
}

struct Sim {
    store: Arc<Store>,
    shelf: Arc<Shelf>,
    wall: Arc<AtomicI64>,
    now: u64,
    seed: u64,
    pump: Pump,
    inbox: Inbox,
    hands: Hands,
    triggers: Vec<&'static str>,
    without: Option<usize>,
    edition: u32,
    /// Attempts that are at work, outliving their owner: until when, for whom.
    works: BTreeMap<(u64, u64), (RunId, Input)>,
    known: BTreeSet<RunId>,
    order: u64,
    starts: BTreeMap<RunId, u32>,
}

/// Plays the script of a seed; an error names the invariant that did not hold.
pub(super) fn play(seed: u64) -> Result<BTreeMap<String, u64>, String> {
    let mut chance = Chance::new(seed);
    let mut triggers: Vec<&'static str> = TRIGGERS.to_vec();
    while triggers.len() > 4 {
        let index = usize::try_from(chance.below(triggers.len() as u64)).unwrap();
        triggers.remove(index);
    }
    // The evening before the clock goes back, or forward.
    let began = if chance.one_in(2) { 1_792_879_200_000_i64 } else { 1_774_720_800_000 };
    let length = chance.between(8, 30) * HOUR;
    let mut faults = BTreeMap::new();
    for _ in 0..chance.below(6) {
        let fault = match chance.below(5) {
            0 => BatchFault::UnknownWritten,
            1 => BatchFault::UnknownLost,
            2 => BatchFault::Busy,
            3 => BatchFault::Broken,
            _ => BatchFault::Slow(chance.between(1, 90_000)),
        };
        faults.insert(chance.below(120), fault);
    }
    let mut deeds = BTreeMap::new();
    for _ in 0..chance.below(9) {
        let which = usize::try_from(chance.below(triggers.len() as u64)).unwrap();
        let deed = match chance.below(10) {
            0 | 1 => {
                Deed::Crash(usize::try_from(chance.below(3)).unwrap(), chance.between(0, 3 * HOUR / 1_000) * 1_000)
            }
            2 => Deed::Jump(i64::try_from(chance.below(2 * HOUR)).unwrap() - i64::try_from(HOUR).unwrap()),
            3 => Deed::Reload(None),
            4 => Deed::Reload(Some(which)),
            5 => Deed::Pause(which),
            6 => Deed::Resume(which),
            7 | 8 => Deed::Backfill(which, chance.between(1, 20 * HOUR)),
            _ => Deed::Full(chance.between(1_000, 4_000_000)),
        };
        deeds.insert(chance.below(length), deed);
    }
    let store = Store::new(faults);
    let (shelf, wall) = (Arc::new(Shelf::default()), Arc::new(AtomicI64::new(began)));
    let (pump, inbox, hands) = owner(store.session(), &shelf, &wall);
    let mut sim = Sim {
        store,
        shelf,
        wall,
        now: 0,
        seed,
        pump,
        inbox,
        hands,
        triggers,
        without: None,
        edition: 1,
        works: BTreeMap::new(),
        known: BTreeSet::new(),
        order: 0,
        starts: BTreeMap::new(),
    };
    sim.pump.begin();
    sim.load();
    sim.go(deeds, length)?;
    sim.check()
}

fn owner(journal: Arc<Session>, shelf: &Arc<Shelf>, wall: &Arc<AtomicI64>) -> (Pump, Inbox, Hands) {
    let (sender, inbox) = post_box();
    let hands = Hands::default();
    let journal: Arc<dyn Journal> = journal;
    let broken = Box::new(|_: &str| {});
    let mut pump = Pump::new(journal, Arc::clone(shelf), Box::new(hands.clone()), sender, "sim".into(), broken);
    let wall = Arc::clone(wall);
    pump.clock = Arc::new(move || Timestamp::from_millisecond(wall.load(Ordering::SeqCst)).unwrap());
    (pump, inbox, hands)
}

impl Sim {
    fn written(&self) -> Vec<&'static str> {
        let kept = self.triggers.iter().enumerate().filter(|(index, _)| Some(*index) != self.without);
        kept.map(|(_, trigger)| *trigger).collect()
    }

    /// The book is accepted: its schedules are armed.
    fn load(&mut self) {
        let Texted { texts, book } = book(&self.written(), self.edition);
        let digest = self.shelf.pin(self.store.journal(), &texts, &book).unwrap();
        let (told, _) = oneshot::channel();
        self.take(Message::Arm { armed: Armed::all(&book, digest, &BTreeMap::new()), told });
    }

    fn take(&mut self, message: Message) {
        if self.pump.take(message) == Next::End {
            self.reopen(0, 1_000);
        }
        self.settle();
    }

    fn id(&self, which: usize) -> ScheduleId {
        let name = self.triggers[which].split(',').next().unwrap().trim_start_matches("id: ");
        ScheduleId::parse(&format!("work/{name}")).unwrap()
    }

    fn deed(&mut self, deed: Deed) {
        let actor = || Actor { id: "ivanova".into(), via: Via::Socket, role: Role::Operator };
        let (told, _) = oneshot::channel();
        match deed {
            Deed::Crash(kept, down) => self.reopen(kept, down),
            Deed::Jump(by) => drop(self.wall.fetch_add(by, Ordering::SeqCst)),
            Deed::Reload(without) => {
                self.edition += 1;
                self.without = without;
                self.load();
            }
            Deed::Pause(which) => {
                let input = ScheduleInput::Pause { actor: actor(), reason: "a test".into() };
                self.take(Message::Schedule { id: self.id(which), input, told: Heard::Done(told) });
            }
            Deed::Resume(which) => {
                let input = ScheduleInput::Resume { actor: actor() };
                self.take(Message::Schedule { id: self.id(which), input, told: Heard::Done(told) });
            }
            Deed::Backfill(which, back) => self.backfill(which, back),
            Deed::Full(long) => self.store.full_until(self.now + long),
        }
    }

    /// Every second one of some, as if somebody asked for each by name.
    fn backfill(&mut self, which: usize, back: u64) {
        let Texted { texts, book } = book(&self.written(), self.edition);
        let digest = self.shelf.pin(self.store.journal(), &texts, &book).unwrap();
        let id = self.id(which);
        let all = Armed::all(&book, digest, &BTreeMap::new());
        let Some(armed) = all.into_iter().find(|armed| armed.spec.id == id) else { return };
        let now = Timestamp::from_millisecond(self.wall.load(Ordering::SeqCst)).unwrap();
        let from = now - jiff::SignedDuration::from_millis(i64::try_from(back).unwrap());
        let dues = armed.spec.table.after(from).take_while(|due| due.at <= now);
        let dues: Vec<Instant> =
            dues.map(|due| Instant { nominal: due.nominal, at: due.at }).step_by(2).take(6).collect();
        for due in dues {
            let actor = Actor { id: "ivanova".into(), via: Via::Socket, role: Role::Operator };
            let (told, _) = oneshot::channel();
            let fill = Backfill { due, actor };
            self.take(Message::Backfill { armed: Box::new(armed.clone()), fill, told: Heard::Call(told) });
        }
    }

    /// The next owner, so much later.
    fn reopen(&mut self, kept: usize, down: u64) {
        self.store.crash(kept);
        self.pass(self.now + down);
        (self.pump, self.inbox, self.hands) = owner(self.store.session(), &self.shelf, &self.wall);
        self.pump.begin();
        self.load();
    }

    fn pass(&mut self, to: u64) {
        let by = to.saturating_sub(self.now);
        self.now += by;
        self.wall.fetch_add(i64::try_from(by).unwrap(), Ordering::SeqCst);
        self.store.set_now(self.now);
    }

    fn next(&mut self, end: u64) -> u64 {
        let wall = self.wall.load(Ordering::SeqCst);
        let by_wall = |due: Timestamp| self.now + u64::try_from(due.as_millisecond() - wall).unwrap_or(0);
        let waits = (self.pump.driver.in_flight() > 0).then(|| self.now + 1_000);
        let work = self.works.keys().next().map(|(at, _)| *at);
        let all = [self.store.next_due(), work, self.pump.next_due().map(by_wall), waits];
        all.into_iter().flatten().min().unwrap_or(end).max(self.now)
    }

    fn go(&mut self, mut deeds: BTreeMap<u64, Deed>, length: u64) -> Result<(), String> {
        let mut turns = 0;
        self.settle();
        while self.now < length || !self.store_is_quiet() {
            turns += 1;
            if turns > 60_000 {
                return Err(format!("17: it never comes to rest at {} ms", self.now));
            }
            let next = self.next(length);
            let next = deeds.keys().next().map_or(next, |deed| next.min(*deed)).max(self.now);
            // Nobody stands still: what is due this very moment takes a millisecond.
            self.pass(next.max(self.now + 1));
            while self.store.turn() {
                self.settle();
            }
            while self.works.keys().next().is_some_and(|(at, _)| *at <= self.now) {
                let (_, (run, input)) = self.works.pop_first().unwrap();
                self.take(Message::Input { run, input });
            }
            while deeds.keys().next().is_some_and(|at| *at <= self.now) {
                let (_, deed) = deeds.pop_first().unwrap();
                self.deed(deed);
            }
            if self.pump.tick() == Next::End {
                self.reopen(0, 1_000);
            }
            self.settle();
        }
        Ok(())
    }

    fn store_is_quiet(&self) -> bool {
        self.store.next_due().is_none()
    }

    fn settle(&mut self) {
        loop {
            let calls: Vec<Call> = std::mem::take(&mut *self.hands.calls.lock().unwrap());
            let idle = calls.is_empty();
            for call in calls {
                let (run, place, attempt) = match call {
                    Call::Perform(run, request, ..) => (run, request.place, request.attempt),
                    Call::Stop(run, place, attempt) => {
                        let input = Input::Replied { place, attempt, reply: done(), usage: None };
                        self.works.retain(|_, (other, _)| *other != run);
                        // Some heed a stop at once, some take longer than it is to the next instant.
                        let slow = drawn(self.seed, &format!("stop {run}")).one_in(3);
                        self.later(if slow { 1_500_000 } else { 1 }, run, input);
                        continue;
                    }
                };
                let input = Input::Replied { place, attempt, reply: done(), usage: None };
                if self.known.insert(run) {
                    *self.starts.entry(run).or_default() += 1;
                    let takes = match drawn(self.seed, &run.to_string()).below(6) {
                        0 => 1_000_000,
                        1 => 400_000,
                        _ => 900,
                    };
                    self.later(takes, run, input);
                } else if !self.works.values().any(|(other, _)| *other == run) {
                    // It ended while nobody listened.
                    self.later(1, run, input);
                }
            }
            match self.inbox.try_recv() {
                Ok(message) => {
                    if self.pump.take(message) == Next::End {
                        return self.reopen(0, 1_000);
                    }
                }
                Err(_) if idle => return,
                Err(_) => {}
            }
        }
    }

    fn later(&mut self, takes: u64, run: RunId, input: Input) {
        self.order += 1;
        self.works.insert((self.now + takes, self.order), (run, input));
    }

    /// The invariants over everything that is durable.
    fn check(&mut self) -> Result<BTreeMap<String, u64>, String> {
        let mut fates = BTreeMap::new();
        let journal = self.store.journal();
        let whole = book(&self.triggers, 1);
        let digest = stepladder::base::digest::Digest::of(b"");
        let armed = Armed::all(&whole.book, digest, &BTreeMap::new());
        let mut ran: BTreeSet<RunId> = BTreeSet::new();
        for armed in &armed {
            let id = &armed.spec.id;
            let stream = stepladder::runtime::index::schedule_stream(id);
            let bytes = journal.read(&stream, 0).unwrap();
            let events: Vec<Recorded> = bytes
                .iter()
                .map(|bytes| codec::decode_schedule(bytes).map_err(|error| format!("2: {error}")))
                .collect::<Result<_, _>>()?;
            let state = ledger::read_schedule(journal, id).map_err(|why| format!("2: {id}: {why}"))?;
            let ended = rows_are_whole(armed, &events, &mut ran).map_err(|why| format!("4: {id}: {why}"))?;
            let waiting = state.waiting.len();
            let rows = ledger::rows(journal, id).unwrap();
            let counted: u64 = rows.iter().map(|row| row.count).sum();
            if counted != ended as u64 {
                return Err(format!("4: {id}: {ended} instants ended or wait, and the ledger counts {counted}"));
            }
            for row in &rows {
                let fate = row.how.as_ref().unwrap_or(&row.fate);
                *fates.entry(fate.clone()).or_default() += row.count;
            }
            let open = rows.iter().filter(|row| row.fate == "waiting").count();
            if open != waiting {
                return Err(format!("4: {id}: {open} rows wait, and {waiting} instants"));
            }
        }
        for (stream, _) in journal.streams("run/").unwrap() {
            let run = RunId::parse(stream.as_str().trim_start_matches("run/")).unwrap();
            let run = read_run(journal, run).unwrap().unwrap();
            if !ran.remove(&run.started.run) {
                return Err(format!("4: run {} has no row", run.started.run));
            }
        }
        if let Some(run) = ran.first() {
            return Err(format!("4: a row says that run {run} ran, and it never was"));
        }
        match self.starts.iter().find(|(_, times)| **times > 1) {
            Some((run, _)) => Err(format!("4: run {run} was performed twice")),
            None => Ok(fates),
        }
    }
}

fn done() -> Reply {
    Reply::Done { output: json!({}), findings: Vec::new() }
}

/// Every due instant of the times at which the schedule was obeyed has exactly one row, which ended once.
fn rows_are_whole(armed: &Armed, events: &[Recorded], ran: &mut BTreeSet<RunId>) -> Result<usize, String> {
    let table = &armed.spec.table;
    let mut wanted: BTreeSet<Nominal> = BTreeSet::new();
    let mut fates: BTreeMap<Nominal, String> = BTreeMap::new();
    let (mut from, mut watermark) = (None, Timestamp::MIN);
    let mut expect = |from: Option<Timestamp>, to: Timestamp| {
        let dues = from.into_iter().flat_map(|from| table.after(from).take_while(move |due| due.at <= to));
        wanted.extend(dues.map(|due| due.nominal));
    };
    let mut row: Option<(Nominal, u64)> = None;
    let mut filled: BTreeSet<Nominal> = BTreeSet::new();
    for recorded in events {
        if let Event::Backfilled { due, run, had, .. } = &recorded.event {
            let before = fates.insert(due.nominal, "ran".into());
            if before.as_deref() != had.as_ref().map(|had| had.fate.word()) {
                return Err(format!("{} is made up for as if it were {had:?}, and was {before:?}", due.nominal));
            }
            filled.insert(due.nominal);
            ran.insert(*run);
            row = None;
            continue;
        }
        let mut end = |nominal: Nominal, fate: &str| match fates.insert(nominal, fate.to_owned()).as_deref() {
            None => Ok(()),
            Some("waiting") if fate != "waiting" => Ok(()),
            Some(before) => Err(format!("{nominal} ended twice: {before}, {fate}")),
        };
        match &recorded.event {
            Event::Backfilled { .. } => {}
            Event::Began { after, .. } => {
                from = Some(watermark.max(*after));
                watermark = watermark.max(*after);
            }
            Event::Withdrawn => {
                expect(from.take(), watermark);
            }
            Event::Ran { due, run, .. } => {
                end(due.nominal, "ran")?;
                ran.insert(*run);
                watermark = watermark.max(due.at);
            }
            Event::Queued { due, .. } => {
                end(due.nominal, "waiting")?;
                watermark = watermark.max(due.at);
            }
            Event::Settled { from: first, to, count, fate, .. } => {
                // Those that an earlier event of the same row stands for have ended already.
                let before = row.filter(|(start, _)| *start == first.nominal).map_or(0, |(_, count)| count);
                let just_before = first.at - jiff::SignedDuration::from_nanos(1);
                let own = |due: &stepladder::schedule::timetable::Due| {
                    due.at < to.at || due.at == to.at && (*count > 1 || due.nominal == to.nominal)
                };
                let dues = table.after(just_before).take_while(own).map(|due| due.nominal);
                let dues: Vec<Nominal> = dues.skip_while(|nominal| *nominal != first.nominal).collect();
                let last = dues.iter().position(|nominal| *nominal == to.nominal);
                let dues = &dues[..last.map_or(dues.len(), |last| last + 1)];
                if *count == 1 {
                    end(to.nominal, fate.word())?;
                } else if dues.len() as u64 != *count {
                    return Err(format!(
                        "a row from {} to {} counts {count}, due were {}",
                        first.nominal,
                        to.nominal,
                        dues.len()
                    ));
                } else {
                    for nominal in dues.iter().skip(usize::try_from(before).unwrap()) {
                        end(*nominal, fate.word())?;
                    }
                }
                row = Some((first.nominal, *count));
                watermark = watermark.max(to.at);
                continue;
            }
            Event::Called { .. } | Event::Beat | Event::Silent { .. } | Event::Seen { .. } => {
                return Err("nothing called".into());
            }
            Event::Paused { .. } | Event::Resumed { .. } | Event::DeadlineMet(_) | Event::DeadlineMissed { .. } => {
                continue;
            }
        }
        row = None;
    }
    expect(from, watermark);
    wanted.extend(&filled);
    let have: BTreeSet<Nominal> = fates.keys().copied().collect();
    match (wanted.difference(&have).next(), have.difference(&wanted).next()) {
        (Some(missing), _) => Err(format!("{missing} was due and has no row")),
        (None, Some(more)) => Err(format!("{more} has a row and was not due")),
        (None, None) => Ok(have.len()),
    }
}

#[test]
fn every_due_instant_has_one_row_and_every_run_its_own() {
    let most = super::wish("SCHEDULE_SEEDS").unwrap_or(40);
    let from = super::wish("FROM_SEED").unwrap_or(0);
    let (mut bad, mut fates) = (Vec::new(), BTreeMap::<String, u64>::new());
    for seed in from..from + most {
        match play(seed) {
            Ok(more) => more.into_iter().for_each(|(fate, count)| *fates.entry(fate).or_default() += count),
            Err(why) => bad.push(format!("seed {seed}: {why}")),
        }
        assert!(bad.len() < 5, "{}", bad.join("\n"));
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    println!("{most} scripts: {fates:?}");
    for fate in [
        "ran",
        "coalesced",
        "replaced",
        "skipped-overlap",
        "skipped-queue-full",
        "skipped-calendar",
        "skipped-dst",
        "too-old",
        "missed-down",
        "paused",
        "backfill",
    ] {
        assert!(fates.contains_key(fate), "no instant of these scripts was {fate}: {fates:?}");
    }
}
