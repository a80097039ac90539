//! [`OAuthClient`]: sends requests to authorization servers, and stores what comes of them.

use std::{sync::Arc, time::Duration};

use crate::{
    authorizations::stored::StoredAuthorization,
    error::{Error, Result},
    model::{ServerId, Timestamp},
    named_secrets::NamedSecrets,
    outbound::Reachable,
    recorder::Recorder,
    registry::Registry,
    secrets::{Keyring, context},
    store,
    tasks::arbiters::Arbiters,
};

/// Time for all requests to an authorization server that belong together; a person waits for them.
const AUTHORIZATION_SERVER_TIMEOUT: Duration = Duration::from_secs(20);

/// Ostler as a client: its way to authorization servers and to the database.
pub(crate) struct OAuthClient {
    pub(super) registry: Arc<Registry>,
    pub(super) recorder: Recorder,
    pub(super) keyring: Arc<Keyring>,
    pub(super) secrets: Arc<NamedSecrets>,
    arbiters: Arc<Arbiters>,
    reachable: Reachable,
}

impl OAuthClient {
    /// Sends requests from `arbiters` to addresses in `reachable`; stores tokens with `recorder`, sealed by `keyring`.
    pub(crate) fn new(
        registry: Arc<Registry>,
        recorder: Recorder,
        keyring: Arc<Keyring>,
        secrets: Arc<NamedSecrets>,
        arbiters: Arc<Arbiters>,
        reachable: Reachable,
    ) -> Self {
        Self { registry, recorder, keyring, secrets, arbiters, reachable }
    }

    /// Runs requests on an arbiter, as a connection may not leave its thread; the error is for people.
    pub(super) async fn send<T: Send + 'static, F>(
        &self,
        requests: impl FnOnce(Reachable) -> F + Send + 'static,
    ) -> Result<T, String>
    where
        F: Future<Output = Result<T, String>> + 'static,
    {
        let reachable = self.reachable;
        let timed = move || async move {
            let late = |_| Err(format!("no answer within {} s", AUTHORIZATION_SERVER_TIMEOUT.as_secs()));
            tokio::time::timeout(AUTHORIZATION_SERVER_TIMEOUT, requests(reachable)).await.unwrap_or_else(late)
        };
        self.arbiters.ask(timed).await
    }

    /// Stores an authorization for the next run, even if the caller is dropped.
    pub(super) async fn store(&self, id: ServerId, authorization: &StoredAuthorization) -> Result<()> {
        let (sealed, at) = (self.seal(id, authorization)?, Timestamp::now());
        self.recorder.commit(None, move |db| store::consents::put(db, id, &sealed, at)).await
    }

    /// Stores one for callers who run to completion themselves, as they have more to do.
    pub(super) async fn write(&self, id: ServerId, authorization: &StoredAuthorization) -> Result<()> {
        let (sealed, at) = (self.seal(id, authorization)?, Timestamp::now());
        self.recorder.write(None, move |db| store::consents::put(db, id, &sealed, at)).await
    }

    fn seal(&self, id: ServerId, authorization: &StoredAuthorization) -> Result<String> {
        let text = serde_json::to_string(authorization);
        let text = text.map_err(|_| Error::Internal("a consent cannot be written as JSON".into()))?;
        self.keyring.seal(&context::consent(id), &text)
    }

    /// Opens an authorization that was stored; `None` where it was sealed with another secret or for another server.
    pub(super) fn open(&self, id: ServerId, sealed: &str) -> Option<StoredAuthorization> {
        let text = self.keyring.open(&context::consent(id), sealed).ok()?;
        serde_json::from_str(&text).ok()
    }
}
