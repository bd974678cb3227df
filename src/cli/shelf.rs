//! The files of a book, from disk into `lang::load`.

use crate::base::digest::Digest;
use crate::base::limits::MAX_FILE;
use crate::cli::output;
use crate::cli::settings::{BOOK_FILE, Settings};
use crate::cli::spread::spread;
use crate::cli::trouble::Trouble;
use crate::diagnostic::render::people;
use crate::diagnostic::{Diagnostics, Spot, closest};
use crate::lang::{Loaded, Reading, Unread};
use crate::model::runbook::Runbook;
use crate::runtime::accepted::Found;
use crate::runtime::shelf::Texts;
use crate::service::BookNow;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Files of a book with names of their own.
const SINGLE: &[&str] =
    &[BOOK_FILE, "thresholds.yaml", "alerts.yaml", "escalation.yaml", "config/incident_contacts.yaml"];

/// Directories of which every `.yaml` file belongs to the book.
const FOLDERS: &[&str] = &["runbooks", "tests"];

/// Names (relative to the book, with `/`) and texts of all files of a book, in the order of their names.
///
/// # Errors
/// A sentence for the first file that cannot be read and that the others need; a runbook or a test is left out.
pub fn files(book: &Path) -> Result<Vec<(String, Arc<str>)>, Trouble> {
    Ok(texts(book)?.0)
}

/// The same for who goes on with what was there before: everything that can't be read is listed, nothing is an error
/// but a folder that can't be looked into.
///
/// # Errors
/// A sentence for that folder.
pub fn found(book: &Path) -> Result<Found, Trouble> {
    let (texts, unread) = gathered(book)?;
    Ok(Found { texts: texts.into_iter().collect(), unread })
}

/// A number that is another one when any file of the book has changed, made without reading them; `others` are its files
/// that have no name of their own.
pub fn signature(book: &Path, others: &[String]) -> u64 {
    let mut parts = Vec::new();
    let mut look = |path: &Path| {
        let Ok(at) = std::fs::metadata(path) else { return };
        let numbers = [at.ino(), at.size(), at.mode().into()];
        let instants = [at.mtime(), at.mtime_nsec(), at.ctime(), at.ctime_nsec()];
        parts.extend(path.as_os_str().as_encoded_bytes());
        parts.extend(numbers.into_iter().flat_map(u64::to_le_bytes));
        parts.extend(instants.into_iter().flat_map(i64::to_le_bytes));
    };
    for name in SINGLE {
        look(&book.join(name));
    }
    for name in others {
        look(&book.join(name));
    }
    for folder in FOLDERS {
        yaml_files(book, folder).unwrap_or_default().iter().for_each(|name| look(&book.join(name)));
    }
    Digest::of(&parts).seed()
}

type Gathered = (Vec<(String, Arc<str>)>, Vec<Unread>);

/// The files that can be read, and the runbooks and tests that can't.
fn texts(book: &Path) -> Result<Gathered, Trouble> {
    let (texts, unread) = gathered(book)?;
    if let Some(file) = unread.iter().find(|file| SINGLE.contains(&file.name.as_str())) {
        let (path, message) = (book.join(&file.name), &file.message);
        return Err(Trouble::new(format!("`{}`: {message}", path.display())).help(file.help.clone()));
    }
    Ok((texts, unread))
}

/// The files that can be read, and those that can't.
fn gathered(book: &Path) -> Result<Gathered, Trouble> {
    let mut names: Vec<String> =
        SINGLE.iter().filter(|name| is_there(&book.join(name))).map(|name| (*name).to_owned()).collect();
    for folder in FOLDERS {
        names.extend(yaml_files(book, folder)?);
    }
    let (mut texts, mut unread) = (Vec::new(), Vec::new());
    for name in names {
        match read(book, &name) {
            Ok(text) => texts.push((name, text)),
            Err(file) => unread.push(*file),
        }
    }
    calendars(book, &mut texts)?;
    Ok((texts, unread))
}

