//! Logging in and out, and turning a credential into a [`Principal`].

use std::net::IpAddr;

use crate::{
    error::Result,
    model::{Principal, Timestamp, User},
    runtime::Runtime,
};

/// A login that succeeded.
#[derive(Clone, Debug)]
pub struct Login {
    /// The bearer token (JWT, HS256).
    pub token: String,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// Who logged in.
    pub user: User,
}

impl Runtime {
    /// Logs in with a password. The answer and the time it takes are the same for an unknown address, a wrong password and a disabled account.
    pub async fn login(
        &self,
        _email: &str,
        _password: &str,
        _address: Option<IpAddr>,
        _request_id: Option<String>,
    ) -> Result<Login> {
        unimplemented!()
    }

    /// Ends the session of `who`; an API key is left as it is (`Forbidden`).
    pub async fn logout(&self, _who: &Principal) -> Result<()> {
        unimplemented!()
    }

    /// Who a bearer token or API key belongs to, with the permissions it has now.
    /// Answers from memory for up to a second; a change of rights made in this process acts at once.
    pub async fn authenticate(&self, _bearer: &str) -> Result<Principal> {
        unimplemented!()
    }
}
