//! Updates of a Telegram bot: what people press and write.

use crate::act::channel::inbound::{Reply, Said, same};
use crate::base::value::Value;

/// Verifies a webhook by `X-Telegram-Bot-Api-Secret-Token`; what is polled needs no verifying.
///
/// # Errors
/// That it is not authentic.
pub fn verify(secret: &str, header: &str) -> Result<(), String> {
    if same(secret.as_bytes(), header.as_bytes()) { Ok(()) } else { Err("its secret token is not ours".into()) }
}

/// The replies among the updates of `getUpdates`, and the offset to ask from next. What nobody can answer to
/// (joins, pictures) is passed over.
#[must_use]
pub fn updates(result: &Value, offset: i64) -> (Vec<Reply>, i64) {
    let list = result.as_array().map(Vec::as_slice).unwrap_or_default();
    let newest = list.iter().filter_map(|update| update.get("update_id")?.as_i64()).max();
    let next = newest.map_or(offset, |newest| offset.max(newest.saturating_add(1)));
    (list.iter().filter_map(update).collect(), next)
}

/// The reply that one update is, as a webhook gets it.
#[must_use]
pub fn update(update: &Value) -> Option<Reply> {
    let id = update.get("update_id")?.as_i64()?;
    let text = |path: &str| update.pointer(path).and_then(Value::as_str);
    let (said, from, answer) = match (text("/callback_query/data"), text("/message/text")) {
        (Some(token), _) => {
            (Said::Token(token.into()), update.pointer("/callback_query/from"), text("/callback_query/id"))
        }
        (None, Some(words)) => (Said::Text(words.trim().into()), update.pointer("/message/from"), None),
        (None, None) => return None,
    };
    let name = |key: &str| from.and_then(|from| from.get(key)).and_then(Value::as_str);
    let number = from.and_then(|from| from.get("id")).and_then(Value::as_i64).unwrap_or_default();
    let name = name("username").or_else(|| name("first_name")).unwrap_or("somebody");
    Some(Reply {
        said,
        who: format!("{name} ({number})"),
        provider_ref: id.to_string(),
        answer: answer.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::value::json;

    #[test]
    fn buttons_and_words_are_replies_and_the_rest_moves_the_offset() {
        let result = json!([
            { "update_id": 7, "callback_query": { "id": "q1", "from": { "id": 42, "username": "ivanova" }, "data": "tok4" } },
            { "update_id": 8, "message": { "from": { "id": 43, "first_name": "Pyotr" }, "text": " ack 1234 " } },
            { "update_id": 9, "my_chat_member": {} },
        ]);
        let (replies, next) = updates(&result, 5);
        assert_eq!(next, 10);
        let said: Vec<_> = replies.iter().map(|reply| (reply.said.clone(), reply.who.as_str())).collect();
        let want = [(Said::Token("tok4".into()), "ivanova (42)"), (Said::Text("ack 1234".into()), "Pyotr (43)")];
        assert_eq!(said, want);
        assert_eq!(replies.first().and_then(|reply| reply.answer.as_deref()), Some("q1"));
        assert_eq!(updates(&json!([]), 5), (Vec::new(), 5));
        assert_eq!(updates(&json!("garbage"), 5), (Vec::new(), 5));
        assert!(verify("s3cret", "s3cret").is_ok() && verify("s3cret", "").is_err());
    }
}
