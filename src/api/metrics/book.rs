//! What is wrong with the book, as metrics.

use super::{family, number};
use crate::service::Broken;
use std::collections::BTreeMap;

/// What is wrong with the files that do not count, by place and code.
pub(super) fn findings(page: &mut String, broken: &[Broken]) {
    let since = broken.iter().map(|file| {
        let labels = vec![("file", file.file.clone()), ("kept", file.kept.to_string())];
        (labels, number(file.since.as_second().max(0).cast_unsigned()))
    });
    let help = "Since when a file of the book does not count as it is; kept: an earlier text of it counts";
    family(page, "book_broken_file_since_timestamp_seconds", "gauge", help, &since.collect::<Vec<_>>());
    // Two of one code at one place are one row.
    let mut rows: BTreeMap<(&str, &str, &str), u64> = BTreeMap::new();
    for file in broken {
        for line in &file.findings {
            let (place, code) = placed(&file.file, line);
            *rows.entry((file.file.as_str(), place, code)).or_default() += 1;
        }
    }
    let rows = rows.into_iter().map(|((file, place, code), count)| {
        (vec![("file", file.to_owned()), ("place", place.to_owned()), ("code", code.to_owned())], number(count))
    });
    let help = "What is wrong with files of the book that do not count as they are; `stepladder explain CODE`";
    family(page, "book_findings", "gauge", help, &rows.collect::<Vec<_>>());
}

/// Line and column, and the code, of what is said of a file; empty where it says neither.
fn placed<'a>(file: &str, line: &'a str) -> (&'a str, &'a str) {
    let rest = line.strip_prefix(file).and_then(|rest| rest.strip_prefix(':'));
    let Some((place, rest)) = rest.and_then(|rest| rest.split_once(": ")) else { return ("", "") };
    (place, rest.split(' ').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finding_is_a_row_by_its_place_and_code() {
        let findings =
            ["runbooks/a.yaml:6:3: SL0012 there is no `x`", "runbooks/a.yaml:6:3: SL0012 nor `y`", "it can't be read"];
        let findings = findings.map(ToOwned::to_owned).to_vec();
        let since = jiff::Timestamp::UNIX_EPOCH;
        let mut page = String::new();
        super::findings(&mut page, &[Broken { file: "runbooks/a.yaml".into(), kept: true, since, findings }]);
        let rows: Vec<&str> = page.lines().filter(|line| !line.starts_with('#')).collect();
        let want = [
            r#"stepladder_book_broken_file_since_timestamp_seconds{file="runbooks/a.yaml",kept="true"} 0"#,
            r#"stepladder_book_findings{file="runbooks/a.yaml",place="",code=""} 1"#,
            r#"stepladder_book_findings{file="runbooks/a.yaml",place="6:3",code="SL0012"} 2"#,
        ];
        assert_eq!(rows, want);
    }
}
