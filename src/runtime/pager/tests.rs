//! The outbox: its rules under virtual time, its tasks in real time. Nothing waits for another's provider, retries are
//! bounded, what is withdrawn is not sent.

use super::*;
use crate::runtime::pager::lane::Simulated;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

fn message(key: &str) -> Message {
    Message {
        key: key.into(),
        thread: None,
        severity: None,
        level: crate::base::level::Level::Critical,
        title: key.into(),
        text: String::new(),
        fields: Vec::new(),
        at: Timestamp::UNIX_EPOCH,
        link: None,
        actions: Vec::new(),
        perhaps_again: false,
    }
}

fn job(key: &str, about: &str, channel: &str, urgency: u8) -> Job {
    let title = key.to_owned();
    Job {
        key: PageKey(key.into()),
        about: about.into(),
        address: Address { channel: Name::parse(channel).expect("channel"), to: "x".into() },
        urgency,
        compose: Box::new(move || Some(message(&title))),
        told: None,
    }
}

fn later(reason: &str, after: Option<u64>) -> Sent {
    Sent::Later { reason: reason.into(), after }
}

fn settings(text: &str) -> Arc<Settings> {
    let loaded = crate::lang::load(&[("stepladder.yaml".to_owned(), Arc::from(text))]);
    Arc::new(loaded.book.settings)
}

const fn accepted() -> Sent {
    Sent::Accepted { id: None }
}

/// One lane whose provider answers by `answer`, from the key and the number of the try, after `takes` milliseconds.
fn lane(takes: u64, answer: impl Fn(&str, usize) -> Sent + 'static) -> Simulated {
    Simulated::new(Duration::from_millis(takes), Box::new(answer))
}

fn page(key: &str, about: &str, urgency: u8) -> Job {
    job(key, about, "sms", urgency)
}

#[test]
fn retry_after_is_obeyed_and_holds_back_the_whole_channel() {
    let mut lane =
        lane(0, |key, tries| if key == "p1" && tries == 1 { later("status 429", Some(20_000)) } else { accepted() });
    lane.put(page("p1", "a", 2));
    lane.run_until(1_000);
    lane.put(page("p2", "b", 2));
    lane.run_until(30_000);
    let want = [
        "0 p1 tried",
        "20000 p1 tried",
        "20000 p1 accepted after 2 tries",
        "20000 p2 tried",
        "20000 p2 accepted after 1 tries",
    ];
    assert_eq!(lane.story, want);
}

#[test]
fn a_page_that_can_not_be_sent_in_its_time_is_given_up_at_once() {
    let mut lane = lane(0, |_, _| later("status 429", Some(120_000)));
    lane.put(page("p1", "a", 1));
    lane.run_until(5_000);
    lane.put(page("p2", "a", 1));
    lane.run_until(6_000);
    let want = [
        "0 p1 tried",
        "0 p1 given up: status 429 after 1 tries",
        "5000 p2 given up: not tried in time: its provider wants nothing for a while (status 429) after 0 tries",
    ];
    assert_eq!(lane.story, want, "its time is a minute, the provider wants two: the next address is tried now");
}

#[test]
fn tries_are_bounded_in_time_and_further_apart_each_time() {
    for (urgency, most) in [(1, 60_000), (3, 300_000)] {
        // Every third try is answered, so that the breaker stays closed.
        let mut lane = lane(100, |_, tries| later("no answer", (tries % 3 == 0).then_some(1_000)));
        lane.put(page("p", "a", urgency));
        lane.run_until(900_000);
        let at = |line: &String| line.split(' ').next().and_then(|at| at.parse::<u64>().ok()).unwrap_or_default();
        let (end, tries) = lane.story.split_last().expect("a story");
        assert!(end.contains("p given up") && at(end) <= most && at(end) > most / 4, "{:?}", lane.story);
        let tries: Vec<u64> = tries.iter().map(at).collect();
        let second = tries[1] - tries[0];
        assert!((600..=1_100).contains(&second), "half a second at least, a second at most: {tries:?}");
        assert!(tries.windows(2).all(|pair| pair[1] - pair[0] <= 30_100), "{tries:?}");
    }
}

