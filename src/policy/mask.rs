//! Hiding secrets in what is stored and shown.

use std::{borrow::Cow, fmt};

use serde_json::{Value, value::RawValue};

/// What stands in place of a secret.
pub const MASKED: &str = "***";

/// Shorter values hide nothing that anybody would call a secret, and would blot out half of every text.
const SHORTEST: usize = 4;

/// Values that are settings rather than secrets.
const HARMLESS: [&str; 10] =
    ["true", "false", "null", "none", "info", "debug", "warn", "error", "production", "development"];

/// The secrets of one server: the values of its `env`. `Debug` shows none of them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Mask {
    /// Longest first, so that a secret within a secret leaves nothing behind.
    secrets: Vec<String>,
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mask").finish_non_exhaustive()
    }
}

impl Mask {
    /// A mask over `values`.
    pub fn new<'a>(values: impl IntoIterator<Item = &'a String>) -> Self {
        let mut secrets: Vec<String> = Vec::new();
        for value in values.into_iter().filter(|value| is_secret(value)) {
            let quoted = Value::from(value.as_str()).to_string();
            let escaped = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
            secrets.push(value.clone());
            if escaped != value {
                secrets.push(escaped.into());
            }
        }
        secrets.sort_unstable_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        Self { secrets }
    }

    /// `text` with every secret replaced by [`MASKED`].
    #[must_use]
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut masked = Cow::Borrowed(text);
        for secret in &self.secrets {
            if masked.contains(secret.as_str()) {
                masked = Cow::Owned(masked.replace(secret.as_str(), MASKED));
            }
        }
        masked
    }

    /// `json` with every secret replaced inside its strings, keys and numbers; `None` where it holds none.
    #[must_use]
    pub fn json(&self, json: &RawValue) -> Option<Box<RawValue>> {
        let Cow::Owned(masked) = self.text(json.get()) else { return None };
        // A secret that is a number or spans tokens breaks the JSON; then each value is masked by itself.
        RawValue::from_string(masked).ok().or_else(|| {
            let value = serde_json::from_str(json.get()).unwrap_or(Value::Null);
            serde_json::value::to_raw_value(&self.value(value)).ok()
        })
    }

    fn value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => self.text(&text).into(),
            Value::Array(items) => items.into_iter().map(|item| self.value(item)).collect(),
            Value::Object(members) => {
                members.into_iter().map(|(key, value)| (self.text(&key).into_owned(), self.value(value))).collect()
            }
            Value::Number(number) if matches!(self.text(&number.to_string()), Cow::Owned(_)) => MASKED.into(),
            other @ (Value::Null | Value::Bool(_) | Value::Number(_)) => other,
        }
    }
}

fn is_secret(value: &str) -> bool {
    value.len() >= SHORTEST && !HARMLESS.contains(&value.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(values: &[&str]) -> Mask {
        Mask::new(&values.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    fn masked(secrets: &[&str], json: &str) -> Option<String> {
        mask(secrets).json(&RawValue::from_string(json.into()).unwrap()).map(|raw| raw.get().into())
    }

    #[test]
    fn secrets_vanish_from_text_and_settings_stay() {
        let mask = mask(&["hunter2", "1", "production", "hunter22"]);
        assert_eq!(mask.text("hunter22 hunter2 production 1"), "*** *** production 1");
    }

    #[test]
    fn secrets_vanish_from_json_in_their_escaped_form_too() {
        assert_eq!(
            masked(&["a\"bc"], r#"{"x":"a\"bc","n":9007199254740993}"#).unwrap(),
            r#"{"x":"***","n":9007199254740993}"#
        );
        assert_eq!(masked(&["other"], r#"{"x":1}"#), None);
    }

    #[test]
    fn a_secret_that_is_a_number_leaves_valid_json() {
        assert_eq!(masked(&["123456"], r#"{"x":123456,"y":"is 123456"}"#).unwrap(), r#"{"x":"***","y":"is ***"}"#);
    }
}
