//! How tests went as a JUnit report, which every CI server reads.

use super::Session;
use crate::model::test::Subject;
use crate::service::trial::{Line, Miss, Verdict};
use std::fmt::Write as _;

/// The report.
#[must_use]
pub fn report(session: &Session) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        text,
        "<testsuites name=\"stepladder\" tests=\"{}\" failures=\"{}\" time=\"{:.3}\">",
        session.tried.len(),
        session.failed(),
        session.real.as_secs_f64()
    );
    let sources = &session.tests.loaded().sources;
    let mut file = None;
    for tried in &session.tried {
        let Some(test) = session.tests.all().get(tried.index) else { continue };
        let name = &sources.get(test.spot.file).name;
        if file != Some(name) {
            if file.is_some() {
                text.push_str("  </testsuite>\n");
            }
            let _ = writeln!(text, "  <testsuite name=\"{}\">", escaped(name));
            file = Some(name);
        }
        let of = match &test.subject {
            Subject::Runbook(name) => name.value.as_str(),
            Subject::Incident(_) => "incident",
        };
        let (line, _) = sources.line_column(test.spot);
        let _ = write!(
            text,
            "    <testcase classname=\"{}\" name=\"{}\" file=\"{}\" line=\"{line}\" time=\"{:.6}\"",
            escaped(of),
            escaped(&test.title),
            escaped(name),
            tried.real.as_secs_f64()
        );
        match &tried.verdict {
            Verdict::Passed => text.push_str("/>\n"),
            Verdict::Failed { misses, timeline } => {
                let first = misses.first().map_or("", |miss| miss.message.as_str());
                let body = escaped(&body(session, misses, timeline));
                let _ = writeln!(text, "><failure message=\"{}\">{body}</failure></testcase>", escaped(first));
            }
        }
    }
    if file.is_some() {
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

fn body(session: &Session, misses: &[Miss], timeline: &[Line]) -> String {
    let mut text = String::new();
    for miss in misses {
        let _ = writeln!(text, "{}: {}", session.tests.place(miss.spot), miss.message);
        for (word, note) in &miss.notes {
            let _ = writeln!(text, "  {word}: {note}");
        }
    }
    for line in timeline {
        let _ = writeln!(text, "{} {} {} {}", super::span(line.at), line.place, line.word, line.what);
    }
    text
}

/// Text as XML takes it; signs that XML has no way to write are left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(sign),
            sign if sign.is_control() => {}
            sign => out.push(sign),
        }
    }
    out
}
