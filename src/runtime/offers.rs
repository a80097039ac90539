//! What servers offer, as far as their owners let callers see it.

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::{
    error::{Error, Noun, Result},
    model::{Catalogue, Isolation, Principal, ServerId, Timestamp},
    policy::permission,
    registry::Registered,
    runtime::Runtime,
    store,
    supervisor::Availability,
};

/// A catalogue that is longer than so many bytes is not kept for the next run.
const LONGEST: usize = 8 << 20;

/// A server that somebody may use.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Which.
    pub id: ServerId,
    /// Its name.
    pub name: String,
    /// What it listed last, its tools by the rules of its owner; `None` where it never did.
    pub catalogue: Option<Arc<Catalogue>>,
    /// Those of its tools whose calls over HTTP may have to repeat arguments in headers (`x-mcp-header`).
    pub annotated: Arc<[Arc<RawValue>]>,
    /// Whether it takes requests now.
    pub is_up: bool,
    /// Who shares a process of it.
    pub isolation: Isolation,
}

impl Runtime {
    /// Every server `who` may use, by name, with its catalogue.
    pub fn offers(&self, who: &Principal) -> Result<Vec<Offer>> {
        self.inner.access.require_any(who, permission::USES, "server.list")?;
        let all = self.inner.registry.all();
        let described = |server: &Registered| {
            let source = server.link.catalogue()?;
            Some(self.inner.shown.of(server.id).described(&source, &server.server.load()))
        };
        let permitted = all.values().filter(|server| server.is_of(who, permission::USES));
        let mut offers: Vec<_> = permitted.map(|server| self.offer_of(server, described(server))).collect();
        offers.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(offers)
    }

    /// One server that `who` may use, its tools described by itself.
    pub fn offer(&self, who: &Principal, id: ServerId) -> Result<Offer> {
        let server = self.inner.registry.reach(who, id, permission::USES, "server.tools")?;
        Ok(self.offer_of(&server, self.offered(&server)))
    }

    /// What a server said of itself and offers, now or in an earlier run; waits for a starting one that has never said so.
    pub async fn catalogue(&self, who: &Principal, id: ServerId) -> Result<Arc<Catalogue>> {
        let server = self.inner.registry.reach(who, id, permission::USES, "server.tools")?;
        if let Some(catalogue) = self.offered(&server) {
            return Ok(catalogue);
        }
        let (mut catalogues, mut view) = (server.link.catalogues(), server.link.view.clone());
        let said = async {
            tokio::select! {
                biased;
                said = catalogues.wait_for(Option::is_some) => said.map(drop).map_err(|_| Error::NotFound(Noun::Server)),
                down = view.wait_for(|view| matches!(view.availability, Availability::Down(_))) => {
                    Err(down.map_or(Error::NotFound(Noun::Server), |view| unavailable(&view.availability)))
                }
            }
        };
        let timeout = self.inner.settings.call_timeout;
        tokio::time::timeout(timeout, said).await.map_err(|_| Error::CallTimeout(timeout))??;
        self.offered(&server).ok_or(Error::NotFound(Noun::Server))
    }

    /// The server's tools, each as the server describes it; waits for a starting server as long as a call would.
    pub async fn tools(&self, who: &Principal, id: ServerId) -> Result<Arc<Vec<Arc<RawValue>>>> {
        let registered = self.inner.registry.reach(who, id, permission::USES, "server.tools")?;
        let mut view = registered.link.view.clone();
        let settled = view.wait_for(|view| !matches!(view.availability, Availability::Coming));
        let timeout = self.inner.settings.call_timeout;
        let Ok(settled) = tokio::time::timeout(timeout, settled).await else { return Err(Error::CallTimeout(timeout)) };
        match settled.map(|view| view.availability.clone()) {
            Ok(Availability::Ready(instance)) => {
                let server = registered.server.load();
                Ok(self.inner.shown.of(id).permitted(&instance.catalogue(), &server).tools.clone())
            }
            Ok(down @ Availability::Down(_)) => Err(unavailable(&down)),
            Ok(Availability::Coming) | Err(_) => Err(Error::NotFound(Noun::Server)),
        }
    }

    /// Keeps what a server offers for the next run.
    pub(super) async fn keep_catalogue(&self, id: ServerId, catalogue: &Catalogue) -> Result<()> {
        let text = serde_json::to_string(catalogue);
        let text = text.map_err(|_| Error::Internal("a catalogue cannot be written as JSON".into()))?;
        if text.len() > LONGEST {
            log::warn!(server:% = id, bytes = text.len(); "a catalogue is too long to be kept");
            self.warn_of(id, "what it lists is too long to be kept for the next run");
            return Ok(());
        }
        let (sealed, at) = (self.inner.keyring.seal(&sealed_as(id), &text)?, Timestamp::now());
        self.inner.recorder.commit(None, move |db| store::catalogues::put(db, id, &sealed, at)).await
    }

    /// What a server offered in an earlier run. Where that cannot be read, it is asked again as if it were new.
    pub(super) fn kept_catalogue(&self, id: ServerId, sealed: &str) -> Option<Arc<Catalogue>> {
        let text = self.inner.keyring.open(&sealed_as(id), sealed).ok()?;
        let read = serde_json::from_str(&text);
        read.inspect_err(|_| log::warn!(server:% = id; "a stored catalogue cannot be read")).ok().map(Arc::new)
    }
}

fn sealed_as(id: ServerId) -> String {
    format!("catalogue:{id}")
}

fn unavailable(availability: &Availability) -> Error {
    let reason = match availability {
        Availability::Down(reason) => reason.clone(),
        Availability::Ready(_) | Availability::Coming => "it is starting".into(),
    };
    Error::ServerUnavailable(reason)
}

impl Runtime {
    fn offer_of(&self, registered: &Registered, catalogue: Option<Arc<Catalogue>>) -> Offer {
        let server = registered.server.load();
        let source = registered.link.catalogue();
        let annotated = source.map(|source| self.inner.shown.of(registered.id).annotated(&source, &server));
        Offer {
            id: registered.id,
            name: server.config.name.clone(),
            catalogue,
            annotated: annotated.unwrap_or_default(),
            is_up: matches!(registered.link.view.borrow().availability, Availability::Ready(_)),
            isolation: server.config.isolation,
        }
    }

    /// What it listed last, as far as callers may see it.
    pub(super) fn offered(&self, registered: &Registered) -> Option<Arc<Catalogue>> {
        let source = registered.link.catalogue()?;
        Some(self.inner.shown.of(registered.id).permitted(&source, &registered.server.load()))
    }
}
