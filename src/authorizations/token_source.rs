//! [`TokenSource`]: supplies the connection to a server with tokens, and renews them.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::time::Instant;

use crate::{
    authorizations::{
        oauth_client::OAuthClient,
        server_authorization::ServerAuthorization,
        stored::{Grant, is_client_unknown},
        token_endpoint::{self, IssuedTokens},
    },
    model::Timestamp,
    outbound::FetchError,
    policy::consent::Challenge,
    supervisor::remote::{self, Renewal},
};

/// Pause after a renewal that failed: every request to the server would repeat it at once.
const RENEWAL_RETRY_PAUSE: Duration = Duration::from_secs(30);

/// Tokens of a server at one URL.
pub(super) struct TokenSource {
    /// Weak: a connection does not keep a runtime from ending.
    pub client: Weak<OAuthClient>,
    pub authorization: Arc<ServerAuthorization>,
    pub url: String,
}

impl TokenSource {
    fn grant(&self) -> Option<Grant> {
        self.authorization.state().stored.grant.clone().filter(|grant| grant.url == self.url)
    }

    async fn token(&self) -> Option<Arc<str>> {
        let grant = self.grant()?;
        if grant.renew_at.is_some_and(|due| due <= Timestamp::now())
            && grant.refresh_token.is_some()
            && let Renewal::Token(token) = self.renew(&grant.access_token).await
        {
            return Some(token);
        }
        // It may be valid yet. Where it is not, the server answers 401.
        Some(grant.access_token.into())
    }

    /// Returns a token that is newer than `spent`; of concurrent callers, one renews it.
    async fn renew(&self, spent: &str) -> Renewal {
        let _alone = self.authorization.renewal.lock().await;
        let Some(grant) = self.grant() else { return Renewal::Refused };
        if grant.access_token != spent {
            return Renewal::Token(grant.access_token.into());
        }
        let now = Instant::now();
        if grant.refresh_token.is_none() {
            return Renewal::Refused;
        }
        if self.authorization.state().renewal_pauses_until.is_some_and(|until| now < until) {
            return Renewal::Later("that was tried a moment ago".into());
        }
        let Some(client) = self.client.upgrade() else { return Renewal::Later("ostler is stopping".into()) };
        let spent_grant = grant.clone();
        let renew = move |reachable| async move { Ok(token_endpoint::renew(&spent_grant, reachable).await) };
        let fault = match client.send(renew).await {
            Ok(Ok(tokens)) => return self.accept(&client, grant, tokens).await,
            Ok(Err(fault)) => fault,
            Err(text) => FetchError { text, is_refusal: false, code: None },
        };
        log::warn!(server:% = self.authorization.id, cause = fault.text.as_str(); "a token could not be renewed");
        client.registry.warn(self.authorization.id, &format!("a token could not be renewed: {}", fault.text));
        if fault.is_refusal {
            if fault.code.as_deref().is_some_and(is_client_unknown) {
                self.authorization.state().stored.forget_client(&grant.issuer, &grant.client);
            }
            self.replace(&client, Grant { refresh_token: None, ..grant }).await;
            return Renewal::Refused;
        }
        self.authorization.state().renewal_pauses_until = Some(now + RENEWAL_RETRY_PAUSE);
        Renewal::Later(fault.text)
    }

    async fn accept(&self, client: &OAuthClient, grant: Grant, tokens: IssuedTokens) -> Renewal {
        let token: Arc<str> = tokens.access_token.as_str().into();
        let IssuedTokens { access_token, refresh_token, scopes, expires_at, renew_at } = tokens;
        // A response without a refresh token leaves the old one in force (RFC 6749, section 6).
        let refresh_token = refresh_token.or_else(|| grant.refresh_token.clone());
        let scopes = scopes.unwrap_or_else(|| grant.scopes.clone());
        if !self.replace(client, Grant { access_token, refresh_token, scopes, expires_at, renew_at, ..grant }).await {
            return Renewal::Refused;
        }
        log::debug!(server:% = self.authorization.id; "a token was renewed");
        Renewal::Token(token)
    }

    /// Puts a grant in place of the one that it renews; false where that is there no more.
    async fn replace(&self, client: &OAuthClient, grant: Grant) -> bool {
        let id = self.authorization.id;
        let stored = {
            let mut state = self.authorization.state();
            // Meanwhile the server may have been authorized again, or its authorization forgotten.
            let is_same = |now: &Grant| now.issuer == grant.issuer && now.url == grant.url;
            if !state.stored.grant.as_ref().is_some_and(is_same) {
                return false;
            }
            state.stored.grant = Some(grant);
            state.stored.clone()
        };
        if let Err(cause) = client.store(id, &stored).await {
            log::warn!(server:% = id, cause:%; "a renewed token is not kept for the next run");
            client.registry.warn(id, "a renewed token is not kept for the next run");
        }
        true
    }
}

impl remote::TokenProvider for TokenSource {
    fn current(&self) -> BoxFuture<'_, Option<Arc<str>>> {
        self.token().boxed()
    }

    fn renewed<'a>(&'a self, spent: &'a str) -> BoxFuture<'a, Renewal> {
        self.renew(spent).boxed()
    }

    fn challenged(&self, challenge: Challenge) {
        self.authorization.state().challenge = Some((self.url.clone(), challenge));
    }
}
