//! [`NoPasswords`] of a build without the feature `http`: the program signs people in by itself.

use std::sync::Arc;

use crate::{
    accounts::directory::Directory,
    error::{Error, Result},
};

/// Takes no passwords.
pub(super) struct NoPasswords;

impl NoPasswords {
    pub(super) fn new(_directory: Arc<Directory>) -> Self {
        Self
    }

    /// Fails.
    pub(super) async fn hash(&self, _password: &str) -> Result<String> {
        Err(Error::invalid(
            "/password",
            "needs the feature `http` of the crate ostler; `ensure` makes accounts without",
        ))
    }

    /// Refuses the password for the first admin, where there is one, and makes up none.
    pub(super) async fn of_first_admin(&self, given: Option<&str>, _email: &str) -> Result<(String, Option<String>)> {
        match given {
            Some(_) => Err(Error::invalid("OSTLER_ADMIN_PASSWORD", "needs the feature `http` of the crate ostler")),
            None => Ok((String::new(), None)),
        }
    }
}
