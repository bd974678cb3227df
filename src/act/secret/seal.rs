//! The key file and what is sealed under it: secret inputs, which have to be kept with their run.
//!
//! AES-256-GCM with a random nonce for each value. The key file is made when the first value is sealed; it
//! is nobody's but the owner's (0600), is never exported, and goes wherever the data directory goes.

use crate::base::digest::Digest;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The key file, in the data directory.
const KEY_FILE: &str = "seal.key";
/// Bytes of a key.
const KEY_LEN: usize = 32;
/// What a sealed text is authenticated with beside its key: another use of the key opens nothing here.
const PURPOSE: &[u8] = b"stepladder: a secret input";

/// Seals and opens under the key file of one data directory.
#[derive(Debug, Clone)]
pub struct Seal {
    file: PathBuf,
}

/// A key and what it is called in sealed texts.
struct Key {
    id: String,
    cipher: LessSafeKey,
    mac: hmac::Key,
}

/// Bytes of a signature.
pub(super) const SIGNATURE: usize = 16;

impl Seal {
    /// The seal of that data directory.
    #[must_use]
    pub fn of(data: &Path) -> Self {
        Self { file: data.join(KEY_FILE) }
    }

    /// The value, sealed. Makes the key file where there is none.
    ///
    /// # Errors
    /// A sentence, when the key file can't be made or read.
    pub fn close(&self, value: &str) -> Result<String, String> {
        let key = match self.key()? {
            Some(key) => key,
            None => self.made()?,
        };
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| "the system gives no random numbers".to_owned())?;
        let mut bytes = value.as_bytes().to_vec();
        let sealed =
            key.cipher.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(PURPOSE), &mut bytes);
        sealed.map_err(|_| "the value could not be sealed".to_owned())?;
        Ok(format!("{}:{}{}", key.id, hex(&nonce), hex(&bytes)))
    }

    /// The value of a sealed text.
    ///
    /// # Errors
    /// A sentence: the key file is lost, is another one, or the text is damaged. Never with a value.
    pub fn open(&self, text: &str) -> Result<String, String> {
        let (id, rest) = text.split_once(':').ok_or("what was kept of it is damaged")?;
        let out = "put the key file of the data directory that took it back there, or start the run anew with \
                   `stepladder run` and give it again";
        let file = self.file.display();
        let Some(key) = self.key()? else {
            return Err(format!("it is sealed under the key {id}, and the key file `{file}` is not there: {out}"));
        };
        if key.id != id {
            return Err(format!(
                "it is sealed under the key {id}, and the key file `{file}` holds the key {}: {out}",
                key.id
            ));
        }
        let damaged = || format!("what was kept of it is damaged: the key {id} does not open it");
        let bytes = unhex(rest).filter(|bytes| bytes.len() > NONCE_LEN).ok_or_else(damaged)?;
        let (nonce, sealed) = bytes.split_at(NONCE_LEN);
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
        let mut sealed = sealed.to_vec();
        let opened = key.cipher.open_in_place(nonce, Aad::from(PURPOSE), &mut sealed).map_err(|_| damaged())?;
        String::from_utf8(opened.to_vec()).map_err(|_| damaged())
    }

    /// The signature of some bytes; makes the key file where there is none.
    ///
    /// # Errors
    /// A sentence, when the key file can't be made or read.
    pub fn sign(&self, bytes: &[u8]) -> Result<[u8; SIGNATURE], String> {
        let key = match self.key()? {
            Some(key) => key,
            None => self.made()?,
        };
        let tag = hmac::sign(&key.mac, bytes);
        let mut signature = [0; SIGNATURE];
        signature.copy_from_slice(&tag.as_ref()[..SIGNATURE]);
        Ok(signature)
    }

    /// Whether that is the signature of these bytes. Takes as long for a wrong one as for a right one.
    #[must_use]
    pub fn is_signed(&self, bytes: &[u8], signature: &[u8]) -> bool {
        let Ok(Some(key)) = self.key() else { return false };
        let tag = hmac::sign(&key.mac, bytes);
        let differs = tag.as_ref()[..SIGNATURE].iter().zip(signature).fold(0, |differs, (a, b)| differs | (a ^ b));
        signature.len() == SIGNATURE && differs == 0
    }

    /// The key of the key file; `None` where there is no file.
    fn key(&self) -> Result<Option<Key>, String> {
        let file = self.file.display();
        let metadata = match std::fs::metadata(&self.file) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("the key file `{file}` can't be read: {error}")),
        };
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(format!("the key file `{file}` may be read by others (mode {mode:04o}): chmod 600 {file}"));
        }
        let text = std::fs::read_to_string(&self.file).map_err(|error| format!("the key file `{file}`: {error}"))?;
        let bytes = unhex(text.trim_end()).filter(|bytes| bytes.len() == KEY_LEN);
        let bytes = bytes.ok_or_else(|| format!("the key file `{file}` is damaged: it holds no key"))?;
        key(&bytes).map(Some)
    }

    /// Makes the key file: whole or not at all, and never over another.
    fn made(&self) -> Result<Key, String> {
        let mut bytes = [0; KEY_LEN];
        SystemRandom::new().fill(&mut bytes).map_err(|_| "the system gives no random numbers".to_owned())?;
        let written = self.write(&bytes);
        written.map_err(|error| format!("the key file `{}` can't be made: {error}", self.file.display()))?;
        // Whoever was first has made the key.
        self.key()?.ok_or_else(|| format!("the key file `{}` was made and is gone", self.file.display()))
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let unfinished = self.file.with_extension("new");
        match std::fs::remove_file(&unfinished) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        file.write_all(format!("{}\n", hex(bytes)).as_bytes())?;
        file.sync_all()?;
        match std::fs::hard_link(&unfinished, &self.file) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            Ok(()) | Err(_) => {}
        }
        std::fs::remove_file(&unfinished)?;
        let directory = self.file.parent().unwrap_or(Path::new("."));
        File::open(directory)?.sync_all()
    }
}

