//! [`ServerAuthorization`]: tokens, challenge and pending request of one server, shared by all its connections.

use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

use crate::{
    authorizations::{request::PendingRequest, stored::StoredAuthorization},
    model::{Authorization, ServerId},
    policy::consent::Challenge,
};

/// The authorization of one server.
pub(super) struct ServerAuthorization {
    pub id: ServerId,
    state: Mutex<AuthorizationState>,
    /// Held while a token is renewed: a refresh token that is used twice may be taken for stolen.
    pub renewal: tokio::sync::Mutex<()>,
}

/// State of an authorization.
#[derive(Default)]
pub(super) struct AuthorizationState {
    pub stored: StoredAuthorization,
    /// The server's last challenge, and its URL then; `None` once that was consented to.
    pub challenge: Option<(String, Challenge)>,
    pub pending: Option<PendingRequest>,
    /// End of the pause after a renewal that failed.
    pub renewal_pauses_until: Option<Instant>,
}

impl AuthorizationState {
    /// The challenge of a server at `url`.
    pub(super) fn challenge_of(&self, url: &str) -> Option<&Challenge> {
        self.challenge.as_ref().filter(|(challenger, _)| challenger == url).map(|(_, challenge)| challenge)
    }
}

impl ServerAuthorization {
    pub(super) fn new(id: ServerId) -> Self {
        Self { id, state: Mutex::default(), renewal: tokio::sync::Mutex::default() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, AuthorizationState> {
        self.state.lock()
    }

    /// The authorization as callers see it, for a server at `url`; `None` where it never required one.
    pub(super) fn status(&self, url: &str) -> Option<Authorization> {
        let state = self.state();
        let grant = state.stored.grant.as_ref().filter(|grant| grant.url == url);
        let challenge = state.challenge_of(url);
        (grant.is_some() || challenge.is_some()).then(|| Authorization {
            is_wanted: challenge.is_some(),
            wanted_scopes: challenge.map(|challenge| challenge.scopes.clone()).unwrap_or_default(),
            issuer: grant.map(|grant| grant.issuer.clone()),
            scopes: grant.map(|grant| grant.scopes.clone()).unwrap_or_default(),
            expires_at: grant.and_then(|grant| grant.expires_at),
            is_renewable: grant.is_some_and(|grant| grant.refresh_token.is_some()),
        })
    }
}
