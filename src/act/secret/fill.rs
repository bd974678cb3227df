//! Values in hand: filling holes, and masking what comes back.

use crate::act::secret::landed;
use crate::base::arg::SecretRef;
use crate::base::mask::{Masker, variants};
use crate::base::value::{Map, Value};
use crate::model::perform::{Failure, Finding, Reply};
use crate::model::policy::FailureKind;
use std::collections::BTreeMap;

/// The values of the secrets of one request.
#[derive(Clone, Default)]
pub struct Filled(BTreeMap<String, String>);

impl Filled {
    pub(super) fn insert(&mut self, name: &str, value: String) {
        self.0.insert(name.into(), value);
    }

    /// The secret's value, escaped for where it lands.
    ///
    /// # Errors
    /// [`Failure`] when it is not here or can't land there.
    pub fn value(&self, secret: &SecretRef) -> Result<String, Failure> {
        let missing = || Failure::lasting(FailureKind::Missing, format!("secret `{}` was not found", secret.name));
        landed(self.0.get(&secret.name).ok_or_else(missing)?, secret)
    }

    /// Everything that must never be written anywhere: each value in each of its forms.
    #[must_use]
    pub fn masks(&self) -> Vec<String> {
        self.0.values().flat_map(|value| variants(value)).collect()
    }

    /// A text without any of the values.
    #[must_use]
    pub fn hide(&self, text: &str) -> String {
        hidden(text, &self.masks())
    }

    /// The reply without any of the values.
    #[must_use]
    pub fn mask(&self, reply: Reply) -> Reply {
        if self.0.is_empty() {
            return reply;
        }
        let masks = self.masks();
        let hide = |text: &str| hidden(text, &masks);
        match reply {
            Reply::Done { output, findings } => Reply::Done {
                output: each(&output, &hide),
                findings: findings
                    .into_iter()
                    .map(|finding| Finding { message: hide(&finding.message), ..finding })
                    .collect(),
            },
            Reply::Failed(failure) => Reply::Failed(Failure {
                message: hide(&failure.message),
                output: each(&failure.output, &hide),
                ..failure
            }),
            Reply::Stopped { output } => Reply::Stopped { output: each(&output, &hide) },
            Reply::Lost { known } => Reply::Lost { known: hide(&known) },
        }
    }
}

/// A text without any of the masks.
fn hidden(text: &str, masks: &[String]) -> String {
    // Nearly every text is clean, and a matcher is dear to make.
    if !masks.iter().any(|mask| text.contains(mask.as_str())) {
        return text.to_owned();
    }
    match Masker::new(masks) {
        Ok(mut masker) => String::from_utf8_lossy(&masker.mask(text.as_bytes())).into_owned(),
        Err(why) => format!("(hidden: {why})"),
    }
}

fn each(value: &Value, hide: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(hide(text)),
        Value::Array(list) => list.iter().map(|value| each(value, hide)).collect(),
        Value::Object(map) => {
            Value::Object(map.iter().map(|(key, value)| (hide(key), each(value, hide))).collect::<Map<_, _>>())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

impl std::fmt::Debug for Filled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
