//! Durable appends: the journal against a bare log with the same pattern of syncs, and what opening costs.
//!
//! `cargo bench --bench append`. One line per number of writers; each writer waits for its answer.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};
use stepladder::store::disk::{DiskJournal, Settings};
use stepladder::store::{Batch, Journal, StreamId};

/// Bytes of one event: a small step's.
const EVENT: usize = 250;
/// How long each measurement lasts.
const LASTS: Duration = Duration::from_secs(2);

#[expect(clippy::disallowed_methods, reason = "a benchmark is about the time")]
fn now() -> Instant {
    Instant::now()
}

/// Appends one event and returns once it is durable.
type Append = Arc<dyn Fn(usize, u64) + Send + Sync>;

/// Appends per second and the median and 99th percentile of their waits.
fn measure(writers: usize, append: &Append) -> (f64, Duration, Duration) {
    let barrier = Arc::new(Barrier::new(writers));
    let threads: Vec<_> = (0..writers)
        .map(|writer| {
            let (append, barrier) = (Arc::clone(append), Arc::clone(&barrier));
            thread::spawn(move || {
                barrier.wait();
                let (start, mut waits) = (now(), Vec::new());
                for turn in 0.. {
                    let before = now();
                    append(writer, turn);
                    waits.push(before.elapsed());
                    if start.elapsed() > LASTS {
                        break;
                    }
                }
                waits
            })
        })
        .collect();
    let mut waits: Vec<Duration> = threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect();
    waits.sort_unstable();
    let at = |part: usize| waits.get(waits.len() * part / 100).copied().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = waits.len() as f64 / LASTS.as_secs_f64();
    (rate, at(50), at(99))
}

fn ours(folder: &Path) -> Append {
    let Ok(journal) = DiskJournal::open(folder, Settings::default()) else {
        panic!("cannot open {}", folder.display())
    };
    Arc::new(move |writer, _| {
        let (tell, told) = channel();
        let appends = vec![(StreamId::new("run", &writer.to_string()), vec![vec![b'x'; EVENT]])];
        journal.append(Batch { appends, ..Batch::default() }, Box::new(move |answer| drop(tell.send(answer))));
        assert!(matches!(told.recv(), Ok(Ok(_))), "an append failed");
    })
}

/// Nothing but bytes behind one another in a file of zeros, one thread, one fdatasync per group.
fn bare(folder: &Path) -> io::Result<Append> {
    let mut file = File::options().read(true).write(true).create_new(true).open(folder.join("bare"))?;
    file.write_all(&vec![0; 256 * 1024 * 1024])?;
    file.sync_all()?;
    let (sender, queue) = channel::<Sender<()>>();
    thread::spawn(move || {
        let mut at = 0;
        while let Ok(first) = queue.recv() {
            let group: Vec<Sender<()>> = std::iter::once(first).chain(queue.try_iter()).collect();
            let bytes = vec![b'x'; EVENT * group.len()];
            if file.write_all_at(&bytes, at).and_then(|()| file.sync_data()).is_err() {
                return;
            }
            at += bytes.len() as u64;
            for one in group {
                if one.send(()).is_err() {
                    return;
                }
            }
        }
    });
    Ok(Arc::new(move |_, _| {
        let (tell, told) = channel();
        let sent = sender.send(tell).is_ok() && told.recv().is_ok();
        assert!(sent, "the bare log failed");
    }))
}

/// A journal of a million events in a thousand streams, batches of twenty.
fn million(folder: &Path) {
    let Ok(journal) = DiskJournal::open(folder, Settings::default()) else {
        panic!("cannot open {}", folder.display())
    };
    let (tell, told) = channel();
    for turn in 0..50_u32 {
        for stream in 0..1_000_u32 {
            let appends = vec![(StreamId::new("run", &stream.to_string()), vec![vec![b'x'; EVENT]; 20])];
            let tell = tell.clone();
            let done = Box::new(move |answer: Result<_, _>| {
                let _ = tell.send(answer.is_ok());
            });
            journal.append(Batch { appends, ..Batch::default() }, done);
        }
        assert!((0..1_000).all(|_| told.recv() == Ok(true)), "turn {turn} failed");
    }
}

fn once<T>(what: impl FnOnce() -> T) -> (f64, T) {
    let start = now();
    let value = what();
    (start.elapsed().as_secs_f64() * 1e3, value)
}

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let root = std::env::current_dir()?.join("target").join(format!("bench-{}", std::process::id()));
    std::fs::create_dir_all(&root)?;
    writeln!(
        out,
        "{:>8} {:>14} {:>9} {:>9} {:>14} {:>9} {:>9} {:>6}",
        "writers", "journal/s", "p50 us", "p99 us", "bare log/s", "p50 us", "p99 us", "ratio"
    )?;
    for writers in [1, 16, 64] {
        let (mine, log) = (root.join(format!("journal-{writers}")), root.join(format!("log-{writers}")));
        std::fs::create_dir_all(&log)?;
        let (rate, half, most) = measure(writers, &ours(&mine));
        let (bare_rate, bare_half, bare_most) = measure(writers, &bare(&log)?);
        let (half, most) = (half.as_micros(), most.as_micros());
        let (bare_half, bare_most) = (bare_half.as_micros(), bare_most.as_micros());
        writeln!(
            out,
            "{writers:>8} {rate:>14.0} {half:>9} {most:>9} {bare_rate:>14.0} {bare_half:>9} {bare_most:>9} {:>6.2}",
            rate / bare_rate
        )?;
    }
    let cold = root.join("cold");
    let (first, ()) = once(|| ours(&cold)(0, 0));
    let (again, ()) = once(|| ours(&cold)(0, 0));
    writeln!(out, "open, append one, close: {first:.1} ms in a new directory, {again:.1} ms in one that is there")?;
    let large = root.join("million");
    million(&large);
    for large in [large, root.join("journal-64")] {
        let (open, journal) = once(|| DiskJournal::open(&large, Settings::default()));
        let streams = journal.ok().and_then(|journal| journal.streams("").ok());
        let events: u64 = streams.iter().flatten().map(|(_, version)| version).sum();
        writeln!(out, "open with {events} events: {open:.0} ms")?;
    }
    std::fs::remove_dir_all(&root)
}
