//! Requests that wait for their client to come back with answers, and the sealed tickets by which it does.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use tokio::{task::AbortHandle, time::timeout};
use uuid::Uuid;

use super::{fault, request_in_flight::RequestInFlight};
use crate::{
    Runtime,
    bridge::Conversation,
    error::Error,
    mcp::{self, Request},
    model::{ServerId, Timestamp, UserId},
    policy::{hex, permission},
    runtime::{Attachment, Needs},
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
struct Parked(Mutex<HashMap<Uuid, Waiting>>);

/// One of them.
struct Waiting {
    user: UserId,
    work: RequestInFlight,
    /// The task that gives it up when its time is over.
    keeper: AbortHandle,
}

/// What a request must be, to go on where an earlier one stopped.
pub(super) struct Ticket {
    user: UserId,
    server: ServerId,
    request: Arc<Request>,
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
    pub fn new(conversation: &Conversation, server: ServerId, request: Arc<Request>) -> Self {
        Self { user: conversation.who.user_id, server, request }
    }

    /// The method of the request.
    pub fn method(&self) -> &str {
        &self.request.method
    }

    /// Lets work wait, and answers the ticket for it. Without any, the ticket says that the request may be sent anew.
    pub fn park(&self, conversation: &Conversation, work: Option<RequestInFlight>) -> Result<String, Arc<RawValue>> {
        let parked = work.map(|work| self.keep(conversation, work)).transpose()?;
        let until = Timestamp::now().plus(PATIENCE).unix_seconds();
        let sealed = Sealed { parked, user: self.user.to_string(), digest: self.digest(), until };
        let text = serde_json::to_vec(&sealed).map_err(|_| fault::internal("the state cannot be written"))?;
        let sealed = conversation.runtime.seal_text(PURPOSE, &text).map_err(fault::of_error)?;
        Ok(format!("{PREFIX}{sealed}"))
    }

    /// What waits for this request; `None` where it is to be sent anew.
    pub fn redeem(&self, conversation: &Conversation, state: &str) -> Result<Option<RequestInFlight>, Arc<RawValue>> {
        let sealed = self.open(conversation, state).ok_or_else(refused)?;
        let Some(id) = sealed.parked else { return Ok(None) };
        let parked = conversation.runtime.attached::<Parked>();
        let work = parked.take(id).ok_or_else(refused)?;
        Ok(Some(work))
    }

    fn open(&self, conversation: &Conversation, state: &str) -> Option<Sealed> {
        let text = conversation.runtime.open_text(PURPOSE, state.strip_prefix(PREFIX)?)?;
        let sealed: Sealed = serde_json::from_slice(&text).ok()?;
        let is_its = sealed.user == self.user.to_string() && sealed.digest == self.digest();
        (is_its && sealed.until > Timestamp::now().unix_seconds()).then_some(sealed)
    }

    /// What the request says, whichever of its repetitions it is.
    fn digest(&self) -> String {
        let mut params = self.request.params.clone();
        params.retain(|name| !["inputResponses", "requestState", "_meta"].contains(&name));
        let params = params.to_string();
        // Members in another order are the same request still; what no number of ours can hold is taken as it is written.
        let params = serde_json::from_str::<Value>(&params).map_or(params, |value| value.to_string());
        let text = format!("{}\n{}\n{params}", self.server, self.request.method);
        hex::encode(digest(&SHA256, text.as_bytes()).as_ref())
    }

    fn keep(&self, conversation: &Conversation, work: RequestInFlight) -> Result<Uuid, Arc<RawValue>> {
        let parked = conversation.runtime.attached::<Parked>();
        let (id, weak) = (Uuid::new_v4(), Arc::downgrade(&parked));
        let draining = conversation.runtime.clone().draining();
        let needs = Needs::Server(self.server, permission::EXECUTES);
        let revoked = conversation.runtime.revoked(&conversation.who, needs);
        let keeper = tokio::spawn(async move {
            let over = async {
                tokio::select! {
                    () = draining => {}
                    _ = revoked => {}
                }
            };
            let _ = timeout(PATIENCE, over).await;
            // Dropping it cancels the request and refuses what the server asked.
            drop(weak.upgrade().and_then(|parked| parked.take(id)));
        });
        parked.put(id, Waiting { user: self.user, work, keeper: keeper.abort_handle() })?;
        Ok(id)
    }
}

impl Attachment for Parked {
    fn account_closed(&self, _: &Runtime, user: UserId) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting: Vec<_> = all.extract_if(|_, one| one.user == user).collect();
        drop(all);
        waiting.iter().for_each(|(_, one)| one.keeper.abort());
    }
}

impl Parked {
    fn put(&self, id: Uuid, waiting: Waiting) -> Result<(), Arc<RawValue>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.values().filter(|one| one.user == waiting.user).count() >= MOST {
            waiting.keeper.abort();
            return Err(fault::of_error(Error::Busy("as many requests as may be wait for answers of the user")));
        }
        all.insert(id, waiting);
        Ok(())
    }

    fn take(&self, id: Uuid) -> Option<RequestInFlight> {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id)?;
        waiting.keeper.abort();
        Some(waiting.work)
    }
}

fn refused() -> Arc<RawValue> {
    let data = RawValue::from_string(r#"{"reason":"invalid_request_state"}"#.to_owned()).ok();
    let message = "`requestState` is not of this request, was changed, or is too old; send the request anew without it";
    mcp::error(-32602, message, data.as_deref())
}