fn key(bytes: &[u8]) -> Result<Key, String> {
    let key = UnboundKey::new(&AES_256_GCM, bytes).map_err(|_| "the key file holds no key".to_owned())?;
    let id = Digest::of_parts(&[b"key id", bytes]).to_string()[..16].to_owned();
    let mac = Digest::of_parts(&[b"stepladder: a link", bytes]);
    Ok(Key { id, cipher: LessSafeKey::new(key), mac: hmac::Key::new(hmac::HMAC_SHA256, mac.to_string().as_bytes()) })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_under_its_own_key_only() {
        let (here, there) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
        let seal = Seal::of(here.path());
        let text = seal.close("hunter2").expect("sealed");
        assert_eq!(seal.open(&text).as_deref(), Ok("hunter2"));
        assert_ne!(text, seal.close("hunter2").expect("sealed"), "the same value never looks the same");
        let mode = std::fs::metadata(here.path().join(KEY_FILE)).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);

        let mut damaged = text.clone();
        damaged.replace_range(text.len() - 1.., if text.ends_with('0') { "1" } else { "0" });
        for (text, says) in [
            (damaged.as_str(), "what was kept of it is damaged: the key "),
            ("nonsense", "what was kept of it is damaged"),
            (&text[..30], "what was kept of it is damaged: the key "),
        ] {
            let why = seal.open(text).expect_err(text);
            assert!(why.starts_with(says), "{why}");
        }

        let other = Seal::of(there.path());
        let lost = other.open(&text).expect_err("no key file");
        assert!(lost.contains("seal.key` is not there: put the key file of the data directory"), "{lost}");
        other.close("x").expect("sealed");
        let wrong = other.open(&text).expect_err("another key");
        assert!(wrong.contains("seal.key` holds the key "), "{wrong}");

        // A data directory that moves takes its key along.
        std::fs::copy(here.path().join(KEY_FILE), there.path().join(KEY_FILE)).expect("moved");
        assert_eq!(other.open(&text).as_deref(), Ok("hunter2"));
    }

    #[test]
    fn a_key_file_that_others_may_read_or_that_is_none_is_refused() {
        let dir = tempfile::tempdir().expect("dir");
        let seal = Seal::of(dir.path());
        seal.close("x").expect("sealed");
        let file = dir.path().join(KEY_FILE);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).expect("mode");
        let open = seal.close("x").expect_err("others can read it");
        assert!(open.contains("may be read by others (mode 0640): chmod 600 "), "{open}");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("mode");
        std::fs::write(&file, "00ff\n").expect("written");
        let none = seal.close("x").expect_err("no key");
        assert!(none.ends_with("is damaged: it holds no key"), "{none}");
    }

    #[test]
    fn a_key_file_is_never_written_over_and_what_a_crash_left_is_no_key() {
        let dir = tempfile::tempdir().expect("dir");
        let seal = Seal::of(dir.path());
        std::fs::write(dir.path().join("seal.new"), "half").expect("left by a crash");
        let text = seal.close("x").expect("sealed");
        seal.write(&[7; KEY_LEN]).expect("done");
        assert_eq!(seal.open(&text).as_deref(), Ok("x"));
        assert!(!dir.path().join("seal.new").exists());
    }
}
