//! `params:` of a DAG, in all the ways they may be written, as inputs.

use crate::base::ids::StepId;
use crate::diagnostic::{Code, Spot};
use crate::lang::import::draft::{Out, bare, pair, text};
use crate::lang::import::report::{Lost, Report, says_yes};
use crate::lang::import::words::{Names, is_variable, snake};
use crate::lang::yaml::{Core, Node, Scalar};

/// One parameter.
#[derive(Debug, Clone)]
pub(super) struct Param {
    /// Its name; `None` where it has but a place.
    pub(super) name: Option<String>,
    /// The input that it becomes.
    pub(super) input: StepId,
    /// What is written of the input.
    pub(super) body: Vec<(String, Out)>,
    /// Whether a run may begin without it being given.
    pub(super) stands: bool,
}

/// Keys of a parameter that is written with a type.
const RICH: &[&str] = &[
    "name",
    "default",
    "eval",
    "description",
    "type",
    "required",
    "enum",
    "minimum",
    "maximum",
    "min_length",
    "max_length",
    "pattern",
];

/// The parameters, in order.
pub(super) fn params(node: &Node, report: &mut Report) -> Vec<Param> {
    let mut made = Made { report, names: Names::default(), params: Vec::new() };
    if let Some(items) = node.items() {
        for item in items {
            made.item(item);
        }
    } else if let Some(pairs) = node.pairs() {
        if node.get("schema").is_some() || node.get("properties").is_some() {
            let help = "write an input for each of its properties under `inputs:`";
            made.report.lost(Lost::new(node.spot, "parameters that a schema describes", help));
        } else {
            for (key, value) in pairs {
                made.named(key, value);
            }
        }
    } else if let Some(written) = made.report.text(node, "`params`") {
        for (name, value) in words(&written) {
            made.push(name.as_deref(), &value, node.spot);
        }
    }
    made.params
}

/// `A=1 B="x y" last`: names, where there are some, and values without their quotes.
pub(super) fn words(text: &str) -> Vec<(Option<String>, String)> {
    let mut found: Vec<(Option<String>, String)> = Vec::new();
    let (mut name, mut word, mut open, mut begun) = (None, String::new(), None, false);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, open) {
            ('\\', Some('"')) => word.extend(chars.next()),
            (c, Some(quote)) if c == quote => {
                open = None;
                if quote == '`' {
                    word.push(c);
                }
            }
            (c, Some(_)) => word.push(c),
            ('"' | '\'' | '`', None) => {
                begun = true;
                open = Some(c);
                if c == '`' {
                    word.push(c);
                }
            }
            ('=', None) if name.is_none() && is_variable(&word) => name = Some(std::mem::take(&mut word)),
            (c, None) if c.is_whitespace() => {
                if begun || !word.is_empty() || name.is_some() {
                    found.push((name.take(), std::mem::take(&mut word)));
                }
                begun = false;
            }
            (c, None) => word.push(c),
        }
    }
    if begun || !word.is_empty() || name.is_some() {
        found.push((name, word));
    }
    found
}

struct Made<'a> {
    report: &'a mut Report,
    names: Names,
    params: Vec<Param>,
}

