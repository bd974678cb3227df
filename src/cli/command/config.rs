//! `config`: what is set and from where, and what whoever drives the runs goes by where that is something else.

use crate::api::present;
use crate::api::wire::SettingRow;
use crate::cli::args::Config;
use crate::cli::door;
use crate::cli::exit::Exit;
use crate::cli::settings::{BOOK_FILE, Settings};
use crate::cli::table::{Cell, table};
use crate::cli::trouble::Trouble;
use crate::cli::view::{Line, Tone};
use crate::cli::{output, variables};
use crate::diagnostic::closest;
use crate::lang::set;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use unicode_width::UnicodeWidthStr;

/// Columns that values take at most where they stand beside their keys.
const VALUE: usize = 44;
/// Below so many columns each setting has a line of its own for where it comes from.
const NARROW: usize = 72;

/// Shows what is set.
pub async fn run(args: &Config, settings: &Settings) -> Result<Exit, Trouble> {
    let book = settings.book()?;
    let (mut rows, problem) = rows(settings, &book).await?;
    if let Some(key) = &args.key {
        rows = chosen(rows, key)?;
    }
    if let Some(problem) = problem {
        output::aside(&format!("note: {problem}"));
    }
    if args.json {
        for row in &rows {
            output::line(&serde_json::to_string(row).map_err(|reason| Trouble::new(reason.to_string()))?)?;
        }
        return Ok(Exit::Fine);
    }
    if args.key.is_some() && rows.len() == 1 {
        output::data(&whole(&rows[0], settings))?;
    } else {
        output::data(&page(&rows, settings))?;
    }
    let wrong = rows.iter().any(|row| row.wrong.is_some());
    if wrong {
        output::aside(&format!("what is wrong: `stepladder check {BOOK_FILE}`"));
    }
    Ok(Exit::Fine)
}

/// Every setting, and why nothing is known of what the owner goes by, where it has one and that is so.
///
/// # Errors
/// When the book can't be read.
pub async fn rows(settings: &Settings, book: &Path) -> Result<(Vec<SettingRow>, Option<String>), Trouble> {
    let loaded = settings.memo.load(book)?.loaded;
    let text = loaded.sources.iter().find(|(_, source)| source.name == BOOK_FILE);
    let text = text.map_or_else(|| "".into(), |(_, source)| Arc::clone(&source.text));
    let own = variables::process(settings, false);
    let mut rows: Vec<SettingRow> =
        set::settings(&text, &settings.env).into_iter().chain(own).map(present::setting).collect();
    let whole = std::fs::canonicalize(book).map_err(|reason| Trouble::io("find", book, &reason))?;
    match door::settings_of_owner(&whole.join(&loaded.book.settings.data)).await {
        Ok(Some(running)) => compare(&mut rows, running),
        Ok(None) => {}
        Err(trouble) => {
            return Ok((rows, Some(format!("who drives the runs does not say what it goes by: {trouble}"))));
        }
    }
    Ok((rows, None))
}

/// Puts what the owner goes by beside what is set, where that is something else.
fn compare(rows: &mut Vec<SettingRow>, running: Vec<SettingRow>) {
    for theirs in running {
        match rows.iter_mut().find(|row| row.key == theirs.key) {
            Some(ours) if ours.value != theirs.value => ours.running = Some(Box::new(theirs)),
            Some(_) => {}
            // It goes by something that is not there any more, or that only a daemon has.
            None if theirs.value.is_some() => {
                let none = SettingRow {
                    value: None,
                    from: "nobody".into(),
                    line: None,
                    name: None,
                    masked: false,
                    wrong: None,
                    ..theirs.clone()
                };
                rows.push(SettingRow { running: Some(Box::new(theirs)), ..none });
            }
            None => {}
        }
    }
}

