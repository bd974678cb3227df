//! What a step of a DAG does, as a kind of step.

use crate::diagnostic::Spot;
use crate::lang::import::dagu::lines::{Runs, shell};
use crate::lang::import::dagu::order::Found;
use crate::lang::import::dagu::params::words;
use crate::lang::import::dagu::root::{Making, elsewhere};
use crate::lang::import::dagu::steps::spot_of;
use crate::lang::import::draft::{Out, Step, bare, pair, text};
use crate::lang::import::report::Lost;
use crate::lang::yaml::{Node, NodeKind};

impl Making<'_> {
    /// What the step does.
    pub(super) fn kind(&mut self, found: &Found<'_>) -> Result<Step, Lost> {
        if let NodeKind::Scalar(_) = &found.node.kind {
            let line = self.report.text(found.node, "a step").unwrap_or_default();
            let runs = self.default_shell()?;
            return Ok(vec![self.line(&line, found.spot, &runs)?]);
        }
        if found.node.items().is_some() {
            return Err(Lost::new(
                found.spot,
                "a list of lists of steps",
                "write the steps one below the other, with `needs:`",
            ));
        }
        for (key, what, help) in [
            (
                "approval",
                "an approval behind a step",
                "write an `approval` step behind this one: the steps below wait for it",
            ),
            ("llm", "a step that asks a language model", "a `shell` step can call a program that does"),
            ("routes", "a step that chooses who comes next", "give each of the steps its `when:`"),
            ("shell_packages", "packages for a shell", "install them, or write `nix-shell -p … --run …` into the line"),
            ("container", elsewhere("docker").0, elsewhere("docker").1),
        ] {
            if found.get(key).is_some() {
                return Err(Lost::new(spot_of(found, key), what, help));
            }
        }
        let executor = found.get("executor");
        let kind = executor.and_then(|node| node.name().or_else(|| node.get("type").and_then(Node::name)));
        let kind = kind.or_else(|| found.get("type").and_then(Node::name));
        let spot = if executor.is_some() { spot_of(found, "executor") } else { spot_of(found, "type") };
        let made = match kind {
            _ if found.get("call").is_some() => self.call(found),
            None if self.elsewhere.is_some() => self.default_shell().map(|_| Vec::new()),
            None | Some("command" | "shell" | "") => return self.command(found),
            Some("http") => {
                self.http(found, executor.and_then(|node| node.get("config")).or_else(|| found.get("with")))
            }
            Some(kind) => Err(executor_of(kind, spot)),
        }?;
        if found.get("output").is_some() {
            let help = "`outputs:` of the called runbook, `output.json` and `output.text` of `http` are read by `{{ steps.ID.output… }}`";
            return Err(Lost::new(
                spot_of(found, "output"),
                "the output of a step that is no command, in a variable",
                help,
            ));
        }
        Ok(made)
    }

    fn command(&mut self, found: &Found<'_>) -> Result<Step, Lost> {
        let own = shell(found.get("shell").or_else(|| self.get("shell")));
        let mut made = if let Some(node) = found.get("script") {
            let body = self.report.text(node, "`script`").unwrap_or_default();
            let runs = match found.get("command") {
                Some(command) => Runs::Other(self.argv(command)?),
                None => own,
            };
            self.script(&body, node.spot, found.get("shell").is_some(), &runs)?
        } else if let Some(node) = found.get("exec") {
            let argv: Vec<String> = [node.get("command"), node.get("args")]
                .into_iter()
                .flatten()
                .flat_map(|node| self.report.texts(node, "`exec`"))
                .map(|(word, _)| word)
                .collect();
            vec![self.exec(&argv, node.spot)?]
        } else if let Some(node) = found.get("command").filter(|node| !node.is_null()) {
            self.commands(found, node, own)?
        } else {
            return Err(Lost::new(found.spot, "a step that does nothing", "write what it does, or take it out"));
        };
        self.redirected(found, &mut made)?;
        if let Some(node) = found.get("output")
            && node.name().is_none()
        {
            return Err(Lost::new(
                node.spot,
                "an output that is put together",
                "let the step print JSON, with `output: json`",
            ));
        }
        Ok(made)
    }

    fn commands(&mut self, found: &Found<'_>, node: &Node, runs: Runs) -> Result<Step, Lost> {
        if let Some(items) = node.items() {
            let lines = self.report.texts(node, "a command");
            if items.len() > 1 && lines.iter().all(|(line, _)| !line.trim().contains(char::is_whitespace)) {
                let help = "write `exec: [COMMAND, ARGUMENT]` into the runbook, or one step for each command";
                let message =
                    "a list that newer releases of Dagu read as commands, older ones as one command and its arguments";
                return Err(Lost::new(node.spot, message, help));
            }
            let mut whole = Vec::new();
            for (line, _) in &lines {
                whole.push(format!("( {line} )"));
            }
            let runs = if let Runs::Sh(false) = runs { Runs::Sh(true) } else { runs };
            return Ok(vec![self.line(&whole.join("\n"), node.spot, &runs)?]);
        }
        let line = self.report.text(node, "`command`").unwrap_or_default();
        if let Some(args) = found.get("args") {
            let mut argv = vec![line];
            argv.extend(self.report.texts(args, "`args`").into_iter().map(|(word, _)| word));
            return Ok(vec![self.exec(&argv, node.spot)?]);
        }
        if line.starts_with("#!") {
            return self.script(&line, node.spot, found.get("shell").is_some(), &runs);
        }
        Ok(vec![self.line(&line, node.spot, &runs)?])
    }

    fn argv(&mut self, node: &Node) -> Result<Vec<String>, Lost> {
        let argv: Vec<String> = match node.items() {
            Some(_) => self.report.texts(node, "`command`").into_iter().map(|(word, _)| word).collect(),
            None => words(node.name().unwrap_or_default())
                .into_iter()
                .map(|(name, word)| name.map_or(word.clone(), |name| format!("{name}={word}")))
                .collect(),
        };
        if argv.is_empty() || argv.iter().any(|word| word.contains('$')) {
            return Err(Lost::new(
                node.spot,
                "an interpreter that is worked out",
                "write `script: { run: …, body: … }` with the interpreter's name",
            ));
        }
        Ok(argv)
    }

    fn exec(&mut self, argv: &[String], spot: Spot) -> Result<(String, Out), Lost> {
        if argv.first().is_none_or(|word| word.contains('$')) {
            return Err(Lost::new(spot, "a command whose name is worked out", "write the command's name"));
        }
        let mut words = Vec::new();
        for word in argv {
            words.push(Out::Text(self.scope.argument(word, spot)?));
        }
        Ok(pair("exec", Out::List(words)))
    }

    fn script(&mut self, body: &str, spot: Spot, is_said: bool, runs: &Runs) -> Result<Step, Lost> {
        let shebang = body.strip_prefix("#!").filter(|_| !is_said).and_then(|rest| rest.lines().next());
        let runs = match shebang {
            Some(line) if matches!(runs, Runs::Sh(_) | Runs::Bash(..)) => {
                let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
                if words.first().is_some_and(|word| word.ends_with("/env")) {
                    words.remove(0);
                }
                Runs::Other(words)
            }
            Some(_) | None => runs.clone(),
        };
        let program = runs.words().first().cloned().unwrap_or_default();
        let is_shell = matches!(program.rsplit('/').next(), Some("sh" | "bash" | "dash" | "zsh" | "ksh"));
        let body = if is_shell { self.read(body, spot)? } else { self.foreign(body, spot)? };
        let run = Out::List(runs.words().into_iter().map(Out::Text).collect());
        Ok(vec![pair("script", Out::Map(vec![pair("run", run), text("body", body)]))])
    }

    /// A script that no shell reads: Dagu put values into its text, a runbook gives them to it.
    fn foreign(&mut self, body: &str, spot: Spot) -> Result<String, Lost> {
        let put = crate::lang::import::shell::mentions(body).into_iter().find(|it| {
            self.scope.names.contains_key(&it.name) || (it.name.contains('.') && body[it.start..].starts_with("${"))
        });
        match put {
            Some(mention) => {
                let message = format!("`${}` in a script that no shell reads", mention.name);
                Err(Lost::new(
                    spot,
                    message,
                    "the script finds the value in its environment, or in `params:` of `script`",
                ))
            }
            None => Ok(body.to_owned()),
        }
    }

    /// `stdout` and `stderr`: files that are added to.
    fn redirected(&mut self, found: &Found<'_>, made: &mut Step) -> Result<(), Lost> {
        let mut ways = String::new();
        for (key, way) in [("stdout", ">>"), ("stderr", "2>>")] {
            let Some(node) = found.get(key).filter(|node| !node.is_null()) else { continue };
            let spot = spot_of(found, key);
            let file = self.report.text(node, key).unwrap_or_default();
            let help = "write `>> FILE` into its line; what it prints is kept with the run (`stepladder logs`)";
            if found.get("output").is_some() && key == "stdout" {
                return Err(Lost::new(spot, "a file for what the step prints, and a variable too", help));
            }
            if file.contains(['"', '`', '\\']) || file.contains("$(") {
                return Err(Lost::new(spot, "the name of a file that is worked out", help));
            }
            let file = self.read(&file, spot)?;
            ways.extend([" ", way, "\"", file.as_str(), "\""]);
        }
        if ways.is_empty() {
            return Ok(());
        }
        let line = match made.first_mut() {
            Some((key, Out::Text(line))) if key == "shell" => line,
            Some((key, Out::Map(pairs))) if key == "shell" => match pairs.first_mut() {
                Some((_, Out::Text(line))) => line,
                Some(_) | None => return Ok(()),
            },
            Some(_) | None => {
                return Err(Lost::new(
                    found.spot,
                    "files for what a script prints",
                    "let the script write them itself",
                ));
            }
        };
        let unset = if ways.contains('$') && !line.starts_with("set +") { "set +u; " } else { "" };
        *line = if line.contains('\n') {
            format!("{unset}exec{ways}\n{line}")
        } else {
            format!("{unset}exec{ways}; {line}")
        };
        Ok(())
    }

    fn http(&mut self, found: &Found<'_>, config: Option<&Node>) -> Result<Step, Lost> {
        let mut parts: Vec<String> = Vec::new();
        for key in ["command", "args"] {
            if let Some(node) = found.get(key) {
                parts.extend(
                    self.report.texts(node, key).iter().flat_map(|(it, _)| it.split_whitespace()).map(str::to_owned),
                );
            }
        }
        let spot = spot_of(found, "command");
        let (method, url) = match parts.as_slice() {
            [url] => ("get".to_owned(), url.clone()),
            [method, url] => (method.to_ascii_lowercase(), url.clone()),
            _ => {
                return Err(Lost::new(
                    spot,
                    "a request without a method and a URL",
                    "`http: { get: URL }` asks for it",
                ));
            }
        };
        if !matches!(method.as_str(), "get" | "head" | "post" | "put" | "patch" | "delete") {
            return Err(Lost::new(spot, format!("a request by `{method}`"), "a `shell` step with curl can send it"));
        }
        let mut request = vec![text(method, self.scope.template(&url, spot)?)];
        let mut out = Vec::new();
        for (key, value) in config.and_then(Node::pairs).unwrap_or_default() {
            match super::key(key).as_str() {
                word @ ("headers" | "query") => {
                    let mut map = Vec::new();
                    for (name, value) in value.pairs().unwrap_or_default() {
                        let written = self.report.text(value, word).unwrap_or_default();
                        map.push(text(name.name().unwrap_or_default(), self.scope.template(&written, value.spot)?));
                    }
                    request.push(pair(word, Out::Map(map)));
                }
                "body" => {
                    let body = self.report.text(value, "`body`").unwrap_or_default();
                    request.push(text("body", self.scope.template(&body, value.spot)?));
                }
                "timeout" => {
                    let seconds = self
                        .report
                        .number(value, "`timeout`")
                        .filter(|it| *it > 0 && found.get("timeout_sec").is_none());
                    out.extend(seconds.map(|it| bare("timeout", &format!("{it}s"))));
                }
                "silent" | "debug" => {}
                word => {
                    let help = "`stepladder explain http` shows what a request takes; a `shell` step with curl can do the rest";
                    return Err(Lost::new(key.spot, format!("`{word}` of a request"), help));
                }
            }
        }
        out.insert(0, pair("http", Out::Map(request)));
        Ok(out)
    }
}

/// Executors without a counterpart, and what to do instead.
fn executor_of(kind: &str, spot: Spot) -> Lost {
    let (what, help) = match kind {
        "docker" | "container" | "ssh" | "sftp" => (elsewhere(kind).0.to_owned(), elsewhere(kind).1),
        "mail" => (
            "a step that sends mail".to_owned(),
            "a channel of stepladder.yaml and `notify: { channel: \"email:ops@company.com\", message: … }`",
        ),
        "jq" => ("a step that runs jq".to_owned(), "`exec: { argv: [jq, .], stdin: … }`"),
        "sqlite" | "postgres" => {
            (format!("a step of the type `{kind}`"), "`sql:` asks SQLite and PostgreSQL (`stepladder explain sql`)")
        }
        "redis" => ("a step of the type `redis`".to_owned(), "`redis:` asks Redis (`stepladder explain redis`)"),
        kind => (
            format!("a step of the type `{kind}`"),
            "a `shell` step can call the program that does it; `stepladder explain` lists the kinds",
        ),
    };
    Lost::new(spot, what, help)
}