impl Made<'_> {
    fn item(&mut self, item: &Node) {
        let Some(pairs) = item.pairs() else {
            if let Some(written) = self.report.text(item, "a parameter") {
                match written.split_once('=').filter(|(name, _)| is_variable(name)) {
                    Some((name, value)) => self.push(Some(name), value, item.spot),
                    None => self.push(None, &written, item.spot),
                }
            }
            return;
        };
        if item.get("name").is_some() && pairs.len() > 1 {
            return self.rich(item);
        }
        for (key, value) in pairs {
            self.named(key, value);
        }
    }

    fn named(&mut self, key: &Node, value: &Node) {
        let name = key.name().unwrap_or_default().to_owned();
        if value.is_null() {
            return self.push(Some(&name), "", value.spot);
        }
        if let Some(written) = self.report.text(value, "the value of a parameter") {
            self.push(Some(&name), &written, value.spot);
        }
    }

    fn push(&mut self, name: Option<&str>, value: &str, spot: Spot) {
        let (wish, otherwise) = (name.unwrap_or(""), if name.is_some() { "param" } else { "arg" });
        let wish = if name.is_none() { format!("arg_{}", self.params.len() + 1) } else { wish.to_owned() };
        let input = self.names.id(&wish, otherwise);
        let mut body = vec![bare("type", "text")];
        let stands = self.default(&mut body, value, spot);
        self.params.push(Param { name: name.map(str::to_owned), input, body, stands });
    }

    /// Whether the value may stand as the default.
    fn default(&mut self, body: &mut Vec<(String, Out)>, value: &str, spot: Spot) -> bool {
        if value.contains('`') || value.contains('$') {
            let help = "it has to be given to each run now: give it another default, or work it out in a first step";
            self.report.lost(Lost::new(spot, "a default that is worked out when the run begins", help));
            return false;
        }
        body.push(text("default", value));
        true
    }

    fn rich(&mut self, item: &Node) {
        let name = item.get("name").and_then(Node::name).unwrap_or_default().to_owned();
        let input = self.names.id(&name, "param");
        let options = item.get("enum").map(|list| self.report.texts(list, "`enum`")).unwrap_or_default();
        let written = item.get("type").and_then(Node::name).unwrap_or("string");
        let ty = match written {
            _ if !options.is_empty() => "choice",
            "integer" | "number" | "boolean" => written,
            _ => "text",
        };
        let mut body = vec![bare("type", ty)];
        if !options.is_empty() {
            let options = options.into_iter().map(|(option, _)| Out::Text(option)).collect();
            body.push(pair("options", Out::List(options)));
        }
        let mut stands = false;
        for (key, value) in item.pairs().unwrap_or_default() {
            stands |= self.part(key, value, ty, &mut body);
        }
        let needed = item.get("required").is_some_and(says_yes) || item.get("default").is_some();
        if !stands && !needed && ty == "text" {
            body.push(text("default", ""));
            stands = true;
        }
        self.params.push(Param { name: Some(name), input, body, stands });
    }

    /// One key of a parameter with a type; whether it is a default that may stand.
    fn part(&mut self, key: &Node, value: &Node, ty: &str, body: &mut Vec<(String, Out)>) -> bool {
        let written = key.name().unwrap_or_default();
        let is_number = matches!(ty, "integer" | "number");
        match snake(written).as_str() {
            "name" | "type" | "enum" | "required" => {}
            "default" if is_number || ty == "boolean" => {
                let fits = |it: &Scalar| matches!(it.core(), Core::Int(_) | Core::Float(_) | Core::Bool(_));
                if value.scalar().is_some_and(fits) {
                    body.push(bare("default", value.name().unwrap_or_default()));
                    return true;
                }
                let message = "a default that is not of its own type";
                self.report.wrong(Code::BadDefault, value.spot, message, "write it without quotes");
            }
            "default" => {
                let default = self.report.text(value, "`default`");
                return default.is_some_and(|written| self.default(body, &written, value.spot));
            }
            "description" => body.extend(self.report.text(value, "`description`").map(|it| text("description", it))),
            "minimum" if is_number => body.push(bare("min", value.name().unwrap_or_default())),
            "maximum" if is_number => body.push(bare("max", value.name().unwrap_or_default())),
            // Dagu looks for the pattern anywhere in the value.
            "pattern" => {
                let pattern = self.report.text(value, "`pattern`");
                body.extend(pattern.map(|it| text("pattern", format!("(?s:.*)(?:{it})(?s:.*)"))));
            }
            "eval" | "min_length" | "max_length" | "minimum" | "maximum" => {
                let help = "an input has `default`, `options`, `min`, `max` and `pattern`";
                self.report.lost(Lost::new(key.spot, format!("`{written}` of a parameter"), help));
            }
            _ => self.report.unknown(key, "a parameter", RICH),
        }
        false
    }
}
