//! Secrets: where their values come from, how they land, and how they are hidden again.
//!
//! The only file of the engine that holds values of secrets (invariant 11). They are read when a
//! request is performed and forgotten with it.

use crate::act::secret::file::read_names;
use crate::base::arg::{Arg, Landing, SEALED_INPUT, SEALED_OUTPUT, SecretRef};
use crate::model::book::SecretSource;
use crate::model::perform::{Failure, Request};
use crate::model::policy::FailureKind;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

mod age;
mod file;
mod fill;
mod seal;

pub use fill::Filled;
pub use seal::Seal;

/// Where secrets come from; first match wins.
#[derive(Clone, Default)]
pub struct Secrets {
    /// The providers, in the order of `stepladder.yaml`.
    pub sources: Vec<SecretSource>,
    /// The environment of the owner: for `env`, and what a `command` runs in.
    pub environment: BTreeMap<String, String>,
    /// Relative files begin here.
    pub book_dir: PathBuf,
    /// `$CREDENTIALS_DIRECTORY`.
    pub credentials: Option<PathBuf>,
    /// What secret inputs are sealed under; `None` in a process that is given them opened.
    pub seal: Option<Seal>,
}

impl Secrets {
    /// The values of every secret the request names.
    pub async fn gather(&self, request: &Request) -> Result<Filled, Failure> {
        let mut filled = Filled::default();
        for (name, value) in self.plain(request).await? {
            filled.insert(&name, value);
        }
        Ok(filled)
    }

    /// The same as they are, for a process that is given nothing else.
    pub async fn plain(&self, request: &Request) -> Result<BTreeMap<String, String>, Failure> {
        let mut names = BTreeSet::new();
        request.params.each_secret(&mut |secret| {
            names.insert(secret.name.clone());
        });
        let texts = request.env.iter().map(|(_, text)| text).chain(&request.workdir);
        names.extend(texts.flat_map(|text| text.secrets().map(|secret| secret.name.clone())));
        let mut values = BTreeMap::new();
        for (name, sealed) in &request.sealed {
            match self.opened(name, sealed) {
                Ok(value) => drop(values.insert(name.clone(), value)),
                Err(why) if names.contains(name) => {
                    let what = match name.strip_prefix(SEALED_INPUT) {
                        Some(input) => format!("the secret input `{input}`"),
                        None => format!("the secret output `{name}`"),
                    };
                    return Err(missing(format!("{what} can't be read: {why}")));
                }
                // A step that does not need it goes on: cleaning up must not depend on a lost key.
                Err(_) => {}
            }
        }
        for name in names.into_iter().filter(|name| !request.sealed.contains_key(name)) {
            if name.starts_with(SEALED_OUTPUT) {
                return Err(missing(format!("`{name}` is not there: that step has put nothing out")));
            }
            let value = self.one(&name).await?;
            values.insert(name, value);
        }
        Ok(values)
    }

    fn opened(&self, name: &str, sealed: &str) -> Result<String, String> {
        match &self.seal {
            Some(seal) => seal.open(sealed),
            None => self.environment.get(name).cloned().ok_or_else(|| "this process was not given it".to_owned()),
        }
    }

    /// The values of every secret that settings name.
    pub(super) async fn gather_for(&self, settings: &Arg) -> Result<Filled, Failure> {
        let mut names = BTreeSet::new();
        settings.each_secret(&mut |secret| {
            names.insert(secret.name.clone());
        });
        let mut filled = Filled::default();
        for name in names {
            let value = self.one(&name).await?;
            filled.insert(&name, value);
        }
        Ok(filled)
    }

    /// The values of those of the names that can be read here, to hide them from a text.
    pub async fn known(&self, names: &BTreeSet<String>) -> Filled {
        let mut filled = Filled::default();
        for name in names {
            if let Ok(value) = self.one(name).await {
                filled.insert(name, value);
            }
        }
        filled
    }

