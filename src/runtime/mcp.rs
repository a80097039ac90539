//! What MCP clients need of a server beside its tools: any request, its catalogue, its news, what it asks.

use std::{sync::Arc, time::Duration};

use serde_json::value::RawValue;
use tokio::sync::{broadcast, mpsc};
use uuid::Uuid;

use crate::{
    error::{Error, Result},
    mcp::{Era, Request},
    model::{CallId, Catalogue, Principal, ServerId},
    runtime::Runtime,
    supervisor::messages::{Asked, Follower, News},
};

/// An MCP client, as servers hear of it.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its session; without one, its credential. Isolation per session goes by it.
    pub session: Uuid,
    /// Its `capabilities`, as it wrote them.
    pub capabilities: Arc<RawValue>,
    /// Its `clientInfo`, as it wrote it.
    pub info: Option<Arc<RawValue>>,
    /// The least severe `notifications/message` it wants, if any.
    pub log_level: Option<String>,
}

/// A request of an MCP client to one server.
pub struct Ask {
    /// The request, names as the server knows them. What `params._meta` holds of `io.modelcontextprotocol/*` and
    /// `progressToken` is replaced; all else goes through.
    pub request: Request,
    /// Who asks.
    pub client: Arc<Client>,
    /// Deadline; `None` is the default.
    pub timeout: Option<Duration>,
    /// Who hears what the server says before it answers.
    pub follower: Option<Follower>,
}

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Said {
    /// Its result or its error object, byte for byte.
    pub outcome: Result<Arc<RawValue>, Arc<RawValue>>,
    /// The era it speaks.
    pub era: Era,
    /// The call on record, where it was a tool call.
    pub call_id: Option<CallId>,
}

/// A server that somebody may use.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Which.
    pub id: ServerId,
    /// Its name.
    pub name: String,
    /// What it listed last, its tools by the rules of its owner; `None` where it never did.
    pub catalogue: Option<Arc<Catalogue>>,
}

/// Somebody's interest in a resource; dropping it ends it.
pub struct Watch;

impl Runtime {
    /// Sends a request to the process of a server that is `client`'s, and answers what the server said.
    ///
    /// `tools/call` is a call like any other: limits, record, audit. Dropping the future cancels the request.
    pub async fn ask(&self, _who: &Principal, _id: ServerId, _ask: Ask) -> Result<Said> {
        Err(Error::NotReady("not yet"))
    }

    /// Every server `who` may use, by name, with its catalogue.
    pub fn offers(&self, _who: &Principal) -> Result<Vec<Offer>> {
        Err(Error::NotReady("not yet"))
    }

    /// What a server said of itself and offers; waits for a starting one that has never said so.
    pub async fn catalogue(&self, _who: &Principal, _id: ServerId) -> Result<Arc<Catalogue>> {
        Err(Error::NotReady("not yet"))
    }

    /// What happens at a server from now on, across restarts of its processes.
    pub fn news(&self, _who: &Principal, _id: ServerId, _client: &Client) -> Result<broadcast::Receiver<News>> {
        Err(Error::NotReady("not yet"))
    }

    /// What the server asks of `client` outside of any request; once for each process that is the client's alone.
    pub fn questions(
        &self,
        _who: &Principal,
        _id: ServerId,
        _client: &Client,
    ) -> Result<Option<mpsc::Receiver<Asked>>> {
        Err(Error::NotReady("not yet"))
    }

    /// Has updates of a resource among a server's news for as long as the watch is held. `Ok(Err)` is the server's refusal.
    pub async fn watch_resource(
        &self,
        _who: &Principal,
        _id: ServerId,
        _client: &Client,
        _uri: &str,
    ) -> Result<Result<Watch, Arc<RawValue>>> {
        Err(Error::NotReady("not yet"))
    }

    /// Sends a notification of a client to the process that is its own alone; nothing where it has none.
    pub fn tell(&self, _who: &Principal, _id: ServerId, _client: &Client, _notification: &Request) -> Result<()> {
        Err(Error::NotReady("not yet"))
    }

    /// Ends the processes that were this session's alone.
    pub fn end_session(&self, _session: Uuid) {}

    /// Seals `text` so that only [`Runtime::open_text`] of this installation reads it, for this purpose (AES-256-GCM).
    pub fn seal_text(&self, _purpose: &str, _text: &[u8]) -> Result<String> {
        Err(Error::NotReady("not yet"))
    }

    /// What was sealed for this purpose; `None` where it was not, or was changed.
    pub fn open_text(&self, _purpose: &str, _sealed: &str) -> Option<Vec<u8>> {
        None
    }

    /// State of the rooms above that lives as long as this runtime: one value of each type, made when first asked for.
    pub fn attached<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        Arc::default()
    }
}
