//! Has the processes of servers replaced whose secrets changed.

use std::sync::{Arc, Weak};

use futures_util::{FutureExt, future::BoxFuture};

use crate::{
    error::Result,
    model::{Isolation, Server, UserId},
    named_secrets::SecretObserver,
    policy::{mask::Mask, reference},
    registry::Registered,
    servers::service::Servers,
};

/// Weak, as servers own the secrets.
impl SecretObserver for Weak<Servers> {
    fn secret_changed(&self, user: UserId, name: String, former: Option<String>) -> BoxFuture<'static, ()> {
        let servers = self.upgrade();
        async move {
            if let Some(servers) = servers {
                servers.renew_all(user, &name, former.as_ref()).await;
            }
        }
        .boxed()
    }
}

impl Servers {
    /// Renews every server that may have this secret of a user's.
    async fn renew_all(&self, user: UserId, name: &str, former: Option<&String>) {
        for registered in self.registry.all().values().filter(|one| may_have(&one.server.load(), user, name)) {
            if let Err(cause) = self.renew(registered, former).await {
                log::warn!(server:% = registered.id, cause:%; "a server could not be given a changed secret");
            }
        }
    }

    /// Has a server run with the secrets of now; its process of before may still write the `former` one.
    async fn renew(&self, registered: &Arc<Registered>, former: Option<&String>) -> Result<()> {
        let _alone = registered.changing.lock().await;
        let server = registered.server.load_full();
        let mask = registered.change_mask(|_| Mask::new(self.secrets.values_of(&server).iter().chain(former)));
        self.placement.update(&server, mask, None).await?;
        self.placement.update_isolated_of_server(server.id).await
    }
}

/// True where a process of the server may have this secret of a user's.
fn may_have(server: &Server, user: UserId, name: &str) -> bool {
    let is_near = server.user_id == user || server.config.isolation != Isolation::Shared;
    is_near && reference::refers_to(&server.config, name)
}
