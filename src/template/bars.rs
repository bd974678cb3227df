//! handlebars itself: the template as we understood it is written out once more, with every piece of
//! text and every placeholder as a call of one of ours, and handlebars runs the blocks.
//!
//! What handlebars returns is a string, so a secret's hole is a mark in it. No value can forge a
//! mark: marks begin with NUL, and every NUL of a text or value is doubled on its way in.

#![expect(clippy::wildcard_enum_match_arm, reason = "the errors of handlebars are an open enum of another crate")]

use crate::base::arg::{Landing, Piece, SecretRef, Text};
use crate::base::limits;
use crate::base::value::Value;
use crate::template::escape::land;
use crate::template::helpers::{self, scalar, truthy};
use crate::template::tree::{Block, BlockSort, Helper, Input, Item, Put, Spot};
use handlebars::{
    Context, Handlebars, Helper as Call, HelperDef, HelperResult, JsonRender, Output, RenderContext, RenderErrorReason,
    Renderable, ScopedJson, StringOutput, Template,
};
use std::fmt::Write;
use std::sync::OnceLock;

/// What stands in a mark behind the NUL.
const SECRET: char = 'S';

/// The template as handlebars runs it.
///
/// # Errors
/// What handlebars says, should it not understand what we wrote.
pub(super) fn compile(items: &[Item]) -> Result<Template, String> {
    let mut text = String::new();
    write_items(items, &mut text);
    Template::compile(&text).map_err(|error| error.to_string())
}

fn write_items(items: &[Item], text: &mut String) {
    for item in items {
        match item {
            Item::Lit(lit) => put(text, format_args!("{{{{o_lit {}}}}}", quoted(lit))),
            Item::Put(found) => write_put(found, text),
            Item::Block(block) => write_block(block, text),
        }
    }
}

fn put(text: &mut String, shown: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = text.write_fmt(shown);
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn write_put(found: &Put, text: &mut String) {
    let Spot { landing, first, tail, raw } = found.spot;
    let landing = LANDINGS.iter().position(|known| *known == landing).unwrap_or_default();
    if let Some(name) = found.secret() {
        put(text, format_args!("{{{{o_secret {landing} {}}}}}", quoted(name)));
        return;
    }
    let named = match &found.input {
        Input::Path(path) => path.raw.clone(),
        Input::Call(helper, ..) => helper.as_str().into(),
        Input::Literal(_) => String::new(),
    };
    put(text, format_args!("{{{{o_put {landing} {first} {tail} {raw} {} ", quoted(&named)));
    write_input(&found.input, text);
    text.push_str("}}");
}

fn write_input(input: &Input, text: &mut String) {
    match input {
        Input::Path(path) => text.push_str(&path.raw),
        Input::Literal(value) => put(text, format_args!("{value}")),
        Input::Call(helper, args, _) => {
            put(text, format_args!("(o_{}", helper.as_str()));
            for arg in args {
                text.push(' ');
                write_input(arg, text);
            }
            text.push(')');
        }
    }
}

fn write_block(block: &Block, text: &mut String) {
    let sort = block.sort.as_str();
    put(text, format_args!("{{{{#{sort} "));
    match block.sort {
        BlockSort::If | BlockSort::Unless => {
            text.push_str("(o_test ");
            write_input(&block.input, text);
            text.push(')');
        }
        BlockSort::Each | BlockSort::With => write_input(&block.input, text),
    }
    if !block.params.is_empty() {
        put(text, format_args!(" as |{}|", block.params.join(" ")));
    }
    text.push_str("}}{{o_tick 0}}");
    write_items(&block.body, text);
    if !block.otherwise.is_empty() {
        text.push_str("{{else}}");
        write_items(&block.otherwise, text);
    }
    put(text, format_args!("{{{{/{sort}}}}}"));
}

const LANDINGS: &[Landing] = &[
    Landing::Plain,
    Landing::ShellWord,
    Landing::ShellSingle,
    Landing::ShellDouble,
    Landing::Argv,
    Landing::Env,
    Landing::Url,
    Landing::UrlPart,
    Landing::Json,
    Landing::Html,
    Landing::Markdown,
    Landing::Chat,
    Landing::Header,
    Landing::PathPart,
    Landing::Path,
    Landing::Host,
];

/// The text over these values.
///
/// # Errors
/// A sentence, when a value is missing or unfit or a bound was passed.
pub(super) fn render(template: &Template, scope: &Value) -> Result<Text, String> {
    let context = Context::wraps(scope).map_err(|error| error.to_string())?;
    let mut state = RenderContext::new(None);
    let mut out = Bounded { text: StringOutput::new(), bytes: 0, writes: 0 };
    template.render(registry(), &context, &mut state, &mut out).map_err(|error| explain(&error))?;
    let marked = out.text.into_string().map_err(|error| error.to_string())?;
    Ok(unmark(&marked))
}

fn explain(error: &handlebars::RenderError) -> String {
    match error.reason() {
        RenderErrorReason::Other(text) => text.clone(),
        RenderErrorReason::MissingVariable(Some(path)) => format!("`{path}` is missing"),
        RenderErrorReason::IOError(error) => error.to_string(),
        other => other.to_string(),
    }
}

/// Where handlebars writes: so many bytes and pieces, no more.
struct Bounded {
    text: StringOutput,
    bytes: usize,
    writes: usize,
}

impl Output for Bounded {
    fn write(&mut self, text: &str) -> Result<(), std::io::Error> {
        self.bytes += text.len();
        self.writes += 1;
        if self.bytes > limits::MAX_RENDERED || self.writes > limits::MAX_PIECES {
            return Err(std::io::Error::other(format!("the text gets longer than {} bytes", limits::MAX_RENDERED)));
        }
        self.text.write(text)
    }
}

/// Cuts the string at its marks.
fn unmark(marked: &str) -> Text {
    let mut pieces = Vec::new();
    let mut lit = String::new();
    let mut chars = marked.chars();
    while let Some(c) = chars.next() {
        if c != '\0' {
            lit.push(c);
        } else if chars.next() == Some(SECRET) {
            let landing = chars.next().and_then(|c| LANDINGS.get(c as usize - 1)).copied().unwrap_or(Landing::Plain);
            let name = chars.by_ref().take_while(|c| *c != '\0').collect();
            if !lit.is_empty() {
                pieces.push(Piece::Lit(std::mem::take(&mut lit)));
            }
            pieces.push(Piece::Secret(SecretRef { name, landing }));
        } else {
            lit.push('\0');
        }
    }
    if !lit.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Lit(lit));
    }
    Text(pieces)
}

