//! Restart of a server once a person has consented to its use.

use std::sync::Weak;

use crate::{
    authorizations::AuthorizationObserver, model::ServerId, placement::Placement, supervisor::messages::StartServer,
};

/// Starts authorized servers; weak, as placement owns the authorizations.
impl AuthorizationObserver for Weak<Placement> {
    fn authorized(&self, id: ServerId) {
        let Some(placement) = self.upgrade() else { return };
        // The browser that came back from consenting need not wait for the process.
        tokio::spawn(async move {
            let _ = placement.supervisor().ask(StartServer { id }).await;
            placement.update_isolated_of_server(id).await
        });
    }
}
