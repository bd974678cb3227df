//! A secrets file encrypted by age: names and values as in the plain one, opened with an identity.
//!
//! Opened anew for each request and kept nowhere.

use crate::act::secret::Secrets;
use crate::act::secret::file::names;
use crate::base::limits::MAX_SECRETS;
use crate::model::defaults;
use age::armor::ArmoredReader;
use age::{Decryptor, IdentityFile};
use std::collections::BTreeMap;
use std::io::{BufReader, Cursor, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The variable that holds an identity where the settings name none.
const VARIABLE: &str = defaults::AGE_KEY;
/// Their configuration directory, unless they name another: the identity file of the user who runs it is below it.
const CONFIG: &str = "~/.config/";

/// Its names and values. Values are never part of a message.
pub(super) fn read_names(
    secrets: &Secrets,
    file: &str,
    identity: Option<&String>,
) -> Result<BTreeMap<String, String>, String> {
    let sealed = std::fs::read(secrets.book_dir.join(file)).map_err(|error| format!("secrets file {file}: {error}"))?;
    let (from, key) = key(secrets, file, identity)?;
    let keys = IdentityFile::from_buffer(Cursor::new(key.as_bytes()))
        .and_then(|keys| keys.into_identities().map_err(|error| std::io::Error::other(error.to_string())));
    let keys = keys.map_err(|_| {
        format!("{from} holds no age identity: it has a line AGE-SECRET-KEY-1…, as `age-keygen` writes it")
    })?;
    let text =
        opened(&sealed, &keys).map_err(|why| format!("secrets file {file} can't be opened with {from}: {why}"))?;
    names(&text).map_err(|line| format!("secrets file {file}, line {line}: write one `NAME: value` a line"))
}

fn opened(sealed: &[u8], keys: &[Box<dyn age::Identity + Send + Sync>]) -> Result<String, String> {
    let decryptor = Decryptor::new_buffered(BufReader::new(ArmoredReader::new(sealed)));
    let decryptor = decryptor.map_err(|error| error.to_string())?;
    if decryptor.is_scrypt() {
        return Err("it was encrypted with a passphrase, which nobody is there to type: encrypt it to a key".into());
    }
    let reader = decryptor.decrypt(keys.iter().map(|key| &**key as &dyn age::Identity));
    let mut text = String::new();
    let read = reader.map_err(|error| error.to_string())?.take(MAX_SECRETS as u64 + 1).read_to_string(&mut text);
    read.map_err(|error| error.to_string())?;
    if text.len() as u64 > MAX_SECRETS as u64 { Err(format!("it has more than {MAX_SECRETS} bytes")) } else { Ok(text) }
}

/// Where the identity is, in words, and its text: `$NAME` is a variable, anything else a file of the book.
fn key(secrets: &Secrets, file: &str, identity: Option<&String>) -> Result<(String, String), String> {
    let variable = |name: &str| secrets.environment.get(name).cloned();
    match identity {
        Some(name) if name.starts_with('$') => {
            let name = name.trim_start_matches('$');
            let missing = || format!("secrets file {file} is opened with ${name}, which is not set");
            Ok((format!("${name}"), variable(name).ok_or_else(missing)?))
        }
        Some(path) => from_file(&secrets.book_dir.join(path)),
        None => match (variable(VARIABLE), in_config(secrets)) {
            (Some(key), _) => Ok((format!("${VARIABLE}"), key)),
            (None, Some(path)) if path.exists() => from_file(&path),
            (None, path) => {
                let place = path.map_or_else(String::new, |path| format!(", or into {}", path.display()));
                Err(format!(
                    "secrets file {file} has no identity to be opened with: name one, \
                     `{{ age: {file}, identity: key.txt }}`, or put it into ${VARIABLE}{place}"
                ))
            }
        },
    }
}

fn in_config(secrets: &Secrets) -> Option<PathBuf> {
    let set = |name: &str| secrets.environment.get(name).filter(|value| !value.is_empty());
    let config = set("XDG_CONFIG_HOME").map(PathBuf::from);
    config
        .or_else(|| Some(Path::new(set("HOME")?).join(".config")))
        .map(|config| config.join(defaults::AGE_FILE.trim_start_matches(CONFIG)))
}

fn from_file(path: &Path) -> Result<(String, String), String> {
    let shown = path.display();
    let metadata = std::fs::metadata(path).map_err(|error| format!("age identity {shown}: {error}"))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(format!("age identity {shown} may be read by others (mode {mode:04o}): chmod 600 {shown}"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| format!("age identity {shown}: {error}"))?;
    Ok((shown.to_string(), text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use age::secrecy::ExposeSecret;
    use age::x25519::Identity;

    struct House {
        dir: tempfile::TempDir,
        secrets: Secrets,
    }

    impl House {
        fn new(vars: &[(&str, &str)]) -> Self {
            let dir = tempfile::tempdir().expect("dir");
            let environment = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let secrets = Secrets { environment, book_dir: dir.path().into(), ..Secrets::default() };
            Self { dir, secrets }
        }

        fn write(&self, name: &str, bytes: &[u8], mode: u32) {
            let path = self.dir.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a directory")).expect("made");
            std::fs::write(&path, bytes).expect("written");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("mode");
        }

        fn read(&self, identity: Option<&str>) -> Result<BTreeMap<String, String>, String> {
            read_names(&self.secrets, "secrets.age", identity.map(str::to_owned).as_ref())
        }
    }

    #[test]
    fn a_file_encrypted_to_a_key_is_opened_wherever_the_key_is() {
        let key = Identity::generate();
        let text = "TOKEN: hunter2\nQUOTED: \"a: b\"\n";
        let key_text = key.to_string().expose_secret().to_owned();
        let home = House::new(&[("THE_KEY", &key_text)]);
        home.write("key.txt", format!("# made by age-keygen\n{key_text}\n").as_bytes(), 0o600);
        let binary = age::encrypt(&key.to_public(), text.as_bytes()).expect("encrypted");
        let armored = age::encrypt_and_armor(&key.to_public(), text.as_bytes()).expect("encrypted");
        for sealed in [binary, armored.into_bytes()] {
            home.write("secrets.age", &sealed, 0o644);
            for identity in ["key.txt", "$THE_KEY"] {
                let names = home.read(Some(identity)).expect("opened");
                assert_eq!(names["TOKEN"], "hunter2");
                assert_eq!(names["QUOTED"], "a: b");
            }
        }
        let none = home.read(None).expect_err("no identity");
        assert!(none.contains("has no identity to be opened with: name one"), "{none}");
        for vars in [vec![(VARIABLE, key_text.as_str())], vec![("XDG_CONFIG_HOME", "config")]] {
            let home = House::new(&vars);
            let config = home.dir.path().join("config");
            let mut home = home;
            home.secrets.environment.entry("XDG_CONFIG_HOME".into()).and_modify(|path| {
                *path = config.display().to_string();
            });
            home.write("config/stepladder/age.txt", key_text.as_bytes(), 0o600);
            home.write("secrets.age", &age::encrypt(&key.to_public(), text.as_bytes()).expect("encrypted"), 0o644);
            assert_eq!(home.read(None).expect("opened")["TOKEN"], "hunter2");
        }
    }

    #[test]
    fn what_cannot_be_opened_is_a_sentence() {
        let (key, other) = (Identity::generate(), Identity::generate());
        let other = other.to_string().expose_secret().to_owned();
        let home = House::new(&[("OTHER", &other), ("NONE", "hello")]);
        assert_eq!(
            home.read(Some("$OTHER")).expect_err("no file"),
            "secrets file secrets.age: No such file or directory (os error 2)"
        );
        home.write("secrets.age", &age::encrypt(&key.to_public(), b"TOKEN: hunter2\n").expect("encrypted"), 0o644);
        home.write("key.txt", other.as_bytes(), 0o644);
        for (identity, says) in [
            ("$OTHER", "secrets file secrets.age can't be opened with $OTHER: No matching keys found"),
            ("$UNSET", "secrets file secrets.age is opened with $UNSET, which is not set"),
            ("$NONE", "$NONE holds no age identity: it has a line AGE-SECRET-KEY-1"),
            ("lost.txt", "lost.txt: No such file or directory"),
            ("key.txt", "key.txt may be read by others (mode 0644): chmod 600 "),
        ] {
            let why = home.read(Some(identity)).expect_err(identity);
            assert!(why.contains(says), "{identity}: {why}");
        }
        home.write("secrets.age", b"TOKEN: plain\n", 0o644);
        let plain = home.read(Some("$OTHER")).expect_err("not encrypted");
        assert!(plain.starts_with("secrets file secrets.age can't be opened with $OTHER: "), "{plain}");
        let passphrase = age::scrypt::Recipient::new("correct horse".to_owned().into());
        home.write("secrets.age", &age::encrypt(&passphrase, b"TOKEN: x\n").expect("encrypted"), 0o644);
        let typed = home.read(Some("$OTHER")).expect_err("a passphrase");
        assert!(typed.contains("encrypted with a passphrase"), "{typed}");
    }
}
