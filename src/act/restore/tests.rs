//! Backups and restores that are killed, damaged or attacked: nothing outside is touched, nothing good is lost.

use super::*;
use crate::act::door::fault;
use crate::base::digest::Digest;
use crate::base::value::Value;
use crate::model::book::Settings;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// A book with the roots `config`, `data` and `backups`.
struct House {
    dir: tempfile::TempDir,
}

impl House {
    fn new() -> Self {
        let house = Self { dir: tempfile::tempdir().expect("dir") };
        for root in ["config", "data"] {
            fs::create_dir_all(house.path(root)).expect("root");
        }
        house
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        fs::write(path, text).expect("written");
    }

    fn world(&self, second: i64) -> World {
        let root = |name: &str| (crate::base::ids::Name::parse(name).expect("name"), name.to_owned());
        let settings = Settings { roots: ["backups", "config", "data"].map(root).into(), ..Settings::default() };
        World {
            book_dir: self.dir.path().into(),
            run_dir: self.dir.path().join("run"),
            settings: Arc::new(settings),
            secrets: Arc::default(),
            base_env: Vec::new(),
            now: jiff::Timestamp::from_second(1_767_323_045 + second).expect("time"),
            ticks: || std::time::Duration::ZERO,
            timekeeping: || Err(std::io::ErrorKind::Unsupported.into()),
            say: Arc::new(|_| false),
            ladder: Arc::default(),
            posted: crate::act::channel::Posted::default(),
        }
    }

    fn args(params: Value) -> Args {
        let Value::Object(map) = params else { panic!("no map") };
        Args::from_map(map)
    }

    /// A backup at that second, on this thread.
    fn backup(&self, second: i64, params: Value) -> Result<Done, Failure> {
        crate::act::backup::run(&Self::args(params), &self.world(second), false)
    }

    fn restore(&self, second: i64, params: Value) -> Result<Done, Failure> {
        Order::read(&Self::args(params), &self.world(second), "r")?.run(false, &Halt::default())
    }

    fn rehearse(&self, second: i64, params: Value) -> Result<Done, Failure> {
        Order::read(&Self::args(params), &self.world(second), "r")?.run(true, &Halt::default())
    }

    /// Every file below these roots with its text; unfinished files are none.
    fn state(&self, roots: &[&str]) -> BTreeMap<String, Vec<u8>> {
        let mut state = BTreeMap::new();
        let mut left: Vec<PathBuf> = roots.iter().map(|root| self.path(root)).collect();
        while let Some(path) = left.pop() {
            if path.is_dir() {
                left.extend(fs::read_dir(&path).expect("list").map(|entry| entry.expect("entry").path()));
            } else if !path.to_string_lossy().ends_with(".stepladder-new") {
                let name = path.strip_prefix(self.dir.path()).expect("below").display().to_string();
                state.insert(name, fs::read(&path).expect("read"));
            }
        }
        state
    }

    fn archives(&self) -> Vec<String> {
        let list = fs::read_dir(self.path("backups")).expect("list");
        let names = list.map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> =
            names.filter(|name| name.contains(".tar.") && !name.ends_with(".sha256")).collect();
        names.sort();
        names
    }

    fn rows(&self) -> Vec<i64> {
        let database = rusqlite::Connection::open(self.path("data/app.db")).expect("open");
        let mut rows = database.prepare("select n from t order by n").expect("query");
        let rows = rows.query_map([], |row| row.get(0)).expect("rows");
        rows.map(|row| row.expect("row")).collect()
    }

    fn insert(&self, n: i64) {
        let database = rusqlite::Connection::open(self.path("data/app.db")).expect("open");
        database.execute_batch("create table if not exists t (n integer)").expect("table");
        database.execute("insert into t values (?1)", [n]).expect("insert");
    }
}

fn everything() -> Value {
    json!({ "to": "backups", "name": "all", "sources": { "config": "**", "data": "**" }, "missing": "ok" })
}

fn from_all() -> Value {
    json!({ "from": "backups", "name": "all" })
}