/// The setting of that key, or those below it.
fn chosen(rows: Vec<SettingRow>, key: &str) -> Result<Vec<SettingRow>, Trouble> {
    let below = |row: &SettingRow| {
        let rest = row.key.strip_prefix(key);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    let keys: Vec<String> = rows.iter().map(|row| row.key.clone()).collect();
    let found: Vec<SettingRow> = rows.into_iter().filter(below).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let help = match closest(key, keys.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`stepladder config` shows every one".into(),
    };
    Err(Trouble::new(format!("there is no setting `{key}`")).help(help))
}

/// Where a value comes from, in words.
fn from(row: &SettingRow) -> String {
    let name = row.name.as_deref().unwrap_or_default();
    let said = match row.from.as_str() {
        "file" => format!("{BOOK_FILE}:{}", row.line.unwrap_or_default()),
        "environment" => format!("environment {name}"),
        "flag" => format!("flag {name}"),
        "default" => "default".into(),
        _ => "not set".into(),
    };
    match row.wrong {
        Some(line) => format!("{said}; what {BOOK_FILE}:{line} says is wrong"),
        None => said,
    }
}

/// What the owner goes by, where that is something else.
fn running(row: &SettingRow) -> Option<String> {
    let theirs = row.running.as_ref()?;
    let value = theirs.value.as_deref().unwrap_or("nothing");
    let after = if [row, theirs].iter().any(|row| row.from == "file") && !row.live {
        "; this counts after a restart"
    } else {
        ""
    };
    Some(format!("the owner goes by {value} ({}){after}", from(theirs)))
}

fn tone(row: &SettingRow) -> Tone {
    match row.from.as_str() {
        "default" | "nobody" => Tone::Dim,
        _ => Tone::Plain,
    }
}

fn page(rows: &[SettingRow], settings: &Settings) -> String {
    let style = settings.out;
    if style.width < NARROW {
        return rows.iter().map(|row| narrow(row, settings)).collect();
    }
    let mut text = String::new();
    let own = |row: &&SettingRow| row.key.starts_with('$');
    let (environment, set): (Vec<&SettingRow>, Vec<&SettingRow>) = rows.iter().partition(own);
    for (nth, group) in [set, environment].into_iter().filter(|group| !group.is_empty()).enumerate() {
        if nth > 0 {
            text.push('\n');
        }
        let mut cells = vec![["setting", "value", "from"].map(|word| Cell::new(word, Tone::Dim)).to_vec()];
        for row in group {
            let value = cut(row.value.as_deref().unwrap_or("-"));
            let wrong = if row.wrong.is_some() { Tone::Warning } else { Tone::Dim };
            cells.push(vec![
                Cell::new(&row.key, tone(row)),
                Cell::new(&value, tone(row)),
                Cell::new(&from(row), wrong),
            ]);
            if let Some(running) = running(row) {
                cells.push(vec![
                    Cell::new("", Tone::Plain),
                    Cell::new("", Tone::Plain),
                    Cell::new(&running, Tone::Warning),
                ]);
            }
        }
        text.push_str(&table(&cells, style));
    }
    text
}

/// A value short enough to stand in a column; `--json` and the setting alone have it whole.
fn cut(value: &str) -> String {
    if value.width() <= VALUE {
        return value.to_owned();
    }
    let mut cut: String = value.chars().take(VALUE - 3).collect();
    cut.push_str("...");
    cut
}

fn narrow(row: &SettingRow, settings: &Settings) -> String {
    let style = settings.out;
    let line = |text: &str, tone: Tone| {
        let line = Line::default().and(text, tone);
        line.cut(style.width, style).text(style) + "\n"
    };
    let mut text = line(&format!("{} = {}", row.key, row.value.as_deref().unwrap_or("-")), tone(row));
    text.push_str(&line(&format!("  {}", from(row)), Tone::Dim));
    if let Some(running) = running(row) {
        text.push_str(&line(&format!("  {running}"), Tone::Warning));
    }
    text
}

/// One setting with everything there is to say of it.
fn whole(row: &SettingRow, settings: &Settings) -> String {
    let style = settings.out;
    let mut text = format!("{} = {}\n  {}\n", row.key, row.value.as_deref().unwrap_or("-"), from(row));
    if let Some(running) = running(row) {
        let _ = writeln!(text, "  {running}");
    }
    if row.masked {
        text.push_str("  what may be a secret is hidden\n");
    }
    let about = Line::default().and(&format!("  {}", row.about), Tone::Dim);
    text.push_str(&about.text(style));
    text.push('\n');
    text
}
