//! The renderings, golden: a finding in, the text of each form out.

use super::*;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Sources, Spot};

const DEPLOY: &str = "runbook: deploy\nsteps:\n  - id: build\n    timout: 30s\n    shell: make\n  - id: tell\n    needs: [buid]\n    shell: 'echo done'\n";

fn at(sources: &Sources, file: FileId, needle: &str) -> Spot {
    let start = sources.get(file).text.find(needle).expect(needle);
    Spot { file, start, end: start + needle.len() }
}

fn book() -> (Sources, Diagnostics) {
    let mut sources = Sources::default();
    let deploy = sources.add("runbooks/deploy.yaml", DEPLOY);
    let thresholds = sources.add("thresholds.yaml", "api_latency: { unit: ms }\n");
    let mut findings = Diagnostics::default();
    findings.push(
        Diagnostic::error(Code::UnknownStep, at(&sources, deploy, "buid"), "unknown step `buid` in `needs`")
            .help("did you mean `build`?")
            .note(at(&sources, deploy, "build"), "defined here"),
    );
    findings.push(
        Diagnostic::error(Code::UnknownKey, at(&sources, deploy, "timout"), "unknown key `timout` in a step")
            .help("did you mean `timeout`?"),
    );
    findings.push(
        Diagnostic::warning(Code::BadUnit, at(&sources, deploy, "make"), "a number without a unit: 100%, say")
            .label("seconds or milliseconds")
            .note(at(&sources, thresholds, "unit: ms"), "declared with the unit ms"),
    );
    (sources, findings)
}

fn shown(color: bool, unicode: bool, width: usize) -> String {
    let (sources, findings) = book();
    people(&sources, &findings, Style { color, unicode, width })
}

#[test]
fn people_see_the_line_the_mark_and_the_way_out() {
    let want = "  \
  × SL0002 unknown key `timout` in a step
   ╭─[runbooks/deploy.yaml:4:5]
 4 │     timout: 30s
   ·     ───┬──
   ·        ╰── here
   ╰────
  help: did you mean `timeout`?

  ⚠ SL0505 a number without a unit: 100%, say
   ╭─[runbooks/deploy.yaml:5:12]
 5 │     shell: make
   ·            ──┬─
   ·              ╰── seconds or milliseconds
   ╰────
  help: see thresholds.yaml:1:16: declared with the unit ms

  × SL0101 unknown step `buid` in `needs`
   ╭─[runbooks/deploy.yaml:7:13]
 7 │     needs: [buid]
   ·             ──┬─
   ·               ╰── here
   ╰────
   ╭─[runbooks/deploy.yaml:3:9]
 3 │   - id: build
   ·         ──┬──
   ·           ╰── defined here
   ╰────
  help: did you mean `build`?

2 errors, 1 warning in 1 file; `stepladder explain SL0002` says more
";
    assert_eq!(shown(false, true, 80), want);
}

#[test]
fn plain_is_ascii_and_names_the_severity() {
    let text = shown(false, false, 80);
    assert!(text.is_ascii(), "{text}");
    assert!(text.contains("  error SL0002 unknown key") && text.contains("  warning SL0505 "), "{text}");
}

#[test]
fn forty_columns_are_enough() {
    let text = shown(false, true, 40);
    let widest = text.lines().filter(|line| !line.contains('`')).map(|line| line.chars().count()).max();
    assert!(widest <= Some(40), "{text}");
    let mut sources = Sources::default();
    let line = format!("    shell: '{} {{{{ inputs.nmae }}}} {}'\n", "a".repeat(60), "z".repeat(60));
    let file = sources.add("long.yaml", format!("# \u{e9}\n{line}"));
    let mut findings = Diagnostics::default();
    let spot = at(&sources, file, "nmae");
    findings.push(
        Diagnostic::error(Code::TemplateName, spot, "unknown input `nmae`")
            .label("the inputs are `name` and `other_name`"),
    );
    let text = people(&sources, &findings, Style { color: false, unicode: false, width: 40 });
    let want = "  \
  error SL0402 unknown input `nmae`
   ,-[long.yaml:2:84]
 2 | ...a {{ inputs.nmae }} zzzzzzzzz...
   :                ~~|~
   :                  `-| the inputs are
   :                    | `name` and
   :                    | `other_name`
   `----

1 error in 1 file; `stepladder explain SL0402` says more
";
    assert_eq!(text, want);
}

