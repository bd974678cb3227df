//! The words of a command, as far as they decide whether a value may be one of them: for the lines of
//! a shell and for argument vectors alike.

use crate::template::prefixes;

/// Whether the next word is the name of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    /// It is.
    Expected,
    /// The name has been read.
    Given,
}

/// Commands whose arguments are code, or are read once more as shell words.
const CODE: &[&str] = &[
    "eval",
    "source",
    ".",
    "let",
    "trap",
    "alias",
    "ssh",
    "unset",
    "read",
    "mapfile",
    "readarray",
    "declare",
    "typeset",
    "watch",
    "sqlite3",
    "parallel",
];

/// Commands that run a file, or code behind an option such as `-c` or `-e`.
const INTERPRETERS: &[&str] = &[
    "sh", "bash", "dash", "ash", "zsh", "ksh", "fish", "busybox", "su", "runuser", "python", "python2", "python3",
    "perl", "ruby", "node", "php", "lua", "psql", "mysql",
];

/// Commands whose first word that is no option is a program.
const PROGRAMS: &[&str] = &["awk", "gawk", "mawk", "nawk", "sed", "jq", "yq"];

/// Shells: what is written behind `-c` and its code is `$0`, `$1` and so on, and never read as code.
const SHELLS: &[&str] = &["sh", "bash", "dash", "ash", "zsh", "ksh"];

/// Of these the code is behind `-c` too, and everything behind it is an argument.
const PYTHONS: &[&str] = &["python", "python2", "python3"];

/// Words of the language behind which a command begins.
const OPENERS: &[&str] = &["if", "then", "else", "elif", "while", "until", "do", "!", "{", "time"];

/// The words of the command being read.
#[expect(clippy::struct_excessive_bools, reason = "four independent facts about one command")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words {
    /// The word being read, quotes off; none between words.
    current: Option<String>,
    /// The finished words of this command.
    done: Vec<String>,
    /// The word being read is a place to redirect to.
    redirect: bool,
    /// A `--` has been read.
    dashes: bool,
    /// Which command this is depends on a block.
    unsure: bool,
    /// Whether a word has begun depends on a block.
    unsure_between: bool,
}

/// What a value stands for in the texts of words.
pub(super) const VALUE: char = '\u{fffc}';

impl Words {
    pub(super) fn new() -> Self {
        Self { current: None, done: Vec::new(), redirect: false, dashes: false, unsure: false, unsure_between: false }
    }

    /// What follows stands behind either branch of a block.
    pub(super) fn merge(&mut self, other: &Self) {
        self.dashes &= other.dashes;
        self.unsure_between |= other.unsure_between || self.between() != other.between();
        let (short, long) =
            if self.done.len() <= other.done.len() { (&self.done, &other.done) } else { (&other.done, &self.done) };
        let more = long.strip_prefix(&short[..]);
        let harmless = more.is_some_and(|more| {
            let options = more.iter().all(|word| word.starts_with('-'));
            more.is_empty() || (!short.is_empty() && (options || !is_special(&short[0])))
        });
        self.unsure |= other.unsure || !harmless || self.redirect != other.redirect;
        let long = long.clone();
        self.done = long;
        if other.at_word_start() {
            self.current.clone_from(&other.current);
        }
    }

    /// Whether it depends on a block if a word has begun.
    pub(super) fn unsure_between(&self) -> bool {
        self.unsure_between
    }

    pub(super) fn character(&mut self, c: char) {
        self.unsure_between = false;
        self.current.get_or_insert_default().push(c);
    }

    /// A quote begins: from here on there is a word, be it empty.
    pub(super) fn quote(&mut self) {
        self.unsure_between = false;
        self.current.get_or_insert_default();
    }

    /// A value is put into the word.
    pub(super) fn value(&mut self) {
        self.character(VALUE);
    }

    pub(super) fn between(&self) -> bool {
        self.current.is_none()
    }

