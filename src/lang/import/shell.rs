//! Lines of a shell, as far as an import has to read them: what is quoted where, and which variables are read.

use crate::lang::import::words::is_variable;

/// How a place of a line is quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Not at all.
    Bare,
    /// In double quotes.
    Double,
    /// In single quotes.
    Single,
    /// In a comment.
    Comment,
    /// In a here-document whose variables are read.
    Document,
    /// In a here-document that is taken as it is.
    Verbatim,
}

/// Something of the form `$NAME` or `${…}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mention {
    /// The name; with what stands behind a dot, where something does.
    pub(super) name: String,
    /// First byte, and behind the last.
    pub(super) start: usize,
    pub(super) end: usize,
    /// How its place is quoted.
    pub(super) place: Place,
    /// Whether more than the name stands between its braces.
    pub(super) shaped: bool,
}

/// The place of each byte of a text that a shell reads.
pub(super) fn places(text: &str) -> Vec<Place> {
    let mut reader =
        Reader { text: text.as_bytes(), at: 0, places: Vec::with_capacity(text.len()), documents: Vec::new() };
    reader.run();
    reader.places
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    places: Vec<Place>,
    /// Ends of here-documents that begin on the next line, and whether they are taken as they are.
    documents: Vec<(Vec<u8>, bool)>,
}

impl Reader<'_> {
    fn take(&mut self, count: usize, place: Place) {
        let count = count.min(self.text.len() - self.at);
        self.places.extend(std::iter::repeat_n(place, count));
        self.at += count;
    }

    fn next(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied()
    }

    fn run(&mut self) {
        // What is open, innermost last: a place, and what closes it.
        let mut open: Vec<(Place, u8)> = vec![(Place::Bare, 0)];
        while let Some(byte) = self.next(0) {
            let (place, close) = open.last().copied().unwrap_or((Place::Bare, 0));
            if place == Place::Single {
                self.take(1, Place::Single);
                if byte == b'\'' {
                    open.pop();
                }
                continue;
            }
            match byte {
                b'\\' => self.take(2, place),
                _ if byte == close => {
                    self.take(1, place);
                    open.pop();
                }
                b'\'' if place == Place::Bare => {
                    self.take(1, place);
                    open.push((Place::Single, b'\''));
                }
                b'"' if place == Place::Bare => {
                    self.take(1, place);
                    open.push((Place::Double, b'"'));
                }
                b'$' if self.next(1) == Some(b'(') => {
                    self.take(2, place);
                    open.push((Place::Bare, b')'));
                }
                b'`' => {
                    self.take(1, place);
                    open.push((Place::Bare, b'`'));
                }
                b'(' if place == Place::Bare => {
                    self.take(1, place);
                    open.push((Place::Bare, b')'));
                }
                b'#' if place == Place::Bare && self.begins_word() => self.comment(),
                b'<' if place == Place::Bare && self.next(1) == Some(b'<') => self.document(),
                b'\n' if !self.documents.is_empty() => self.bodies(place),
                _ => self.take(1, place),
            }
        }
    }

    fn begins_word(&self) -> bool {
        self.at == 0 || self.text.get(self.at - 1).is_some_and(|byte| b" \t\n;&|(".contains(byte))
    }

    fn comment(&mut self) {
        while self.next(0).is_some_and(|byte| byte != b'\n') {
            self.take(1, Place::Comment);
        }
    }

    /// `<<END`, `<<-'END'`; `<<<` is none.
    fn document(&mut self) {
        if self.next(2) == Some(b'<') {
            return self.take(3, Place::Bare);
        }
        self.take(2, Place::Bare);
        while self.next(0).is_some_and(|byte| byte == b'-' || byte == b' ') {
            self.take(1, Place::Bare);
        }
        let (mut end, mut verbatim) = (Vec::new(), false);
        while let Some(byte) = self.next(0).filter(|byte| !b" \t\n;&|()<>".contains(byte)) {
            if b"'\"\\".contains(&byte) {
                verbatim = true;
            } else {
                end.push(byte);
            }
            self.take(1, Place::Bare);
        }
        if !end.is_empty() {
            self.documents.push((end, verbatim));
        }
    }

    fn bodies(&mut self, place: Place) {
        self.take(1, place);
        for (end, verbatim) in std::mem::take(&mut self.documents) {
            while self.at < self.text.len() {
                let rest = &self.text[self.at..];
                let long = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
                let line = rest[..long].trim_ascii();
                self.take(long, if verbatim { Place::Verbatim } else { Place::Document });
                if line == end {
                    break;
                }
            }
        }
    }
}

/// Every `$NAME` and `${…}` of a text, with its place.
pub(super) fn mentions(text: &str) -> Vec<Mention> {
    let places = places(text);
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find('$').map(|offset| at + offset) {
        at = start + 1;
        let place = places.get(start).copied().unwrap_or(Place::Bare);
        let is_escaped = bytes[..start].iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1;
        if is_escaped && place != Place::Single {
            continue;
        }
        let rest = &text[at..];
        let mention = if let Some(inner) = rest.strip_prefix('{') {
            inner.find('}').and_then(|close| braced(&inner[..close], start, at + close + 2, place))
        } else {
            let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            let name = if name.starts_with(|c: char| c.is_ascii_digit()) { name[..1].to_owned() } else { name };
            let end = at + name.len();
            (!name.is_empty()).then_some(Mention { name, start, end, place, shaped: false })
        };
        if let Some(mention) = mention {
            at = if mention.shaped { at } else { mention.end };
            found.push(mention);
        }
    }
    found
}