#[test]
fn the_breaker_opens_fails_fast_and_closes_by_a_probe() {
    let mut lane = lane(10, |key, _| if key.starts_with("well") { accepted() } else { later("no answer", None) });
    (0..5).for_each(|number| lane.put(page(&format!("p{number}"), "a", 3)));
    lane.run_until(100);
    assert_eq!((lane.breaker(), lane.tried), ("open", 5));
    lane.put(page("fast", "a", 3));
    lane.run_until(200);
    let last = lane.story.last().cloned().unwrap_or_default();
    assert_eq!(last, "100 fast given up: not tried: its provider fails again and again (no answer) after 0 tries");
    assert_eq!(lane.tried, 5, "nothing was tried");
    lane.put(page("urgent", "a", 1));
    lane.run_until(300);
    assert_eq!((lane.breaker(), lane.tried), ("open", 6), "the most urgent is always tried, once");
    lane.run_until(31_000);
    lane.put(Job { compose: Box::new(|| None), ..page("gone", "a", 3) });
    lane.run_until(31_500);
    assert_eq!(lane.breaker(), "open", "a probe that was not wanted any more told nothing");
    lane.put(page("well1", "a", 3));
    lane.run_until(32_000);
    assert_eq!(lane.breaker(), "closed");
    lane.put(page("well2", "a", 3));
    lane.run_until(33_000);
    assert!(lane.story.iter().any(|line| line.ends_with("well2 accepted after 1 tries")), "{:?}", lane.story);
}

#[test]
fn a_test_page_never_goes_out_late() {
    let put = || {
        let mut lane = lane(0, |_, _| accepted());
        lane.put(page("drill", "drill", DRILL));
        lane
    };
    for (idle, seconds, want) in [
        (true, 3_599, "drill is tried"),
        (false, 3_599, "waits"),
        (true, 3_601, "drill is given up, had no turn: true"),
        (false, 3_601, "drill is given up, had no turn: true"),
    ] {
        assert_eq!(put().behind(idle, seconds), want, "{idle} {seconds}");
    }
}

#[test]
fn nothing_is_tried_once_it_is_not_wanted() {
    let mut lane = lane(10, |_, _| later("no answer", None));
    let wanted = Arc::new(AtomicBool::new(true));
    let asked = Arc::clone(&wanted);
    let compose: Compose = Box::new(move || asked.load(Ordering::SeqCst).then(|| message("p1")));
    lane.put(Job { compose, ..page("p1", "a", 2) });
    lane.run_until(100);
    // Acknowledged before the second try: the state is read again, and nothing is sent, nothing is settled.
    wanted.store(false, Ordering::SeqCst);
    lane.put(page("p2", "a", 2));
    lane.run_until(200);
    lane.withdraw("p2");
    lane.run_until(400_000);
    assert_eq!(lane.story, ["0 p1 tried", "100 p2 tried"]);

    // Taken back while it is being tried: what became of that try is told, and there is no other.
    lane.put(page("p3", "a", 2));
    lane.run_until(400_005);
    lane.withdraw("p3");
    lane.run_until(800_000);
    assert_eq!(lane.story[2..], ["400000 p3 tried", "400010 p3 given up: no answer after 1 tries"]);
}

#[test]
fn the_most_urgent_go_first_and_incidents_take_turns() {
    let mut lane = lane(1_000, |_, _| accepted());
    lane.limits = (1, None);
    for (key, about, urgency) in
        [("a1", "a", 2), ("a2", "a", 2), ("a3", "a", 2), ("b1", "b", 2), ("low", "c", 3), ("urgent", "d", 1)]
    {
        lane.put(page(key, about, urgency));
    }
    lane.run_until(10_000);
    let tried: Vec<_> = lane.story.iter().filter(|line| line.ends_with("tried")).map(String::as_str).collect();
    assert_eq!(
        tried,
        ["0 urgent tried", "1000 a1 tried", "2000 b1 tried", "3000 a2 tried", "4000 a3 tried", "5000 low tried"]
    );
}

