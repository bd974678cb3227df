//! Reading an archive: whole, or not at all.

use crate::act::archive::manifest::{Manifest, placed};
use crate::act::archive::{Archive, MANIFEST};
use crate::act::door::{Door, Found};
use crate::act::pack;
use crate::act::roots::Halt;
use crate::base::digest::{Digest, Hasher};
use crate::base::limits::{MAX_MANIFEST, MAX_TREE};
use age::{Decryptor, IdentityFile};
use std::collections::BTreeMap;
use std::io::{self, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

/// What opens encrypted archives.
pub(in crate::act) type Keys = Vec<Box<dyn age::Identity + Send + Sync>>;

/// A file of an archive that is being read. What is not read of it is read past, and summed up all the same.
pub(in crate::act) struct Visit<'a, 'b> {
    pub(in crate::act) root: &'a str,
    pub(in crate::act) path: &'a Path,
    pub(in crate::act) content: &'a mut Watched<'b>,
}

/// Sums up what passes.
pub(in crate::act) struct Watched<'a> {
    from: &'a mut dyn Read,
    sum: Hasher,
    bytes: u64,
}

impl Read for Watched<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(into)?;
        self.sum.update(into.get(..read).unwrap_or_default());
        self.bytes += read as u64;
        Ok(read)
    }
}

/// The identities in a text or a file's text: lines `AGE-SECRET-KEY-1…`.
pub(in crate::act) fn keys(text: &str) -> Result<Keys, String> {
    let keys = IdentityFile::from_buffer(Cursor::new(text.as_bytes())).map_err(|error| error.to_string());
    let keys = keys.and_then(|keys| keys.into_identities().map_err(|error| error.to_string()));
    keys.map_err(|_| "it holds no age identity: a line AGE-SECRET-KEY-1…, as `age-keygen` writes it".into())
}

/// Reads all of an archive. `visit` sees each file before its checksum is known; what it made of a file counts only
/// when this ends well.
pub(in crate::act) fn read(
    file: impl Read,
    archive: &Archive,
    keys: &Keys,
    halt: &Halt,
    visit: &mut dyn FnMut(Visit<'_, '_>) -> io::Result<()>,
) -> io::Result<Manifest> {
    let file = BufReader::with_capacity(1 << 20, file);
    let plain: Box<dyn Read + '_> = if archive.sealed { Box::new(opened(file, keys)?) } else { Box::new(file) };
    let mut tar = tar::Archive::new(archive.format.decoder(plain)?);
    let mut seen: BTreeMap<(String, PathBuf), (u64, Digest)> = BTreeMap::new();
    let mut manifest = None;
    for entry in tar.entries()? {
        halt.check()?;
        let mut entry = entry?;
        if manifest.is_some() {
            return Err(damaged("something stands behind its manifest"));
        }
        let name = String::from_utf8(entry.path_bytes().into_owned()).map_err(|_| damaged("a name is no UTF-8"))?;
        if entry.header().entry_type() != tar::EntryType::Regular {
            return Err(damaged(&format!("`{name}` is no regular file")));
        }
        if name == MANIFEST {
            let mut text = String::new();
            let read = (&mut entry).take(MAX_MANIFEST as u64 + 1).read_to_string(&mut text)?;
            if read > MAX_MANIFEST {
                return Err(damaged(&format!("its manifest has more than {MAX_MANIFEST} bytes")));
            }
            manifest = Some(Manifest::parse(&text).map_err(|why| damaged(&why))?);
            continue;
        }
        let place = name.split_once('/').and_then(|(root, path)| placed(root, path));
        let (root, path) = place.ok_or_else(|| damaged(&format!("`{name}` leads outside")))?;
        let mut content = Watched { from: &mut entry, sum: Hasher::default(), bytes: 0 };
        visit(Visit { root: &root, path: &path, content: &mut content })?;
        pack::copy(&mut content, &mut io::sink(), halt)?;
        let Watched { sum, bytes, .. } = content;
        if seen.len() >= MAX_TREE || seen.insert((root, path), (bytes, sum.finish())).is_some() {
            return Err(damaged(&format!("`{name}` is in it twice, or there are too many files")));
        }
    }
    // To the very end: only there the checksums of the compression and the encryption are looked at.
    let mut rest = tar.into_inner();
    let mut piece = [0; 8192];
    loop {
        let read = rest.read(&mut piece)?;
        if read == 0 {
            break;
        }
        if piece.iter().take(read).any(|byte| *byte != 0) {
            return Err(damaged("something stands behind its end"));
        }
    }
    let manifest = manifest.ok_or_else(|| damaged("it has no manifest: it ends too early"))?;
    for row in &manifest.rows {
        match seen.remove(&(row.root.clone(), row.path.clone())) {
            Some(found) if found == (row.bytes, row.sum) => {}
            Some(_) => return Err(damaged(&format!("{} has other bytes than its manifest says", row.shown()))),
            None => return Err(damaged(&format!("{} is not in it, or twice in its manifest", row.shown()))),
        }
    }
    match seen.keys().next() {
        None => Ok(manifest),
        Some((root, path)) => Err(damaged(&format!("{root}/{} is not in its manifest", path.display()))),
    }
}

/// Reads all of an archive and keeps nothing but its manifest.
pub(in crate::act) fn verify(
    door: &Door,
    found: &Found,
    archive: &Archive,
    keys: &Keys,
    halt: &Halt,
) -> io::Result<Manifest> {
    read(door.read(found)?, archive, keys, halt, &mut |_: Visit<'_, '_>| Ok(()))
}

fn opened<R: Read>(file: BufReader<R>, keys: &Keys) -> io::Result<impl Read + use<R>> {
    if keys.is_empty() {
        return Err(io::Error::other("it is encrypted: name a key with `identity`"));
    }
    let decryptor = Decryptor::new_buffered(file).map_err(|error| damaged(&error.to_string()))?;
    let keys = keys.iter().map(|key| &**key as &dyn age::Identity);
    decryptor.decrypt(keys).map_err(|error| io::Error::other(format!("it can't be opened: {error}")))
}

fn damaged(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
