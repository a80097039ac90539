//! Values as the text that columns hold, and back.

use std::{borrow::Cow, str::FromStr};

use chrono::NaiveDateTime;
use diesel::{
    serialize::{IsNull, Output, Result as Serialized, ToSql},
    sql_types::Timestamp,
    sqlite::Sqlite,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    error::{Error, Result},
    model::{Outcome, Role},
};

/// Reads an id.
pub(super) fn id<Id: FromStr>(text: &str) -> Result<Id> {
    text.parse().map_err(|_| Error::Internal("a stored id is none".into()))
}

/// Writes JSON.
pub(super) fn to_json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Internal(format!("a value cannot be stored: {error}")))
}

/// Reads JSON.
pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| Error::Internal(format!("a stored value cannot be read: {error}")))
}

/// A time as diesel writes it, but on SQLite without a format that is read each time.
#[derive(Debug)]
pub(super) struct Time(pub(super) NaiveDateTime);

impl ToSql<Timestamp, Sqlite> for Time {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> Serialized {
        out.set_value(self.0.to_string());
        Ok(IsNull::No)
    }
}

#[cfg(feature = "postgres")]
impl ToSql<Timestamp, diesel::pg::Pg> for Time {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, diesel::pg::Pg>) -> Serialized {
        ToSql::<Timestamp, diesel::pg::Pg>::to_sql(&self.0, out)
    }
}

/// Text without NUL, which PostgreSQL cannot hold: one odd character is better than a lost row.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// Text for an indexed column: PostgreSQL refuses keys of more than 2704 bytes.
pub(super) fn clean_key(text: &str) -> Cow<'_, str> {
    clean_to(text, 500)
}

/// The beginning of a text, of so many characters.
pub(super) fn clean_to(text: &str, chars: usize) -> Cow<'_, str> {
    match text.char_indices().nth(chars) {
        Some((end, _)) => Cow::Owned(clean(text.get(..end).unwrap_or_default()).into_owned() + "…"),
        None => clean(text),
    }
}

/// The word for a role.
pub(super) fn role_word(role: Role) -> &'static str {
    match role {
        Role::Admin => "admin",
        Role::Developer => "developer",
        Role::Executor => "executor",
        Role::Viewer => "viewer",
    }
}

/// The role a word means.
pub(super) fn role(word: &str) -> Result<Role> {
    [Role::Admin, Role::Developer, Role::Executor, Role::Viewer]
        .into_iter()
        .find(|role| role_word(*role) == word)
        .ok_or_else(|| Error::Internal("a stored role is unknown".into()))
}

/// The word for an outcome.
pub(super) fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Success => "success",
        Outcome::Failure => "failure",
        Outcome::Denied => "denied",
    }
}

/// The outcome a word means.
pub(super) fn outcome(word: &str) -> Result<Outcome> {
    [Outcome::Success, Outcome::Failure, Outcome::Denied]
        .into_iter()
        .find(|outcome| outcome_word(*outcome) == word)
        .ok_or_else(|| Error::Internal("a stored outcome is unknown".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_a_database_would_refuse_is_mended() {
        assert_eq!(clean("a\0b"), "a\u{fffd}b");
        assert_eq!(clean_key(&"ä".repeat(501)), format!("{}…", "ä".repeat(500)));
        assert_eq!(clean_key("short"), "short");
    }
}
