//! [`DatabaseUrl`]: which database, read from its address by the scheme.

use std::{fmt, io::ErrorKind::NotFound, path::PathBuf, str::FromStr};

use crate::store::sqlite_file::{LOCK_SUFFIX, companion};

/// Address of the database; read from `DATABASE_URL` by its scheme. Shown without passwords.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// `sqlite://path` (relative or absolute), one file.
    Sqlite(PathBuf),
    /// `postgres://…` or `postgresql://…`, in libpq's form.
    Postgres(String),
}

const FORMS: &str = "expected sqlite://relative/path, sqlite:///absolute/path, postgres://user@host/name or \
                     postgresql://user@host/name";

impl FromStr for DatabaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once("://") {
            Some(("sqlite", "")) => Err(format!("no file is named; {FORMS}")),
            Some(("sqlite", ":memory:")) => Err(format!("a database in memory would be lost; {FORMS}")),
            Some(("sqlite", path)) if path.contains('?') => Err(format!("options after `?` are not known; {FORMS}")),
            Some(("sqlite", path)) => Ok(Self::Sqlite(path.into())),
            Some(("postgres" | "postgresql", _)) if !cfg!(feature = "postgres") => {
                Err("this program was built without PostgreSQL (feature `postgres`)".into())
            }
            #[cfg(feature = "postgres")]
            Some(("postgres" | "postgresql", _)) => super::postgres::check(text).map(|()| Self::Postgres(text.into())),
            _ => Err(FORMS.into()),
        }
    }
}

impl DatabaseUrl {
    /// The files of a SQLite database: itself, its log, the index of that, and its lock.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let Self::Sqlite(path) = self else { return Vec::new() };
        let path = path.canonicalize().unwrap_or_else(|_| path.clone());
        ["", "-wal", "-shm", LOCK_SUFFIX].map(|ending| companion(&path, ending)).into()
    }

    /// True where opening it would make a new SQLite file.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        match self {
            Self::Sqlite(path) => path.metadata().map_or_else(|error| error.kind() == NotFound, |file| file.len() == 0),
            Self::Postgres(_) => false,
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(url) => f.write_str(&without_secrets(url)),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The address without user information's password and without options, which may hold one too.
fn without_secrets(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", ""));
    // A password may hold any of `/?#` unescaped by mistake; its end is the last `@`.
    let (user, place) = match rest.rsplit_once('@') {
        Some((info, place)) => (format!("{}@", info.split(':').next().unwrap_or_default()), place),
        None => (String::new(), rest),
    };
    let place = place.split('?').next().unwrap_or_default();
    format!("{scheme}://{user}{place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_chooses_the_database() {
        assert_eq!("sqlite://data/x.db".parse(), Ok(DatabaseUrl::Sqlite("data/x.db".into())));
        assert_eq!("sqlite:///var/x.db".parse(), Ok(DatabaseUrl::Sqlite("/var/x.db".into())));
        #[cfg(feature = "postgres")]
        for url in ["postgres://u@h/d", "postgresql:///d?host=/run"] {
            assert_eq!(url.parse(), Ok(DatabaseUrl::Postgres(url.into())));
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_forms_that_work() {
        for url in ["", "x.db", "mysql://h/d", "sqlite:x.db", "sqlite://", "sqlite://:memory:", "sqlite://x?mode=rwc"] {
            let fault = url.parse::<DatabaseUrl>().unwrap_err();
            assert!(fault.contains("sqlite://relative/path") && fault.contains("postgres://"), "{url}: {fault}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        for url in [
            "postgres://me:s3cret@host:1/db",
            "postgres://me:s3c/r?e@t-s3cret@host/db",
            "postgresql://host/db?user=me&password=s3cret",
            "postgres://:s3cret@host/db?sslpassword=s3cret",
        ] {
            let url = DatabaseUrl::Postgres(url.into());
            let shown = format!("{url} {url:?}");
            assert!(!shown.contains("s3c") && shown.contains("host"), "{shown}");
        }
    }
}
