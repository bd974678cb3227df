use super::*;
use crate::diagnostic::{Diagnostics, FileId, Sources};

fn findings(text: &str) -> String {
    let mut sources = Sources::default();
    sources.add("x.yaml", text);
    let mut findings = Diagnostics::default();
    let _ = read(FileId(0), text, &mut findings);
    let shown = findings.sorted().into_iter().map(|finding| {
        let (line, column) = sources.line_column(finding.spot);
        let help = finding.help.as_deref().map_or(String::new(), |help| format!(" ({help})"));
        format!(
            "{line}:{column} {} {:?} {}{help}",
            finding.code.as_str(),
            &text[finding.spot.start..finding.spot.end],
            finding.message
        )
    });
    shown.collect::<Vec<_>>().join("\n")
}

#[test]
fn show() {
    for text in [
        "a: 1\nb: [1, 2\nc: 3\n",
        "a: \"abc\nb: 3\nc: 4\n",
        "a: b: c\nd: 1\n",
        "a:\n\tb: 1\n",
        "a:\n  b: 1\n c: 2\n",
        "a: @x\n",
        "a: {{ x }}\n",
        "a: {{ x }}/y\nb: 1\n",
        "a: 1\na: 2\n",
        "steps:\n  - id: a\n    shell: x\n   - id: b\n",
        "a: !foo x\n",
        "x: &a [1,2]\ny: *a\nz: *b\n",
        "a: 'it's'\n",
        "a: \"C:\\dir\"\n",
        "a\nb: 1\n",
        "? [a]\n: 1\n",
        "a: {x: 1, y: 2\nb: 3\n",
        "a: {x: 1}}\nb: 3\n",
        "%YAML 1.1\n---\na: 1\n",
        "a: `x`\n",
        "\u{feff}a: 1\r\nb: [\r\n",
        "a: |\n  x\n y\n",
        "a:\n- b\n- c\n d: 1\n",
        "key: - x\n",
    ] {
        println!("=== {text:?}\n{}", findings(text));
    }
}

#[test]
fn block_spots() {
    let text = "a: >-\n    one\n    two\nb: | # x | y\n  x\n\n\nc: |2\n   d\n  e\nd: \"q\"\n";
    let mut findings = Diagnostics::default();
    let stream = read(FileId(0), text, &mut findings);
    for (_, value) in stream.documents[0].root.as_ref().unwrap().pairs().unwrap() {
        println!("{:?} {:?}", &text[value.spot.start..value.spot.end], value.name());
    }
}
