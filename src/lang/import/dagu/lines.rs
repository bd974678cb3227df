//! Lines of shell of a DAG, and who runs them.

use crate::diagnostic::Spot;
use crate::lang::import::dagu::root::Making;
use crate::lang::import::draft::{Out, escaped, is_beyond_templates, pair, text};
use crate::lang::import::report::Lost;
use crate::lang::import::shell::{Mention, Options, Place, is_outside, mentions};
use crate::lang::yaml::Node;

/// Who runs a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Runs {
    /// `sh`; whether it ends at the first failure.
    Sh(bool),
    /// `bash`, and whether a pipe fails with any of its parts.
    Bash(bool, bool),
    /// Something else, with its arguments.
    Other(Vec<String>),
}

impl Runs {
    fn options(&self) -> Option<Options> {
        match self {
            Self::Sh(errexit) => Some(Options { errexit: *errexit, bash: false, pipefail: false }),
            Self::Bash(errexit, pipefail) => Some(Options { errexit: *errexit, bash: true, pipefail: *pipefail }),
            Self::Other(_) => None,
        }
    }

    /// The command and arguments that run a file.
    pub(super) fn words(&self) -> Vec<String> {
        let mut words = match self {
            Self::Sh(_) => vec!["sh".to_owned()],
            Self::Bash(..) => vec!["bash".to_owned()],
            Self::Other(words) => return words.clone(),
        };
        let options = self.options().is_some_and(|options| options.errexit);
        words.extend(options.then(|| "-e".to_owned()));
        if matches!(self, Self::Bash(_, true)) {
            words.extend(["-o".to_owned(), "pipefail".to_owned()]);
        }
        words
    }
}

/// Who runs the lines of a `shell:`, as it is written; Dagu's own choice ends at the first failure.
pub(super) fn shell(node: Option<&Node>) -> Runs {
    let Some(node) = node.filter(|node| !node.is_null()) else { return Runs::Sh(true) };
    let words: Vec<String> = match node.items() {
        Some(items) => items.iter().filter_map(Node::name).map(str::to_owned).collect(),
        None => node.name().unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
    };
    let known = |word: &String| matches!(word.as_str(), "-e" | "-c" | "-o" | "errexit" | "pipefail" | "-eo");
    let rest = words.get(1..).unwrap_or_default();
    let errexit = rest.iter().any(|word| matches!(word.as_str(), "-e" | "errexit" | "-eo"));
    let pipefail = rest.iter().any(|word| word == "pipefail");
    let program = words.first().and_then(|word| word.rsplit('/').next()).unwrap_or_default();
    match program {
        "sh" if rest.iter().all(known) && !pipefail => Runs::Sh(errexit),
        "bash" if rest.iter().all(known) => Runs::Bash(errexit, pipefail),
        _ => Runs::Other(words),
    }
}

impl Making<'_> {
    /// Who runs lines where a step says nothing.
    pub(super) fn default_shell(&self) -> Result<Runs, Lost> {
        match self.elsewhere {
            Some((kind, spot)) => {
                let (what, help) = super::root::elsewhere(kind);
                Err(Lost::new(spot, what, help))
            }
            None => Ok(shell(self.get("shell"))),
        }
    }

    /// The line as what a step does.
    pub(super) fn line(&mut self, line: &str, spot: Spot, runs: &Runs) -> Result<(String, Out), Lost> {
        let line = line.strip_suffix('\n').unwrap_or(line);
        let line = self.read(line, spot)?;
        let Some(options) = runs.options() else {
            let mut argv = runs.words();
            if !argv.iter().any(|word| word == "-c") {
                argv.push("-c".into());
            }
            argv.push(line);
            return Ok(pair("exec", Out::List(argv.iter().map(|word| Out::Text(escaped(word))).collect())));
        };
        if is_beyond_templates(&line) {
            return Err(Lost::new(
                spot,
                "a backslash before two braces means something else in a runbook",
                "put the command into a file",
            ));
        }
        let line = escaped(&options.around(&line));
        Ok(if options.bash { pair("shell", Out::Map(vec![text("bash", line)])) } else { text("shell", line) })
    }

    /// The line with what only Dagu reads in it written so that a shell reads it.
    pub(super) fn read(&mut self, line: &str, spot: Spot) -> Result<String, Lost> {
        let (mut out, mut at) = (String::new(), 0);
        for mention in mentions(line).into_iter().filter(|mention| mention.place != Place::Comment) {
            if mention.start < at {
                continue;
            }
            if let Some(better) = self.mention(&mention, line, spot)? {
                out.push_str(&line[at..mention.start]);
                out.push_str(&better);
                at = mention.end;
            }
        }
        out.push_str(&line[at..]);
        Ok(out)
    }

    /// What is to stand in the place of a mention, where it is something else.
    fn mention(&mut self, mention: &Mention, line: &str, spot: Spot) -> Result<Option<String>, Lost> {
        let name = mention.name.as_str();
        if let Some((of, part)) = name.split_once('.') {
            let message = format!("`{of}` is taken apart by `.{part}`, which no shell does");
            return Err(Lost::new(
                spot,
                message,
                "let the step before print the part that is wanted, as with `jq -r .name`",
            ));
        }
        if let Some(place) = name.parse::<usize>().ok().filter(|place| self.places.contains_key(place)) {
            let read = format!("${{ARG_{place}}}");
            return Ok(Some(if mention.place == Place::Single { format!("'\"{read}\"'") } else { read }));
        }
        let known = self.scope.names.contains_key(name);
        if mention.place == Place::Single && known {
            let help = "put it into double quotes where its value is meant";
            self.report.differs(
                spot,
                format!("`${name}` stands in single quotes: no shell puts its value there, older Dagu did"),
                help,
            );
        }
        if mention.place != Place::Verbatim
            && !known
            && !name.starts_with("DAG_")
            && name != "ITEM"
            && is_outside(line, name)
        {
            self.scope.outside.insert(name.to_owned());
        }
        if name == "ITEM" && !known {
            return Err(Lost::new(spot, "`$ITEM` where there is no item", "`foreach:` gives a step its items"));
        }
        Ok(None)
    }
}
