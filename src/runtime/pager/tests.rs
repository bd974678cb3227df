//! The outbox under virtual time: nothing waits for another's provider, retries are bounded, what is withdrawn is not sent.

use super::*;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use tokio::time::Instant;

/// What happened, as lines: `+SECONDS.TENTHS what`.
#[derive(Clone)]
struct Story {
    start: Instant,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Story {
    fn begin() -> Self {
        Self { start: Instant::now(), lines: Arc::default() }
    }

    fn tell(&self, what: &str) {
        let at = self.start.elapsed().as_secs_f64();
        self.lines.lock().expect("lines").push(format!("{at:.1} {what}"));
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("lines").clone()
    }

    fn settled(&self) -> Settled {
        let story = self.clone();
        Arc::new(move |key, sent, notes| {
            let word = match sent {
                Sent::Accepted { .. } => "accepted".to_owned(),
                Sent::Delivered { .. } => "delivered".to_owned(),
                Sent::Later { reason, .. } => format!("given up: {reason}"),
                Sent::Refused { reason } => format!("refused: {reason}"),
            };
            story.tell(&format!("{} {word} after {} tries", key.0, notes.len()));
        })
    }
}

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
    }
}

/// A sender whose answers are made by `answer` from channel, key and how often that key was tried.
fn sender<F, R>(answer: F) -> Send1
where
    F: Fn(String, String, u32) -> R + Send + Sync + 'static,
    R: Future<Output = Sent> + Send + 'static,
{
    let tries: Mutex<BTreeMap<String, u32>> = Mutex::default();
    Arc::new(move |message: Message, address: Address| {
        let mut tries = tries.lock().expect("tries");
        let times = tries.entry(message.key.clone()).or_default();
        *times += 1;
        Box::pin(answer(address.channel.to_string(), message.key, *times))
    })
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

#[tokio::test(start_paused = true)]
async fn a_provider_that_hangs_and_one_that_is_asked_too_much_delay_nobody_else() {
    let story = Story::begin();
    let send = sender(|channel, _, _| async move {
        match channel.as_str() {
            "hangs" => tokio::time::sleep(Duration::from_secs(30)).await,
            "busy" => return later("status 429", Some(600_000)),
            _ => return accepted(),
        }
        later("no answer", None)
    });
    let pager = Pager::with(send, Arc::default(), story.settled());
    for number in 0..100 {
        pager.send(job(&format!("h{number}"), "a", "hangs", 3));
        pager.send(job(&format!("b{number}"), "a", "busy", 3));
    }
    pager.send(job("s1", "a", "sms", 3));
    tokio::time::sleep(Duration::from_millis(200)).await;
    let sms: Vec<_> = story.lines().into_iter().filter(|line| line.contains(" s1 ")).collect();
    assert_eq!(sms, ["0.0 s1 accepted after 1 tries"]);
    let state = pager.look();
    let words: Vec<_> = state.iter().map(|it| (it.channel.as_str(), it.queued, it.in_flight)).collect();
    assert_eq!(words, [("busy", 0, 0), ("hangs", 92, 8), ("sms", 0, 0)], "{state:?}");
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_obeyed_and_holds_back_the_whole_channel_only() {
    let story = Story::begin();
    let tells = story.clone();
    let send = sender(move |channel, key, times| {
        tells.tell(&format!("{channel} {key} tried"));
        async move { if key == "p1" && times == 1 { later("status 429", Some(20_000)) } else { accepted() } }
    });
    let pager = Pager::with(send, Arc::default(), story.settled());
    pager.send(job("p1", "a", "slack", 2));
    tokio::time::sleep(Duration::from_secs(1)).await;
    pager.send(job("p2", "b", "slack", 2));
    pager.send(job("p3", "b", "sms", 2));
    tokio::time::sleep(Duration::from_secs(30)).await;
    let want = [
        "0.0 slack p1 tried",
        "1.0 sms p3 tried",
        "1.0 p3 accepted after 1 tries",
        "20.0 slack p1 tried",
        "20.0 slack p2 tried",
        "20.0 p1 accepted after 2 tries",
        "20.0 p2 accepted after 1 tries",
    ];
    assert_eq!(story.lines(), want);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_can_not_be_sent_in_its_time_is_given_up_at_once() {
    let story = Story::begin();
    let send = sender(|_, _, _| async { later("status 429", Some(120_000)) });
    let pager = Pager::with(send, Arc::default(), story.settled());
    pager.send(job("p1", "a", "slack", 1));
    pager.send(job("p2", "a", "slack", 1));
    tokio::time::sleep(Duration::from_secs(5)).await;
    let want = ["0.0 p1 given up: status 429 after 1 tries", "0.0 p2 given up: status 429 after 1 tries"];
    assert_eq!(story.lines(), want, "its time is a minute, the provider wants two: the next address is tried now");
    pager.send(job("p3", "a", "slack", 1));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let last = story.lines().pop().unwrap_or_default();
    assert_eq!(
        last,
        "5.0 p3 given up: not tried in time: its provider wants nothing for a while (status 429) after 0 tries"
    );
}

#[tokio::test(start_paused = true)]
async fn tries_are_bounded_in_time() {
    let story = Story::begin();
    let send = sender(|_, _, times| async move {
        // Every third try is answered, so that the breaker stays closed.
        if times % 3 == 0 { later("status 503", Some(1_000)) } else { later("no answer", None) }
    });
    let pager = Pager::with(send, Arc::default(), story.settled());
    pager.send(job("urgent", "a", "sms", 1));
    pager.send(job("other", "a", "mail", 3));
    tokio::time::sleep(Duration::from_secs(600)).await;
    let ends: Vec<(f64, String)> = story
        .lines()
        .iter()
        .filter_map(|line| Some((line.split_once(' ')?.0.parse().ok()?, line.split_once(' ')?.1.to_owned())))
        .collect();
    assert_eq!(ends.len(), 2, "{ends:?}");
    for ((at, line), (key, most)) in ends.iter().zip([("urgent", 60.0), ("other", 300.0)]) {
        assert!(line.starts_with(&format!("{key} given up")), "{line}");
        assert!(*at <= most && *at > most / 4.0, "{line} at {at}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_breaker_opens_fails_fast_and_closes_by_a_probe() {
    let story = Story::begin();
    let down = Arc::new(AtomicBool::new(true));
    let (sick, tries) = (Arc::clone(&down), Arc::new(AtomicU32::new(0)));
    let counted = Arc::clone(&tries);
    let send = sender(move |_, _, _| {
        counted.fetch_add(1, Ordering::SeqCst);
        let sick = sick.load(Ordering::SeqCst);
        async move { if sick { later("no answer", None) } else { accepted() } }
    });
    let pager = Pager::with(send, Arc::default(), story.settled());
    for number in 0..5 {
        pager.send(job(&format!("p{number}"), "a", "sms", 3));
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(pager.look().first().map(|it| it.breaker), Some("open"));
    assert_eq!(tries.load(Ordering::SeqCst), 5);
    pager.send(job("fast", "a", "sms", 3));
    tokio::time::sleep(Duration::from_millis(100)).await;
    let last = story.lines().pop().unwrap_or_default();
    assert_eq!(last, "0.1 fast given up: not tried: its provider fails again and again (no answer) after 0 tries");
    assert_eq!(tries.load(Ordering::SeqCst), 5, "nothing was tried");
    pager.send(job("urgent", "a", "sms", 1));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(tries.load(Ordering::SeqCst), 6, "the most urgent is always tried");
    down.store(false, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(30)).await;
    pager.send(job("probe", "a", "sms", 3));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(pager.look().first().map(|it| it.breaker), Some("closed"));
    pager.send(job("well", "a", "sms", 3));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(story.lines().pop().unwrap_or_default().ends_with("well accepted after 1 tries"), "{:?}", story.lines());
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_not_wanted_any_more_leaves_the_breaker_to_the_next() {
    let story = Story::begin();
    let send = sender(|_, key, _| async move { if key == "well" { accepted() } else { later("no answer", None) } });
    let pager = Pager::with(send, Arc::default(), story.settled());
    (0..5).for_each(|number| pager.send(job(&format!("p{number}"), "a", "sms", 3)));
    tokio::time::sleep(Duration::from_secs(31)).await;
    pager.send(Job { compose: Box::new(|| None), ..job("gone", "a", "sms", 3) });
    tokio::time::sleep(Duration::from_secs(1)).await;
    pager.send(job("well", "a", "sms", 3));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(story.lines().pop().unwrap_or_default().ends_with("well accepted after 1 tries"), "{:?}", story.lines());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_once_it_is_not_wanted() {
    let story = Story::begin();
    let (wanted, sent) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU32::new(0)));
    let counted = Arc::clone(&sent);
    let send = sender(move |_, _, _| {
        counted.fetch_add(1, Ordering::SeqCst);
        async { later("no answer", None) }
    });
    let pager = Pager::with(send, Arc::default(), story.settled());
    let asks = Arc::clone(&wanted);
    let compose: Compose = Box::new(move || asks.load(Ordering::SeqCst).then(|| message("p1")));
    pager.send(Job { compose, ..job("p1", "a", "sms", 2) });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(sent.load(Ordering::SeqCst), 1);
    // Acknowledged before the second try: the state is read again, and nothing is sent, nothing is settled.
    wanted.store(false, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(400)).await;
    assert_eq!((sent.load(Ordering::SeqCst), story.lines()), (1, Vec::new()));

    pager.send(job("p2", "a", "sms", 2));
    tokio::time::sleep(Duration::from_millis(100)).await;
    pager.withdraw(&PageKey("p2".into()));
    tokio::time::sleep(Duration::from_secs(400)).await;
    assert_eq!((sent.load(Ordering::SeqCst), story.lines()), (2, Vec::new()), "withdrawn between two tries");
}

#[tokio::test(start_paused = true)]
async fn the_most_urgent_go_first_and_incidents_take_turns() {
    let story = Story::begin();
    let tells = story.clone();
    let send = sender(move |_, key, _| {
        tells.tell(&key);
        async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            accepted()
        }
    });
    let one = settings("channels: { sms: { terminal: true, at_once: 1 } }");
    let pager = Pager::with(send, one, Arc::new(|_, _, _| {}));
    for (key, about, urgency) in
        [("a1", "a", 2), ("a2", "a", 2), ("a3", "a", 2), ("b1", "b", 2), ("low", "c", 3), ("urgent", "d", 1)]
    {
        pager.send(job(key, about, "sms", urgency));
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(story.lines(), ["0.0 urgent", "1.0 a1", "2.0 b1", "3.0 a2", "4.0 a3", "5.0 low"]);
}

#[tokio::test(start_paused = true)]
async fn our_own_limit_holds_back_everything_but_the_most_urgent_and_is_changed_in_flight() {
    let story = Story::begin();
    let tells = story.clone();
    let send = sender(move |_, key, _| {
        tells.tell(&key);
        async { accepted() }
    });
    let two = settings("channels: { sms: { terminal: true, per_minute: 2 } }");
    let pager = Pager::with(send, two, Arc::new(|_, _, _| {}));
    for number in 1..=4 {
        pager.send(job(&format!("p{number}"), "a", "sms", 3));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    pager.send(job("urgent", "a", "sms", 1));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(story.lines(), ["0.0 p1", "0.0 p2", "1.0 urgent"]);
    pager.reconfigure(settings("channels: { sms: { terminal: true } }"));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(story.lines().split_off(3), ["2.0 p3", "2.0 p4"]);
}
