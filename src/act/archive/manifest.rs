//! What is in an archive: a row for each file, with its checksum.

use crate::act::door::Looks;
use crate::base::digest::Digest;
use crate::base::ids::Name;
use crate::base::value::{Map, Value, json};
use std::path::{Component, Path, PathBuf};

/// The version of manifests that this release writes and reads.
const VERSION: u64 = 1;

/// One file of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::act) struct Row {
    pub(in crate::act) root: String,
    /// Below the root.
    pub(in crate::act) path: PathBuf,
    pub(in crate::act) bytes: u64,
    pub(in crate::act) sum: Digest,
    pub(in crate::act) looks: Looks,
    /// Whether it is a copy of a database, made by SQLite itself.
    pub(in crate::act) database: bool,
}

/// The whole of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::act) struct Manifest {
    pub(in crate::act) name: String,
    /// RFC 3339.
    pub(in crate::act) made: String,
    pub(in crate::act) run: String,
    pub(in crate::act) rows: Vec<Row>,
    /// Root and path of what was not there: a restore of this archive takes it away.
    pub(in crate::act) absent: Vec<(String, PathBuf)>,
    pub(in crate::act) skipped: Vec<String>,
}

impl Row {
    /// Root and path, as `config/app.yaml`.
    pub(in crate::act) fn shown(&self) -> String {
        format!("{}/{}", self.root, self.path.display())
    }
}

impl Manifest {
    pub(super) fn to_text(&self) -> String {
        let rows = self.rows.iter().map(|row| {
            let (uid, gid) = row.looks.owner;
            json!({
                "root": row.root,
                "path": row.path.display().to_string(),
                "bytes": row.bytes,
                "sha256": row.sum.to_string(),
                "mode": format!("{:04o}", row.looks.mode & 0o7777),
                "uid": uid,
                "gid": gid,
                "changed": [row.looks.changed.0, row.looks.changed.1],
                "database": row.database,
            })
        });
        let absent = self.absent.iter().map(|(root, path)| json!([root, path.display().to_string()]));
        let value = json!({
            "stepladder_backup": VERSION,
            "name": self.name,
            "made": self.made,
            "run": self.run,
            "files": rows.collect::<Vec<_>>(),
            "absent": absent.collect::<Vec<_>>(),
            "skipped": self.skipped,
        });
        format!("{value:#}\n")
    }

    /// The manifest a text is; the error says why it is none.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| format!("its manifest is no JSON: {error}"))?;
        match value.get("stepladder_backup").and_then(Value::as_u64) {
            Some(VERSION) => {}
            Some(version) => {
                return Err(format!("it was made by another release (version {version}, this one reads {VERSION})"));
            }
            None => return Err("it has a manifest of something else".into()),
        }
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let list = |key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        let rows = list("files").iter().map(|row| row.as_object().and_then(row_of)).collect::<Option<_>>();
        let absent = list("absent").iter().map(absent_of).collect::<Option<_>>();
        let (Some(rows), Some(absent)) = (rows, absent) else {
            return Err("its manifest has a row that is none, or one that leads outside".into());
        };
        let skipped = list("skipped").iter().filter_map(|why| why.as_str().map(str::to_owned)).collect();
        Ok(Self { name: text("name"), made: text("made"), run: text("run"), rows, absent, skipped })
    }
}

fn row_of(row: &Map<String, Value>) -> Option<Row> {
    let text = |key: &str| row.get(key).and_then(Value::as_str);
    let whole = |key: &str| row.get(key).and_then(Value::as_u64);
    let small = |key: &str| whole(key).and_then(|number| u32::try_from(number).ok());
    let part = |index: usize| row.get("changed")?.get(index)?.as_i64();
    let (root, path) = placed(text("root")?, text("path")?)?;
    let nanos = part(1).filter(|nanos| (0..1_000_000_000).contains(nanos))?;
    Some(Row {
        root,
        path,
        bytes: whole("bytes")?,
        sum: Digest::parse(text("sha256")?)?,
        looks: Looks {
            mode: u32::from_str_radix(text("mode")?, 8).ok()? & 0o7777,
            owner: (small("uid")?, small("gid")?),
            changed: (part(0)?, nanos),
        },
        database: row.get("database").and_then(Value::as_bool)?,
    })
}

fn absent_of(value: &Value) -> Option<(String, PathBuf)> {
    placed(value.get(0)?.as_str()?, value.get(1)?.as_str()?)
}

/// A root's name and a path below it, where they are that and nothing else.
pub(super) fn placed(root: &str, path: &str) -> Option<(String, PathBuf)> {
    let root = Name::parse(root).ok()?.to_string();
    let path = Path::new(path);
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    // What `components` tidies away (`a//b`, `a/.`) was not written by us.
    let tidy = path.components().collect::<PathBuf>().as_os_str() == path.as_os_str();
    let some = path.components().next().is_some() && !path.to_string_lossy().contains('\0');
    (plain && tidy && some).then(|| (root, path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_below_its_root_or_refused() {
        for (root, path, good) in [
            ("config", "a/b.yaml", true),
            ("config", ".env", true),
            ("config", "../b", false),
            ("config", "a/../../b", false),
            ("config", "/etc/passwd", false),
            ("config", "", false),
            ("config", ".", false),
            ("config", "a//b", false),
            ("config", "a/", false),
            ("..", "a", false),
            ("", "a", false),
            ("a/b", "c", false),
            ("config", "a\0b", false),
        ] {
            assert_eq!(placed(root, path).is_some(), good, "{root:?} {path:?}");
        }
    }

    #[test]
    fn a_manifest_is_read_as_it_was_written_and_a_newer_one_is_refused() {
        let row = Row {
            root: "config".into(),
            path: "a/b.yaml".into(),
            bytes: 3,
            sum: Digest::of(b"abc"),
            looks: Looks { mode: 0o4640, owner: (1000, 100), changed: (-5, 7) },
            database: true,
        };
        let manifest = Manifest {
            name: "configs".into(),
            made: "2026-01-02T03:04:05Z".into(),
            run: "r".into(),
            rows: vec![row],
            absent: vec![("data".into(), "a.db-wal".into())],
            skipped: vec!["x".into()],
        };
        let text = manifest.to_text();
        assert_eq!(Manifest::parse(&text), Ok(manifest));
        let newer = Manifest::parse(&text.replace("\"stepladder_backup\": 1", "\"stepladder_backup\": 2"));
        assert_eq!(newer, Err("it was made by another release (version 2, this one reads 1)".into()));
        let outside = Manifest::parse(&text.replace("a/b.yaml", "../b.yaml"));
        assert!(outside.is_err(), "{outside:?}");
    }
}