    pub(super) fn at_word_start(&self) -> bool {
        self.current.as_ref().is_none_or(String::is_empty)
    }

    pub(super) fn after_dashes(&self) -> bool {
        self.dashes
    }

    pub(super) fn redirect(&mut self) {
        // The number in `2>` is no word.
        if self.current.as_ref().is_some_and(|word| word.chars().all(|c| c.is_ascii_digit())) {
            self.current = None;
        }
        self.space();
        self.redirect = true;
    }

    pub(super) fn space(&mut self) {
        self.unsure_between = false;
        let Some(word) = self.current.take() else { return };
        if std::mem::take(&mut self.redirect) {
            return;
        }
        if self.command() == Command::Expected && (OPENERS.contains(&word.as_str()) || is_assignment(&word)) {
            return;
        }
        self.dashes |= word == "--";
        self.done.push(word);
    }

    pub(super) fn separator(&mut self, c: char, next: Option<char>) {
        // `2>&1` and `&>file` are redirections, not ends of commands.
        if c == '&' && (self.redirect || next == Some('>')) {
            return;
        }
        self.end_command();
    }

    pub(super) fn end_command(&mut self) {
        self.space();
        *self = Self::new();
    }

    /// Whether the name of the command is still to come.
    pub(super) fn command(&self) -> Command {
        if self.done.is_empty() { Command::Expected } else { Command::Given }
    }

    /// Why no value may stand here, if it may not.
    pub(super) fn refuses(&self) -> Option<String> {
        if self.unsure {
            return Some("a value cannot be made safe where a block decides which command it belongs to".into());
        }
        if self.redirect {
            return None;
        }
        let word = self.current.as_deref().unwrap_or_default();
        if self.command() == Command::Expected {
            return (!is_assignment(word)).then(|| "a value cannot be the name of a command".into());
        }
        let Commands { names, pending } = self.commands(word);
        if let Some(base) = pending {
            return Some(format!("a value behind `{base}` could be the name of a command"));
        }
        names.iter().find_map(|name| name.refuses(&self.done[name.at + 1..], word))
    }

    /// The words of an argument vector in front of one that holds a value, and how that one begins.
    pub(super) fn argv(done: Vec<String>, current: String) -> Self {
        Self { dashes: done.iter().any(|word| word == "--"), done, current: Some(current), ..Self::new() }
    }

    /// Why no value may be an element here, if it may not. No shell reads it: there are no assignments.
    pub(super) fn refuses_element(&self) -> Option<String> {
        if self.done.is_empty() { Some("a value cannot be the name of a command".into()) } else { self.refuses() }
    }

    /// Why no value may be in what these words read from their standard input, if it may not.
    pub(super) fn refuses_input(&self) -> Option<String> {
        let names = self.commands("").names;
        let last = names.last().filter(|last| INTERPRETERS.contains(&last.base) || CODE.contains(&last.base))?;
        let args = &self.done[last.at + 1..];
        let file = args.iter().any(|arg| !arg.starts_with('-'));
        let asked = args.iter().any(|arg| arg == "-" || arg == "-s");
        (!file || asked || CODE.contains(&last.base)).then(|| format!("`{}` reads this as code", last.base))
    }

    /// The words that name commands: the first, what prefixes such as `sudo` run, and `sh -c` anywhere.
    fn commands(&self, word: &str) -> Commands<'_> {
        let mut names: Vec<Name<'_>> = Vec::new();
        let mut pending = None;
        let mut next = Some(0);
        while let Some(at) = next.filter(|at| *at < self.done.len()) {
            let base = base(&self.done[at]);
            names.push(Name { at, base });
            next = match prefixes::command(base, &self.done[at + 1..], word) {
                prefixes::Runs::Nothing => None,
                prefixes::Runs::At(index) => Some(at + 1 + index),
                prefixes::Runs::Here => {
                    pending = Some(base);
                    None
                }
            };
        }
        for (at, word) in self.done.iter().enumerate() {
            let base = base(word);
            let runs = INTERPRETERS.contains(&base) && self.done.get(at + 1).is_some_and(|next| next.starts_with('-'));
            if runs && !names.iter().any(|name| name.at == at) {
                names.push(Name { at, base });
            }
        }
        Commands { names, pending }
    }
}

