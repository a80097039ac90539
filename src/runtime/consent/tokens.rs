//! The tokens of one server, as the connection to it uses them.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::time::Instant;

use crate::{
    model::Timestamp,
    policy::consent::Challenge,
    runtime::{
        Inner, Runtime,
        consent::{Consent, exchange, kept::Grant},
    },
    supervisor::remote,
};

/// How long before its end a token is renewed.
const BEFORE: Duration = Duration::from_secs(60);

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
        let soon = grant.ends.is_some_and(|ends| ends <= Timestamp::now().plus(BEFORE));
        if soon
            && grant.refresh.is_some()
            && let Some(token) = self.renew(&grant.token).await
        {
            return Some(token);
        }
        Some(grant.token.into())
    }

    /// One that is newer than `spent`: of those who ask at the same time, one renews it.
    async fn renew(&self, spent: &str) -> Option<Arc<str>> {
        let _alone = self.consent.renewing.lock().await;
        let grant = self.grant()?;
        if grant.token != spent {
            return Some(grant.token.into());
        }
        let now = Instant::now();
        let rests = self.consent.state().rests_until.is_some_and(|until| now < until);
        if rests || grant.refresh.is_none() {
            return None;
        }
        let runtime = Runtime { inner: self.runtime.upgrade()? };
        match self.ask(&runtime, grant).await {
            Ok(token) => Some(token),
            Err(cause) => {
                log::warn!(server:% = self.consent.id, cause = cause.as_str(); "a token could not be renewed");
                self.consent.state().rests_until = Some(now + PAUSE);
                None
            }
        }
    }

    async fn ask(&self, runtime: &Runtime, mut grant: Grant) -> Result<Arc<str>, String> {
        let (asked, reach) = (grant.clone(), runtime.reachable());
        let tokens = runtime.on_arbiter(move || async move { exchange::renew(&asked, reach).await }).await?;
        let token: Arc<str> = tokens.token.as_str().into();
        grant.token = tokens.token;
        grant.refresh = tokens.refresh.or(grant.refresh);
        grant.ends = tokens.ends;
        let kept = {
            let mut state = self.consent.state();
            // Somebody may have consented anew, or taken it all back.
            if state.kept.grant.as_ref().is_none_or(|now| now.url != grant.url || now.issuer != grant.issuer) {
                return Err("what it was renewed for is not there any more".into());
            }
            state.kept.grant = Some(grant);
            state.kept.clone()
        };
        if let Err(cause) = runtime.keep_consent(self.consent.id, &kept).await {
            log::warn!(server:% = self.consent.id, cause:%; "a renewed token is not kept for the next run");
        }
        log::debug!(server:% = self.consent.id; "a token was renewed");
        Ok(token)
    }
}

impl remote::Tokens for Upstream {
    fn current(&self) -> BoxFuture<'_, Option<Arc<str>>> {
        self.token().boxed()
    }

    fn renewed<'a>(&'a self, spent: &'a str) -> BoxFuture<'a, Option<Arc<str>>> {
        self.renew(spent).boxed()
    }

    fn challenged(&self, challenge: Challenge) {
        self.consent.state().challenge = Some((self.url.clone(), challenge));
    }
}