fn text(done: &Done, key: &str) -> String {
    crate::base::value::plain(&done.output[key])
}

#[test]
fn what_was_saved_comes_back_and_what_was_there_is_kept() {
    let house = House::new();
    house.write("config/app.yaml", "old");
    house.write("config/deep/er/.env", "SECRET=1");
    fs::set_permissions(house.path("config/deep/er/.env"), fs::Permissions::from_mode(0o600)).expect("mode");
    house.insert(1);
    let saved = house.state(&["config"]);
    let made = house.backup(0, everything()).expect("saved");
    assert_eq!((text(&made, "files"), text(&made, "databases")), ("3".into(), "1".into()));
    let mode = fs::metadata(text(&made, "path")).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    house.write("config/app.yaml", "new");
    house.write("config/other", "stays");
    fs::remove_file(house.path("config/deep/er/.env")).expect("removed");
    house.insert(2);
    let before = house.state(&["config"]);
    let would = house.rehearse(1, from_all()).expect("rehearsed");
    assert_eq!(house.state(&["config"]), before, "a dry run touches nothing");
    assert_eq!((text(&would, "changed"), text(&would, "added")), ("2".into(), "1".into()));
    let done = house.restore(1, from_all()).expect("restored");
    let mut wanted = saved;
    wanted.insert("config/other".into(), b"stays".to_vec());
    assert_eq!(house.state(&["config"]), wanted);
    let mode = fs::metadata(house.path("config/deep/er/.env")).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    assert_eq!(house.rows(), [1]);
    // And back again, by the safety backup: what was not there goes.
    let back = json!({ "from": "backups", "name": "all", "archive": text(&done, "safety") });
    house.restore(2, back).expect("restored");
    assert_eq!(house.state(&["config"]), before);
    assert_eq!(house.rows(), [1, 2]);
}

#[test]
fn a_database_in_use_is_copied_as_one_moment_of_it() {
    let house = House::new();
    house.insert(1);
    let open = rusqlite::Connection::open(house.path("data/app.db")).expect("open");
    open.execute_batch("pragma journal_mode = wal; insert into t values (2)").expect("written");
    open.execute_batch("begin; insert into t values (3)").expect("a transaction that is under way");
    house.backup(0, everything()).expect("saved");
    open.execute_batch("rollback").expect("rolled back");
    let busy = house.restore(1, from_all()).expect_err("it is open");
    assert!(busy.message.contains("has app.db open: stop it first"), "{}", busy.message);
    drop(open);
    house.insert(4);
    house.restore(2, from_all()).expect("restored");
    assert_eq!(house.rows(), [1, 2]);
}

#[test]
fn a_damaged_database_is_not_saved_and_nothing_older_goes() {
    let house = House::new();
    house.insert(1);
    let keep =
        json!({ "to": "backups", "name": "db", "databases": { "data": "*.db" }, "keep": { "last": 1, "at_least": 1 } });
    house.backup(0, keep.clone()).expect("saved");
    let mut bytes = fs::read(house.path("data/app.db")).expect("read");
    bytes[4096..].fill(0xAA);
    fs::write(house.path("data/app.db"), &bytes).expect("written");
    let failed = house.backup(1, keep.clone()).expect_err("damaged");
    assert!(failed.message.contains("nothing older was removed"), "{}", failed.message);
    assert_eq!(house.archives(), ["db-20260102T030405Z.tar.zst"]);
    // It is a reason to restore, and its bytes are kept all the same.
    let done = house.restore(2, json!({ "from": "backups", "name": "db" })).expect("restored");
    assert_eq!(house.rows(), [1]);
    let back = json!({ "from": "backups", "name": "db", "archive": text(&done, "safety") });
    house.restore(3, back).expect("restored");
    assert_eq!(fs::read(house.path("data/app.db")).expect("read"), bytes);
}

