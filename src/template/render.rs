//! Rendering: most templates are text and names, which need no handlebars; the others get it.

use crate::base::arg::{Arg, Landing, Piece, SecretRef, Text};
use crate::base::limits;
use crate::base::value::{Map, Value};
use crate::expr::{Scope, follow};
use crate::template::escape::land;
use crate::template::helpers::scalar;
use crate::template::tree::{Item, Put, each_path};
use crate::template::{RenderError, bars};

/// How a template is rendered.
#[derive(Debug)]
pub(super) enum How {
    /// Text and names only.
    Simple,
    /// Blocks or helpers.
    Bars(Box<handlebars::Template>, Vec<Vec<String>>),
}

/// How these items are rendered.
///
/// # Errors
/// What handlebars says, should it not understand what we wrote.
pub(super) fn how(items: &[Item]) -> Result<How, String> {
    let simple = items.iter().all(|item| match item {
        Item::Lit(_) => true,
        Item::Put(put) => put.path().is_some(),
        Item::Block(_) => false,
    });
    if simple {
        return Ok(How::Simple);
    }
    let mut paths = vec![vec!["book".to_owned(), "timezone".to_owned()]];
    each_path(items, &mut |found| {
        if let Some(path) = &found.path {
            // What lies behind an item of a list is carried with the whole list.
            let names: Vec<String> = path.iter().take_while(|name| *name != "*").cloned().collect();
            if !paths.contains(&names) {
                paths.push(names);
            }
        }
    });
    Ok(How::Bars(Box::new(bars::compile(items)?), paths))
}

/// The text over these values.
pub(super) fn render(items: &[Item], how: &How, scope: &Scope) -> Result<Text, RenderError> {
    match how {
        How::Simple => simple(items, scope),
        How::Bars(template, paths) => {
            let text = bars::render(template, &part_of(scope, paths))
                .map_err(|why| RenderError(name_it(why, paths, scope)))?;
            Ok(text)
        }
    }
}

fn simple(items: &[Item], scope: &Scope) -> Result<Text, RenderError> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut bytes = 0;
    let lit = |pieces: &mut Vec<Piece>, text: String| match pieces.last_mut() {
        Some(Piece::Lit(last)) => last.push_str(&text),
        Some(Piece::Secret(_)) | None => pieces.push(Piece::Lit(text)),
    };
    for item in items {
        let text = match item {
            Item::Lit(text) => text.clone(),
            Item::Put(put) => match put.secret() {
                Some(name) => {
                    pieces.push(Piece::Secret(SecretRef { name: name.into(), landing: put.spot.landing }));
                    continue;
                }
                None => landed(put, looked_up(put, scope)?.as_ref())?,
            },
            Item::Block(_) => continue,
        };
        bytes += text.len();
        if bytes > limits::MAX_RENDERED {
            return Err(RenderError(format!("the text gets longer than {} bytes", limits::MAX_RENDERED)));
        }
        lit(&mut pieces, text);
    }
    if pieces.is_empty() {
        pieces.push(Piece::Lit(String::new()));
    }
    Ok(Text(pieces))
}

fn looked_up<'a>(put: &Put, scope: &'a Scope) -> Result<std::borrow::Cow<'a, Value>, RenderError> {
    let path = put.path().unwrap_or_default();
    follow(&scope.values, path).map_err(|absent| RenderError(absent.message))
}

fn landed(put: &Put, value: &Value) -> Result<String, RenderError> {
    let named = put.path().unwrap_or_default().join(".");
    let text = scalar(value).and_then(|text| land(&text, put.spot));
    text.map_err(|why| RenderError(format!("`{named}` cannot stand here: {why}")))
}

/// Whether a placeholder that is the whole template keeps the type of its value: the place takes JSON.
pub(super) fn keeps_type(put: &Put) -> bool {
    let named = put.path().is_some() && put.secret().is_none();
    named
        && match put.spot.landing {
            Landing::Plain | Landing::Json => true,
            Landing::Env
            | Landing::ShellWord
            | Landing::ShellSingle
            | Landing::ShellDouble
            | Landing::Argv
            | Landing::Url
            | Landing::UrlPart
            | Landing::Html
            | Landing::Markdown
            | Landing::Chat
            | Landing::Header
            | Landing::PathPart
            | Landing::Path
            | Landing::Host => false,
        }
}

/// The value of a placeholder that is the whole template, where it keeps its type.
pub(super) fn typed(items: &[Item], scope: &Scope) -> Result<Option<Arg>, RenderError> {
    match items {
        [Item::Put(put)] if keeps_type(put) => Ok(Some(Arg::Value(looked_up(put, scope)?.into_owned()))),
        _ => Ok(None),
    }
}

/// The part of the scope that these paths read: handlebars copies what it is given.
fn part_of(scope: &Scope, paths: &[Vec<String>]) -> Value {
    let mut part = Map::new();
    for path in paths {
        copy(&scope.values, &mut part, path);
    }
    Value::Object(part)
}

fn copy(from: &Map<String, Value>, to: &mut Map<String, Value>, path: &[String]) {
    let Some((name, rest)) = path.split_first() else { return };
    let Some(value) = from.get(name) else { return };
    match (value, rest) {
        (Value::Object(members), [_, ..]) => {
            let below = to.entry(name).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(below) = below {
                copy(members, below, rest);
            }
        }
        // A list that is read by index is copied whole: its places must stay.
        (value, _) => drop(to.insert(name.clone(), value.clone())),
    }
}

/// `x.y is missing` with the reason, where the path is one of ours.
fn name_it(why: String, paths: &[Vec<String>], scope: &Scope) -> String {
    let Some(named) = why.strip_prefix('`').and_then(|rest| rest.strip_suffix("` is missing")) else { return why };
    let path = paths.iter().find(|path| path.join(".") == named);
    match path.map(|path| follow(&scope.values, path)) {
        Some(Err(absent)) => absent.message,
        Some(Ok(_)) | None => why,
    }
}
