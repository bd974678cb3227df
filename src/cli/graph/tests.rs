//! Golden drawings: `tests/fixtures/graph/*.yaml` with one file beside it for each form. `UPDATE=1` rewrites them.

use super::{Sheet, dot, mermaid, svg, terminal};
use crate::diagnostic::render::Style;
use crate::lang;
use std::path::Path;

#[test]
fn runbooks_are_drawn_as_written_down() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/graph");
    let files = std::fs::read_dir(&dir).expect("fixtures").map(|entry| entry.expect("entry").path());
    let files: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    assert!(!files.is_empty());
    for file in files {
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).expect("a fixture");
        let loaded = lang::load(&[(format!("runbooks/{name}.yaml"), text.into())]);
        let runbook = loaded.book.runbooks.values().next();
        let sheet = Sheet::of(runbook.unwrap_or_else(|| panic!("{name}: {:?}", loaded.findings)));
        let wide = Style { color: false, unicode: true, width: 100 };
        let forms = [
            ("txt", terminal(&sheet, wide)),
            ("narrow.txt", terminal(&sheet, Style { unicode: false, width: 40, ..wide })),
            ("mmd", mermaid(&sheet)),
            ("dot", dot(&sheet)),
            ("svg", svg(&sheet)),
        ];
        for (ending, drawn) in forms {
            let golden = file.with_extension(ending);
            if std::env::var_os("UPDATE").is_some() {
                std::fs::write(&golden, &drawn).expect("written");
            }
            let known = std::fs::read_to_string(&golden).unwrap_or_default();
            assert_eq!(drawn, known, "{}: run with UPDATE=1 and look at it", golden.display());
        }
    }
}