#[test]
fn only_good_archives_count_and_what_is_not_good_is_never_restored() {
    let house = House::new();
    house.write("config/a", &"hello ".repeat(200));
    let wish =
        json!({ "to": "backups", "name": "c", "sources": { "config": "**" }, "keep": { "last": 1, "at_least": 2 } });
    for second in 0..3 {
        house.backup(second, wish.clone()).expect("saved");
    }
    assert_eq!(house.archives(), ["c-20260102T030406Z.tar.zst", "c-20260102T030407Z.tar.zst"]);
    // The newer one is damaged: it does not count, and the older one stays.
    let bad = house.path("backups/c-20260102T030407Z.tar.zst");
    let mut bytes = fs::read(&bad).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&bad, bytes).expect("written");
    let done = house.backup(3, wish).expect("saved");
    assert!(done.findings[0].message.contains("c-20260102T030407Z.tar.zst is not good"), "{:?}", done.findings);
    assert!(house.archives().contains(&"c-20260102T030406Z.tar.zst".into()), "{:?}", house.archives());
    let named = json!({ "from": "backups", "name": "c", "archive": "c-20260102T030407Z.tar.zst" });
    let refused = house.restore(4, named).expect_err("damaged");
    assert!(
        refused.message.starts_with("nothing was restored: c-20260102T030407Z.tar.zst is not good"),
        "{}",
        refused.message
    );
    fs::remove_file(house.path("backups/c-20260102T030408Z.tar.zst")).expect("removed");
    let done = house.restore(5, json!({ "from": "backups", "name": "c" })).expect("restored");
    assert_eq!(text(&done, "archive"), "c-20260102T030406Z.tar.zst", "the newest good one");
}

#[test]
fn a_clock_that_was_set_back_removes_nothing() {
    let house = House::new();
    house.write("config/a", "a");
    let wish =
        json!({ "to": "backups", "name": "c", "sources": { "config": "**" }, "keep": { "last": 1, "at_least": 1 } });
    house.backup(100, wish.clone()).expect("saved");
    let done = house.backup(0, wish).expect("saved");
    assert_eq!(house.archives().len(), 2);
    assert!(done.findings[0].message.contains("is from the future"), "{:?}", done.findings);
}

#[test]
fn an_archive_with_any_byte_flipped_is_refused_or_the_same() {
    let house = House::new();
    house.write("config/a", "first");
    house.write("config/b", &"second ".repeat(50));
    for format in ["zstd", "gzip"] {
        let wish = json!({ "to": "backups", "name": format, "sources": { "config": "**" }, "format": format });
        let made = house.backup(0, wish).expect("saved");
        let path = PathBuf::from(text(&made, "path"));
        let (good, saved) = (fs::read(&path).expect("read"), house.state(&["config"]));
        let mut refused = 0;
        for at in (0..good.len()).step_by(3) {
            let mut bad = good.clone();
            bad[at] ^= 0x40;
            fs::write(&path, bad).expect("written");
            house.write("config/a", "other");
            let before = house.state(&["config"]);
            let second = i64::try_from(at).expect("small") + 1;
            match house.restore(second, json!({ "from": "backups", "name": format })) {
                Ok(_) => assert_eq!(house.state(&["config"]), saved, "{format}: flipped at {at}"),
                Err(failure) => {
                    refused += 1;
                    assert_eq!(house.state(&["config"]), before, "{format}: flipped at {at}: {}", failure.message);
                }
            }
        }
        assert!(refused * 10 > good.len() / 3 * 9, "{format}: only {refused} of {} were refused", good.len() / 3);
        fs::write(&path, &good).expect("written");
        house.restore(100_000, json!({ "from": "backups", "name": format })).expect("the good one");
    }
}

/// Path, type, and content or target.
type Entry = (&'static str, tar::EntryType, &'static str);