    /// Whether a secret is there to be read; its value is not kept.
    ///
    /// # Errors
    /// Where it was looked for in vain.
    pub async fn finds(&self, name: &str) -> Result<(), Failure> {
        self.one(name).await.map(drop)
    }

    pub(super) async fn one(&self, name: &str) -> Result<String, Failure> {
        let mut looked = Vec::new();
        for source in &self.sources {
            match self.look(source, name).await? {
                Ok(value) => return Ok(value),
                Err(why) => looked.push(why),
            }
        }
        let looked = if looked.is_empty() { "no provider is configured".into() } else { looked.join(", ") };
        Err(missing(format!("secret `{name}` was not found: {looked}")))
    }

    /// The value, or a few words why it is not there; a failure where nobody may go on looking.
    async fn look(&self, source: &SecretSource, name: &str) -> Result<Result<String, String>, Failure> {
        match source {
            SecretSource::Env => {
                Ok(self.environment.get(name).cloned().ok_or_else(|| "not in the environment".to_owned()))
            }
            SecretSource::File(path) => {
                let path = self.book_dir.join(path);
                let mut names = read_names(&path).map_err(missing)?;
                Ok(names.remove(name).ok_or_else(|| format!("not in {}", path.display())))
            }
            SecretSource::SystemdCredentials => Ok(self.credential(name)),
            SecretSource::Command(argv) => self.command(argv, name).await,
            SecretSource::Age { file, identity } => {
                let mut names = age::read_names(self, file, identity.as_ref()).map_err(missing)?;
                Ok(names.remove(name).ok_or_else(|| format!("not in {file}")))
            }
        }
    }

    fn credential(&self, name: &str) -> Result<String, String> {
        let Some(directory) = &self.credentials else {
            return Err("systemd handed over no credentials".into());
        };
        let text = std::fs::read_to_string(directory.join(name)).map_err(|_| "not among systemd's credentials")?;
        Ok(one_line(text))
    }

    async fn command(&self, argv: &[String], name: &str) -> Result<Result<String, String>, Failure> {
        let Some((program, rest)) = argv.split_first() else {
            return Ok(Err("the command is empty".into()));
        };
        let run = tokio::process::Command::new(program)
            .args(rest)
            .arg(name)
            .env_clear()
            .envs(&self.environment)
            .current_dir(&self.book_dir)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(std::time::Duration::from_secs(10), run).await;
        let output = output.map_err(|_| missing(format!("secret `{name}`: `{program}` did not answer within 10s")))?;
        let output = output.map_err(|error| missing(format!("secret `{name}`: `{program}` did not start: {error}")))?;
        if !output.status.success() {
            return Ok(Err(format!("`{program}` has none ({})", output.status)));
        }
        Ok(String::from_utf8(output.stdout).map(one_line).map_err(|_| format!("`{program}` printed no UTF-8")))
    }
}

fn one_line(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
    }
    text
}

fn missing(message: impl Into<String>) -> Failure {
    Failure::lasting(FailureKind::Missing, message)
}

/// The value as it must be written where it lands.
fn landed(value: &str, secret: &SecretRef) -> Result<String, Failure> {
    let bad = |why: &str| Err(missing(format!("secret `{}` {why}", secret.name)));
    if value.contains('\0') {
        return bad("holds a NUL byte, which no command, header or text can carry");
    }
    Ok(match secret.landing {
        Landing::ShellWord => format!("'{}'", value.replace('\'', r"'\''")),
        Landing::ShellSingle => value.replace('\'', r"'\''"),
        Landing::ShellDouble => value.chars().fold(String::new(), |mut text, c| {
            if matches!(c, '\\' | '"' | '$' | '`') {
                text.push('\\');
            }
            text.push(c);
            text
        }),
        Landing::UrlPart => percent(value),
        // A whole URL: it is parsed where it is used, and a blank would only be found to be one there.
        Landing::Url if value.trim().contains(char::is_whitespace) => return bad("is no URL: it has a blank in it"),
        Landing::Url => value.trim().into(),
        Landing::Html => value
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;")
            .replace('\'', "&#39;"),
        Landing::Header if value.contains(['\r', '\n']) => return bad("has a line break, which no header can carry"),
        Landing::PathPart if value.contains('/') || value == ".." => return bad("can't be one part of a path"),
        Landing::Header
        | Landing::PathPart
        | Landing::Plain
        | Landing::Argv
        | Landing::Env
        | Landing::Json
        | Landing::Markdown
        | Landing::Chat
        | Landing::Path
        | Landing::Host => value.into(),
    })
}

