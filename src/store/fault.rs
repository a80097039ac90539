//! What a database error means for the caller.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

use crate::error::Error;

/// What SQLite finds wrong in its file it finds again: nothing but another file helps.
const DAMAGED: &str = "its file is damaged; restore it from a backup and start Ostler again";

/// The one text for every way a connection can be missing.
pub(super) const UNREACHABLE: &str = "it cannot be reached";

impl From<DieselError> for Error {
    fn from(error: DieselError) -> Self {
        match reason(&error) {
            Some(reason) => Self::StoreUnavailable(reason.into()),
            None => Self::Internal(format!("database: {error}")),
        }
    }
}

/// `Conflict` with `text` where a unique index refused the row.
pub(super) fn or_conflict(error: DieselError, text: &str) -> Error {
    if let DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) = error {
        return Error::Conflict(text.into());
    }
    error.into()
}

/// Whether trying again is in vain.
pub(crate) fn is_damage(error: &Error) -> bool {
    matches!(error, Error::StoreUnavailable(reason) if reason == DAMAGED)
}

/// Why the database does not serve now; `None` where it does, and the fault is ours.
fn reason(error: &DieselError) -> Option<&'static str> {
    if let DieselError::RollbackErrorOnCommit { commit_error, .. } = error {
        return reason(commit_error).or(Some(UNREACHABLE));
    }
    if let DieselError::BrokenTransactionManager = error {
        return Some(UNREACHABLE);
    }
    let DieselError::DatabaseError(kind, information) = error else { return None };
    const BY_KIND: [(DatabaseErrorKind, &str); 4] = [
        (DatabaseErrorKind::ClosedConnection, UNREACHABLE),
        (DatabaseErrorKind::UnableToSendCommand, UNREACHABLE),
        (DatabaseErrorKind::ReadOnlyTransaction, "it is read-only"),
        (DatabaseErrorKind::SerializationFailure, "it is locked"),
    ];
    let by_kind = BY_KIND.iter().find(|(known, _)| known == kind).map(|(_, reason)| *reason);
    by_kind.or_else(|| reason_in(information.message()).filter(|_| *kind == DatabaseErrorKind::Unknown))
}

/// diesel keeps neither SQLite's result code nor every SQLSTATE, so the text must do: SQLite's is that of
/// `sqlite3_errstr`, which never changes; PostgreSQL's is best effort in English.
fn reason_in(message: &str) -> Option<&'static str> {
    const TEXTS: [(&str, &str); 15] = [
        ("database is locked", "it is locked"),
        ("database table is locked", "it is locked"),
        ("locking protocol", "it is locked"),
        ("database or disk is full", "the disk is full"),
        ("attempt to write a readonly database", "it is read-only"),
        ("disk I/O error", "its disk fails to read or write"),
        ("unable to open database file", "its file cannot be opened"),
        ("database disk image is malformed", DAMAGED),
        ("file is not a database", "its file is no SQLite database"),
        ("out of memory", "memory ran out"),
        ("No space left on device", "the disk is full"),
        ("canceling statement due to", "it is locked"),
        ("terminating connection", UNREACHABLE),
        ("the database system is", UNREACHABLE),
        ("deadlock detected", "it is locked"),
    ];
    TEXTS.iter().find(|(part, _)| message.contains(part)).map(|(_, reason)| *reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(text: &str) -> Error {
        DieselError::DatabaseError(DatabaseErrorKind::Unknown, Box::new(text.to_owned())).into()
    }

    #[test]
    fn a_database_that_does_not_serve_says_why_and_a_defect_says_nothing() {
        assert_eq!(unknown("database is locked").to_string(), "the database is unavailable: it is locked");
        assert_eq!(unknown("no such column: secret").to_string(), "internal error");
        let lost = DieselError::DatabaseError(DatabaseErrorKind::ClosedConnection, Box::new(String::new()));
        assert!(matches!(lost.into(), Error::StoreUnavailable(_)));
    }
}
