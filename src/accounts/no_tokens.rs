//! Authentication by tokens in a build without the feature `http`: none is accepted.

use crate::{
    accounts::{Accounts, OAuthSettings},
    error::{Error, Result},
    model::Principal,
};

/// There is no issuer.
pub(crate) enum NoTokenIssuer {}

impl NoTokenIssuer {
    /// Fails where the settings name an issuer.
    pub(crate) fn new(settings: &OAuthSettings) -> Result<Option<Self>> {
        match settings.issuer {
            Some(_) => Err(Error::invalid("OSTLER_OAUTH_ISSUER", "needs the feature `http` of the crate ostler")),
            None => Ok(None),
        }
    }
}

impl Accounts {
    pub(super) async fn find_token_holder(&self, _token: &str) -> Result<Option<Principal>> {
        Ok(None)
    }
}