#[test]
fn our_own_limit_holds_back_everything_but_the_most_urgent() {
    let mut lane = lane(0, |_, _| accepted());
    lane.limits = (8, Some(2));
    (1..=3).for_each(|number| lane.put(page(&format!("p{number}"), "a", 3)));
    lane.run_until(1_000);
    lane.put(page("urgent", "a", 1));
    lane.run_until(59_000);
    let tried =
        |lane: &Simulated| lane.story.iter().filter(|line| line.ends_with("tried")).cloned().collect::<Vec<_>>();
    assert_eq!(tried(&lane), ["0 p1 tried", "0 p2 tried", "1000 urgent tried"]);
    lane.run_until(70_000);
    assert_eq!(tried(&lane).last().map(String::as_str), Some("60000 p3 tried"), "two in any minute");
}

/// Waits for something that is about to happen; half a minute is for machines under load.
async fn until(what: &str, happened: impl Fn() -> bool) {
    for _ in 0..3_000 {
        if happened() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited in vain until {what}");
}

#[tokio::test]
async fn a_provider_that_hangs_and_one_that_is_asked_too_much_delay_nobody_else() {
    let done: Arc<Mutex<Vec<String>>> = Arc::default();
    let heard = Arc::clone(&done);
    let settled: Settled = Arc::new(move |key, _, notes| {
        heard.lock().expect("done").push(format!("{} after {}", key.0, notes.len()));
    });
    let send: SendOnce = Arc::new(|_, address: Address| {
        Box::pin(async move {
            match address.channel.as_str() {
                "hangs" => std::future::pending().await,
                "busy" => later("status 429", Some(600_000)),
                _ => accepted(),
            }
        })
    });
    let pager = Pager::with(send, Arc::default(), settled);
    for number in 0..100 {
        pager.send(job(&format!("h{number}"), "a", "hangs", 3));
        pager.send(job(&format!("b{number}"), "a", "busy", 3));
    }
    pager.send(job("s1", "a", "sms", 3));
    until("the text message is out", || done.lock().expect("done").iter().any(|line| line == "s1 after 1")).await;
    until("the busy ones are given up", || pager.look()[0].failed == 100).await;
    let state = pager.look();
    let words: Vec<_> = state.iter().map(|it| (it.channel.as_str(), it.queued, it.in_flight, it.sent)).collect();
    assert_eq!(words, [("busy", 0, 0, 0), ("hangs", 92, 8, 0), ("sms", 0, 0, 1)], "{state:?}");
    pager.withdraw(&PageKey("h99".into()));
    assert_eq!(pager.look()[1].queued, 91);
}

#[tokio::test]
async fn what_is_not_wanted_is_not_sent_and_other_settings_count_at_once() {
    let sent = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&sent);
    let send: SendOnce = Arc::new(move |_, _| {
        counted.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { accepted() })
    });
    let settled = Arc::new(AtomicU32::new(0));
    let heard = Arc::clone(&settled);
    let one = settings("channels: { sms: { terminal: true, per_minute: 1 } }");
    let count: Settled = Arc::new(move |_, _, _| {
        heard.fetch_add(1, Ordering::SeqCst);
    });
    let pager = Pager::with(send, one, count);
    pager.send(Job { compose: Box::new(|| None), ..job("gone", "a", "sms", 3) });
    pager.send(job("p1", "b", "sms", 1));
    until("one is out", || settled.load(Ordering::SeqCst) == 1).await;
    pager.send(job("p2", "b", "sms", 3));
    pager.reconfigure(settings("channels: { sms: { terminal: true } }"));
    until("the other is out", || settled.load(Ordering::SeqCst) == 2).await;
    assert_eq!(sent.load(Ordering::SeqCst), 2, "what was not wanted went nowhere");
}

