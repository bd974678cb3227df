//! SQLite: the file opened for reading only, unless the statement may change something.

use crate::act::sql::{Rows, Statement, positional};
use crate::base::value::{Value, json};
use crate::model::perform::Failure;
use crate::model::policy::FailureKind;
use rusqlite::types::{ToSqlOutput, Value as SqlValue, ValueRef};
use rusqlite::{Connection, ErrorCode, InterruptHandle, OpenFlags};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a lock of another process is waited for.
const BUSY: Duration = Duration::from_secs(5);

/// Stops the statement when the future that waits for it is dropped.
struct Stop(Arc<Running>);

/// What a statement and the future that waits for it share.
#[derive(Default)]
struct Running {
    handle: Mutex<Option<InterruptHandle>>,
    /// Nobody waits any more.
    left: AtomicBool,
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.left.store(true, Ordering::SeqCst);
        if let Some(handle) = self.0.handle.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            handle.interrupt();
        }
    }
}

/// Runs the statement on a thread that may block.
pub(super) async fn run(path: PathBuf, statement: Statement) -> Result<Rows, Failure> {
    let running = Arc::new(Running::default());
    let stop = Stop(Arc::clone(&running));
    let task = tokio::task::spawn_blocking(move || blocking(&path, &statement, &running));
    let rows = task.await.map_err(|error| Failure::new(FailureKind::Other, format!("SQLite stopped: {error}")))?;
    drop(stop);
    rows
}

fn blocking(path: &Path, statement: &Statement, running: &Running) -> Result<Rows, Failure> {
    let said = |error: rusqlite::Error| failure(path, statement, &error);
    if !path.is_file() {
        let why = format!("SQLite {}: there is no such file", path.display());
        return Err(Failure::lasting(FailureKind::Missing, why));
    }
    let access = if statement.reads { OpenFlags::SQLITE_OPEN_READ_ONLY } else { OpenFlags::SQLITE_OPEN_READ_WRITE };
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(said)?;
    connection.busy_timeout(BUSY).map_err(said)?;
    *running.handle.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection.get_interrupt_handle());
    if running.left.load(Ordering::SeqCst) {
        return Err(Failure::new(FailureKind::Other, "the statement was not started: nobody waits for it"));
    }
    let mut prepared = connection.prepare(&statement.text).map_err(said)?;
    bind(&mut prepared, &statement.params)
        .map_err(|why| Failure::lasting(FailureKind::Template, format!("SQLite {}: {why}", path.display())))?;
    let names: Vec<String> = prepared.column_names().into_iter().map(str::to_owned).collect();
    let before = connection.total_changes();
    let mut rows = Rows::default();
    let mut found = prepared.raw_query();
    while let Some(row) = found.next().map_err(said)? {
        let mut columns = Vec::new();
        for (index, name) in names.iter().enumerate() {
            columns.push((name.as_str(), value(row.get_ref(index).map_err(said)?)));
        }
        rows.push(columns);
    }
    drop(found);
    rows.changed = connection.total_changes() - before;
    Ok(rows)
}

fn bind(prepared: &mut rusqlite::Statement<'_>, params: &Value) -> Result<(), String> {
    let wants = prepared.parameter_count();
    if let Some(list) = positional(params) {
        if list.len() != wants {
            return Err(format!("the statement has {wants} parameters, `params` has {}", list.len()));
        }
        for (index, value) in list.iter().enumerate() {
            prepared.raw_bind_parameter(index + 1, Bind(value)).map_err(|error| error.to_string())?;
        }
        return Ok(());
    }
    let map = params.as_object().cloned().unwrap_or_default();
    for index in 1..=wants {
        let name = prepared.parameter_name(index).unwrap_or("?").to_owned();
        let value = map.get(name.trim_start_matches([':', '@', '$']));
        let value = value.ok_or_else(|| format!("`params` has no `{}`, which the statement names", &name[1..]))?;
        prepared.raw_bind_parameter(index, Bind(value)).map_err(|error| error.to_string())?;
    }
    Ok(())
}

struct Bind<'a>(&'a Value);

impl rusqlite::ToSql for Bind<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Owned(match self.0 {
            Value::Null => SqlValue::Null,
            Value::Bool(flag) => SqlValue::Integer(i64::from(*flag)),
            Value::Number(number) => match number.as_i64() {
                Some(whole) => SqlValue::Integer(whole),
                None => SqlValue::Real(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(text) => SqlValue::Text(text.clone()),
            Value::Array(_) | Value::Object(_) => SqlValue::Text(self.0.to_string()),
        }))
    }
}

fn value(found: ValueRef<'_>) -> Value {
    match found {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(whole) => Value::from(whole),
        ValueRef::Real(number) => Value::from(number),
        ValueRef::Text(bytes) => Value::from(String::from_utf8_lossy(bytes)),
        ValueRef::Blob(bytes) => json!(format!("({} bytes)", bytes.len())),
    }
}

fn failure(path: &Path, statement: &Statement, error: &rusqlite::Error) -> Failure {
    let code = error.sqlite_error_code();
    let (kind, why, lasting) = match code {
        Some(ErrorCode::ReadOnly) if statement.reads => {
            (FailureKind::Other, "`query` may only read: use `execute` for a change".to_owned(), true)
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            (FailureKind::Timeout, format!("locked by another process for more than {}s", BUSY.as_secs()), false)
        }
        Some(ErrorCode::NotADatabase) => (FailureKind::Other, "the file is no SQLite database".into(), true),
        Some(ErrorCode::DatabaseCorrupt) => (FailureKind::Other, format!("the database is damaged: {error}"), true),
        Some(ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            (FailureKind::Connect, format!("the file can't be opened: {error}"), false)
        }
        Some(_) | None => (FailureKind::Other, error.to_string(), false),
    };
    Failure { lasting, ..Failure::new(kind, format!("SQLite {}: {why}", path.display())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_that_nobody_waits_for_is_stopped() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("a.db");
        std::fs::write(&path, "").expect("write");
        let text = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n";
        let endless = Statement { text: text.into(), params: json!([]), reads: true };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("runtime");
        let within = std::time::Duration::from_millis(200);
        let ended = runtime.block_on(async { tokio::time::timeout(within, run(path, endless)).await });
        assert!(ended.is_err(), "it is endless");
        // Waits for the thread of the statement: without the interrupt, for ever.
        drop(runtime);
    }
}
