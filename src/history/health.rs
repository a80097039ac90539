//! Changes of health.

use crate::{
    error::Result,
    history::service::History,
    model::{HealthChange, Principal, ServerId, Timestamp},
    policy::permission,
    store,
};

impl History {
    /// The changes of a server's health, oldest first; of more than a thousand the newest.
    pub async fn health_changes(
        &self,
        who: &Principal,
        id: ServerId,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<HealthChange>> {
        self.registry.reach(who, id, permission::READS, "history.health")?;
        self.store.read(move |db| store::health::list(db, id, since, until)).await
    }
}
