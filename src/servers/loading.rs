//! Loads servers from the database: at the start, and again where it was found changed.

use std::{collections::HashMap, sync::Arc};

use crate::{
    error::Result,
    events::ServerChangeKind,
    model::{Listing, Server, ServerId, Share, TimelineLevel},
    policy::pins::Pins,
    registry::{Registered, secrets},
    servers::service::Servers,
    store::{self, user_secrets::StoredSecret},
    tasks::blocking,
};

/// A server with what belongs to it.
struct Stored {
    server: Server,
    shares: Vec<Share>,
    listing: Option<Arc<Listing>>,
    pins: Option<Pins>,
}

impl Servers {
    /// Reads every server from the database and hands it to the supervisor; enabled ones start.
    pub(crate) async fn load(self: &Arc<Self>) -> Result<()> {
        let (servers, authorizations, secrets) = self.stored_servers().await?;
        self.secrets.load(secrets)?;
        self.authorizations.load(authorizations);
        self.placement.tidy(servers.iter().map(|stored| stored.server.id)).await?;
        self.packages.collect().await;
        for Stored { server, shares, listing, pins } in servers {
            self.register(server, shares, listing, pins).await?;
        }
        let timeline = self.timeline.clone();
        // Once every server is registered, so that no timeline is taken for that of one that is gone.
        blocking(move || timeline.begin()).await
    }

    /// Brings every server to what the database holds; after another Ostler had it, also those that are as they were.
    pub(crate) async fn reload(self: &Arc<Self>, is_succession: bool) -> Result<()> {
        let _alone = self.lifecycle.pause_changes().await;
        let (servers, mut authorizations, secrets) = self.stored_servers().await?;
        let is_renewed = self.secrets.load(secrets)? || is_succession;
        let known = self.registry.all();
        // A failover may have taken tokens back that were renewed; those in memory are newer.
        authorizations.retain(|(id, _)| is_succession || !known.contains_key(id));
        self.authorizations.load(authorizations);
        for gone in known.keys().filter(|id| servers.iter().all(|stored| stored.server.id != **id)) {
            self.forget(*gone);
        }
        for Stored { server, shares, listing, pins } in servers {
            match known.get(&server.id) {
                Some(registered) => {
                    if pins.is_some() {
                        self.listings.load_pins(registered, pins);
                    }
                    self.bring_up_to_date(registered, server, shares, is_renewed).await?;
                }
                None => {
                    let registered = self.register(server, shares, listing, pins).await?;
                    self.events.publish_server_change(&registered, ServerChangeKind::Created);
                }
            }
        }
        Ok(())
    }

    async fn bring_up_to_date(
        self: &Arc<Self>,
        registered: &Arc<Registered>,
        server: Server,
        shares: Vec<Share>,
        is_renewed: bool,
    ) -> Result<()> {
        let before = registered.shares.swap(Arc::new(shares));
        for user in before.iter().map(|share| share.user_id) {
            if registered.shares.load().iter().all(|share| share.user_id != user) {
                self.placement.end_isolated_of_user(user, Some(registered.id));
            }
        }
        let is_same = registered.server.load().config == server.config;
        if is_same && !is_renewed {
            return Ok(());
        }
        registered.link.add_note(TimelineLevel::Info, "its configuration was read again");
        registered.counters.clear();
        self.put_in_force(registered, server).await?;
        self.events.publish_server_change(registered, ServerChangeKind::Updated);
        Ok(())
    }

    async fn stored_servers(&self) -> Result<(Vec<Stored>, Vec<(ServerId, String)>, Vec<StoredSecret>)> {
        let read = |db: &mut store::Connection| {
            let (servers, shares) = (store::servers::all(db)?, store::shares::all(db)?);
            let (secrets, pins) = (store::user_secrets::all(db)?, store::pins::all(db)?);
            let rest = (store::listings::all(db)?, store::package_pins::all(db)?, store::consents::all(db)?);
            Ok((servers, shares, pins, secrets, rest))
        };
        let (servers, mut shares, pins, named, rest) = self.store.read(read).await?;
        let (listings, packages, authorizations) = rest;
        self.packages.load(packages);
        let mut listings: HashMap<_, _> = listings.into_iter().collect();
        let mut pins: HashMap<_, _> = pins.into_iter().collect();
        let with_parts = |stored| {
            let server = secrets::open(&self.keyring, stored)?;
            let own: Vec<_> = shares.extract_if(.., |(id, _)| *id == server.id).map(|(_, share)| share).collect();
            let listing = listings.remove(&server.id).and_then(|sealed| self.listings.open(server.id, &sealed));
            let pins = pins.remove(&server.id).and_then(|sealed| self.listings.open_pins(server.id, &sealed));
            Ok(Stored { server, shares: own, listing, pins })
        };
        Ok((servers.into_iter().map(with_parts).collect::<Result<_>>()?, authorizations, named))
    }
}
