//! Values of settings for people; secrets only as set or not.

use std::{fmt::Display, path::Path, time::Duration};

use ostler::{policy::rate::Limit, store::DatabaseUrl};

/// Whether a secret is set.
pub(crate) fn secret(value: Option<&String>) -> String {
    if value.is_some() { "set" } else { "not set" }.to_owned()
}

/// A list, or `none` in words.
pub(crate) fn list(items: &[impl Display], none: &str) -> String {
    if items.is_empty() {
        return none.to_owned();
    }
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// A path.
pub(crate) fn path(path: &Path) -> String {
    path.display().to_string()
}

/// A rate limit as it would be written.
pub(crate) fn limit(limit: Option<Limit>) -> String {
    match limit {
        None => "off".to_owned(),
        Some(Limit { quota, window }) if window.subsec_millis() == 0 => format!("{quota}/{}s", window.as_secs()),
        Some(Limit { quota, window }) => format!("{quota}/{}ms", window.as_millis()),
    }
}

/// A database without what may be secret in its address: user, password and parameters.
pub(crate) fn database(url: &DatabaseUrl) -> String {
    match url {
        DatabaseUrl::Sqlite(file) => format!("sqlite://{}", file.display()),
        DatabaseUrl::Postgres(url) => {
            let url = url.split(['?', '#']).next().unwrap_or_default();
            let place = url.split_once("://").map_or(url, |(_, rest)| rest);
            // A password may hold an unescaped @: what follows the last one is the host.
            format!("postgres://{}", place.rsplit_once('@').map_or(place, |(_, host)| host))
        }
    }
}

/// A duration in milliseconds.
pub(crate) fn milliseconds(duration: Duration) -> String {
    duration.as_millis().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_address_is_shown_without_its_password() {
        for url in ["postgres://ann:s3cret@db:5432/x?password=s3cret", "postgresql://ann:s3@cret@db:5432/x"] {
            assert_eq!(database(&DatabaseUrl::Postgres(url.to_owned())), "postgres://db:5432/x");
        }
    }

    #[test]
    fn limits_are_shown_as_they_are_written() {
        let limit_of = |millis| limit(Some(Limit { quota: 5, window: Duration::from_millis(millis) }));
        assert_eq!(limit_of(300_000), "5/300s");
        assert_eq!(limit_of(1_500), "5/1500ms");
        assert_eq!(limit(None), "off");
    }
}
