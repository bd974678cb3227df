//! The two rhai engines: one reads what operators write, one runs what this door makes of it.
//!
//! Both start from nothing (`new_raw`): no packages, so no clock, no sleep, no printing, no files.

#![expect(clippy::wildcard_enum_match_arm, reason = "the tree and the errors of rhai are open enums of another crate")]

use crate::base::limits;
use crate::expr::functions;
use crate::expr::operators;
use rhai::{Dynamic, Engine, EvalAltResult, OptimizationLevel, Position, Token};
use std::any::TypeId;
use std::sync::OnceLock;

/// The engine that reads expressions. It is never asked to run anything.
pub(super) fn reader() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let mut engine = bare();
        engine.set_max_expr_depths(limits::MAX_EXPR_NESTING * 2, 1);
        // Words that rhai only keeps in reserve are plain names here, so that `output.match` can be read.
        #[expect(deprecated, reason = "not deprecated but marked volatile; the version is pinned by Cargo.lock")]
        engine.on_parse_token(|token, _, _| match token {
            Token::Reserved(word) if rhai::is_valid_identifier(&word) => Token::Identifier(word),
            other => other,
        });
        engine
    })
}

/// The engine that runs: it knows our operators and functions and nothing else.
pub(super) fn runner() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let mut engine = bare();
        engine.set_max_expr_depths(limits::MAX_EXPR_NESTING * 8, 1);
        engine.set_max_operations(limits::MAX_EXPR_OPERATIONS as u64);
        engine.set_max_string_size(limits::MAX_RENDERED);
        engine.set_max_array_size(limits::MAX_EXPR_OPERATIONS);
        engine.set_max_map_size(limits::MAX_EXPR_OPERATIONS);
        for operator in operators::TABLE {
            register(&mut engine, operator.name, operator.arity, operator.run);
        }
        for function in functions::all() {
            for arity in function.least..=function.params.len() {
                register(&mut engine, &functions::emitted(function.name), arity, function.run);
            }
        }
        engine
    })
}

fn bare() -> Engine {
    let mut engine = Engine::new_raw();
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_allow_anonymous_fn(false);
    engine.set_allow_looping(false);
    engine.set_allow_statement_expression(false);
    engine.set_allow_switch_expression(false);
    engine.set_allow_loop_expressions(false);
    engine.set_max_call_levels(8);
    engine.set_max_modules(0);
    engine
}

/// What an operator or function is to the runner: values in, a value or a sentence out.
pub(super) type Run = fn(&mut [Dynamic]) -> Result<Dynamic, String>;

fn register(engine: &mut Engine, name: &str, arity: usize, run: Run) {
    let types = vec![TypeId::of::<Dynamic>(); arity];
    engine.register_raw_fn::<Dynamic>(name, types, move |_, args| {
        // The first may be the variable itself: taking it would empty the variable for what comes after.
        let mut values: Vec<Dynamic> = args.iter_mut().map(|arg| (**arg).clone()).collect();
        run(&mut values).map_err(|text| Box::new(EvalAltResult::ErrorRuntime(text.into(), Position::NONE)))
    });
}