/// A test page waits until its channel has nothing else to do, and what becomes of it changes nothing for real pages.
#[tokio::test]
async fn test_pages_go_behind_everything_else_and_harm_nothing() {
    let (tried, release) = (Arc::new(Mutex::new(Vec::new())), Arc::new(tokio::sync::Notify::new()));
    let (seen, held) = (Arc::clone(&tried), Arc::clone(&release));
    let send: SendOnce = Arc::new(move |message: Message, _| {
        let (seen, held) = (Arc::clone(&seen), Arc::clone(&held));
        Box::pin(async move {
            seen.lock().expect("tried").push(message.key.clone());
            match message.key.as_str() {
                "real" => {
                    held.notified().await;
                    accepted()
                }
                "later" => accepted(),
                _ => later("status 429", Some(600_000)),
            }
        })
    });
    let done: Arc<Mutex<Vec<String>>> = Arc::default();
    let heard = Arc::clone(&done);
    let settled: Settled = Arc::new(move |key, _, _| heard.lock().expect("done").push(key.0));
    let pager = Pager::with(send, Arc::default(), settled);
    pager.send(job("real", "a", "sms", 3));
    until("the real one is being sent", || tried.lock().expect("tried").len() == 1).await;
    let ends: Arc<Mutex<Vec<String>>> = Arc::default();
    for number in 0..7 {
        let heard = Arc::clone(&ends);
        let told: Settled = Arc::new(move |key, sent, notes| {
            heard.lock().expect("ends").push(format!("{key:?} {sent:?} {}", notes.len()));
        });
        pager.drill(Job { told: Some(told), ..job(&format!("test{number}"), "drill", "sms", DRILL) });
    }
    // Its turn has not come, however often it looks.
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert_eq!(*tried.lock().expect("tried"), ["real"]);
    }
    release.notify_one();
    // A provider that wants nothing for ten minutes: the first is put aside, the others wait behind it.
    until("a test page is tried", || tried.lock().expect("tried").len() == 2).await;
    pager.send(job("later", "b", "sms", 3));
    until("a page after that goes out at once", || done.lock().expect("done").len() == 2).await;
    assert_eq!(*tried.lock().expect("tried"), ["real", "test0", "later"]);
    let state = &pager.look()[0];
    assert_eq!((state.breaker, state.paused, state.sent, state.failed), ("closed", None, 2, 0), "{state:?}");
    assert_eq!(*ends.lock().expect("ends"), [""; 0], "they wait for their provider, and nobody waits for them");
}

/// What a provider that had accepted a page says later is told, once.
#[tokio::test]
async fn a_provider_that_can_be_asked_is_asked_what_became_of_a_page() {
    let asked = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&asked);
    let fate: AskFate = Arc::new(move |_, _, id| {
        let times = counted.fetch_add(1, Ordering::SeqCst);
        let known = Sent::Refused { reason: format!("{id} is undelivered") };
        Box::pin(async move { (times == 2).then_some(known) })
    });
    let send: SendOnce = Arc::new(|_, _| Box::pin(async { Sent::Accepted { id: Some("SM1".into()) } }));
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let settled: Settled = Arc::new(move |_, sent, notes| drop(tell.send((sent, notes.len()))));
    let waits = [1, 1, 1, 1, 1].map(Duration::from_millis);
    let pager = Pager::made(send, Some((fate, waits)), Arc::default(), settled);
    pager.send(job("p1", "a", "sms", 2));
    assert_eq!(told.recv().await, Some((Outcome::Said(Sent::Accepted { id: Some("SM1".into()) }), 1)));
    let refused = Sent::Refused { reason: "SM1 is undelivered".into() };
    assert_eq!(told.recv().await, Some((Outcome::Said(refused), 0)));
    // Whoever is told last is the only one who could ask once more.
    until("nobody follows it any more", || pager.shared.followed.load(Ordering::SeqCst) == 0).await;
    assert_eq!((asked.load(Ordering::SeqCst), told.try_recv().is_err()), (3, true), "and no more");
}
