//! The secrets file: a flat YAML map of names and values, mode 0600.

use granit_parser::{Event, Parser};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Its names and values. Values are never part of a message.
pub(super) fn read_names(path: &Path) -> Result<BTreeMap<String, String>, String> {
    let shown = path.display();
    let metadata = std::fs::metadata(path).map_err(|error| format!("secrets file {shown}: {error}"))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(format!("secrets file {shown} may be read by others (mode {mode:04o}): chmod 600 {shown}"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| format!("secrets file {shown}: {error}"))?;
    names(&text).map_err(|line| format!("secrets file {shown}, line {line}: write one `NAME: value` a line"))
}

/// The names, or the line that is none. For whatever holds such a file.
#[expect(clippy::wildcard_enum_match_arm, reason = "an enum of a library, which grows")]
pub(super) fn names(text: &str) -> Result<BTreeMap<String, String>, usize> {
    let mut names = BTreeMap::new();
    let (mut depth, mut name) = (0, None::<String>);
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| error.marker().line())?;
        let line = span.start.line();
        match event {
            Event::MappingStart(..) if depth == 0 => depth = 1,
            Event::MappingEnd => depth = 0,
            Event::Scalar(value, ..) if depth == 1 => match name.take() {
                None => name = Some(value.into_owned()),
                Some(key) => drop(names.insert(key, value.into_owned())),
            },
            Event::MappingStart(..) | Event::SequenceStart(..) | Event::Scalar(..) | Event::Alias(..) => {
                return Err(line);
            }
            _ => {}
        }
    }
    Ok(names)
}
