//! Servers as the database holds them: read at the start, and again where it was found changed.

use std::{collections::HashMap, sync::Arc};

use crate::{
    error::Result,
    events::ServerChangeKind,
    model::{Listing, Server, ServerId, Share, TimelineLevel},
    registry::{Registered, secrets},
    runtime::Runtime,
    store,
};

/// A server with what belongs to it.
struct Stored {
    server: Server,
    shares: Vec<Share>,
    listing: Option<Arc<Listing>>,
}

impl Runtime {
    /// Reads every server from the database and hands it to the supervisor; enabled ones start.
    pub(super) async fn load_servers(&self) -> Result<()> {
        let (servers, authorizations) = self.stored_servers().await?;
        self.inner.authorizations.load(authorizations);
        for Stored { server, shares, listing } in servers {
            self.register(server, shares, listing).await?;
        }
        self.begin_timeline().await
    }

    /// Brings every server to what the database holds; after another Ostler had it, also those that are as they were.
    pub(super) async fn reload_servers(&self, is_succession: bool) -> Result<()> {
        let _alone = self.inner.lifecycle.pause_changes().await;
        let (servers, mut authorizations) = self.stored_servers().await?;
        let known = self.inner.registry.all();
        // A failover may have taken tokens back that were renewed; those in memory are newer.
        authorizations.retain(|(id, _)| is_succession || !known.contains_key(id));
        self.inner.authorizations.load(authorizations);
        for gone in known.keys().filter(|id| servers.iter().all(|stored| stored.server.id != **id)) {
            self.forget_server(*gone);
        }
        for Stored { server, shares, listing } in servers {
            match known.get(&server.id) {
                Some(registered) => self.bring_up_to_date(registered, server, shares, is_succession).await?,
                None => {
                    let registered = self.register(server, shares, listing).await?;
                    self.inner.events.publish_server_change(&registered, ServerChangeKind::Created);
                }
            }
        }
        Ok(())
    }

    async fn bring_up_to_date(
        &self,
        registered: &Arc<Registered>,
        server: Server,
        shares: Vec<Share>,
        is_succession: bool,
    ) -> Result<()> {
        let before = registered.shares.swap(Arc::new(shares));
        for user in before.iter().map(|share| share.user_id) {
            if registered.shares.load().iter().all(|share| share.user_id != user) {
                self.inner.placement.end_isolated_of_user(user, Some(registered.id));
            }
        }
        let is_same = registered.server.load().config == server.config;
        if is_same && !is_succession {
            return Ok(());
        }
        registered.link.note(TimelineLevel::Info, "its configuration was read again");
        registered.counters.clear();
        self.put_in_force(registered, server).await?;
        self.inner.events.publish_server_change(registered, ServerChangeKind::Updated);
        Ok(())
    }

    async fn stored_servers(&self) -> Result<(Vec<Stored>, Vec<(ServerId, String)>)> {
        let read = |db: &mut store::Connection| {
            let (servers, shares) = (store::servers::all(db)?, store::shares::all(db)?);
            Ok((servers, shares, store::listings::all(db)?, store::consents::all(db)?))
        };
        let (servers, mut shares, listings, authorizations) = self.inner.store.read(read).await?;
        let mut listings: HashMap<_, _> = listings.into_iter().collect();
        let with_its_own = |stored| {
            let server = secrets::open(&self.inner.keyring, stored)?;
            let own: Vec<_> = shares.extract_if(.., |(id, _)| *id == server.id).map(|(_, share)| share).collect();
            let listing = listings.remove(&server.id).and_then(|sealed| self.inner.listings.open(server.id, &sealed));
            Ok(Stored { server, shares: own, listing })
        };
        Ok((servers.into_iter().map(with_its_own).collect::<Result<_>>()?, authorizations))
    }
}
