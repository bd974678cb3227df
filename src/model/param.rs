//! A decoded value of the language: text compiled, expressions compiled, the rest as data.

use crate::base::arg::Arg;
use crate::base::value::Value;
use crate::expr::{Expr, Scope};
use crate::template::{RenderError, Template};

/// What stood at a key, decoded by its [`crate::model::shape::Shape`].
#[derive(Debug, Clone)]
pub enum Param {
    /// A value with nothing to render. Durations are whole milliseconds, sizes bytes.
    Value(Value),
    /// Templated text.
    Text(Template),
    /// An expression.
    Expr(Expr),
    /// A list.
    List(Vec<Param>),
    /// A map, in the order written.
    Map(Vec<(String, Param)>),
}

impl Param {
    /// The member of a map.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(map) => map.iter().find(|(name, _)| name == key).map(|(_, param)| param),
            Self::Value(_) | Self::Text(_) | Self::Expr(_) | Self::List(_) => None,
        }
    }

    /// The value, where nothing is to be rendered.
    #[must_use]
    pub fn value(&self) -> Option<&Value> {
        match self {
            Self::Value(value) => Some(value),
            Self::Text(_) | Self::Expr(_) | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// The argument this is over these values; secrets stay holes.
    ///
    /// # Errors
    /// [`RenderError`] of the first template or expression that cannot be rendered.
    pub fn render(&self, scope: &Scope) -> Result<Arg, RenderError> {
        Ok(match self {
            Self::Value(value) => Arg::Value(value.clone()),
            Self::Text(template) => template.render_arg(scope)?,
            Self::Expr(expr) => Arg::Value(expr.eval(scope).map_err(RenderError::from)?),
            Self::List(list) => Arg::List(list.iter().map(|param| param.render(scope)).collect::<Result<_, _>>()?),
            Self::Map(map) => Arg::Map(
                map.iter()
                    .map(|(key, param)| Ok((key.clone(), param.render(scope)?)))
                    .collect::<Result<_, RenderError>>()?,
            ),
        })
    }

    /// Calls `template` and `expr` with everything that will be rendered.
    pub fn each<'a>(&'a self, template: &mut dyn FnMut(&'a Template), expr: &mut dyn FnMut(&'a Expr)) {
        match self {
            Self::Value(_) => {}
            Self::Text(text) => template(text),
            Self::Expr(found) => expr(found),
            Self::List(list) => list.iter().for_each(|param| param.each(template, expr)),
            Self::Map(map) => map.iter().for_each(|(_, param)| param.each(template, expr)),
        }
    }
}
