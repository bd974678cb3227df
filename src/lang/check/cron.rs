//! Cron expressions as crontab(5) knows them: whether one parses, and whether it ever fires.

use crate::model::cron::{NAMES, Pattern};

/// What is wrong with a cron expression, and the way out.
pub(super) fn problem(text: &str) -> Option<(String, String)> {
    let text = text.trim();
    if text.starts_with('@') {
        return named(text);
    }
    let fields: Vec<&str> = text.split_whitespace().collect();
    let shape = "the fields are: minute hour day-of-month month day-of-week, as in crontab(5)";
    match fields.len() {
        5 | 6 => {}
        1 if crate::base::span::Span::parse(text).is_ok() => {
            return Some((
                format!("`{text}` is a length of time, not a cron expression"),
                format!("write `every: {text}` instead of `cron:`"),
            ));
        }
        7 => {
            return Some((
                "seven fields: a year is not part of it".into(),
                format!("{shape}; a sixth in front is for seconds"),
            ));
        }
        count => return Some((format!("{count} fields where a cron expression has five"), shape.into())),
    }
    match Pattern::parse(text) {
        Ok(pattern) if fires(&pattern) => None,
        Ok(_) => Some((
            "it never fires: no such day exists".into(),
            "name a day of the month that its months have, or other months".into(),
        )),
        Err(error) => Some((format!("`{text}` is not a cron expression: {error}"), shape.into())),
    }
}

fn named(text: &str) -> Option<(String, String)> {
    let names = || NAMES.iter().map(|(name, _)| *name);
    if names().any(|name| name == text) {
        return None;
    }
    if text == "@reboot" {
        return Some(("`@reboot` is no time".into(), "write `startup: true` instead of `cron:`".into()));
    }
    let help = crate::diagnostic::closest(text, names());
    let help = help.map_or_else(
        || format!("it knows {}", names().collect::<Vec<_>>().join(", ")),
        |near| format!("did you mean `{near}`?"),
    );
    Some((format!("`{text}` is no name of a schedule"), help))
}

/// Whether it fires within the longest cycle of the calendar; the instant to start from decides nothing.
fn fires(pattern: &Pattern) -> bool {
    pattern.next(jiff::civil::date(2024, 1, 1).at(0, 0, 0, 0)).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crontab_expressions_are_taken() {
        for good in [
            "30 6 * * *",
            "*/5 * * * *",
            "0 9 * * 1-5",
            "0 0 1,15 * *",
            "0 30 6 * * *",
            "0 0 29 2 *",
            "0 9 * * MON-FRI",
            "@daily",
            "0 0 L * *",
            "0 9 * * 0",
            "0 9 * * 7",
        ] {
            assert_eq!(problem(good), None, "{good}");
        }
    }

    #[test]
    fn others_are_refused_with_a_way_out() {
        let told = |text: &str| problem(text).map(|(message, help)| format!("{message} | {help}")).expect(text);
        assert!(told("30 6 * *").starts_with("4 fields where"), "{}", told("30 6 * *"));
        assert!(told("0 30 6 * * * 2026").starts_with("seven fields"));
        assert!(told("5m").contains("every: 5m"));
        assert!(told("@dayly").contains("`@daily`"));
        assert!(told("@reboot").contains("startup"));
        assert!(told("0 0 30 2 *").starts_with("it never fires"), "{}", told("0 0 30 2 *"));
        assert!(told("0 25 * * *").contains("is not a cron expression"), "{}", told("0 25 * * *"));
    }
}
