//! What the commands of a job do, as kinds of step, and the values they name.

use crate::diagnostic::Spot;
use crate::lang::import::draft::{Out, Step, bare, escaped, is_beyond_templates, pair, text};
use crate::lang::import::report::{Lost, says_yes};
use crate::lang::import::rundeck::job::Making;
use crate::lang::import::rundeck::options::Choice;
use crate::lang::import::shell::{Mention, Options, Place, mentions, places};
use crate::lang::yaml::Node;

/// Lines of a job run in `sh`, which goes on after a command that fails.
const SH: Options = Options { errexit: false, bash: false, pipefail: false };

/// Keys of a command.
pub(super) const KNOWN: &[&str] = &[
    "exec",
    "script",
    "scriptfile",
    "scripturl",
    "args",
    "scriptInterpreter",
    "interpreterArgsQuoted",
    "jobref",
    "type",
    "configuration",
    "nodeStep",
    "errorhandler",
    "description",
    "plugins",
    "keepgoingOnSuccess",
    "fileExtension",
    "expandTokenInScriptFile",
    "autoSecureInput",
    "passSecureInput",
    "enabled",
    "conditionSet",
];

impl Making<'_> {
    /// What a command does.
    pub(super) fn kind(&mut self, node: &Node) -> Result<Step, Lost> {
        let spot = |key: &str| node.entry(key).map_or(node.spot, |(key, _)| key.spot);
        if node.get("conditionSet").is_some() {
            return Err(Lost::new(spot("conditionSet"), "a step under a condition", "give the step a `when:`"));
        }
        if let Some(value) = node.get("exec") {
            let line = self.report.text(value, "`exec`").unwrap_or_default();
            return self.line(&line, value.spot);
        }
        if let Some(value) = node.get("script") {
            return self.script(node, value);
        }
        if let Some(value) = node.get("scriptfile") {
            let mut line = self.report.text(value, "`scriptfile`").unwrap_or_default();
            if let Some(with) = node.get("scriptInterpreter").and_then(Node::name) {
                line = format!("{with} {line}");
            }
            not_quoted(node)?;
            if let Some(args) = node.get("args").and_then(Node::name) {
                line = format!("{line} {args}");
            }
            return self.line(&line, value.spot);
        }
        if let Some(value) = node.get("jobref") {
            return self.jobref(value, spot("jobref"));
        }
        if node.get("scripturl").is_some() {
            return Err(Lost::new(
                spot("scripturl"),
                "a script that is fetched when the step begins",
                "keep it in the book, or fetch it in a step of its own",
            ));
        }
        let kind = node.get("type").and_then(Node::name).unwrap_or_default();
        Err(Lost::new(
            spot("type"),
            format!("a step of the plugin `{kind}`"),
            "`stepladder explain` lists the kinds of step; a `shell` step can call a program",
        ))
    }

    fn line(&mut self, line: &str, spot: Spot) -> Result<Step, Lost> {
        if is_beyond_templates(line) {
            return Err(Lost::new(
                spot,
                "a backslash before two braces means something else in a runbook",
                "put the command into a file",
            ));
        }
        let line = self.values(line.strip_suffix('\n').unwrap_or(line), spot)?;
        let line = escaped(&SH.around(&line));
        let mut out = vec![text("shell", line.clone())];
        self.about(&line, spot, &mut out)?;
        Ok(out)
    }

    fn script(&mut self, node: &Node, value: &Node) -> Result<Step, Lost> {
        let body = self.report.text(value, "`script`").unwrap_or_default();
        not_quoted(node)?;
        let shebang = body.strip_prefix("#!").and_then(|rest| rest.lines().next()).map(str::to_owned);
        let with = node.get("scriptInterpreter").and_then(Node::name).map(str::to_owned).or(shebang);
        let mut run: Vec<String> =
            with.map_or_else(|| vec!["sh".into()], |with| with.split_whitespace().map(str::to_owned).collect());
        if run.len() > 1 && run[0].ends_with("/env") {
            run.remove(0);
        }
        if run.iter().any(|word| word.contains('$')) {
            return Err(Lost::new(value.spot, "an interpreter that is worked out", "write the interpreter's name"));
        }
        let is_shell =
            run.iter().any(|word| matches!(word.rsplit('/').next(), Some("sh" | "bash" | "dash" | "ksh" | "zsh")));
        let mut body = self.tokens(&body, is_shell, value.spot)?;
        if let Some((key, args)) =
            node.entry("args").filter(|(_, args)| !args.name().unwrap_or_default().trim().is_empty())
        {
            if !is_shell {
                return Err(Lost::new(
                    key.spot,
                    "arguments of a script that is no shell's",
                    "the script finds options in its environment (`RD_OPTION_…`), or in `params:`",
                ));
            }
            let args = self.values(args.name().unwrap_or_default().trim(), args.spot)?;
            let (head, rest) =
                if body.starts_with("#!") { body.split_once('\n').unwrap_or((&body, "")) } else { ("", body.as_str()) };
            let head = if head.is_empty() { String::new() } else { format!("{head}\n") };
            body = format!("{head}set -- {args}\n{rest}");
        }
        let run = Out::List(run.into_iter().map(Out::Text).collect());
        let mut out = vec![pair("script", Out::Map(vec![pair("run", run), text("body", body.clone())]))];
        self.about(&body, value.spot, &mut out)?;
        Ok(out)
    }

    /// Words about the run that only Rundeck sets, as the step's environment.
    fn about(&self, line: &str, spot: Spot, out: &mut Step) -> Result<(), Lost> {
        let mut env: Vec<(String, Out)> = Vec::new();
        for mention in mentions(line) {
            let name = mention.name.as_str();
            if !name.starts_with("RD_") || name.starts_with("RD_OPTION_") || env.iter().any(|(there, _)| there == name)
            {
                continue;
            }
            let value = match name {
                "RD_JOB_NAME" => escaped(&self.called),
                "RD_JOB_GROUP" => escaped(&self.group),
                "RD_JOB_EXECID" => "{{ run.id }}".to_owned(),
                _ => {
                    return Err(Lost::new(
                        spot,
                        format!("`${name}`, which only Rundeck sets"),
                        "`$RUN_ID` is the run's id, `$STEP_ID` the step's; inputs are what a start gives",
                    ));
                }
            };
            env.push(text(name, value));
        }
        if !env.is_empty() {
            out.push(pair("env", Out::Map(env)));
        }
        Ok(())
    }

    /// `${option.x}` in a line, as the variable of the environment that holds it, quoted as Rundeck quotes it.
    fn values(&mut self, line: &str, spot: Spot) -> Result<String, Lost> {
        let (mut out, mut at) = (String::new(), 0);
        for mention in mentions(line) {
            if mention.start < at || mention.place == Place::Comment || !mention.name.contains('.') {
                continue;
            }
            out.push_str(&line[at..mention.start]);
            out.push_str(&self.value(&mention, spot)?);
            at = mention.end;
        }
        out.push_str(&line[at..]);
        Ok(out)
    }

    fn value(&mut self, mention: &Mention, spot: Spot) -> Result<String, Lost> {
        let (of, name) = mention.name.split_once('.').unwrap_or_default();
        let fixed = match (of, name) {
            ("job", "name") => Some(self.called.clone()),
            ("job", "group") => Some(self.group.clone()),
            ("job", "execid") => return Ok("${RUN_ID}".into()),
            _ => None,
        };
        if let Some(words) = fixed {
            return Ok(match mention.place {
                Place::Bare => format!("'{}'", words.replace('\'', "'\\''")),
                Place::Double | Place::Single | Place::Comment | Place::Document | Place::Verbatim => {
                    words.replace(['"', '\'', '$', '`', '\\'], " ")
                }
            });
        }
        if !matches!(of, "option" | "unquotedoption") {
            let help = "an input gives a value to a run; `steps.ID.output` has what a step put out";
            return Err(Lost::new(spot, format!("`{}`, which only Rundeck knows", mention.name), help));
        }
        let choice = self.choice(name, spot)?;
        let (variable, filled) = (choice.variable(), choice.filled);
        if of == "unquotedoption" {
            self.report.differs(
                spot,
                format!(
                    "the value of `{name}` was a part of the line's code; here it is but a value, cut at its spaces"
                ),
                "write what it may do into the line",
            );
        }
        Ok(match mention.place {
            Place::Bare if of == "unquotedoption" => format!("${{{variable}}}"),
            Place::Bare if filled => format!("\"${variable}\""),
            // An empty value leaves no argument behind, as in Rundeck.
            Place::Bare => format!("${{{variable}:+\"${variable}\"}}"),
            Place::Double | Place::Document | Place::Comment => format!("${{{variable}}}"),
            Place::Single => format!("'\"${variable}\"'"),
            Place::Verbatim => {
                return Err(Lost::new(
                    spot,
                    "a value in a here-document that is taken as it is",
                    "take the quotes off its end word",
                ));
            }
        })
    }

    pub(super) fn choice(&self, name: &str, spot: Spot) -> Result<Choice, Lost> {
        let found = self.options.iter().find(|choice| choice.name == name);
        let found = found
            .ok_or_else(|| Lost::new(spot, format!("the job has no option `{name}`"), "declare it under `options:`"))?;
        if !found.shown {
            return Err(Lost::new(
                spot,
                format!("the option `{name}`, which Rundeck shows to no command"),
                "`valueExposed: true` makes it a value for commands",
            ));
        }
        Ok(found.clone())
    }

    /// `@option.x@` in a script.
    fn tokens(&mut self, body: &str, is_shell: bool, spot: Spot) -> Result<String, Lost> {
        let places = if is_shell { places(body) } else { Vec::new() };
        let (mut out, mut at) = (String::new(), 0);
        while let Some(start) = body[at..].find('@').map(|offset| at + offset) {
            let rest = &body[start + 1..];
            let long = rest.find('@').unwrap_or(0);
            let name = &rest[..long];
            let fits = name.contains('.') && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
            let known = ["option.", "unquotedoption.", "job.", "node.", "globals.", "data."]
                .iter()
                .any(|of| name.starts_with(of));
            if !fits || !known {
                out.push_str(&body[at..=start]);
                at = start + 1;
                continue;
            }
            if !is_shell {
                let help = "the script finds options in its environment: `RD_OPTION_NAME`";
                return Err(Lost::new(spot, format!("`@{name}@` in a script that no shell reads"), help));
            }
            let place = places.get(start).copied().unwrap_or(Place::Bare);
            let mention = Mention { name: name.to_owned(), start, end: start + long + 2, place, shaped: false };
            out.push_str(&body[at..start]);
            out.push_str(&self.value(&mention, spot)?);
            at = mention.end;
        }
        out.push_str(&body[at..]);
        Ok(out)
    }

    fn jobref(&mut self, node: &Node, spot: Spot) -> Result<Step, Lost> {
        for (key, what) in [
            ("nodefilters", "another job on other machines"),
            ("nodeStep", "another job for each machine"),
            ("importOptions", "options that are handed on by themselves"),
        ] {
            if let Some((key, value)) = node.entry(key)
                && (value.pairs().is_some() || says_yes(value))
            {
                return Err(Lost::new(
                    key.spot,
                    what,
                    "`runbook: { run: NAME, inputs: {…} }` runs it here, with the inputs that are written",
                ));
            }
        }
        let name = node.get("name").and_then(Node::name).unwrap_or_default();
        let group = node.get("group").and_then(Node::name).unwrap_or_default();
        let uuid = node.get("uuid").and_then(Node::name);
        let found = self.outlines.iter().find(|other| match uuid {
            Some(uuid) => other.uuid.as_deref() == Some(uuid),
            None => other.called == name && (other.group == group || group.is_empty()),
        });
        let Some(found) = found else {
            let shown = if group.is_empty() { name.to_owned() } else { format!("{group}/{name}") };
            let shown = if shown.is_empty() { uuid.unwrap_or_default().to_owned() } else { shown };
            return Err(Lost::new(
                spot,
                format!("no job is called `{shown}` here"),
                "import its file together with this one",
            ));
        };
        let mut run = vec![bare("run", &found.name)];
        let mut inputs: Vec<(String, Out)> = Vec::new();
        let args = node.get("args").and_then(Node::name).unwrap_or_default();
        let args: Vec<String> = crate::lang::import::words::split(args);
        let mut words = args.iter();
        while let Some(word) = words.next() {
            let option = word.trim_start_matches('-');
            let input = found
                .options
                .iter()
                .find(|choice| choice.name == option && word.starts_with('-'))
                .and_then(|choice| choice.input.clone());
            let (Some(input), Some(value)) = (input, words.next()) else {
                return Err(Lost::new(
                    spot,
                    format!("the argument `{word}` of another job"),
                    "arguments are `-OPTION VALUE`, with an option that the job has",
                ));
            };
            inputs.push(text(input.as_str(), self.template(value, spot)?));
        }
        if !inputs.is_empty() {
            run.push(pair("inputs", Out::Map(inputs)));
        }
        Ok(vec![pair("runbook", Out::Map(run))])
    }

    /// A text with `${option.x}` in it, as a template.
    fn template(&self, value: &str, spot: Spot) -> Result<String, Lost> {
        let (mut out, mut at) = (String::new(), 0);
        for mention in mentions(value) {
            let Some(name) = mention.name.strip_prefix("option.") else {
                return Err(Lost::new(
                    spot,
                    format!("`{}` in an argument of another job", mention.name),
                    "an input takes a value, an option or what a step put out",
                ));
            };
            out.push_str(&escaped(&value[at..mention.start]));
            out.push_str(&self.choice(name, spot)?.template());
            at = mention.end;
        }
        out.push_str(&escaped(&value[at..]));
        Ok(out)
    }
}

/// Whether the script and its arguments are words of their own.
fn not_quoted(node: &Node) -> Result<(), Lost> {
    match node.entry("interpreterArgsQuoted").filter(|(_, value)| says_yes(value)) {
        Some((key, _)) => {
            Err(Lost::new(key.spot, "a script and its arguments as one argument", "write the line as it is to be run"))
        }
        None => Ok(()),
    }
}