/// A tar with these entries, as an archive of `evil`.
fn hostile(house: &House, second: i64, entries: &[Entry], manifest: &Value) {
    fs::create_dir_all(house.path("backups")).expect("made");
    let archive = Archive::now("evil", house.world(second).now, Format::Gzip, false);
    let file = fs::File::create(house.path("backups").join(&archive.file)).expect("file");
    let mut tar = tar::Builder::new(Format::Gzip.encoder(file).expect("encoder"));
    let manifest = manifest.to_string();
    let last = [("manifest.json", tar::EntryType::Regular, manifest.as_str())];
    for (name, kind, content) in entries.iter().chain(&last) {
        let mut header = tar::Header::new_gnu();
        // As bytes: the library itself writes no such path.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        let link = matches!(kind, tar::EntryType::Symlink | tar::EntryType::Link);
        if link {
            header.as_old_mut().linkname[..content.len()].copy_from_slice(content.as_bytes());
        }
        let body = if link { "" } else { content };
        header.set_size(body.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append(&header, body.as_bytes()).expect("added");
    }
    tar.into_inner().expect("tar").finish().expect("finished");
}

#[test]
fn a_hostile_archive_writes_nothing_anywhere() {
    use tar::EntryType::{Block, Directory, Fifo, Link, Regular, Symlink};
    let row = |root: &str, path: &str, content: &str| {
        json!({ "root": root, "path": path, "bytes": content.len(),
            "sha256": Digest::of(content.as_bytes()).to_string(), "mode": "0644", "uid": 0, "gid": 0,
            "changed": [0, 0], "database": false })
    };
    let manifest = |rows: Vec<Value>| json!({ "stepladder_backup": 1, "name": "evil", "files": rows });
    let cases: Vec<(&str, Vec<Entry>, Value)> = vec![
        ("up", vec![("config/../../x", Regular, "x")], manifest(vec![row("config", "../../x", "x")])),
        ("up in the tar alone", vec![("config/../../x", Regular, "x")], manifest(vec![row("config", "x", "x")])),
        ("absolute", vec![("/etc/x", Regular, "x")], manifest(vec![row("", "etc/x", "x")])),
        (
            "a link",
            vec![("config/l", Symlink, "/etc"), ("config/l/x", Regular, "x")],
            manifest(vec![row("config", "l/x", "x")]),
        ),
        ("a hard link", vec![("config/l", Link, "/etc/passwd")], manifest(vec![])),
        ("a device", vec![("config/d", Block, "")], manifest(vec![])),
        ("a pipe", vec![("config/d", Fifo, "")], manifest(vec![])),
        ("a directory", vec![("config/d", Directory, "")], manifest(vec![])),
        ("another root", vec![("other/x", Regular, "x")], manifest(vec![row("other", "x", "x")])),
        ("not in the manifest", vec![("config/x", Regular, "x")], manifest(vec![])),
        ("other bytes", vec![("config/x", Regular, "y")], manifest(vec![row("config", "x", "x")])),
        (
            "twice",
            vec![("config/x", Regular, "x"), ("config/x", Regular, "x")],
            manifest(vec![row("config", "x", "x")]),
        ),
        ("only in the manifest", vec![], manifest(vec![row("config", "x", "x")])),
        (
            "newer",
            vec![("config/x", Regular, "x")],
            json!({ "stepladder_backup": 2, "files": [row("config", "x", "x")] }),
        ),
        ("no root", vec![("x", Regular, "x")], manifest(vec![])),
    ];
    for (what, entries, manifest) in cases {
        let house = House::new();
        house.write("config/mine", "mine");
        hostile(&house, 0, &entries, &manifest);
        let failure = house.restore(1, json!({ "from": "backups", "name": "evil" })).expect_err(what);
        assert!(failure.message.starts_with("nothing was restored"), "{what}: {}", failure.message);
        let left: BTreeSet<_> = house.state(&["config", "data"]).into_keys().collect();
        assert_eq!(left, BTreeSet::from(["config/mine".to_owned()]), "{what}");
        assert!(!house.path("x").exists() && !house.dir.path().parent().expect("parent").join("x").is_file(), "{what}");
    }
    // The same way with nothing evil in it is restored.
    let house = House::new();
    hostile(&house, 0, &[("config/x", Regular, "x")], &manifest(vec![row("config", "x", "x")]));
    house.restore(1, json!({ "from": "backups", "name": "evil" })).expect("restored");
    assert_eq!(fs::read_to_string(house.path("config/x")).expect("there"), "x");
}

#[test]
fn a_link_in_the_place_of_a_directory_leads_nowhere() {
    let house = House::new();
    house.write("config/deep/a", "old");
    house.backup(0, everything()).expect("saved");
    let outside = tempfile::tempdir().expect("dir");
    fs::write(outside.path().join("a"), "theirs").expect("written");
    fs::remove_dir_all(house.path("config/deep")).expect("removed");
    std::os::unix::fs::symlink(outside.path(), house.path("config/deep")).expect("link");
    let failure = house.restore(1, from_all()).expect_err("a link");
    assert!(failure.message.starts_with("nothing was restored"), "{}", failure.message);
    assert_eq!(fs::read_to_string(outside.path().join("a")).expect("theirs"), "theirs");
    assert_eq!(fs::read_dir(outside.path()).expect("list").count(), 1);
    // And nothing behind it is saved either.
    let saved =
        house.backup(2, json!({ "to": "backups", "name": "c", "sources": { "config": "**" }, "missing": "ok" }));
    assert!(saved.is_err_and(|failure| failure.message.starts_with("there is nothing to save")));
}

#[test]
fn an_encrypted_archive_opens_with_its_key_alone() {
    use age::secrecy::ExposeSecret;
    let house = House::new();
    house.write("config/a", "hunter2-hunter2");
    let (key, other) = (age::x25519::Identity::generate(), age::x25519::Identity::generate());
    let mut wish = everything();
    wish["encrypt"] = json!([key.to_public().to_string()]);
    let made = house.backup(0, wish).expect("saved");
    assert!(text(&made, "archive").ends_with(".tar.zst.age"));
    house.write("config/a", "other");
    let none = house.restore(1, from_all()).expect_err("no key");
    assert!(none.message.contains("it is encrypted: name a key with `identity`"), "{}", none.message);
    let with = |key: &age::x25519::Identity| {
        let (secret, public) = (key.to_string(), key.to_public().to_string());
        json!({ "from": "backups", "name": "all", "identity": secret.expose_secret(), "encrypt": public })
    };
    let wrong = house.restore(2, with(&other)).expect_err("another key");
    assert!(wrong.message.contains("can't be opened"), "{}", wrong.message);
    let done = house.restore(3, with(&key)).expect("restored");
    assert_eq!(fs::read_to_string(house.path("config/a")).expect("there"), "hunter2-hunter2");
    assert!(text(&done, "safety").ends_with(".tar.zst.age"));
    let key_file = house.path("key.txt");
    fs::write(&key_file, key.to_string().expose_secret()).expect("written");
    fs::set_permissions(&key_file, fs::Permissions::from_mode(0o644)).expect("mode");
    let by_file = json!({ "from": "backups", "name": "all", "identity": "key.txt" });
    let open = house.restore(4, by_file.clone()).expect_err("mode");
    assert!(open.message.contains("may be read by others (mode 0644): chmod 600"), "{}", open.message);
    fs::set_permissions(&key_file, fs::Permissions::from_mode(0o600)).expect("mode");
    house.restore(5, by_file).expect("restored");
}

/// Dies after the first change, the second, and so on until it no longer does; whatever was left, the next one finds
/// the old archives or a new one that is good.
#[test]
fn a_backup_killed_anywhere_leaves_no_archive_that_is_not_good() {
    let wish = || {
        let mut wish = everything();
        wish["keep"] = json!({ "last": 1, "at_least": 1 });
        wish
    };
    for changes in 0.. {
        let house = House::new();
        house.write("config/a", "one");
        house.insert(1);
        house.backup(0, wish()).expect("saved");
        house.write("config/a", "two");
        let (done, died) = fault::dying_after(changes, || house.backup(1, wish()));
        assert!(died || done.is_ok(), "after {changes} changes");
        let halt = Halt::default();
        let order = Order::read(&House::args(from_all()), &house.world(2), "r").expect("order");
        let door = Door::existing(&house.path("backups")).expect("door");
        let series = Series { door: &door, name: "all".into() };
        let list = series.list().expect("list");
        assert!(!list.is_empty(), "after {changes} changes nothing is left");
        for (archive, found) in &list {
            archive::verify(&door, found, archive, &order.keys, &halt).expect("whole");
            series.is_good(archive, found, &halt).expect("good");
        }
        house.backup(3, wish()).expect("saved");
        assert_eq!(house.archives().len(), 1, "after {changes} changes");
        let left = fs::read_dir(house.path("backups")).expect("list").count();
        assert_eq!(left, 2, "after {changes} changes: an archive, its checksum and nothing unfinished");
        if !died {
            assert!(changes > 5, "it changed something");
            return;
        }
    }
}

/// The same for a restore: then everything is old, or everything is new; and what was there before is never lost.
#[test]
fn a_restore_killed_anywhere_is_undone_by_the_next() {
    for changes in 0.. {
        let house = House::new();
        house.write("config/a", "one");
        house.write("config/gone", "one");
        house.insert(1);
        house.backup(0, everything()).expect("saved");
        let new = house.state(&["config"]);
        house.write("config/a", "two");
        fs::remove_file(house.path("config/gone")).expect("removed");
        house.insert(2);
        let old = house.state(&["config", "data"]);
        let (done, died) = fault::dying_after(changes, || house.restore(1, from_all()));
        assert!(died || done.is_ok(), "after {changes} changes: {:?}", done.map(|done| done.output));
        let half = house.path("backups/.all.restoring").exists();
        if !half && died {
            assert_eq!(house.state(&["config", "data"]), old, "after {changes} changes, without a mark");
        }
        if half {
            let refused = house.backup(2, everything()).expect_err("half a state is not saved");
            assert!(refused.message.contains("broken off in the middle"), "{}", refused.message);
        }
        // A restore that cannot be done still puts back what was there first.
        let lost = json!({ "from": "backups", "name": "all", "archive": "all-20200101T000000Z.tar.zst" });
        house.restore(3, lost).expect_err("no such archive");
        if died {
            assert_eq!(house.state(&["config"]), keep(&old, "config"), "after {changes} changes");
            assert_eq!(house.rows(), [1, 2], "after {changes} changes");
        }
        house.restore(4, from_all()).expect("restored");
        assert_eq!(house.state(&["config"]), new, "after {changes} changes");
        assert_eq!(house.rows(), [1], "after {changes} changes");
        if !died {
            assert!(changes > 10, "it changed something");
            return;
        }
    }
}

fn keep(state: &BTreeMap<String, Vec<u8>>, root: &str) -> BTreeMap<String, Vec<u8>> {
    state.iter().filter(|(name, _)| name.starts_with(root)).map(|(name, text)| (name.clone(), text.clone())).collect()
}

#[test]
fn a_restore_that_fails_in_the_middle_puts_everything_back_and_says_so() {
    let house = House::new();
    house.write("config/a", "one");
    house.write("config/b", "one");
    house.backup(0, everything()).expect("saved");
    house.write("config/a", "two");
    house.write("config/b", "two");
    let before = house.state(&["config"]);
    let order = Order::read(&House::args(from_all()), &house.world(1), "r").expect("order");
    let (halt, door) = (Halt::default(), Door::existing(&house.path("backups")).expect("door"));
    let chosen = order.choose(Some(&door), false, &halt).expect("chosen");
    let mut targets = Targets::find(&order, &chosen.manifest, true, &halt).expect("targets");
    let safety = order.save(&door, &targets, &halt).expect("saved");
    // What is in place afterwards is not what the archive should have had.
    targets.all[1].row.sum = Digest::of(b"something else");
    let failure = order.carry_out(&door, &chosen, &targets, &safety, &halt).expect_err("other bytes");
    assert!(failure.message.contains("config/b has other bytes than the archive"), "{}", failure.message);
    assert!(
        failure.message.contains(&format!("What was there before was put back from {safety}")),
        "{}",
        failure.message
    );
    assert_eq!(house.state(&["config"]), before);
    assert!(!house.path("backups/.all.restoring").exists());
}

#[test]
fn two_at_the_same_time_wait_for_each_other() {
    let house = House::new();
    house.write("config/a", "one");
    house.backup(0, everything()).expect("saved");
    let door = Door::existing(&house.path("backups")).expect("door");
    let held = door.lock().expect("locked").expect("free");
    let path = Path::new("backups");
    let halt = Halt::default();
    assert!(Door::existing(&house.path("backups")).expect("door").lock().expect("asked").is_none(), "it is held");
    let (done, wait) = std::thread::scope(|scope| {
        let other = scope.spawn(|| house.backup(1, everything()).map(|done| text(&done, "archive")));
        // It can't have made anything while the directory is held.
        let wait = house.archives();
        drop(held);
        (other.join().expect("joined").expect("saved"), wait)
    });
    assert_eq!((wait.len(), house.archives().len()), (1, 2), "{done}");
    drop(roots::hold(&door, path, &halt).expect("free again"));
}

#[test]
fn permissions_are_the_archives_or_those_that_were_asked_for() {
    let house = House::new();
    house.write("config/.env", "SECRET=1");
    house.write("config/run.sh", "#!/bin/sh");
    let set =
        |path: &str, mode: u32| fs::set_permissions(house.path(path), fs::Permissions::from_mode(mode)).expect("mode");
    let get = |path: &str| fs::metadata(house.path(path)).expect("there").permissions().mode() & 0o7777;
    set("config/.env", 0o644);
    set("config/run.sh", 0o750);
    house.backup(0, everything()).expect("saved");
    set("config/run.sh", 0o600);
    let mut wish = from_all();
    wish["modes"] = json!({ "config/.env*": "0600" });
    house.restore(1, wish).expect("restored");
    assert_eq!((get("config/.env"), get("config/run.sh")), (0o600, 0o750));
    let mut wish = from_all();
    wish["modes"] = json!({ "config/.env*": "rw" });
    assert!(house.restore(2, wish).is_err_and(|failure| failure.message.contains("`rw` is no mode")));
}

/// A house in which a restore of `one` over `two` died when `config/a` was replaced and `config/b` was not.
fn broken_off() -> House {
    for changes in 0..1000 {
        let house = House::new();
        house.write("config/a", "one");
        house.write("config/b", "one");
        house.write("config/gone", "one");
        house.insert(1);
        house.backup(0, everything()).expect("saved");
        house.write("config/a", "two");
        house.write("config/b", "two");
        fs::remove_file(house.path("config/gone")).expect("removed");
        house.insert(2);
        let (done, died) = fault::dying_after(changes, || house.restore(1, from_all()));
        assert!(died, "it ended before it was half done: {:?}", done.map(|done| done.output));
        let text = |path: &str| fs::read_to_string(house.path(path)).unwrap_or_default();
        if house.path("backups/.all.restoring").exists() && text("config/a") == "one" && text("config/b") == "two" {
            return house;
        }
    }
    panic!("it never was half done");
}

fn safeties(house: &House) -> Vec<String> {
    house.archives().into_iter().filter(|name| name.starts_with("all-before-restore-")).collect()
}

/// The audit's case: somebody made the files anew after the kill. That work is in an archive before it is put back.
#[test]
fn work_since_a_broken_off_restore_is_saved_before_anything_is_put_back() {
    let house = broken_off();
    let before = safeties(&house);
    house.write("config/a", "three");
    house.write("config/gone", "made anew");
    house.insert(3);
    let (newer, rows) = (house.state(&["config"]), house.rows());
    let done = house.restore(3, from_all()).expect("restored");
    let notes = done.output["notes"].to_string();
    assert!(notes.contains("was put back first"), "{notes}");
    assert!(notes.contains("config/a") && notes.contains("config/gone"), "{notes}");
    assert!(!notes.contains("config/b"), "nobody has touched it: {notes}");
    let saved = safeties(&house).into_iter().find(|name| !before.contains(name) && notes.contains(name.as_str()));
    let saved = saved.expect("an archive of the work since, named in the notes");
    assert!(text(&done, "summary").contains(&saved), "{}", text(&done, "summary"));
    assert_eq!(fs::read_to_string(house.path("config/a")).expect("there"), "one");
    house.restore(4, json!({ "from": "backups", "name": "all", "archive": saved })).expect("restored");
    assert_eq!(house.state(&["config"]), newer);
    assert_eq!(house.rows(), rows);
}

#[test]
fn what_only_the_broken_off_restore_has_done_is_put_back_without_another_archive() {
    let house = broken_off();
    let before = safeties(&house);
    let none = json!({ "from": "backups", "name": "all", "archive": "none" });
    let would = house.rehearse(3, none.clone()).expect("rehearsed");
    assert!(text(&would, "summary").contains("would be put back"), "{}", text(&would, "summary"));
    assert!(house.path("backups/.all.restoring").exists());
    let done = house.restore(3, none.clone()).expect("put back");
    assert!(text(&done, "summary").contains(&format!("{} was put back", before[0])), "{}", text(&done, "summary"));
    assert_eq!(safeties(&house), before, "there was nothing to save");
    assert_eq!(fs::read_to_string(house.path("config/a")).expect("there"), "two");
    assert!(!house.path("config/gone").exists());
    assert_eq!(house.rows(), [1, 2]);
    assert!(!house.path("backups/.all.restoring").exists());
    let again = house.restore(4, none).expect("nothing to do");
    assert!(text(&again, "summary").contains("no restore of `all` was broken off"), "{}", text(&again, "summary"));
    assert_eq!(safeties(&house), before);
}

#[test]
fn a_database_in_use_is_not_put_back_either() {
    let house = broken_off();
    let before = house.state(&["config"]);
    let open = rusqlite::Connection::open(house.path("data/app.db")).expect("open");
    open.execute_batch("begin; insert into t values (9)").expect("a transaction that is under way");
    let busy = house.restore(3, from_all()).expect_err("it is open");
    assert!(busy.message.contains("has app.db open: stop it first"), "{}", busy.message);
    assert!(busy.message.contains("broken off"), "{}", busy.message);
    assert_eq!(house.state(&["config"]), before);
    assert!(house.path("backups/.all.restoring").exists());
}

#[test]
fn a_restore_that_fails_after_it_has_put_something_back_says_so() {
    let house = broken_off();
    house.write("config/a", "three");
    let before = safeties(&house);
    let lost = json!({ "from": "backups", "name": "all", "archive": "all-20200101T000000Z.tar.zst" });
    let failure = house.restore(3, lost).expect_err("no such archive");
    let new: Vec<String> = safeties(&house).into_iter().filter(|name| !before.contains(name)).collect();
    assert_eq!(new.len(), 1, "{new:?}");
    for part in [&before[0], &new[0]] {
        assert!(failure.message.contains(part.as_str()), "{}", failure.message);
    }
    assert_eq!(fs::read_to_string(house.path("config/a")).expect("there"), "two");
}

/// What another step makes while it is waited for is seen, and saved.
#[test]
fn nothing_is_put_back_while_another_step_holds_the_root() {
    let house = broken_off();
    let door = Door::existing(&house.path("config")).expect("door");
    let held = door.lock().expect("locked").expect("free");
    let saved = std::thread::scope(|scope| {
        let other = scope.spawn(|| house.restore(3, from_all()).map(|done| done.output["notes"].to_string()));
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert_eq!(fs::read_to_string(house.path("config/a")).expect("there"), "one", "it waits");
        house.write("config/a", "three");
        house.write("config/gone", "made anew");
        drop(held);
        other.join().expect("joined").expect("restored")
    });
    assert!(saved.contains("config/a, config/gone"), "{saved}");
}
