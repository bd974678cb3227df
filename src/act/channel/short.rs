//! A message as a short text: what matters first, in the alphabet of telephones where that is possible.

use crate::act::channel::form;
use crate::base::limits::MAX_TEXT_PARTS;
use crate::model::message::{Message, Verb};

/// Characters of a text of one part in the telephones' alphabet, and of each of several.
const GSM: (usize, usize) = (160, 153);
/// The same in every other alphabet.
const WIDE: (usize, usize) = (70, 67);
/// The longest token that anybody types.
const TYPED: usize = 16;

/// The telephones' alphabet (GSM 03.38); those of the second row take two places.
const ALPHABET: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
                        ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const TWO_PLACES: &str = "^{}\\[~]|€";

/// Characters that are not in it, and what stands for them there.
const LIKE: &[(&str, &str)] =
    &[("‘’‚′`´", "'"), ("“”„″«»", "\""), ("–—−‐‑", "-"), ("\t\u{a0}\u{202f}\u{2009}", " "), ("•·", "*")];

/// A message as a text of at most three parts: severity and title, then how to answer, then where to see more, then
/// the facts and the rest as far as there is room.
pub(super) fn text(message: &Message) -> String {
    let mut words = vec![format!("{} {}", form::severity(message).to_uppercase(), form::title(message))];
    if let Some(action) = message.actions.iter().find(|action| action.verb == Verb::Acknowledge) {
        match &action.link {
            Some(link) => words.push(format!("{}: {link}", action.label)),
            None if action.token.len() <= TYPED => words.push(format!("{}: reply {}", action.label, action.token)),
            None => {}
        }
    }
    if message.perhaps_again {
        words.push("(perhaps sent before)".into());
    }
    let facts = message.fields.iter().map(|(name, value)| format!("{name}: {value}"));
    let rest: Vec<String> = [message.text.clone()].into_iter().chain(facts).collect();
    let rest: Vec<String> = rest.iter().map(|part| form::line(part)).filter(|part| !part.is_empty()).collect();
    fitted(&words, &rest)
}

/// The first words whole, the title cut where even they are too long; then as much of the rest as fits.
fn fitted(words: &[String], rest: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| plain(word)).collect();
    let rest: Vec<String> = rest.iter().map(|word| plain(word)).collect();
    let all = words.iter().chain(&rest).cloned().collect::<Vec<_>>().join("\n");
    let narrow = all.chars().all(|c| places(c).is_some());
    let room = if narrow { GSM.1 * MAX_TEXT_PARTS } else { WIDE.1 * MAX_TEXT_PARTS };
    let length = |text: &str| text.chars().map(|c| taken(c, narrow)).sum::<usize>();
    let (title, answers) = words.split_first().map_or(("", [].as_slice()), |(title, rest)| (title.as_str(), rest));
    let answers: String = answers.iter().map(|answer| format!("\n{answer}")).collect();
    let mut text = beginning(title, room.saturating_sub(length(&answers)), narrow);
    text.push_str(&answers);
    for part in rest {
        let left = room.saturating_sub(length(&text) + 1);
        if left < 8 {
            break;
        }
        text.push('\n');
        text.push_str(&beginning(&part, left, narrow));
    }
    text
}

/// The beginning of a text that takes at most `room` places; where it is cut, it says so.
fn beginning(text: &str, room: usize, narrow: bool) -> String {
    let whole: usize = text.chars().map(|c| taken(c, narrow)).sum();
    if whole <= room {
        return text.to_owned();
    }
    let mut left = room.saturating_sub(3);
    let kept = text.chars().take_while(|c| {
        let takes = taken(*c, narrow);
        let fits = takes <= left;
        left = left.saturating_sub(takes);
        fits
    });
    format!("{}...", kept.collect::<String>())
}

/// How many places a character takes.
fn taken(c: char, narrow: bool) -> usize {
    if narrow { places(c).unwrap_or(1) } else { c.len_utf16() }
}

/// How many places it takes in the telephones' alphabet, where it is in it.
fn places(c: char) -> Option<usize> {
    match (ALPHABET.contains(c), TWO_PLACES.contains(c)) {
        (true, _) => Some(1),
        (false, true) => Some(2),
        (false, false) => None,
    }
}

/// Quotation marks, dashes and the like as telephones have them.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match LIKE.iter().find(|(from, _)| from.contains(c)) {
            Some((_, like)) => plain.push_str(like),
            None if c == '…' => plain.push_str("..."),
            None => plain.push(c),
        }
    }
    plain
}

/// In how many parts a text travels.
#[cfg(test)]
fn parts(text: &str) -> usize {
    let narrow = text.chars().all(|c| places(c).is_some());
    let length: usize = text.chars().map(|c| taken(c, narrow)).sum();
    let (one, each) = if narrow { GSM } else { WIDE };
    if length <= one { 1 } else { length.div_ceil(each) }
}

/// A number as a telephone dials it: `+15550123`. None for what is none.
pub(super) fn number(text: &str) -> Option<String> {
    let dialled: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')' | '.' | '/')).collect();
    let digits = dialled.strip_prefix('+').unwrap_or(&dialled);
    let good = digits.chars().all(|c| c.is_ascii_digit()) && (3..=15).contains(&digits.len());
    good.then_some(dialled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::act::channel::tests::message;

    #[test]
    fn what_matters_stands_first_and_is_never_cut() {
        let mut long = message();
        long.title = "Calls fail".into();
        long.text = "x".repeat(2_000);
        let sent = text(&long);
        assert!(sent.starts_with("P1 Calls fail\nAcknowledge: https://steps.example/a/tok4\n"), "{sent}");
        assert!(sent.ends_with("..."), "{sent}");
        assert_eq!(parts(&sent), 3);
        long.title = "T".repeat(2_000);
        let sent = text(&long);
        assert!(sent.contains("TTT...\nAcknowledge: https://steps.example/a/tok4"), "the title gives way: {sent}");
        assert_eq!(parts(&sent), 3);
    }

    #[test]
    fn other_alphabets_have_less_room() {
        let mut russian = message();
        russian.title = "Звонки не проходят".into();
        russian.text = "ж".repeat(500);
        let sent = text(&russian);
        assert!(sent.starts_with("P1 Звонки не проходят\n"), "{sent}");
        assert_eq!(parts(&sent), 3);
        russian.text = "🚨".repeat(500);
        assert_eq!(parts(&text(&russian)), 3, "a character outside the basic plane takes two places");
    }

    #[test]
    fn marks_that_telephones_lack_are_written_as_they_have_them() {
        assert_eq!(plain("“a” – b… ‘c’"), "\"a\" - b... 'c'");
        assert_eq!(parts(&"[".repeat(80)), 1, "two places each");
        assert_eq!(parts(&"[".repeat(81)), 2);
    }

    #[test]
    fn numbers_are_dialled_and_letters_are_not() {
        assert_eq!(number("+1-555-0123").as_deref(), Some("+15550123"));
        assert_eq!(number("(030) 1234.56").as_deref(), Some("030123456"));
        assert_eq!((number("+1-555-ALERT"), number("12"), number("")), (None, None, None));
    }
}