/// The iCalendar files that the settings name; that one is missing is for `lang` to say.
fn calendars(book: &Path, texts: &mut Vec<(String, Arc<str>)>) -> Result<(), Trouble> {
    let Some((_, settings)) = texts.iter().find(|(name, _)| name == BOOK_FILE) else { return Ok(()) };
    for name in calendar_files(settings) {
        let known = texts.iter().any(|(known, _)| *known == name);
        if !known && Path::new(&name).extension().is_some_and(|end| end == "ics") && is_there(&book.join(&name)) {
            let text = read(book, &name).map_err(|file| {
                Trouble::new(format!("`{}`: {}", book.join(&name).display(), file.message)).help(file.help)
            })?;
            texts.push((name, text));
        }
    }
    Ok(())
}

/// The directories of a book that hold files of it, beside itself.
pub fn folders(book: &Path) -> impl Iterator<Item = PathBuf> {
    let own = ["config"].iter().chain(FOLDERS);
    own.map(|folder| book.join(folder)).collect::<Vec<_>>().into_iter()
}

/// The iCalendar files that those settings name.
pub fn calendar_files(settings: &Arc<str>) -> Vec<String> {
    if !settings.contains("calendars:") {
        return Vec::new();
    }
    crate::lang::load(&[(BOOK_FILE.to_owned(), Arc::clone(settings))]).book.settings.calendar_files
}

/// The names of the YAML files of one folder; those of `tests` only where they are tests of runbooks.
fn yaml_files(book: &Path, folder: &str) -> Result<Vec<String>, Trouble> {
    let dir = book.join(folder);
    if !is_there(&dir) {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&dir).map_err(|reason| Trouble::io("read", &dir, &reason))? {
        let entry = entry.map_err(|reason| Trouble::io("read", &dir, &reason))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let yaml = Path::new(&name).extension().is_some_and(|end| end == "yaml" || end == "yml");
        if yaml && !name.starts_with('.') {
            names.push(format!("{folder}/{name}"));
        }
    }
    names.sort();
    Ok(names)
}

/// YAML files one directory below `runbooks`, which no book reads.
pub fn passed_over(book: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(book.join(FOLDERS[0])).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            let folder = format!("{}/{}", FOLDERS[0], entry.file_name().to_string_lossy());
            found.extend(yaml_files(book, &folder).unwrap_or_default());
        }
    }
    found.sort();
    found
}

/// Whether something has that name: also what can't be read, which is an error and not an absence.
fn is_there(path: &Path) -> bool {
    std::fs::symlink_metadata(path).map_or_else(|reason| reason.kind() != std::io::ErrorKind::NotFound, |_| true)
}

fn read(book: &Path, name: &str) -> Result<Arc<str>, Box<Unread>> {
    let path = book.join(name);
    let unread = |message: String, help: &str| {
        let (name, help) = (name.to_owned(), help.to_owned());
        Box::new(Unread { name, text: String::new(), at: 0, message, help })
    };
    let failed = |reason: &std::io::Error| {
        unread(format!("cannot be read: {reason}"), "every file of the book must be readable by whoever runs it")
    };
    let found = std::fs::metadata(&path).map_err(|reason| failed(&reason))?;
    if !found.is_file() {
        let help = "every `.yaml` of a book is a file: take this one away or put a file in its place";
        return Err(unread("cannot be read: it is no file".into(), help));
    }
    let size = found.len();
    if size > MAX_FILE as u64 {
        let message = format!("too large: {size} bytes, {MAX_FILE} are allowed");
        return Err(unread(message, "make two runbooks of it: one starts the other with `runbook:`"));
    }
    let bytes = std::fs::read(&path).map_err(|reason| failed(&reason))?;
    String::from_utf8(bytes).map(Arc::from).map_err(|reason| {
        let at = reason.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(reason.as_bytes()).into_owned();
        let message = "not UTF-8: here is a byte that is no text".into();
        Box::new(Unread { text, at, ..*unread(message, "save the file as UTF-8") })
    })
}

/// The book in that directory with everything that is wrong with it.
///
/// # Errors
/// As [`files`].
pub fn load(book: &Path) -> Result<Loaded, Trouble> {
    let (texts, unread) = texts(book)?;
    Ok(checked(&texts, unread))
}

/// What comes of those texts.
pub fn loaded(texts: &[(String, Arc<str>)]) -> Loaded {
    checked(texts, Vec::new())
}