/// The last part of a path.
fn base(word: &str) -> &str {
    word.rsplit('/').next().filter(|base| !base.is_empty()).unwrap_or(word)
}

/// Whether a command reads some of its words as code.
fn is_special(word: &str) -> bool {
    let base = base(word);
    prefixes::is_prefix(base)
        || [CODE, INTERPRETERS, PROGRAMS, &["[[", "[", "test", "printf"]].iter().any(|list| list.contains(&base))
}

/// The commands among some words.
struct Commands<'a> {
    names: Vec<Name<'a>>,
    /// What runs the word that is still to come.
    pending: Option<&'a str>,
}

struct Name<'a> {
    at: usize,
    base: &'a str,
}

impl Name<'_> {
    fn refuses(&self, args: &[String], word: &str) -> Option<String> {
        let base = self.base;
        let plain = args.iter().filter(|arg| !arg.starts_with('-')).count();
        let behind = |options: &[&str]| args.last().is_some_and(|arg| options.contains(&arg.as_str()));
        let takes_code = |arg: &String| {
            let short = arg.starts_with('-') && !arg.starts_with("--") && arg.contains(['c', 'e', 'r']);
            short || arg == "--command" || arg == "--eval"
        };
        if SHELLS.contains(&base) || PYTHONS.contains(&base) {
            let given = operand(args, PYTHONS.contains(&base));
            let sure = given.is_some_and(|at| !args[at].starts_with('$') || at > 0);
            (!sure).then(|| format!("what is given to `{base}` here is read as code"))
        } else if CODE.contains(&base) {
            Some(format!("what is given to `{base}` is read as code"))
        } else if base == "[[" && args.last().is_none_or(|arg| arg != "]]") {
            Some("inside `[[ ]]` a value may be computed as a number".into())
        } else if matches!(base, "test" | "[" | "printf") && args.iter().any(|arg| arg == "-v") {
            Some(format!("behind `{base} -v` a value is read as the name of a variable"))
        } else if INTERPRETERS.contains(&base) && (plain == 0 || args.iter().any(takes_code) || word.starts_with('-')) {
            Some(format!("what is given to `{base}` here is read as code"))
        } else if PROGRAMS.contains(&base)
            && (plain == 0 || word.starts_with('-') || behind(&["-e", "-f", "--expression", "--file", "--from-file"]))
        {
            Some(format!("what is given to `{base}` here is its program"))
        } else {
            None
        }
    }
}

/// Which argument of a shell or of python is the code or the file it runs; what follows only belongs to that.
fn operand(args: &[String], python: bool) -> Option<usize> {
    let takes: &[char] = if python { &['W', 'X', 'Q'] } else { &['o', 'O'] };
    let mut at = 0;
    while let Some(arg) = args.get(at) {
        let option = arg.len() > 1 && arg.starts_with(['-', '+']);
        if !option || arg == "--" {
            let at = at + usize::from(arg == "--");
            return (at < args.len()).then_some(at);
        }
        let short = !arg.starts_with("--");
        if python && short && arg.ends_with(['c', 'm']) {
            return (at + 1 < args.len()).then_some(at + 1);
        }
        // `-cCODE` of python, and what we do not know: not sure of anything behind it.
        if python && short && arg.contains('c') || arg == "-s" {
            return None;
        }
        let named = matches!(arg.as_str(), "--rcfile" | "--init-file");
        at += if named || (short && arg.contains(takes)) { 2 } else { 1 };
    }
    None
}

pub(super) fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        let name = name.strip_suffix('+').unwrap_or(name);
        let start = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        start && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}
