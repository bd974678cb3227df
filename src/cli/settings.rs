//! What the command line runs in: the environment, the terminal, the book. Read here and nowhere else.

use crate::cli::args::{ColorChoice, Command, Global, LogFormat};
use crate::cli::shelf::Memo;
use crate::cli::trouble::Trouble;
use crate::diagnostic::render::Style;
use rustix::termios::{isatty, tcgetwinsize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The file that makes a directory a book.
pub const BOOK_FILE: &str = "stepladder.yaml";

/// Columns where there is no terminal to ask and `COLUMNS` is not set.
const WIDTH: usize = 100;

/// What is around the process, as values.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Those of our names that are set.
    pub vars: BTreeMap<String, String>,
    /// The working directory.
    pub cwd: PathBuf,
    /// Whether a person can type.
    pub stdin_terminal: bool,
    /// Whether data goes to a terminal.
    pub stdout_terminal: bool,
    /// Whether the rest goes to a terminal.
    pub stderr_terminal: bool,
    /// Columns and rows of the terminal.
    pub size: Option<(usize, usize)>,
}

impl Surroundings {
    /// Looks around.
    #[must_use]
    pub fn read() -> Self {
        // Names and values that are not text are nobody's to use.
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let vars = std::env::vars_os().filter_map(text).collect();
        let (stdin, stdout, stderr) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
        let size = tcgetwinsize(&stdout).or_else(|_| tcgetwinsize(&stderr)).ok();
        Self {
            vars,
            cwd: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
            stdin_terminal: isatty(&stdin),
            stdout_terminal: isatty(&stdout),
            stderr_terminal: isatty(&stderr),
            size: size.filter(|size| size.ws_col > 0).map(|size| (size.ws_col.into(), size.ws_row.into())),
        }
    }

    /// A name that is set to something.
    fn var(&self, name: &str) -> Option<&str> {
        self.vars.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// What all commands read instead of the surroundings.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is so or not, whatever the others are")]
pub struct Settings {
    /// How data is written.
    pub out: Style,
    /// How the rest is written.
    pub err: Style,
    /// Whether data goes to a terminal.
    pub out_terminal: bool,
    /// Rows of the terminal.
    pub rows: usize,
    /// Whether data goes to a terminal that can be redrawn, and may be.
    pub live_out: bool,
    /// Whether the rest goes to a terminal that can be redrawn, and may be.
    pub live_err: bool,
    /// Whether a person can be asked.
    pub can_ask: bool,
    /// Who types.
    pub user: String,
    /// What to log, as `tracing` filters are written.
    pub log: Option<String>,
    /// The whole environment: what runbooks may list names of, and secrets come from.
    pub env: BTreeMap<String, String>,
    /// The book as it was last read.
    pub memo: Memo,
    /// The flags that hold for every command, as they were typed.
    pub typed: Global,
    /// How a daemon was told to log.
    pub log_format: Option<LogFormat>,
    cwd: PathBuf,
    named: Option<PathBuf>,
}

impl Settings {
    /// What was typed and what is around, together.
    #[must_use]
    pub fn new(global: &Global, around: &Surroundings) -> Self {
        let dumb = around.var("TERM") == Some("dumb");
        let columns = around.var("COLUMNS").and_then(|columns| columns.parse::<usize>().ok()).filter(|n| *n > 0);
        let style = |terminal: bool| Style {
            // Read aloud, a colour is nothing and a symbol is noise.
            color: !global.plain && color(global.color(), around, terminal && !dumb),
            unicode: !global.plain && unicode(around),
            width: columns.or(around.size.map(|(columns, _)| columns)).unwrap_or(WIDTH),
        };
        let live = |terminal: bool| terminal && !dumb && !global.plain;
        let log = match (around.var("STEPLADDER_LOG"), global.verbose) {
            (Some(filter), _) => Some(filter.to_owned()),
            (None, 0) => None,
            (None, 1) => Some("stepladder=debug".into()),
            (None, _) => Some("stepladder=trace,info".into()),
        };
        let user = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| around.var(name));
        Self {
            out: style(around.stdout_terminal),
            err: style(around.stderr_terminal),
            out_terminal: around.stdout_terminal,
            rows: around.size.map_or(24, |(_, rows)| rows.max(4)),
            live_out: live(around.stdout_terminal),
            live_err: live(around.stderr_terminal),
            can_ask: around.stdin_terminal && around.stderr_terminal,
            user: user.map_or_else(|| account(rustix::process::getuid().as_raw()), str::to_owned),
            log,
            env: around.vars.clone(),
            memo: Memo::default(),
            typed: global.clone(),
            log_format: None,
            cwd: around.cwd.clone(),
            named: global.book.clone().or_else(|| around.var("STEPLADDER_BOOK").map(PathBuf::from)),
        }
    }

    /// With what was typed behind the command, where it sets something.
    #[must_use]
    pub fn of_command(self, command: Option<&Command>) -> Self {
        let log_format = if let Some(Command::Serve(serve)) = command { serve.log_format } else { None };
        Self { log_format, ..self }
    }

    /// The working directory.
    #[must_use]
    pub fn cwd(&self) -> &Path {
        &self.cwd
    }

    /// The directory of the book: the named one, else the nearest above the working directory.
    ///
    /// # Errors
    /// A sentence and a way out when there is none.
    pub fn book(&self) -> Result<PathBuf, Trouble> {
        if let Some(named) = &self.named {
            let dir = self.cwd.join(named);
            let dir = if dir.file_name().is_some_and(|name| name == BOOK_FILE) { parent(&dir) } else { dir };
            return if dir.join(BOOK_FILE).is_file() {
                Ok(dir)
            } else {
                Err(Trouble::new(format!("no book in `{}`: it has no `{BOOK_FILE}`", dir.display()))
                    .help(format!("`stepladder --book {} init` starts one there", named.display())))
            };
        }
        match self.cwd.ancestors().find(|dir| dir.join(BOOK_FILE).is_file()) {
            Some(dir) => Ok(dir.to_owned()),
            None => Err(Trouble::new(format!(
                "no book here: neither `{}` nor any directory above it has a `{BOOK_FILE}`",
                self.cwd.display()
            ))
            .help("go to a book, name one with `--book DIR`, or start one with `stepladder init`")),
        }
    }

    /// Where `init` puts a book: the named directory, else the working directory.
    #[must_use]
    pub fn new_book(&self) -> PathBuf {
        self.named.as_ref().map_or_else(|| self.cwd.clone(), |named| self.cwd.join(named))
    }
}

/// The name of an account, as /etc/passwd has it; its number where it has none.
fn account(uid: u32) -> String {
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let number = uid.to_string();
    let name = accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number).then(|| name.to_owned())
    });
    name.unwrap_or(number)
}