fn checked(texts: &[(String, Arc<str>)], unread: Vec<Unread>) -> Loaded {
    let mut reading = Reading::new(texts);
    for file in unread {
        reading.unread(file);
    }
    let pieces = spread(reading.count(), |index| reading.read(index));
    let checking = reading.join(pieces);
    let found = spread(checking.count(), |index| checking.check(index));
    checking.finish(found)
}

/// The book as this command has read it: checked once, however many ask, and again only where a file has changed.
#[derive(Debug, Clone, Default)]
pub struct Memo(Arc<Mutex<Option<BookNow>>>);

impl Memo {
    /// The book in that directory with everything that is wrong with it.
    ///
    /// # Errors
    /// As [`files`].
    pub fn load(&self, book: &Path) -> Result<BookNow, Trouble> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (found, unread) = texts(book)?;
        let texts = found.iter().cloned().collect();
        if let Some(known) = last.as_ref().filter(|known| unread.is_empty() && known.texts == texts) {
            return Ok(known.clone());
        }
        let whole = unread.is_empty();
        let now = BookNow { texts, loaded: Arc::new(checked(&found, unread)) };
        *last = whole.then(|| now.clone());
        Ok(now)
    }

    /// What comes of those texts, for who drives runs by it: where in the texts it stands is not kept, which of a large book is most of
    /// what it takes.
    pub fn of(&self, texts: Texts) -> BookNow {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = last.as_ref().filter(|known| known.texts == texts) {
            return known.clone();
        }
        let files: Vec<_> = texts.iter().map(|(name, text)| (name.clone(), Arc::clone(text))).collect();
        let now = BookNow { texts, loaded: Arc::new(checked(&files, Vec::new()).without_places()) };
        *last = Some(now.clone());
        now
    }
}

/// The runbook of that name.
///
/// # Errors
/// A sentence that says whether it does not exist or does not pass its checks.
pub fn runbook(loaded: &Loaded, name: &str) -> Result<Arc<Runbook>, Trouble> {
    let found = loaded.book.runbooks.iter().find(|(known, _)| known.as_str() == name);
    if let Some((_, runbook)) = found {
        return Ok(Arc::clone(runbook));
    }
    let file = format!("runbooks/{name}.yaml");
    if loaded.sources.iter().any(|(_, source)| source.name == file) {
        return Err(Trouble::new(format!("runbook `{name}` does not pass its checks"))
            .help(format!("`stepladder check {file}` shows what is wrong")));
    }
    let known: Vec<&str> = loaded.book.runbooks.keys().map(crate::base::ids::Name::as_str).collect();
    let help = match closest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "the book has no runbook yet: `stepladder new NAME` starts one".into(),
        None => "`stepladder list` shows those there are".into(),
    };
    Err(Trouble::new(format!("no runbook `{name}` in this book")).help(help))
}

/// As [`runbook`], but what is wrong with it is shown first.
///
/// # Errors
/// As [`runbook`].
pub fn runbook_or_findings(loaded: &Loaded, name: &str, settings: &Settings) -> Result<Arc<Runbook>, Trouble> {
    let file = format!("runbooks/{name}.yaml");
    runbook(loaded, name).inspect_err(|_| {
        let mut wrong = Diagnostics::default();
        let here = |spot: Spot| loaded.sources.get(spot.file).name == file;
        loaded.findings.sorted().into_iter().filter(|it| here(it.spot)).for_each(|it| wrong.push(it.clone()));
        if wrong.has_errors() {
            output::aside(people(&loaded.sources, &wrong, settings.err).trim_end());
        }
    })
}

/// A file named on the command line as the book names it.
///
/// # Errors
/// A sentence when it is not in the book.
pub fn name_of(book: &Path, cwd: &Path, file: &Path) -> Result<String, Trouble> {
    let path = cwd.join(file);
    let whole = |path: &Path| -> Result<PathBuf, Trouble> {
        std::fs::canonicalize(path).map_err(|reason| Trouble::io("read", path, &reason))
    };
    let (path, book) = (whole(&path)?, whole(book)?);
    match path.strip_prefix(&book) {
        Ok(inside) => Ok(inside.to_string_lossy().replace('\\', "/")),
        Err(_) => Err(Trouble::new(format!("`{}` is not in the book `{}`", file.display(), book.display()))
            .help("name its own book with `--book DIR`")),
    }
}
