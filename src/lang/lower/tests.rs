//! `tests/*.yaml`: what is written; what it means is for whoever runs it.

use crate::base::ids::Name;
use crate::base::value::{Map, Value};
use crate::diagnostic::Code;
use crate::lang::decode::Ctx;
use crate::lang::keys::tests::TEST;
use crate::lang::lower::triggers::plain;
use crate::lang::yaml::Node;
use crate::model::book::Test;

/// The test of one document.
pub(super) fn test(ctx: &mut Ctx, root: &Node) -> Option<Test> {
    if root.pairs().is_none() {
        let help = "begin with `test: WHAT IS TRIED`, a line for each key";
        ctx.error_help(Code::WrongType, root.spot, format!("a test must be a map, not {}", root.is_a()), help);
        return None;
    }
    let fields = ctx.fields(root, TEST, Some("a test"));
    let data = |key: &str| fields.param(key).map_or(Value::Object(Map::new()), plain);
    if fields.has("runbook") == fields.has("incident") {
        let help = "write one: `runbook: NAME` tries a runbook, `incident: { severity: P1 }` the ladder";
        ctx.error_help(Code::MissingKey, root.spot, "a test needs either `runbook` or `incident`", help);
    }
    Some(Test {
        spot: root.spot,
        title: fields.string("test")?,
        runbook: fields.text("runbook").and_then(|name| Name::parse(name).ok()),
        incident: fields.param("incident").map(plain),
        inputs: data("inputs"),
        given: data("given"),
        expect: data("expect"),
    })
}
