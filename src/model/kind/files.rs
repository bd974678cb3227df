//! `files`: files below a named root, found, checked, compressed, removed, moved or rotated.

use crate::base::arg::Landing;
use crate::diagnostic::Code;
use crate::model::shape::{Effects, Field, FieldType, Key, KindSpec, Shape, Syntax, key, required};

/// What it does: exactly one of these, with the patterns of the files.
pub(super) const ACTIONS: &[&str] = &["find", "verify", "compress", "remove", "move", "rotate"];

/// `20%`
const SHARE: Syntax = Syntax { name: "a share or a count", example: "20%", code: Code::BadNumber, test: share };

/// `077`
const MODE: Syntax = Syntax { name: "permission bits", example: "077", code: Code::BadNumber, test: mode };

const MODES: &[Key] = &[
    key(
        "any_of",
        Shape::Syntax(&MODE),
        "At least one of these bits is set: `077` is what group or others may do at all.",
    ),
    key("all_of", Shape::Syntax(&MODE), "All of these bits are set: `4000` runs as its owner."),
    key("none_of", Shape::Syntax(&MODE), "None of these bits is set: `0400` its owner may not read."),
];

const PATTERNS: Shape = Shape::Many(&Shape::Text(Landing::Path));

const FILE: &[Field] = &[
    Field { name: "path", ty: FieldType::Text, doc: "Its path below the root." },
    Field { name: "bytes", ty: FieldType::Int, doc: "Its size before." },
    Field {
        name: "age_s",
        ty: FieldType::Int,
        doc: "Seconds since it was last written; below 0 where its time is in the future.",
    },
    Field { name: "mode", ty: FieldType::Text, doc: "Its permission bits, as octal digits: `0640`." },
    Field { name: "directory", ty: FieldType::Bool, doc: "Whether it is a directory (only with `directories`)." },
    Field {
        name: "did",
        ty: FieldType::Text,
        doc: "`found`, `verified`, `compressed`, `removed`, `moved`, `rotated`.",
    },
    Field { name: "to", ty: FieldType::Maybe(&FieldType::Text), doc: "Where its bytes are now, if elsewhere." },
];

const SKIPPED: &[Field] = &[
    Field { name: "path", ty: FieldType::Text, doc: "Its path below the root." },
    Field { name: "why", ty: FieldType::Text, doc: "Why it was left alone." },
];