fn parent(path: &Path) -> PathBuf {
    path.parent().map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// What was typed wins, then `NO_COLOR`, then `CLICOLOR_FORCE`, then whether it is a terminal.
fn color(choice: ColorChoice, around: &Surroundings, terminal: bool) -> bool {
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto if around.var("NO_COLOR").is_some() => false,
        ColorChoice::Auto if around.var("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
        ColorChoice::Auto => terminal && around.var("CLICOLOR") != Some("0"),
    }
}

/// Whether the locale says UTF-8, by the order that setlocale(3) has.
fn unicode(around: &Surroundings) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| around.var(name)).unwrap_or("C");
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(vars: &str, terminal: bool) -> Surroundings {
        let vars = vars.split_whitespace().filter_map(|pair| pair.split_once('='));
        Surroundings {
            vars: vars.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            stdout_terminal: terminal,
            ..Surroundings::default()
        }
    }

    #[test]
    fn colours_obey_what_was_typed_then_the_environment_then_the_terminal() {
        let auto = ColorChoice::Auto;
        for (choice, vars, terminal, want) in [
            (auto, "", true, true),
            (auto, "", false, false),
            (auto, "NO_COLOR=1", true, false),
            (auto, "NO_COLOR=", true, true),
            (auto, "NO_COLOR=1 CLICOLOR_FORCE=1", true, false),
            (auto, "CLICOLOR_FORCE=1", false, true),
            (auto, "CLICOLOR_FORCE=0", false, false),
            (auto, "CLICOLOR=0", true, false),
            (auto, "TERM=dumb", true, false),
            (ColorChoice::Always, "NO_COLOR=1", false, true),
            (ColorChoice::Never, "CLICOLOR_FORCE=1", true, false),
        ] {
            let global = Global { color: choice, ..Global::default() };
            let style = Settings::new(&global, &around(vars, terminal)).out;
            assert_eq!(style.color, want, "{choice:?} {vars} {terminal}");
        }
    }

    #[test]
    fn glyphs_obey_the_locale_and_lines_the_width() {
        for (vars, unicode, width) in [
            ("LANG=C", false, 100),
            ("", false, 100),
            ("LANG=ru_RU.UTF-8 COLUMNS=40", true, 40),
            ("LANG=ru_RU.UTF-8 LC_ALL=C", false, 100),
            ("LANG=C LC_CTYPE=en_US.utf8 COLUMNS=lots", true, 100),
        ] {
            let style = Settings::new(&Global::default(), &around(vars, true)).out;
            assert_eq!((style.unicode, style.width), (unicode, width), "{vars}");
        }
    }

    #[test]
    fn the_book_is_found_by_walking_up() {
        let dir = tempfile::tempdir().expect("a directory");
        let deep = dir.path().join("runbooks/deep");
        std::fs::create_dir_all(&deep).expect("made");
        let settings = |cwd: &Path, named: Option<&str>| {
            let global = Global { book: named.map(PathBuf::from), ..Global::default() };
            Settings::new(&global, &Surroundings { cwd: cwd.to_owned(), ..Surroundings::default() })
        };
        assert!(settings(&deep, None).book().is_err());
        std::fs::write(dir.path().join(BOOK_FILE), "").expect("written");
        assert_eq!(settings(&deep, None).book().as_deref(), Ok(dir.path()));
        assert_eq!(settings(&deep, Some("../..")).book(), Ok(deep.join("../..")));
        assert!(settings(dir.path(), Some("runbooks")).book().is_err(), "a named directory is not walked up from");
    }
}
