//! Errors of databases, translated for callers.

use std::borrow::Cow;

use diesel::{
    ConnectionError,
    result::{DatabaseErrorKind, Error as DieselError},
};

use crate::error::Error;

/// Reason for which every attempt fails until the file is replaced.
pub(super) const DAMAGED: &str = "its file is damaged; put a backup in its place, remove the files beside it that end in \
                                  -wal and -shm, and start Ostler again";

/// Reason of a host that takes connections, or did, and does not respond.
pub(super) const SILENT: &str = "it does not answer";

const READ_ONLY: &str = "it is read-only";

/// Rights that a role needs, with and without those to migrate.
#[cfg(feature = "postgres")]
const GRANTS: &str = "its owner gives it by GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA … TO …, and for \
     migrations, which `ostler migrate` can run as another role, by GRANT USAGE, CREATE ON SCHEMA … TO …";

/// The one text for every way a connection can be missing.
pub(super) const UNREACHABLE: &str = "it cannot be reached";

impl From<DieselError> for Error {
    fn from(error: DieselError) -> Self {
        match reason(&error) {
            Some(reason) => Self::StoreUnavailable(reason.into_owned()),
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

/// True where trying again is in vain.
pub(crate) fn is_damage(error: &Error) -> bool {
    matches!(error, Error::StoreUnavailable(reason) if reason == DAMAGED)
}

/// True where the state of the database is unknown, as it does not respond.
pub(crate) fn is_silence(error: &Error) -> bool {
    matches!(error, Error::StoreUnavailable(reason) if reason == SILENT)
}

/// True where the connection is to be replaced: another may take writes.
pub(crate) fn is_read_only(error: &Error) -> bool {
    matches!(error, Error::StoreUnavailable(reason) if reason == READ_ONLY)
}

/// The reason why no connection was made, for callers.
pub(super) fn of_connection(error: ConnectionError) -> Error {
    if let ConnectionError::CouldntSetupConfiguration(error) = error {
        return error.into();
    }
    let text = error.to_string();
    let silent = text.contains(SILENT).then(|| SILENT.into());
    let reason = silent.or_else(|| reason_in(&text)).unwrap_or(UNREACHABLE.into());
    Error::StoreUnavailable(reason.into_owned())
}

/// The reason why no connection was made, for the operator.
pub(super) fn at_start(error: ConnectionError) -> Error {
    let detail = error.to_string();
    let error = of_connection(error);
    if let Error::StoreUnavailable(reason) = &error
        && !detail.contains(reason)
    {
        return Error::StoreUnavailable(format!("{reason}: {detail}"));
    }
    error
}

/// The reason why the database does not serve now; `None` where it does, and the fault is in Ostler.
fn reason(error: &DieselError) -> Option<Cow<'static, str>> {
    if let DieselError::RollbackErrorOnCommit { commit_error, .. } = error {
        return reason(commit_error).or(Some(UNREACHABLE.into()));
    }
    if let DieselError::BrokenTransactionManager = error {
        return Some(UNREACHABLE.into());
    }
    let DieselError::DatabaseError(kind, information) = error else { return None };
    const BY_KIND: [(DatabaseErrorKind, &str); 4] = [
        (DatabaseErrorKind::ClosedConnection, UNREACHABLE),
        (DatabaseErrorKind::UnableToSendCommand, UNREACHABLE),
        (DatabaseErrorKind::ReadOnlyTransaction, READ_ONLY),
        (DatabaseErrorKind::SerializationFailure, "it is locked"),
    ];
    let by_kind = BY_KIND.iter().find(|(known, _)| known == kind).map(|(_, reason)| Cow::from(*reason));
    by_kind.or_else(|| reason_in(information.message()).filter(|_| *kind == DatabaseErrorKind::Unknown))
}

/// PostgreSQL's errors are known by their SQLSTATE, for its texts are translated. diesel keeps no result code of
/// SQLite, so there the text must do: it is that of `sqlite3_errstr`, which never changes.
fn reason_in(message: &str) -> Option<Cow<'static, str>> {
    #[cfg(feature = "postgres")]
    if let Some(state) = super::postgres::sqlstate(message) {
        return reason_of_state(state, message);
    }
    const TEXTS: [(&str, &str); 10] = [
        ("database is locked", "it is locked"),
        ("database table is locked", "it is locked"),
        ("locking protocol", "it is locked"),
        ("database or disk is full", "the disk is full"),
        ("attempt to write a readonly database", READ_ONLY),
        ("disk I/O error", "its disk fails to read or write"),
        ("unable to open database file", "its file cannot be opened"),
        ("database disk image is malformed", DAMAGED),
        ("file is not a database", "its file is no SQLite database"),
        ("out of memory", "memory ran out"),
    ];
    TEXTS.iter().find(|(part, _)| message.contains(part)).map(|(_, reason)| Cow::from(*reason))
}

/// By code, or by class where that says enough; see PostgreSQL's manual, appendix A.
#[cfg(feature = "postgres")]
fn reason_of_state(state: &str, message: &str) -> Option<Cow<'static, str>> {
    const STATES: [(&str, &str); 18] = [
        ("08", UNREACHABLE),
        ("25006", READ_ONLY),
        ("25P03", UNREACHABLE),
        ("25P04", UNREACHABLE),
        ("28", "it refuses the login"),
        ("3D000", "there is no such database"),
        ("3F000", "there is no such schema"),
        ("40", "it is locked"),
        ("53100", "the disk is full"),
        ("53200", "memory ran out"),
        ("53300", "it has too many connections"),
        ("53", "it is short of resources"),
        ("55P03", "it is locked"),
        ("57014", "it took too long for it"),
        ("57P", UNREACHABLE),
        ("58", "its disk fails to read or write"),
        ("XX001", "its data are damaged"),
        ("XX002", "its index is damaged"),
    ];
    if state == "42501" {
        let text = message.split_once(": ").map_or(message, |(_, text)| text);
        return Some(Cow::from(format!("its role lacks a right ({text}); {GRANTS}")));
    }
    STATES.iter().find(|(class, _)| state.starts_with(class)).map(|(_, reason)| Cow::from(*reason))
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

    #[test]
    #[cfg(feature = "postgres")]
    fn postgresqls_errors_are_known_by_their_codes_in_any_language() {
        let cases = [
            ("55P03", "storniere Anfrage wegen Zeitüberschreitung einer Sperre", "it is locked"),
            ("53100", "konnte Datei nicht erweitern", "the disk is full"),
            ("53300", "zu viele Verbindungen", "too many connections"),
            ("57P01", "breche Verbindung ab", UNREACHABLE),
            ("40P01", "Verklemmung entdeckt", "it is locked"),
            (
                "42501",
                "keine Berechtigung für Tabelle t",
                "keine Berechtigung für Tabelle t); its owner gives it by GRANT",
            ),
        ];
        for (state, text, reason) in cases {
            let error = unknown(&format!("SQLSTATE {state}: {text}")).to_string();
            assert!(error.contains(reason), "{state}: {error}");
        }
        assert_eq!(unknown("SQLSTATE 42703: the disk is full").to_string(), "internal error");
    }
}