#[test]
fn odd_places_are_shown_and_never_break() {
    let mut sources = Sources::default();
    let text = "a: \u{1b}[31mred\u{e9}\r\n\tb: 1\n\n";
    let file = sources.add("odd.yaml", text);
    let empty = sources.add("empty.yaml", "");
    for start in 0..=text.len() + 1 {
        for end in start..=text.len() + 1 {
            let mut findings = Diagnostics::default();
            findings.push(
                Diagnostic::error(Code::Syntax, Spot { file, start, end }, "odd")
                    .note(Spot { file, start: 3, end: 4 }, "note")
                    .note(Spot { file: empty, start: 0, end: 0 }, "empty"),
            );
            findings.push(Diagnostic::error(Code::Syntax, Spot { file: empty, start, end }, "odd"));
            for unicode in [true, false] {
                let shown = people(&sources, &findings, Style { color: false, unicode, width: 80 });
                assert!(!shown.contains('\u{1b}') && !shown.contains("Failed"), "{start}..{end}\n{shown}");
                assert!(shown.contains("[odd.yaml:"), "{start}..{end}\n{shown}");
            }
            assert!(!json(&sources, &findings).is_empty() && !sarif(&sources, &findings).is_empty());
        }
    }
}

#[test]
fn colour_is_only_added() {
    let strip = regex::Regex::new("\u{1b}\\[[0-9;]*m").expect("pattern");
    let colored = shown(true, true, 80);
    assert!(colored.contains('\u{1b}'));
    assert_eq!(strip.replace_all(&colored, ""), shown(false, true, 80));
}

#[test]
fn nothing_is_said_about_nothing() {
    let (sources, findings) = (Sources::default(), Diagnostics::default());
    assert_eq!(people(&sources, &findings, Style { color: true, unicode: true, width: 80 }), "");
    assert_eq!(github(&sources, &findings), "");
    assert_eq!(summary(&findings), None);
}

#[test]
fn github_annotations_are_one_line_each() {
    let (sources, findings) = book();
    let want = "\
::error file=runbooks/deploy.yaml,line=4,endLine=4,col=5,endColumn=11,title=SL0002::unknown key `timout` in a step%0Ahelp: did you mean `timeout`?
::warning file=runbooks/deploy.yaml,line=5,endLine=5,col=12,endColumn=16,title=SL0505::a number without a unit: 100%25, say%0Asee thresholds.yaml:1:16: declared with the unit ms
::error file=runbooks/deploy.yaml,line=7,endLine=7,col=13,endColumn=17,title=SL0101::unknown step `buid` in `needs`%0Ahelp: did you mean `build`?%0Asee runbooks/deploy.yaml:3:9: defined here
";
    assert_eq!(github(&sources, &findings), want);
}

#[test]
fn programs_get_the_same_findings() {
    let (sources, findings) = book();
    let document: serde_json::Value = serde_json::from_str(&json(&sources, &findings)).expect("JSON");
    assert_eq!((&document["errors"], &document["warnings"]), (&2.into(), &1.into()));
    let last = &document["findings"][2];
    assert_eq!(last["code"], "SL0101");
    assert_eq!(last["at"]["file"], "runbooks/deploy.yaml");
    assert_eq!(
        (&last["at"]["line"], &last["at"]["column"], &last["at"]["end_column"]),
        (&7.into(), &13.into(), &17.into())
    );
    assert_eq!(last["notes"][0]["at"]["line"], 3);
    assert_eq!(last["help"], "did you mean `build`?");
    let log: serde_json::Value = serde_json::from_str(&sarif(&sources, &findings)).expect("SARIF");
    let run = &log["runs"][0];
    assert_eq!(log["version"], "2.1.0");
    for (index, result) in run["results"].as_array().expect("results").iter().enumerate() {
        let rule = usize::try_from(result["ruleIndex"].as_u64().expect("index")).expect("small");
        assert_eq!(run["tool"]["driver"]["rules"][rule]["id"], result["ruleId"]);
        let region = &result["locations"][0]["physicalLocation"]["region"];
        assert_eq!(region["startLine"], document["findings"][index]["at"]["line"]);
    }
    assert_eq!(run["results"][1]["relatedLocations"][0]["message"]["text"], "declared with the unit ms");
}
