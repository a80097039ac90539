//! What is kept of a consent: tokens, and what Ostler is to each authorization server. Sealed in the database.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    model::{ServerId, Timestamp},
    policy::consent::Proof,
    runtime::Runtime,
    store,
};

/// All that is kept for one server.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct Kept {
    /// What Ostler is to an authorization server, by its name: never shown to another one.
    pub clients: BTreeMap<String, Client>,
    /// What was consented to last.
    pub grant: Option<Grant>,
}

/// What Ostler is to one authorization server.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Client {
    pub id: String,
    pub secret: Option<String>,
    pub proof: Proof,
    /// Where it was registered to come back to; `None` where somebody else registered it.
    pub redirect: Option<String>,
}

/// Tokens for a server at one address.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Grant {
    /// The server's address, and no other is sent the token.
    pub url: String,
    pub issuer: String,
    pub token_endpoint: String,
    pub client: Client,
    pub resource: String,
    /// What was asked for.
    pub scopes: Vec<String>,
    pub token: String,
    pub refresh: Option<String>,
    pub ends: Option<Timestamp>,
    /// When to renew it.
    pub due: Option<Timestamp>,
}

impl Runtime {
    /// Keeps what was consented to for the next run.
    pub(super) async fn keep_consent(&self, id: ServerId, kept: &Kept) -> Result<()> {
        let text = serde_json::to_string(kept);
        let text = text.map_err(|_| Error::Internal("a consent cannot be written as JSON".into()))?;
        let (sealed, at) = (self.inner.keyring.seal(&sealed_as(id), &text)?, Timestamp::now());
        self.inner.recorder.commit(None, move |db| store::consents::put(db, id, &sealed, at)).await
    }

    /// What was consented to in earlier runs. What cannot be read has to be consented to anew.
    pub(in crate::runtime) fn take_consents(&self, stored: Vec<(ServerId, String)>) {
        for (id, sealed) in stored {
            let opened = self.inner.keyring.open(&sealed_as(id), &sealed).ok();
            match opened.and_then(|text| serde_json::from_str(&text).ok()) {
                Some(kept) => self.inner.consents.of(id).state().kept = kept,
                None => log::warn!(server:% = id; "a stored consent cannot be read"),
            }
        }
    }
}

fn sealed_as(id: ServerId) -> String {
    format!("consent:{id}")
}
