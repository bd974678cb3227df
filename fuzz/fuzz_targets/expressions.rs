//! Any text as an expression: no panic, findings inside the text, bounded work.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stepladder::expr::{Expr, Scope, Type, Types};

fuzz_target!(|text: &str| {
    let inside = |offset: usize, len: usize| assert!(text.get(offset..offset + len).is_some());
    match Expr::compile(text) {
        Ok(expr) => {
            expr.reads().iter().for_each(|read| inside(read.offset, read.len));
            expr.check(&Types::new(), &Type::Any).iter().for_each(|found| inside(found.offset, found.len));
            let scope = serde_json::from_str(r#"{"inputs":{"n":1,"t":"x","l":[1,{"a":2}]},"level":"ok"}"#);
            let _ = expr.eval(&Scope(scope.unwrap_or_default()));
        }
        Err(found) => found.iter().for_each(|found| inside(found.offset, found.len)),
    }
});
