//! Contexts that sealed text is bound to, so that no row can stand in for another. Stored rows hold the words.

use crate::model::{ServerId, UserId};

/// Context of what a server listed last.
pub(crate) fn listing(server: ServerId) -> String {
    format!("catalogue:{server}")
}

/// Context of the accepted tools of a server.
pub(crate) fn pins(server: ServerId) -> String {
    format!("pins:{server}")
}

/// Context of what a server runs of a package.
pub(crate) fn package(server: ServerId) -> String {
    format!("package:{server}")
}

/// Context of the tokens of a remote server.
pub(crate) fn consent(server: ServerId) -> String {
    format!("consent:{server}")
}

/// Context of a secret of a user.
pub(crate) fn named_secret(user: UserId, name: &str) -> String {
    format!("secret:{user}:{name}")
}
