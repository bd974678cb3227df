//! The books of the simulator: one for each template, in two editions.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use stepladder::lang;
use stepladder::model::book::Book;
use stepladder::runtime::shelf::Texts;

/// A book with its texts.
#[derive(Clone)]
pub(crate) struct Edition {
    pub(crate) texts: Arc<Texts>,
    pub(crate) book: Arc<Book>,
}

thread_local! {
    static READ: RefCell<BTreeMap<(String, u32), Edition>> = const { RefCell::new(BTreeMap::new()) };
}

/// The names of all templates.
pub(crate) fn templates() -> Vec<String> {
    let files = crate::golden::files("sim", "yaml").into_iter();
    files.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect()
}

/// That edition of a template's book; each is read once.
pub(crate) fn edition(template: &str, number: u32) -> Edition {
    READ.with_borrow_mut(|read| read.entry((template.into(), number)).or_insert_with(|| load(template, number)).clone())
}

fn load(template: &str, number: u32) -> Edition {
    let path = crate::rust_text::root().join(format!("tests/fixtures/sim/{template}.yaml"));
    let text = std::fs::read_to_string(path).unwrap().replace("@v1", &format!("@v{number}"));
    let mut texts = Texts::from([("stepladder.yaml".to_owned(), Arc::from("timezone: Europe/Berlin\n"))]);
    for part in text.split("---\n") {
        let name = part.lines().find_map(|line| line.strip_prefix("runbook: ")).unwrap();
        texts.insert(format!("runbooks/{name}.yaml"), Arc::from(part));
    }
    let files: Vec<_> = texts.iter().map(|(name, text)| (name.clone(), Arc::clone(text))).collect();
    let loaded = lang::load(&files);
    if loaded.findings.has_errors() {
        let style = stepladder::diagnostic::render::Style { color: false, unicode: true, width: 120 };
        panic!("{}", stepladder::diagnostic::render::people(&loaded.sources, &loaded.findings, style));
    }
    Edition { texts: Arc::new(texts), book: Arc::new(loaded.book) }
}
