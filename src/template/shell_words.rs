//! The words of a shell command, as far as they decide whether a value may be one of them.

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

/// Commands that run the command written behind them.
const PREFIXES: &[&str] = &[
    "sudo", "doas", "env", "exec", "command", "builtin", "nohup", "nice", "ionice", "time", "timeout", "stdbuf",
    "setsid", "xargs", "chroot", "flock",
];

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
const VALUE: char = '\u{fffc}';

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
        let names = self.names();
        if let Some(last) = names.last().filter(|last| PREFIXES.contains(&last.base))
            && !self.done[last.at + 1..].iter().any(|arg| is_command(arg))
        {
            return Some(format!("a value behind `{}` could be the name of a command", last.base));
        }
        names.iter().find_map(|name| name.refuses(&self.done[name.at + 1..], word))
    }

    /// The words that name commands: the first, what prefixes such as `sudo` run, and `sh -c` anywhere.
    fn names(&self) -> Vec<Name<'_>> {
        let mut names: Vec<Name<'_>> = Vec::new();
        let mut expected = true;
        for (at, word) in self.done.iter().enumerate() {
            let base = word.rsplit('/').next().filter(|base| !base.is_empty()).unwrap_or(word);
            let runs = INTERPRETERS.contains(&base) && self.done.get(at + 1).is_some_and(|next| next.starts_with('-'));
            if (expected && (at == 0 || is_command(word))) || runs {
                expected = PREFIXES.contains(&base);
                names.push(Name { at, base });
            }
        }
        names
    }
}

/// Whether a command reads some of its words as code.
fn is_special(word: &str) -> bool {
    let base = word.rsplit('/').next().unwrap_or(word);
    [CODE, INTERPRETERS, PROGRAMS, PREFIXES, &["[[", "[", "test", "printf"]].iter().any(|list| list.contains(&base))
}

/// Whether a word behind a prefix such as `sudo` is the command, rather than an option, a number or an assignment.
fn is_command(word: &str) -> bool {
    !word.starts_with('-') && !is_assignment(word) && !word.starts_with(|c: char| c.is_ascii_digit())
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
        if CODE.contains(&base) {
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

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        let name = name.strip_suffix('+').unwrap_or(name);
        let start = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        start && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}