/// Percent-encoded but for unreserved characters.
pub(super) fn percent(value: &str) -> String {
    value.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::value::json;
    use std::os::unix::fs::PermissionsExt;

    fn gather(secrets: &Secrets, name: &str) -> Result<String, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
        runtime.block_on(secrets.one(name)).map_err(|failure| failure.message)
    }

    #[test]
    fn the_first_provider_that_has_it_wins_and_the_rest_is_said() {
        let dir = tempfile::tempdir().expect("dir");
        let file = dir.path().join("secrets.yaml");
        std::fs::write(&file, "TOKEN: from file\nQUOTED: \"a: b\"\n").expect("write");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("mode");
        let secrets = Secrets {
            sources: vec![
                SecretSource::Env,
                SecretSource::File("secrets.yaml".into()),
                SecretSource::SystemdCredentials,
                SecretSource::Command(vec!["sh".into(), "-c".into(), "test $0 = ASKED && echo from command".into()]),
            ],
            environment: BTreeMap::from([
                ("HOME_TOKEN".into(), "from env".into()),
                ("PATH".into(), "/usr/bin:/bin".into()),
            ]),
            book_dir: dir.path().into(),
            credentials: None,
            seal: None,
        };
        assert_eq!(gather(&secrets, "HOME_TOKEN"), Ok("from env".into()));
        assert_eq!(gather(&secrets, "TOKEN"), Ok("from file".into()));
        assert_eq!(gather(&secrets, "QUOTED"), Ok("a: b".into()));
        assert_eq!(gather(&secrets, "ASKED"), Ok("from command".into()));
        let none = gather(&secrets, "NOWHERE").expect_err("nowhere");
        assert!(none.starts_with("secret `NOWHERE` was not found: not in the environment, not in "), "{none}");
        assert!(none.ends_with("`sh` has none (exit status: 1)"), "{none}");

        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("mode");
        let open = gather(&secrets, "TOKEN").expect_err("others can read it");
        assert!(open.contains("may be read by others (mode 0644): chmod 600"), "{open}");
    }

    #[test]
    fn a_secret_is_escaped_for_where_it_lands() {
        let land =
            |value: &str, landing| landed(value, &SecretRef { name: "S".into(), landing }).map_err(|f| f.message);
        for (value, landing, written) in [
            ("it's", Landing::ShellWord, r"'it'\''s'"),
            ("a\"$b`\\", Landing::ShellDouble, r#"a\"\$b\`\\"#),
            ("a/b c", Landing::UrlPart, "a%2Fb%20c"),
            ("<&>", Landing::Html, "&lt;&amp;&gt;"),
            ("plain \"text\"", Landing::Json, "plain \"text\""),
        ] {
            assert_eq!(land(value, landing).as_deref(), Ok(written));
        }
        assert!(land("a\r\nX: y", Landing::Header).is_err() && land("a\0b", Landing::Env).is_err());
    }

    #[test]
    fn what_comes_back_is_masked() {
        let mut filled = Filled::default();
        filled.insert("S", "hunter2-hunter2".into());
        let arg = Arg::Value(json!({}));
        assert!(arg.fill(&mut |secret| filled.value(secret)).is_ok());
        let failure =
            Failure { output: json!({"hunter2-hunter2": ["x hunter2-hunter2 y"]}), ..missing("hunter2-hunter2") };
        let masked = format!("{:?}", filled.mask(crate::model::perform::Reply::Failed(failure)));
        assert!(!masked.contains("hunter2") && masked.contains("***"), "{masked}");
    }
}
