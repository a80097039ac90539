//! [`AccountEvents`]: ends processes of accounts and credentials that end, and forgets servers and secrets of deleted
//! accounts.

use std::sync::Arc;

use crate::{
    accounts::AccountObserver,
    model::{Credential, ServerId, UserId},
    named_secrets::NamedSecrets,
    placement::Placement,
    servers::Servers,
};

/// The observer of accounts on behalf of placement, servers and secrets.
pub(super) struct AccountEvents {
    pub placement: Arc<Placement>,
    pub servers: Arc<Servers>,
    pub secrets: Arc<NamedSecrets>,
}

impl AccountObserver for AccountEvents {
    fn execution_lost(&self, user: UserId) {
        self.placement.end_isolated_of_user(user, None);
    }

    fn account_deleted(&self, user: UserId, servers: &[ServerId]) {
        self.secrets.forget_all(user);
        self.servers.forget_all(user, servers);
    }

    fn account_closed(&self, user: UserId) {
        self.placement.end_isolated_of_user(user, None);
    }

    fn credential_ended(&self, credential: Credential) {
        // Clients without a session of their own have their credential's id as one.
        match credential {
            Credential::Session(id) => self.placement.end_session(id.uuid()),
            Credential::Key(id) => self.placement.end_session(id.uuid()),
            Credential::Token(_) | Credential::Embedder => {}
        }
    }
}
