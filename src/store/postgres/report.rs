//! Errors in words that begin with their SQLSTATE, which is the contract: texts come in the server's language.

use std::error::Error as _;

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use tokio_postgres::{Error, error::SqlState};

const PREFIX: &str = "SQLSTATE ";

/// Reason for which there is no connection, or none any more.
#[derive(Debug)]
pub(super) struct ConnectionLost(pub(super) String);

/// Text of a server's error, or of any other, down to the cause.
pub(super) fn of(error: &Error) -> String {
    if let Some(database) = error.as_db_error() {
        return format!("{PREFIX}{}: {}", database.code().code(), database.message());
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let more = next.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = next.source();
    }
    text
}

/// Says that a server is not the one that was looked for.
pub(super) fn not_what_was_asked_for(is_read_only: bool) -> String {
    let is = if is_read_only { "is read-only" } else { "is not read-only" };
    format!("{PREFIX}{}: the server {is}, which is not what was asked for", SqlState::READ_ONLY_SQL_TRANSACTION.code())
}

/// The five characters that tell what a text is about.
pub(crate) fn sqlstate(text: &str) -> Option<&str> {
    text.strip_prefix(PREFIX)?.split_once(": ").map(|(code, _)| code)
}

/// Translates an error for diesel.
pub(super) fn for_diesel(error: &Error) -> DieselError {
    let kind = match error.code() {
        Some(&SqlState::UNIQUE_VIOLATION) => DatabaseErrorKind::UniqueViolation,
        Some(&SqlState::FOREIGN_KEY_VIOLATION) => DatabaseErrorKind::ForeignKeyViolation,
        Some(&SqlState::NOT_NULL_VIOLATION) => DatabaseErrorKind::NotNullViolation,
        Some(&SqlState::CHECK_VIOLATION) => DatabaseErrorKind::CheckViolation,
        Some(&SqlState::READ_ONLY_SQL_TRANSACTION) => DatabaseErrorKind::ReadOnlyTransaction,
        Some(&SqlState::T_R_SERIALIZATION_FAILURE) => DatabaseErrorKind::SerializationFailure,
        _ => DatabaseErrorKind::Unknown,
    };
    DieselError::DatabaseError(kind, Box::new(of(error)))
}

/// A connection that ended, for diesel.
pub(super) fn lost(ConnectionLost(text): ConnectionLost) -> DieselError {
    DieselError::DatabaseError(DatabaseErrorKind::ClosedConnection, Box::new(text))
}
