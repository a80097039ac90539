//! Restart of a server once a person has consented to its use.

use std::sync::Weak;

use crate::{
    authorizations::AuthorizationObserver,
    model::ServerId,
    runtime::{Inner, Runtime},
    supervisor::messages::StartServer,
};

/// Starts authorized servers; weak, as the runtime owns what it observes.
pub(super) struct AuthorizedRestart(pub Weak<Inner>);

impl AuthorizationObserver for AuthorizedRestart {
    fn authorized(&self, id: ServerId) {
        let Some(inner) = self.0.upgrade() else { return };
        let runtime = Runtime { inner };
        // The browser that came back from consenting need not wait for the process.
        tokio::spawn(async move {
            let _ = runtime.inner.placement.supervisor().ask(StartServer { id }).await;
            runtime.inner.placement.update_isolated_of_server(id).await
        });
    }
}