/// `files: { root: logs, compress: "*.log", older_than: 30d }`.
pub(super) const FILES: KindSpec = KindSpec {
    name: "files",
    doc: "Finds files below a named root and checks, compresses, removes, moves or rotates them. Only regular files; no link is ever followed, nothing that is mounted below is entered, a file that a process still writes to is left alone. A file goes only after its archive was read back and found to have the same bytes. A dry run lists exactly what a run would do.",
    example: "files: { root: logs, remove: \"*.gz\", older_than: 90d, at_most: 20% }",
    shape: Shape::Record(&[
        required("root", Shape::Name, "The root of `stepladder.yaml` below which everything happens."),
        key(
            "find",
            PATTERNS,
            "Only lists. Patterns are paths below the root: `*` and `?` stand for parts of one name, `**` for any directories. Hidden files only where the pattern says the dot.",
        ),
        key("verify", PATTERNS, "Reads `.gz` and `.zst` files to the end; damaged ones fail the step."),
        key("compress", PATTERNS, "Puts each into an archive beside it, reads that back, then removes the file."),
        key("remove", PATTERNS, "Removes them."),
        key("move", PATTERNS, "Moves them below `to`, each with its path."),
        key("rotate", PATTERNS, "Gives each a name with the time (`app.log.20260102T030405Z`); empty ones stay."),
        key("exclude", PATTERNS, "Not these."),
        key("older_than", Shape::Duration, "Only files last written longer ago than this."),
        key("newer_than", Shape::Duration, "Only files written since then."),
        key("larger_than", Shape::Size, "Only files larger than this."),
        key("smaller_than", Shape::Size, "Only files smaller than this."),
        key(
            "mode",
            Shape::Record(MODES),
            "Only files with these permission bits, in octal digits as chmod takes them.",
        ),
        key(
            "depth",
            Shape::Int(1, 64),
            "Only so deep: 1 is what is in the root itself, 2 what is in its directories, too.",
        ),
        key("directories", Shape::Bool, "For `find`: directories that fit are listed, too."),
        key("skip_newest", Shape::Int(0, 1_000_000), "Leaves alone the newest so many of those that fit the pattern."),
        key(
            "at_most",
            Shape::Either(&[Shape::Int(0, i64::MAX), Shape::Syntax(&SHARE)]),
            "Refuses, before anything is touched, to compress, remove or move more than this: a count, or a share (`20%`) of the files that fit the pattern, whatever their age.",
        ),
        key("format", Shape::Choice(&["gzip", "zstd"]), "For `compress` and `rotate`; gzip by default."),
        key("archived", Shape::Bool, "`remove` only what has a `.gz` or `.zst` beside it with the same bytes."),
        key("to", Shape::Text(Landing::Path), "For `move`: the directory, below `to_root` or the root itself."),
        key("to_root", Shape::Name, "For `move`: another root."),
        key(
            "how",
            Shape::Choice(&["rename", "copy_truncate"]),
            "For `rotate`: `rename` (the default) for programs that open their log anew; `copy_truncate` for those that never do: what they write between the copy and the cut is lost.",
        ),
        key(
            "keep",
            Shape::Int(1, 100_000),
            "For `rotate`: how many rotated ones stay, older ones are removed; the others are compressed, but for the newest. All stay as they are by default.",
        ),
        key("missing", Shape::Choice(&["fail", "ok"]), "What a root that is not there means; `fail` by default."),
    ]),
    short: None,
    output: &[
        Field {
            name: "summary",
            ty: FieldType::Text,
            doc: "What was done, in a sentence; in a dry run what would be.",
        },
        Field { name: "dry", ty: FieldType::Bool, doc: "Whether this was a dry run, in which nothing was touched." },
        Field { name: "matched", ty: FieldType::Int, doc: "Files that fit the patterns, whatever their age and size." },
        Field { name: "chosen", ty: FieldType::Int, doc: "Those of them that fit everything." },
        Field { name: "bytes", ty: FieldType::Int, doc: "The size of the chosen ones together." },
        Field { name: "verified", ty: FieldType::Int, doc: "Archives read to the end." },
        Field { name: "compressed", ty: FieldType::Int, doc: "Files whose archive took their place." },
        Field { name: "removed", ty: FieldType::Int, doc: "Files removed." },
        Field { name: "moved", ty: FieldType::Int, doc: "Files moved." },
        Field { name: "rotated", ty: FieldType::Int, doc: "Files rotated." },
        Field {
            name: "freed_bytes",
            ty: FieldType::Int,
            doc: "How much smaller it is there; a file with a second name elsewhere frees nothing. Not known for archives in a dry run.",
        },
        Field { name: "files", ty: FieldType::List(&FieldType::Record(FILE)), doc: "The first 500 of them." },
        Field {
            name: "skipped",
            ty: FieldType::List(&FieldType::Record(SKIPPED)),
            doc: "What fits and was left alone, the first 500, with the reason.",
        },
        Field { name: "not_listed", ty: FieldType::Int, doc: "How many more there are of both." },
    ],
    effects: Effects::Depends,
};

fn share(text: &str) -> Result<(), String> {
    parse_share(text).map(drop).ok_or_else(|| format!("`{text}` is no share: write `20%`, or a count like `50`"))
}

fn mode(text: &str) -> Result<(), String> {
    let wrong = || format!("`{text}` are no permission bits: write octal digits, like `077` or `4000`");
    parse_mode(text).map(drop).ok_or_else(wrong)
}

/// The permission bits of a text like `077`.
#[must_use]
pub fn parse_mode(text: &str) -> Option<u32> {
    let digits = (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    u32::from_str_radix(text, 8).ok().filter(|mode| digits && *mode <= 0o7777)
}

/// The percent of a text like `20%`, from 0 to 100.
#[must_use]
pub fn parse_share(text: &str) -> Option<f64> {
    let percent: f64 = text.trim().strip_suffix('%')?.trim().parse().ok()?;
    (0.0..=100.0).contains(&percent).then_some(percent)
}
