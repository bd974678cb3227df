//! Writing an archive and reading it back before it counts.

use crate::act::archive::manifest::{Manifest, Row};
use crate::act::archive::read::{Keys, Visit, read};
use crate::act::archive::{Archive, MANIFEST};
use crate::act::door::{Draft, Looks};
use crate::act::pack::{self, Encoder, Format};
use crate::act::roots::Halt;
use crate::base::digest::{Digest, Hasher};
use age::x25519::{Identity, Recipient};
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::PathBuf;

/// Opens the bytes of a file anew.
pub(in crate::act) type Content = Box<dyn Fn() -> io::Result<File>>;

/// One file that is to be in the archive.
pub(in crate::act) struct Part {
    pub(in crate::act) root: String,
    pub(in crate::act) path: PathBuf,
    /// How many bytes; what was appended meanwhile belongs to the next backup.
    pub(in crate::act) bytes: u64,
    pub(in crate::act) looks: Looks,
    pub(in crate::act) database: bool,
    pub(in crate::act) content: Content,
}

/// What was written and read back.
#[derive(Debug)]
pub(in crate::act) struct Written {
    pub(in crate::act) bytes: u64,
    /// Of the archive itself.
    pub(in crate::act) sum: Digest,
}

/// The way of the bytes to the disk: encrypted or not.
enum Sealed<W: Write> {
    Plain(W),
    Age(Box<age::stream::StreamWriter<W>>),
}

impl<W: Write> Write for Sealed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(to) => to.write(bytes),
            Self::Age(to) => to.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(to) => to.flush(),
            Self::Age(to) => to.flush(),
        }
    }
}

/// Writes the archive into the draft and reads all of it back: every file with the bytes that went in.
///
/// An encrypted one is also encrypted to a key that exists only here, with which it is read back.
pub(in crate::act) fn write(
    draft: &mut Draft,
    archive: &Archive,
    recipients: &[String],
    parts: &[Part],
    start: Manifest,
    halt: &Halt,
) -> io::Result<Written> {
    let own = archive.sealed.then(Identity::generate);
    let to = BufWriter::with_capacity(1 << 20, draft.file());
    let sealed = match &own {
        None => Sealed::Plain(to),
        Some(own) => Sealed::Age(Box::new(encryptor(recipients, own)?.wrap_output(to)?)),
    };
    let mut tar = tar::Builder::new(archive.format.encoder(sealed)?);
    let mut manifest = start;
    for part in parts {
        halt.check()?;
        manifest.rows.push(add(&mut tar, part, halt)?);
    }
    let text = manifest.to_text();
    let mut header = header(text.len() as u64, Looks { mode: 0o600, owner: (0, 0), changed: (0, 0) });
    tar.append_data(&mut header, MANIFEST, text.as_bytes())?;
    tar.finish()?;
    let mut to = match Encoder::finish(tar.into_inner()?)? {
        Sealed::Plain(to) => to,
        Sealed::Age(to) => to.finish()?,
    };
    to.flush()?;
    drop(to);
    draft.file().sync_all()?;
    let keys: Keys = match own {
        None => Vec::new(),
        Some(own) => vec![Box::new(own)],
    };
    let found = read(draft.reopen()?, archive, &keys, halt, &mut |_: Visit<'_, '_>| Ok(()))?;
    if found != manifest {
        return Err(io::Error::other("the archive can't be read back as it was written: is the disk good?"));
    }
    let (sum, bytes) = pack::sum(&mut draft.reopen()?, halt)?;
    Ok(Written { bytes, sum })
}

fn encryptor(recipients: &[String], own: &Identity) -> io::Result<age::Encryptor> {
    let mut all = Vec::new();
    for text in recipients {
        let recipient: Recipient = text.trim().parse().map_err(|why: &str| {
            io::Error::new(io::ErrorKind::InvalidInput, format!("`{text}` is no recipient of age (`age1…`): {why}"))
        })?;
        all.push(recipient);
    }
    all.push(own.to_public());
    age::Encryptor::with_recipients(all.iter().map(|recipient| recipient as &dyn age::Recipient))
        .map_err(io::Error::other)
}

fn header(bytes: u64, looks: Looks) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_size(bytes);
    header.set_mode(looks.mode & 0o7777);
    header.set_uid(looks.owner.0.into());
    header.set_gid(looks.owner.1.into());
    header.set_mtime(u64::try_from(looks.changed.0).unwrap_or_default());
    header
}

fn add<W: Write>(tar: &mut tar::Builder<W>, part: &Part, halt: &Halt) -> io::Result<Row> {
    let shown = format!("{}/{}", part.root, part.path.display());
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{shown}: {error}"));
    let file = (part.content)().map_err(named)?;
    let mut summed = Summed { from: file.take(part.bytes), sum: Hasher::default(), bytes: 0, halt };
    tar.append_data(&mut header(part.bytes, part.looks), &shown, &mut summed)?;
    if summed.bytes != part.bytes {
        return Err(io::Error::other(format!("{shown} got shorter while it was read: try again when it is quiet")));
    }
    let (root, path) = (part.root.clone(), part.path.clone());
    let (bytes, sum) = (summed.bytes, summed.sum.finish());
    Ok(Row { root, path, bytes, sum, looks: part.looks, database: part.database })
}

/// Reads, and sums up what was read.
struct Summed<'a, R> {
    from: R,
    sum: Hasher,
    bytes: u64,
    halt: &'a Halt,
}

impl<R: Read> Read for Summed<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.halt.check().map_err(io::Error::other)?;
        let read = self.from.read(into)?;
        self.sum.update(into.get(..read).unwrap_or_default());
        self.bytes += read as u64;
        Ok(read)
    }
}

impl Archive {
    /// The format its name says.
    pub(in crate::act) fn ending(format: Format, sealed: bool) -> String {
        format!(".tar.{}{}", format.ending(), if sealed { ".age" } else { "" })
    }
}
