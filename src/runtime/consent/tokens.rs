//! The tokens of one server, as the connection to it uses them.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::time::Instant;

use crate::{
    model::Timestamp,
    outbound::FetchError,
    policy::consent::Challenge,
    runtime::{
        Inner, Runtime,
        consent::{Consent, exchange, kept::Grant},
    },
    supervisor::remote::{self, Renewal},
};

/// How long nobody tries again to renew a token after that failed.
const PAUSE: Duration = Duration::from_secs(30);

/// The tokens of a server at one address.
pub(super) struct Upstream {
    pub runtime: Weak<Inner>,
    pub consent: Arc<Consent>,
    pub url: String,
}

impl Upstream {
    fn grant(&self) -> Option<Grant> {
        self.consent.state().kept.grant.clone().filter(|grant| grant.url == self.url)
    }

    async fn token(&self) -> Option<Arc<str>> {
        let grant = self.grant()?;
        if grant.due.is_some_and(|due| due <= Timestamp::now())
            && grant.refresh.is_some()
            && let Renewal::Token(token) = self.renew(&grant.token).await
        {
            return Some(token);
        }
        // It may hold yet. Where it does not, the server says so.
        Some(grant.token.into())
    }

    /// One that is newer than `spent`: of those who ask at the same time, one renews it.
    async fn renew(&self, spent: &str) -> Renewal {
        let _alone = self.consent.renewing.lock().await;
        let Some(grant) = self.grant() else { return Renewal::Refused };
        if grant.token != spent {
            return Renewal::Token(grant.token.into());
        }
        let now = Instant::now();
        if grant.refresh.is_none() {
            return Renewal::Refused;
        }
        if self.consent.state().rests_until.is_some_and(|until| now < until) {
            return Renewal::Later("that was tried a moment ago".into());
        }
        let Some(inner) = self.runtime.upgrade() else { return Renewal::Later("ostler is stopping".into()) };
        let runtime = Runtime { inner };
        let (asked, reach) = (grant.clone(), runtime.reachable());
        let renewed = runtime.on_arbiter(move || async move { Ok(exchange::renew(&asked, reach).await) }).await;
        let fault = match renewed {
            Ok(Ok(tokens)) => return self.take(&runtime, grant, tokens).await,
            Ok(Err(fault)) => fault,
            Err(text) => FetchError { text, is_refusal: false },
        };
        log::warn!(server:% = self.consent.id, cause = fault.text.as_str(); "a token could not be renewed");
        runtime.warn_of(self.consent.id, &format!("a token could not be renewed: {}", fault.text));
        if fault.is_refusal {
            self.keep(&runtime, Grant { refresh: None, ..grant }).await;
            return Renewal::Refused;
        }
        self.consent.state().rests_until = Some(now + PAUSE);
        Renewal::Later(fault.text)
    }

    async fn take(&self, runtime: &Runtime, grant: Grant, tokens: exchange::Tokens) -> Renewal {
        let token: Arc<str> = tokens.token.as_str().into();
        let refresh = tokens.refresh.or_else(|| grant.refresh.clone());
        if !self
            .keep(runtime, Grant { token: tokens.token, refresh, ends: tokens.ends, due: tokens.due, ..grant })
            .await
        {
            return Renewal::Refused;
        }
        log::debug!(server:% = self.consent.id; "a token was renewed");
        Renewal::Token(token)
    }

    /// Keeps a grant in place of the one that it came of; false where that is not there any more.
    async fn keep(&self, runtime: &Runtime, grant: Grant) -> bool {
        let kept = {
            let mut state = self.consent.state();
            // Somebody may have consented anew, or taken it all back.
            if state.kept.grant.as_ref().is_none_or(|now| now.issuer != grant.issuer || now.url != grant.url) {
                return false;
            }
            state.kept.grant = Some(grant);
            state.kept.clone()
        };
        if let Err(cause) = runtime.keep_consent(self.consent.id, &kept).await {
            log::warn!(server:% = self.consent.id, cause:%; "a renewed token is not kept for the next run");
            runtime.warn_of(self.consent.id, "a renewed token is not kept for the next run");
        }
        true
    }
}

impl remote::Tokens for Upstream {
    fn current(&self) -> BoxFuture<'_, Option<Arc<str>>> {
        self.token().boxed()
    }

    fn renewed<'a>(&'a self, spent: &'a str) -> BoxFuture<'a, Renewal> {
        self.renew(spent).boxed()
    }

    fn challenged(&self, challenge: Challenge) {
        self.consent.state().challenge = Some((self.url.clone(), challenge));
    }
}
