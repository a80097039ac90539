//! Requests that wait for their client to come back with answers, and the sealed tickets by which it does.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use uuid::Uuid;

use super::{fault, parking::Work};
use crate::{
    http::mcp::conversation::Conversation,
    mcp::{self, Request},
    model::{ServerId, Timestamp, UserId},
};

/// What tells a ticket of ours from a state of a server's own.
const PREFIX: &str = "ostler-";

const PURPOSE: &str = "mcp request state";

/// How long a client has to come back.
const PATIENCE: Duration = Duration::from_secs(600);

/// Requests of one user that wait.
const MOST: usize = 64;

/// Requests that wait, by the id on their tickets.
#[derive(Default)]
struct Parked(Mutex<HashMap<Uuid, (UserId, Work)>>);

/// What a request must be, to go on where an earlier one stopped.
pub(super) struct Ticket {
    user: UserId,
    method: String,
    digest: String,
}

/// What is sealed into a ticket.
#[derive(Serialize, Deserialize)]
struct Sealed {
    /// The request that waits; `None` where it is to be sent anew.
    parked: Option<Uuid>,
    user: String,
    digest: String,
    /// Until when, in seconds since 1970.
    until: i64,
}

/// Whether a `requestState` looks like a ticket of ours.
pub(super) fn is_ours(state: &str) -> bool {
    state.starts_with(PREFIX)
}

impl Ticket {
    pub fn new(conversation: &Conversation, server: ServerId, request: &Request) -> Self {
        let user = conversation.who.user_id;
        Self { user, method: request.method.clone(), digest: fingerprint(server, request) }
    }

    /// The method of the request.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Lets work wait, and answers the ticket for it. Without any, the ticket says that the request may be sent anew.
    pub fn park(&self, conversation: &Conversation, work: Option<Work>) -> Result<String, Arc<RawValue>> {
        let parked = work.map(|work| self.keep(conversation, work)).transpose()?;
        let until = Timestamp::now().plus(PATIENCE).unix_seconds();
        let sealed = Sealed { parked, user: self.user.to_string(), digest: self.digest.clone(), until };
        let text = serde_json::to_vec(&sealed).map_err(|_| fault::internal("the state cannot be written"))?;
        let sealed = conversation.runtime.seal_text(PURPOSE, &text).map_err(fault::of_error)?;
        Ok(format!("{PREFIX}{sealed}"))
    }

    /// What waits for this request; `None` where it is to be sent anew.
    pub fn redeem(&self, conversation: &Conversation, state: &str) -> Result<Option<Work>, Arc<RawValue>> {
        let sealed = self.open(conversation, state).ok_or_else(refused)?;
        let Some(id) = sealed.parked else { return Ok(None) };
        let parked = conversation.runtime.attached::<Parked>();
        let work = parked.take(id).ok_or_else(refused)?;
        Ok(Some(work))
    }

    fn open(&self, conversation: &Conversation, state: &str) -> Option<Sealed> {
        let text = conversation.runtime.open_text(PURPOSE, state.strip_prefix(PREFIX)?)?;
        let sealed: Sealed = serde_json::from_slice(&text).ok()?;
        let is_its = sealed.user == self.user.to_string() && sealed.digest == self.digest;
        (is_its && sealed.until > Timestamp::now().unix_seconds()).then_some(sealed)
    }

    fn keep(&self, conversation: &Conversation, work: Work) -> Result<Uuid, Arc<RawValue>> {
        let parked = conversation.runtime.attached::<Parked>();
        let id = Uuid::new_v4();
        if !parked.put(id, self.user, work) {
            return Err(fault::internal("too many requests of this user wait for answers"));
        }
        let (weak, draining) = (Arc::downgrade(&parked), conversation.runtime.clone().draining());
        tokio::spawn(async move {
            // Neither is a stop of Ostler held up by who does not come back.
            let _ = tokio::time::timeout(PATIENCE, draining).await;
            // Dropping it cancels the request and refuses what the server asked.
            drop(weak.upgrade().and_then(|parked| parked.take(id)));
        });
        Ok(id)
    }
}

impl Parked {
    fn put(&self, id: Uuid, user: UserId, work: Work) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.values().filter(|(owner, _)| *owner == user).count() >= MOST {
            return false;
        }
        all.insert(id, (user, work));
        true
    }

    fn take(&self, id: Uuid) -> Option<Work> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id).map(|(_, work)| work)
    }
}

/// What a request says, whichever of its repetitions it is.
fn fingerprint(server: ServerId, request: &Request) -> String {
    let mut params = request.params.clone();
    params.retain(|name| !["inputResponses", "requestState", "_meta"].contains(&name));
    let params = params.to_string();
    // Members in another order are the same request still; what no number of ours can hold is taken as it is written.
    let params = serde_json::from_str::<Value>(&params).map_or(params, |value| value.to_string());
    let text = format!("{server}\n{}\n{params}", request.method);
    digest(&SHA256, text.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn refused() -> Arc<RawValue> {
    let data = RawValue::from_string(r#"{"reason":"invalid_request_state"}"#.to_owned()).ok();
    let message = "`requestState` is not of this request, was changed, or is too old; send the request anew without it";
    mcp::error(-32602, message, data.as_deref())
}
