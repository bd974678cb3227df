//! The language from outside: what is generated from its tables is what the files hold.

use std::path::Path;

/// Compares a file with what it should hold; `UPDATE=1` writes it.
fn golden(path: &str, wanted: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "{} is not what the tables say: run UPDATE=1 cargo test --test it lang", path.display());
}

#[test]
fn schemas_are_made_from_the_tables() {
    for name in stepladder::lang::schema::names() {
        golden(&format!("schemas/{name}.schema.json"), &stepladder::lang::schema::schema(name).unwrap());
    }
}

#[test]
fn the_reference_is_made_from_the_tables() {
    golden("docs/language.md", &stepladder::lang::manual::manual());
}