fn doubled(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\0\0").into() } else { text.into() }
}

fn registry() -> &'static Handlebars<'static> {
    static REGISTRY: OnceLock<Handlebars<'static>> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let mut registry = Handlebars::new();
        registry.set_strict_mode(true);
        registry.register_escape_fn(handlebars::no_escape);
        registry.register_helper("o_lit", Box::new(lit));
        registry.register_helper("o_put", Box::new(value));
        registry.register_helper("o_secret", Box::new(secret));
        registry.register_helper("o_tick", Box::new(tick));
        registry.register_helper("o_test", Box::new(Test));
        for helper in Helper::ALL {
            registry.register_helper(&format!("o_{}", helper.as_str()), Box::new(Compute(helper)));
        }
        registry
    })
}

type Bars<'reg> = Handlebars<'reg>;

fn other(text: String) -> handlebars::RenderError {
    RenderErrorReason::Other(text).into()
}

fn lit(
    call: &Call<'_>,
    _: &Bars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let text = call.param(0).and_then(|param| param.value().as_str()).unwrap_or_default();
    Ok(out.write(&doubled(text))?)
}

fn tick(_: &Call<'_>, _: &Bars<'_>, _: &Context, _: &mut RenderContext<'_, '_>, out: &mut dyn Output) -> HelperResult {
    Ok(out.write("")?)
}

fn secret(
    call: &Call<'_>,
    _: &Bars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let landing = call.param(0).and_then(|param| param.value().as_u64()).unwrap_or_default();
    let name = call.param(1).map(|param| param.value().render()).unwrap_or_default();
    // Landings are few, so the number plus one is a character that is no NUL.
    let landing = u32::try_from(landing + 1).ok().and_then(char::from_u32).unwrap_or('\u{1}');
    Ok(out.write(&format!("\0{SECRET}{landing}{name}\0"))?)
}

fn value(
    call: &Call<'_>,
    _: &Bars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let flag = |at: usize| call.param(at).and_then(|param| param.value().as_bool()).unwrap_or_default();
    let landing = call.param(0).and_then(|param| param.value().as_u64()).and_then(|at| usize::try_from(at).ok());
    let landing = landing.and_then(|at| LANDINGS.get(at)).copied().unwrap_or(Landing::Plain);
    let spot = Spot { landing, first: flag(1), tail: flag(2), raw: flag(3) };
    let named = call.param(4).map(|param| param.value().render()).unwrap_or_default();
    let Some(param) = call.param(5).filter(|param| !param.is_value_missing()) else {
        return Err(other(format!("`{named}` is missing")));
    };
    let landed = scalar(param.value()).and_then(|text| land(&text, spot));
    let text = landed.map_err(|why| other(format!("`{named}` cannot stand here: {why}")))?;
    Ok(out.write(&doubled(&text))?)
}

/// `o_test x`: whether x counts as true, missing or not.
struct Test;

impl HelperDef for Test {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        call: &Call<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, handlebars::RenderError> {
        let value = call.param(0).filter(|param| !param.is_value_missing()).map(handlebars::PathAndJson::value);
        Ok(ScopedJson::Derived(Value::Bool(truthy(value))))
    }
}

/// One of the helpers operators write.
struct Compute(Helper);

impl HelperDef for Compute {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        call: &Call<'rc>,
        _: &'reg Handlebars<'reg>,
        context: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, handlebars::RenderError> {
        let params = call.params().iter();
        let args: Vec<Option<Value>> =
            params.map(|param| (!param.is_value_missing()).then(|| param.value().clone())).collect();
        let zone = context.data()["book"]["timezone"].as_str().unwrap_or("UTC");
        let result = helpers::call(self.0, &args, zone);
        result.map(ScopedJson::Derived).map_err(|why| other(format!("`{}`: {why}", self.0.as_str())))
    }
}
