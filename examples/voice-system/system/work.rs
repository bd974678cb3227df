//! What the system leaves on disk: a log that grows and a database that is written to, both bounded.

use super::faults::{Fault, Faults};
use super::traffic::Traffic;
use rusqlite::Connection;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The log grows to this many bytes, no further.
const MAX_LOG: u64 = 16 * 1024 * 1024;

/// Most calls the database keeps.
const MAX_CALLS: u32 = 10_000;

const SCHEMA: &str = "
create table if not exists calls (id integer primary key, started text not null, seconds integer not null, outcome text not null);
create table if not exists rooms (name text primary key, participants integer not null);
create table if not exists settings (key text primary key, value text not null);
insert or ignore into settings values ('schema_version', '7');";

/// The log and the database, and the hand on the database's lock.
pub(crate) struct Work {
    log: File,
    db: Connection,
    locker: Option<Connection>,
    bursts: u32,
    ticks: u32,
}

impl Work {
    /// Both files, made where they are missing.
    pub(crate) fn open(log: &Path, database: &Path) -> anyhow::Result<Self> {
        for path in [log, database] {
            std::fs::create_dir_all(path.parent().unwrap_or(path))?;
        }
        let db = Connection::open(database)?;
        db.busy_timeout(Duration::from_millis(50))?;
        db.execute_batch(SCHEMA)?;
        let log = File::options().create(true).append(true).open(log)?;
        let mut work = Self { log, db, locker: None, bursts: 0, ticks: 0 };
        work.line("INFO", "voice system started, 0 rooms")?;
        work.call()?;
        Ok(work)
    }

    /// A line in the log.
    fn line(&mut self, level: &str, text: &str) -> io::Result<()> {
        if self.log.metadata()?.len() < MAX_LOG {
            writeln!(self.log, "{} {level:<5} livekit {text}", now())
        } else {
            Ok(())
        }
    }

    /// A call that ended, in the database.
    fn call(&self) -> rusqlite::Result<()> {
        let seconds = 120 + self.ticks * 37 % 300;
        self.db
            .execute("insert into calls (started, seconds, outcome) values (?1, ?2, 'completed')", (now(), seconds))?;
        self.db.execute("insert or replace into rooms values ('support', ?1)", [self.ticks % 5])?;
        self.db.execute("delete from calls where id <= (select max(id) from calls) - ?1", [MAX_CALLS])?;
        Ok(())
    }

    /// One moment: what traffic leaves behind, and what the faults do to it.
    fn tick(&mut self, faults: &Faults, database: &Path) -> anyhow::Result<()> {
        self.ticks += 1;
        self.lock(faults.on(Fault::DatabaseLocked), database)?;
        if self.ticks.is_multiple_of(10) {
            self.line("INFO", "room support: participant joined")?;
            if let Err(reason) = self.call() {
                self.line("WARN", &format!("call not stored: {reason}"))?;
            }
        }
        if faults.on(Fault::ErrorBurstInLog) && self.bursts < 40 {
            self.bursts += 1;
            self.line("ERROR", "sip: 503 Service Unavailable from trunk, call dropped")?;
            self.line("ERROR", "ai: recognition request timed out after 5000 ms")?;
        }
        Ok(())
    }

    /// Takes or lets go of the database's exclusive lock.
    fn lock(&mut self, wanted: bool, database: &Path) -> rusqlite::Result<()> {
        if !wanted {
            self.locker = None;
        } else if self.locker.is_none() {
            let locker = Connection::open(database)?;
            locker.busy_timeout(Duration::from_secs(1))?;
            locker.execute_batch("begin exclusive")?;
            self.locker = Some(locker);
        }
        Ok(())
    }
}

/// Works until the runtime ends; trouble of its own goes to its log, as it would anywhere.
pub(crate) async fn go(
    mut work: Work,
    faults: Arc<Faults>,
    traffic: Arc<Mutex<Traffic>>,
    database: std::path::PathBuf,
) {
    let mut clock = tokio::time::interval(Duration::from_millis(100));
    loop {
        clock.tick().await;
        traffic.lock().unwrap_or_else(PoisonError::into_inner).tick(&faults);
        if let Err(reason) = work.tick(&faults, &database) {
            let _full = work.line("WARN", &reason.to_string());
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a log line carries the time of day")]
fn now() -> String {
    jiff::Timestamp::now().to_string()
}
