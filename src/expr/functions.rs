//! The functions an expression may call: one table for the checker, the runner and the manual.

use crate::expr::convert::{Pattern, kind_name};
use crate::expr::engine::Run;
use crate::expr::functions_list as list;
use crate::expr::functions_text as text;
use crate::expr::operators::{count, piece};
use rhai::Dynamic;

/// What a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Param {
    /// Anything.
    Any,
    /// Text.
    Text,
    /// A number, whole or not.
    Number,
    /// A whole number.
    Int,
    /// A list.
    List,
    /// A map.
    Map,
    /// Text, a list or a map.
    Holder,
}

/// What comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Out {
    /// true or false.
    Bool,
    /// A whole number.
    Int,
    /// A number.
    Number,
    /// Text.
    Text,
    /// A list of texts.
    Texts,
    /// A list of anything.
    List,
    /// What went in first.
    Same,
    /// An item of what went in first.
    Item,
}

/// A function.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Function {
    /// As written.
    pub(crate) name: &'static str,
    /// What it takes.
    pub(super) params: &'static [Param],
    /// How many of them must be there.
    pub(super) least: usize,
    /// What comes out.
    pub(super) out: Out,
    /// What it does.
    pub(super) run: Run,
    /// One line for the manual.
    pub(crate) about: &'static str,
}

macro_rules! functions {
    ($($name:literal ($($param:ident),*) least $least:literal -> $out:ident, $run:expr, $about:literal;)*) => {
        &[$(Function {
            name: $name, params: &[$(Param::$param),*], least: $least, out: Out::$out, run: $run, about: $about,
        }),*]
    };
}

const TABLE: &[Function] = functions! {
    "abs" (Number) least 1 -> Same, list::abs, "the number without its sign";
    "all" (List, Text, Any) least 3 -> Bool, list::all, "whether in every map of the list the field has that value";
    "any" (List, Text, Any) least 3 -> Bool, list::any, "whether in some map of the list the field has that value";
    "ceil" (Number) least 1 -> Int, list::ceil, "the whole number at or above";
    "contains" (Holder, Any) least 2 -> Bool, list::contains, "whether a text has a part, a list an item, a map a key; also written `x in y`";
    "count" (List, Text, Any) least 1 -> Int, list::count_where, "how many items, or how many maps whose field has that value";
    "ends_with" (Text, Text) least 2 -> Bool, text::ends_with, "whether the text ends so";
    "first" (List) least 1 -> Item, list::first, "the first item";
    "floor" (Number) least 1 -> Int, list::floor, "the whole number at or below";
    "is_empty" (Holder) least 1 -> Bool, |v| Ok((list::length(&v[0])? == 0).into()), "whether nothing is in it";
    "is_match" (Text, Text) least 2 -> Bool, text::is_match, "whether the regular expression is found in the text";
    "join" (List, Text) least 2 -> Text, list::join, "the items as one text with that between them";
    "keys" (Map) least 1 -> Texts, list::keys, "the keys of a map, sorted";
    "last" (List) least 1 -> Item, list::last, "the last item";
    "len" (Holder) least 1 -> Int, |v| Ok(count(list::length(&v[0])?)), "how many characters, items or members";
    "lower" (Text) least 1 -> Text, text::lower, "in small letters";
    "max" (Any, Any) least 1 -> Item, list::max, "the greater of two, or the greatest of a list";
    "min" (Any, Any) least 1 -> Item, list::min, "the lesser of two, or the least of a list";
    "pluck" (List, Text) least 2 -> List, list::pluck, "that field of every map of the list";
    "replace" (Text, Text, Text) least 3 -> Text, text::replace, "every occurrence of the second replaced by the third";
    "reverse" (List) least 1 -> Same, list::reverse, "the items, last first";
    "round" (Number, Int) least 1 -> Number, list::round, "to the nearest whole number, or to so many decimals";
    "sort" (List) least 1 -> Same, list::sort, "the items in order";
    "split" (Text, Text) least 2 -> Texts, text::split, "the parts between the separators";
    "starts_with" (Text, Text) least 2 -> Bool, text::starts_with, "whether the text begins so";
    "sum" (List) least 1 -> Number, list::sum, "all items added";
    "to_float" (Any) least 1 -> Number, text::to_float, "text or a whole number as a number";
    "to_int" (Any) least 1 -> Int, text::to_int, "text or a number as a whole number";
    "to_text" (Any) least 1 -> Text, |v| Ok(piece(&v[0])?.into()), "a number, a boolean or a level as text";
    "trim" (Text) least 1 -> Text, text::trim, "without white space at both ends";
    "upper" (Text) least 1 -> Text, text::upper, "in capital letters";
    "values" (Map) least 1 -> List, list::values, "the values of a map, in the order of its keys";
};

/// Names that rhai's own library and other languages use for ours.
const ALIASES: &[(&str, &str)] = &[
    ("ceiling", "ceil"),
    ("length", "len"),
    ("matches", "is_match"),
    ("parse_float", "to_float"),
    ("parse_int", "to_int"),
    ("size", "len"),
    ("str", "to_text"),
    ("to_lower", "lower"),
    ("to_string", "to_text"),
    ("to_upper", "upper"),
];

/// Every function.
pub(crate) fn all() -> &'static [Function] {
    TABLE
}

/// The function of that name.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    TABLE.iter().find(|function| function.name == name)
}

/// The function that was probably meant by a name that is none.
pub(super) fn meant(name: &str) -> Option<&'static str> {
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name).map(|(_, ours)| *ours);
    alias.or_else(|| crate::expr::problem::closest(name, TABLE.iter().map(|function| function.name)))
}

/// The name a function runs under; no keyword of rhai begins so.
pub(super) fn emitted(name: &str) -> String {
    format!("f_{name}")
}

/// An argument that must be text.
pub(super) fn text_of(value: &Dynamic) -> Result<rhai::ImmutableString, String> {
    value.as_immutable_string_ref().map(|text| text.clone()).map_err(|_| needs("text", value))
}

/// An argument that must be a number.
pub(super) fn number_of(value: &Dynamic) -> Result<f64, String> {
    #[expect(clippy::cast_precision_loss, reason = "as every language with one kind of number does")]
    value.as_int().map(|int| int as f64).or_else(|_| value.as_float()).map_err(|_| needs("a number", value))
}

/// The sentence for an argument of the wrong kind.
pub(super) fn needs(what: &str, value: &Dynamic) -> String {
    if value.is::<Pattern>() {
        return format!("{what} is needed, not a regular expression");
    }
    format!("{what} is needed, not {}", kind_name(value))
}
