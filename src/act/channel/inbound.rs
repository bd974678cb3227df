//! What comes back from people over a channel: verified, then read. Pure: bytes and headers in, a reply out.

pub mod slack;
pub mod telegram;
pub mod twilio;

/// What somebody answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// What they said.
    pub said: Said,
    /// Who they are, by the provider's own name and id: `roadrunner (U2CERLKJA)`, `+15550123`.
    pub who: String,
    /// The provider's id of it: the same for the same reply, however often it comes.
    pub provider_ref: String,
    /// Where what came of it is told: Slack's `response_url`, the id of Telegram's query.
    pub answer: Option<String>,
}

/// The words of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// A button or a key was pressed: the token of an action, as it was sent.
    Token(String),
    /// Somebody wrote.
    Text(String),
}

/// Whether two texts are the same, in a time that tells nothing of where they differ.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |found, (a, b)| found | (a ^ b)) == 0
}

/// The pairs of a form.
fn form(body: &[u8]) -> Vec<(String, String)> {
    let Ok(mut url) = reqwest::Url::parse("form:") else { return Vec::new() };
    url.set_query(Some(&String::from_utf8_lossy(body)));
    url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

/// The value of a name in a form.
fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_bytes_are_the_same() {
        assert!(same(b"ab", b"ab") && !same(b"ab", b"ac") && !same(b"ab", b"abc"));
    }
}
