//! What a button, a link or a reply sends back: which incident, what is to be done, and the page it stood in, signed.
//!
//! The page says the rest: whom it was for, which version of the incident it showed, and when it was sent. A token is good
//! for a week and for what its page showed; what has become pointless meanwhile, the incident itself refuses.

use crate::act::Seal;
use crate::base::ids::{DrillId, IncidentId};
use crate::model::message::Verb;
use jiff::SignedDuration;

/// How long after its page a token is good.
pub const GOOD_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What a token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// The incident.
    pub incident: IncidentId,
    /// What is to be done.
    pub verb: Verb,
    /// The page it stood in.
    pub page: u32,
}

/// What stands in the place of a verb in the token of a drill.
const DRILL: char = 'd';

const VERBS: [(Verb, u8); 3] = [(Verb::Acknowledge, b'a'), (Verb::Escalate, b'e'), (Verb::Resolve, b'r')];

/// The token as it is sent: at most 64 bytes of letters, digits, dashes and dots.
///
/// # Errors
/// A sentence, when the key file of the data directory can't be made or read.
pub fn write(seal: &Seal, token: Token) -> Result<String, String> {
    let Token { incident, verb, page } = token;
    let verb = VERBS.into_iter().find(|(known, _)| *known == verb).map_or('a', |(_, byte)| char::from(byte));
    signed(seal, &format!("{incident}{verb}{}", digits(page)))
}

/// The token by which whoever was sent a page of a drill says that it has arrived.
///
/// # Errors
/// As [`write()`].
pub fn write_drill(seal: &Seal, drill: DrillId, page: u32) -> Result<String, String> {
    signed(seal, &format!("{drill}{DRILL}{}", digits(page)))
}

/// The page of a drill that a token is about; `None` = it is not ours, or about something else.
#[must_use]
pub fn read_drill(seal: &Seal, text: &str) -> Option<(DrillId, u32)> {
    let (drill, rest) = proved(seal, text)?.split_at_checked(26)?;
    let page = u32::from_str_radix(rest.strip_prefix(DRILL)?, 36).ok()?;
    Some((DrillId::parse(drill).ok()?, page))
}

fn signed(seal: &Seal, said: &str) -> Result<String, String> {
    let signature = seal.sign(said.as_bytes())?;
    let signature: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{said}.{signature}"))
}

/// The token of that text; `None` = it is not ours.
#[must_use]
pub fn read(seal: &Seal, text: &str) -> Option<Token> {
    let (incident, rest) = proved(seal, text)?.split_at_checked(26)?;
    let verb = *rest.as_bytes().first()?;
    let (verb, _) = VERBS.into_iter().find(|(_, byte)| *byte == verb)?;
    let page = u32::from_str_radix(rest.get(1..)?, 36).ok()?;
    Some(Token { incident: IncidentId::parse(incident).ok()?, verb, page })
}

/// What a token says, where we signed it.
fn proved<'a>(seal: &Seal, text: &'a str) -> Option<&'a str> {
    let (said, signature) = text.trim().rsplit_once('.')?;
    let signature: Option<Vec<u8>> = (0..signature.len())
        .step_by(2)
        .map(|at| signature.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok()))
        .collect();
    seal.is_signed(said.as_bytes(), &signature?).then_some(said)
}

/// A number to the base of 36.
fn digits(number: u32) -> String {
    let (mut digits, mut rest) = (Vec::new(), number);
    loop {
        digits.push(char::from_digit(rest % 36, 36).unwrap_or('0'));
        rest /= 36;
        if rest == 0 {
            break;
        }
    }
    digits.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_no_other_text_does() {
        let dir = tempfile::tempdir().expect("a directory");
        let seal = Seal::of(dir.path());
        let incident = IncidentId::new(1_800_000_000_000, 42);
        for (verb, page) in [(Verb::Acknowledge, 1), (Verb::Escalate, 35), (Verb::Resolve, u32::MAX)] {
            let token = Token { incident, verb, page };
            let text = write(&seal, token).expect("signed");
            assert!(text.len() <= 64 + 4, "{text}");
            assert_eq!(read(&seal, &text), Some(token));
            for at in 0..text.len() {
                let mut other = text.clone().into_bytes();
                other[at] = if other[at] == b'1' { b'2' } else { b'1' };
                let other = String::from_utf8(other).expect("text");
                assert_eq!(read(&seal, &other), None, "{other}");
            }
        }
        let drill = DrillId::parse(&incident.to_string()).expect("an id");
        let text = write_drill(&seal, drill, 36).expect("signed");
        assert_eq!((read_drill(&seal, &text), read(&seal, &text)), (Some((drill, 36)), None), "it does nothing else");
        let ack = write(&seal, Token { incident, verb: Verb::Acknowledge, page: 36 }).expect("signed");
        assert_eq!(read_drill(&seal, &ack), None);
        let other = tempfile::tempdir().expect("a directory");
        let text = write(&seal, Token { incident, verb: Verb::Resolve, page: 1 }).expect("signed");
        assert_eq!(read(&Seal::of(other.path()), &text), None);
        for text in ["", ".", "x.y", "é", &"0".repeat(100)] {
            assert_eq!(read(&seal, text), None);
        }
    }
}
