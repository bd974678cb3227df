//! Where in an HTML page a placeholder stands: text and quoted attributes are safe, and the part of a URL behind its
//! beginning. Everything that a browser runs is refused.

use crate::base::arg::Landing;
use crate::template::tree::Spot;

/// Where the reading of a page stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Html {
    at: At,
    /// The element being read, or the last one that was opened.
    tag: String,
    /// The attribute being read.
    name: String,
    /// What the attribute holds so far, as far as it decides where a URL leads.
    value: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum At {
    Text,
    /// Behind `<`, in the name of an element.
    Tag,
    /// In an element, between attributes.
    Inside,
    /// In the name of an attribute.
    Name,
    /// Behind the `=`.
    Equals,
    Quoted(char),
    Bare,
    /// In `<!-- -->`, with the last characters.
    Comment(String),
    /// In an element that a browser does not read as text, with the last characters.
    Code(String),
}

/// Elements whose text is run, or read by other rules than those of text.
const CODE: &[&str] = &["script", "style", "iframe", "noscript", "noembed", "noframes", "xmp", "plaintext"];
/// Attributes that hold a URL.
const URLS: &[&str] =
    &["href", "src", "action", "formaction", "poster", "data", "cite", "background", "ping", "manifest", "xlink:href"];
/// Attributes that hold code, or a page of their own.
const CODES: &[&str] = &["style", "srcdoc", "srcset"];

impl Html {
    pub(super) fn new() -> Self {
        Self { at: At::Text, tag: String::new(), name: String::new(), value: String::new() }
    }

    /// Whether two branches end in the same place. In text nothing counts of the element that was read last.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        self.at == other.at && (self.at == At::Text || self.tag == other.tag && self.name == other.name)
    }

    /// What follows may come after either branch: of a URL, the one that has said less counts.
    pub(super) fn merge(&mut self, other: &Self) {
        if other.value.len() < self.value.len() {
            self.value.clone_from(&other.value);
        }
    }

    pub(super) fn text(&mut self, text: &str) {
        text.chars().for_each(|c| self.step(c));
    }

    /// Where a placeholder lands.
    pub(super) fn put(&mut self) -> Result<Spot, String> {
        let spot = |landing| Ok(Spot { landing, first: false, tail: false, raw: false });
        match &self.at {
            At::Text => spot(Landing::Html),
            At::Quoted(_) if self.name.starts_with("on") || CODES.contains(&self.name.as_str()) => {
                Err(format!("a value cannot be made safe in `{}`, which is read as code", self.name))
            }
            At::Quoted(_) if URLS.contains(&self.name.as_str()) => {
                let begun = self.value.trim_start();
                let begins = begun.starts_with(['/', '#', '?', '.']) || begun.starts_with("http");
                if begins && begun.contains(['/', '#', '?'])
                    || begun.starts_with("mailto:")
                    || begun.starts_with("tel:")
                {
                    self.value.push('x');
                    return spot(Landing::UrlPart);
                }
                Err(format!("a value cannot be the beginning of a URL in `{}`: it could be code", self.name))
            }
            At::Quoted(_) => spot(Landing::Html),
            At::Tag | At::Inside | At::Name => Err("a value cannot be a part of a tag".into()),
            At::Equals | At::Bare => Err(format!("a value cannot be made safe in `{}` without quotes", self.name)),
            At::Comment(_) => Err("a value cannot be made safe in a comment".into()),
            At::Code(_) => Err(format!("a value cannot be made safe inside `<{}>`", self.tag)),
        }
    }

    /// Where a drawing lands, which is markup itself.
    pub(super) fn draw(&self) -> Result<Spot, String> {
        if self.at == At::Text {
            return Ok(Spot { landing: Landing::Html, first: false, tail: false, raw: true });
        }
        Err("a plot is a drawing, which stands only in text between tags".into())
    }

    fn step(&mut self, c: char) {
        let blank = c.is_ascii_whitespace();
        match &mut self.at {
            At::Text if c == '<' => {
                self.at = At::Tag;
                self.tag.clear();
            }
            At::Text => {}
            At::Tag if self.tag.is_empty() && !(c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) => {
                self.at = At::Text;
            }
            At::Tag | At::Inside | At::Name | At::Equals if c == '>' => self.close(),
            At::Tag if blank => self.at = At::Inside,
            At::Tag => {
                self.tag.push(c.to_ascii_lowercase());
                if self.tag == "!--" {
                    self.at = At::Comment(String::new());
                }
            }
            At::Inside if blank || c == '/' => {}
            At::Inside => {
                self.name = c.to_ascii_lowercase().into();
                self.at = At::Name;
            }
            At::Name if c == '=' => self.at = At::Equals,
            At::Name if blank || c == '/' => self.at = At::Inside,
            At::Name => self.name.push(c.to_ascii_lowercase()),
            At::Equals if blank => {}
            At::Equals => {
                self.value.clear();
                self.at = if matches!(c, '"' | '\'') { At::Quoted(c) } else { At::Bare };
            }
            At::Quoted(quote) if c == *quote => self.at = At::Inside,
            At::Quoted(_) => self.value.push(c.to_ascii_lowercase()),
            At::Bare if c == '>' => self.close(),
            At::Bare if blank => self.at = At::Inside,
            At::Bare => {}
            At::Comment(tail) => {
                tail.push(c);
                if tail.ends_with("-->") {
                    self.at = At::Text;
                }
            }
            At::Code(tail) => {
                tail.push(c.to_ascii_lowercase());
                if tail.ends_with(&format!("</{}", self.tag)) {
                    self.tag.insert(0, '/');
                    self.at = At::Inside;
                }
            }
        }
    }

    fn close(&mut self) {
        self.at = if CODE.contains(&self.tag.as_str()) { At::Code(String::new()) } else { At::Text };
        self.name.clear();
    }
}
