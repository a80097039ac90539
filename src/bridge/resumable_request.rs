//! The identity of a request across its repetition, sealed into the `requestState` that its client sends back.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use uuid::Uuid;

use super::{fault, request_in_flight::RequestInFlight, suspended_requests::SUSPENSION_TIMEOUT};
use crate::{
    bridge::Conversation,
    mcp::{self, Request},
    model::{ServerId, Timestamp, UserId},
    policy::{hex, permission},
    revocation::RequiredRight,
};

/// Prefix of the states that Ostler seals: a server's own state has another.
const STATE_PREFIX: &str = "ostler-";

const STATE_SEAL_PURPOSE: &str = "mcp request state";

/// The identity of a request that its repetition must share: user, server, method and parameters.
pub(super) struct ResumableRequest {
    user: UserId,
    server: ServerId,
    request: Arc<Request>,
}

/// The content of a sealed `requestState`.
#[derive(Serialize, Deserialize)]
struct RequestState {
    /// The suspended request; `None` where the repetition is sent as a new request.
    #[serde(rename = "parked")]
    suspended: Option<Uuid>,
    user: String,
    digest: String,
    /// When it expires, in seconds since 1970.
    until: i64,
}

/// True for a `requestState` that Ostler sealed, by its prefix.
pub(super) fn is_sealed_state(state: &str) -> bool {
    state.starts_with(STATE_PREFIX)
}

impl ResumableRequest {
    pub(super) fn new(conversation: &Conversation, server: ServerId, request: Arc<Request>) -> Self {
        Self { user: conversation.who.user_id, server, request }
    }

    /// The method of the request.
    pub(super) fn method(&self) -> &str {
        &self.request.method
    }

    /// Suspends a request in flight and returns its state. Without one, the state lets the repetition be sent as a new
    /// request.
    pub(super) fn suspend(
        &self,
        conversation: &Conversation,
        work: Option<RequestInFlight>,
    ) -> Result<String, Arc<RawValue>> {
        let suspended = work.map(|work| self.store(conversation, work)).transpose()?;
        let until = Timestamp::now().plus(SUSPENSION_TIMEOUT).unix_seconds();
        let sealed = RequestState { suspended, user: self.user.to_string(), digest: self.digest(), until };
        let text = serde_json::to_vec(&sealed).map_err(|_| fault::internal("the state cannot be written"))?;
        let sealed = conversation.runtime.keyring().seal_carried(STATE_SEAL_PURPOSE, &text).map_err(fault::of_error)?;
        Ok(format!("{STATE_PREFIX}{sealed}"))
    }

    /// Takes the request in flight that `state` names; `None` where the repetition is sent as a new request.
    pub(super) fn resume(
        &self,
        conversation: &Conversation,
        state: &str,
    ) -> Result<Option<RequestInFlight>, Arc<RawValue>> {
        let sealed = self.open(conversation, state).ok_or_else(invalid_state)?;
        let Some(id) = sealed.suspended else { return Ok(None) };
        let work = conversation.suspended.take(id).ok_or_else(invalid_state)?;
        Ok(Some(work))
    }

    fn open(&self, conversation: &Conversation, state: &str) -> Option<RequestState> {
        let text =
            conversation.runtime.keyring().open_carried(STATE_SEAL_PURPOSE, state.strip_prefix(STATE_PREFIX)?)?;
        let sealed: RequestState = serde_json::from_slice(&text).ok()?;
        let matches = sealed.user == self.user.to_string() && sealed.digest == self.digest();
        (matches && sealed.until > Timestamp::now().unix_seconds()).then_some(sealed)
    }

    /// A digest of method and parameters that every repetition of the request shares.
    fn digest(&self) -> String {
        let mut params = self.request.params.clone();
        params.retain(|name| !["inputResponses", "requestState", "_meta"].contains(&name));
        let params = params.to_string();
        // Members in another order are the same request still; parameters with a number that `Value` cannot hold are
        // digested as they are written.
        let params = serde_json::from_str::<Value>(&params).map_or(params, |value| value.to_string());
        let text = format!("{}\n{}\n{params}", self.server, self.request.method);
        hex::encode(digest(&SHA256, text.as_bytes()).as_ref())
    }

    fn store(&self, conversation: &Conversation, work: RequestInFlight) -> Result<Uuid, Arc<RawValue>> {
        let draining = conversation.runtime.draining();
        let needs = RequiredRight::Server(self.server, permission::EXECUTES);
        let revoked = conversation.runtime.revocation().revoked(&conversation.who, needs);
        let cancelled = async move {
            tokio::select! {
                () = draining => {}
                _ = revoked => {}
            }
        };
        conversation.suspended.add(&conversation.who, work, cancelled)
    }
}

fn invalid_state() -> Arc<RawValue> {
    let data = RawValue::from_string(r#"{"reason":"invalid_request_state"}"#.to_owned()).ok();
    let message =
        "`requestState` is not of this request, was changed, or is too old; send the request again without it";
    mcp::error(-32602, message, data.as_deref())
}