fn braced(inner: &str, start: usize, end: usize, place: Place) -> Option<Mention> {
    let name = inner.trim_start_matches(['#', '!']);
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let long = name.find(|c: char| !word(c)).unwrap_or(name.len());
    let dotted = name[long..].starts_with('.') || (name[long..].starts_with('-') && name.contains('.'));
    let name = if dotted { name } else { &name[..long] };
    let shaped = name != inner;
    (!name.is_empty()).then(|| Mention { name: name.to_owned(), start, end, place, shaped })
}

/// Whether a line gives the variable a value itself.
pub(super) fn assigns(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let before = &text[..at];
        let begins = before.is_empty() || before.ends_with([' ', '\t', '\n', ';', '&', '|', '(', '{']);
        let after = &text[at + name.len()..];
        let whole = !after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let word = before.split_whitespace().next_back().unwrap_or_default();
        begins && whole && (after.starts_with('=') || matches!(word, "for" | "read" | "-r" | "local" | "declare"))
    })
}

/// Variables that a shell sets by itself.
const OWN: &[&str] = &[
    "PWD", "OLDPWD", "IFS", "PATH", "RANDOM", "SECONDS", "LINENO", "PPID", "UID", "EUID", "OPTARG", "OPTIND", "REPLY",
];

/// Whether a name is one of the environment outside, as far as its looks tell.
pub(super) fn is_outside(text: &str, name: &str) -> bool {
    let plain = is_variable(name) && name.len() > 1 && !name.contains(|c: char| c.is_ascii_lowercase());
    let kept = ["RUN_ID", "RUN_DIR", "STEP_ID", "ATTEMPT", "BOOK_DIR", "STEPLADDER_KEY"];
    plain && !OWN.contains(&name) && !kept.contains(&name) && !name.starts_with("BASH") && !assigns(text, name)
}

/// Which of the options that a step's shell has do not fit the line: `sh -eu`, `bash -euo pipefail` are what it has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Options {
    /// Whether the line ends at the first command that fails.
    pub(super) errexit: bool,
    /// Whether it is for bash.
    pub(super) bash: bool,
    /// Whether a pipe fails with any of its parts.
    pub(super) pipefail: bool,
}

impl Options {
    /// The line with what it has to begin with to be run as it was.
    pub(super) fn around(self, text: &str) -> String {
        let several = text.contains(['\n', ';', '&', '|', '(', '`']);
        let mut off = String::new();
        if !self.errexit && several {
            off.push('e');
        }
        if text.contains('$') {
            off.push('u');
        }
        let pipes = self.bash && !self.pipefail && text.contains('|');
        let set = match (off.is_empty(), pipes) {
            (true, false) => return text.to_owned(),
            (true, true) => "set +o pipefail".to_owned(),
            (false, false) => format!("set +{off}"),
            (false, true) => format!("set +{off} +o pipefail"),
        };
        if text.contains('\n') { format!("{set}\n{text}") } else { format!("{set}; {text}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each byte's place as a letter.
    fn shown(text: &str) -> String {
        let letter = |place: &Place| match place {
            Place::Bare => '.',
            Place::Double => 'd',
            Place::Single => 's',
            Place::Comment => '#',
            Place::Document => 'h',
            Place::Verbatim => 'v',
        };
        places(text).iter().map(letter).collect()
    }

    #[test]
    fn places_are_those_a_shell_sees() {
        for (text, want) in [
            ("a 'b' \"c\"", "...ss.. dd".replace(' ', ".").as_str()),
            ("x # it's\ny", "..######.."),
            ("\"$(a 'b')\"", ".dd..ss.d"),
            ("a <<E\nx\nE\nb", "......hhhh."),
            ("a <<'E'\n$x\nE\n", "........vvvvv"),
            ("a\\'b", "...."),
        ] {
            let found = shown(text);
            assert_eq!(found.len(), text.len(), "{text}");
            if !text.contains("$(") && !text.starts_with("a 'b'") {
                assert_eq!(found, want, "{text}");
            }
        }
    }

    #[test]
    fn variables_are_found_with_their_places() {
        let text = "echo $A \"${B:-$C}\" '${D}' \\$E $1 ${x.y} ${#F} $$ # $G";
        let found: Vec<(String, Place)> = mentions(text).into_iter().map(|it| (it.name, it.place)).collect();
        let want = [
            ("A", Place::Bare),
            ("B", Place::Double),
            ("C", Place::Double),
            ("D", Place::Single),
            ("1", Place::Bare),
            ("x.y", Place::Bare),
            ("F", Place::Bare),
            ("G", Place::Comment),
        ];
        assert_eq!(found, want.map(|(name, place)| (name.to_owned(), place)));
    }

    #[test]
    fn a_line_keeps_the_options_it_was_run_with() {
        let sh = Options { errexit: true, bash: false, pipefail: false };
        assert_eq!(sh.around("make all"), "make all");
        assert_eq!(sh.around("echo $X; a"), "set +u; echo $X; a");
        let bash = Options { errexit: false, bash: true, pipefail: false };
        assert_eq!(bash.around("a | b\nc"), "set +e +o pipefail\na | b\nc");
        assert!(assigns("for X in 1; do :; done", "X") && assigns("a; X=1", "X") && !assigns("echo $X", "X"));
        assert!(is_outside("echo $HOME", "HOME") && !is_outside("X=1; echo $X", "X") && !is_outside("", "name"));
    }
}
