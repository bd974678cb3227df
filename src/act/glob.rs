//! `*` and `?` in names, and the files a pattern means.

use std::path::{Path, PathBuf};

/// Whether the name fits: `*` is any text, `?` any character.
#[must_use]
pub fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => (p, n) = (p + 1, n + 1),
            Some(_) | None => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, n) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// The files a path with `*` and `?` in its names means, sorted; hidden ones only where the pattern says so.
#[must_use]
pub fn files(path: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for part in path.components() {
        let name = part.as_os_str().to_string_lossy().into_owned();
        if !name.contains(['*', '?']) {
            for path in &mut found {
                path.push(&name);
            }
            continue;
        }
        let inside = |directory: PathBuf| {
            let listed = std::fs::read_dir(if directory.as_os_str().is_empty() { Path::new(".") } else { &directory });
            let names =
                listed.into_iter().flatten().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
            let fits = |entry: &String| matches(&name, entry) && (name.starts_with('.') || !entry.starts_with('.'));
            names.filter(fits).map(|entry| directory.join(entry)).collect::<Vec<_>>()
        };
        found = found.into_iter().flat_map(inside).collect();
    }
    found.retain(|path| path.is_file());
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, name, fits) in [
            ("*", "", true),
            ("*.log", "app.log", true),
            ("*.log", "app.log.1", false),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            ("app.?", "app.1", true),
            ("app.?", "app.", false),
            ("redis-server", "redis-server", true),
            ("redis", "redis-server", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}
