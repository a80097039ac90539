//! Forwards requests of MCP clients to servers.

use std::{sync::Arc, time::Duration};

use serde_json::value::RawValue;

use crate::{
    calls::{
        admitted_call::AdmittedCall,
        client_request::{ClientRequest, ServerResponse},
        dispatch::{self, Delivery, Response},
        operation,
        reply::CallReply,
        service::{Calls, ExecutedCall},
        unavailable::Unavailable,
    },
    error::{Error, Faults, Result},
    mcp::{self, ClientMethod, Era, Request},
    model::{CallId, Listing, Permission, Principal, ServerId, Timestamp},
    policy::{call, permission},
    registry::Registered,
    revocation::RequiredRight,
    telemetry::{NoResponse, OperationOutcome},
};

/// Invalid params (JSON-RPC 2.0, section 5.1).
const INVALID_PARAMS: i64 = -32602;

impl Calls {
    /// Forwards a client's request to its process of a server, and returns the response.
    ///
    /// `tools/call` is a call like any other: limits, record, audit. Dropping the future cancels the request; so does
    /// the end of the right to it.
    pub async fn forward(
        self: &Arc<Self>,
        who: &Principal,
        id: ServerId,
        request: ClientRequest,
    ) -> Result<ServerResponse> {
        let method = request.request.method.as_str();
        let wanted = if ClientMethod::find(method).is_some_and(|known| known.is_reading) {
            permission::USES
        } else {
            permission::EXECUTES
        };
        let needs = RequiredRight::Server(id, wanted);
        if method == "tools/call" {
            return self.revocation.while_permitted(who, needs, self.forward_tool_call(who, id, request)).await?;
        }
        self.revocation.while_permitted(who, needs, self.forward_other(who, id, request, wanted)).await?
    }

    /// The last listing of a server, as [`Listings::listing`] has it; one that is left down because it was not there is
    /// tried at once.
    ///
    /// [`Listings::listing`]: crate::listings::Listings::listing
    pub async fn listing(&self, who: &Principal, id: ServerId) -> Result<Arc<Listing>> {
        let server = self.registry.reach(who, id, permission::USES, "server.tools")?;
        self.placement.wake(&server).await;
        self.listings.listing(who, id).await
    }

    async fn forward_other(
        &self,
        who: &Principal,
        id: ServerId,
        mut request: ClientRequest,
        wanted: &'static [Permission],
    ) -> Result<ServerResponse> {
        let server = self.registry.reach(who, id, wanted, "server.ask")?;
        let _work = self.lifecycle.begin_work()?;
        let slot = server.slots.clone().try_acquire_owned();
        let _slot = slot.map_err(|_| Error::Busy("the server has as many requests as it takes"))?;
        let lease = self.placement.lease(who, &server, Some(&request.client)).await?;
        let (declared, subscriber) = (request.client.declared(), request.subscriber);
        let link = lease.as_ref().map_or(&server.link, |lease| lease.link());
        let operation = operation::begin(&self.telemetry, &server, &mut request.request);
        let mut delivery = Delivery::pending();
        let response = dispatch::deliver(
            link,
            |one| Ok(one.send_request(&request.request, &declared, subscriber.clone())),
            &mut delivery,
        );
        let timeout = self.deadline(request.timeout);
        let response = tokio::select! {
            biased;
            response = tokio::time::timeout(timeout, response) => response.ok(),
            () = dispatch::expiry(request.expired) => None,
        };
        operation::with_sent_request(operation, &delivery).end(operation_outcome(response.as_ref()));
        let response = response.ok_or(Error::CallTimeout(timeout))?;
        let Response { outcome, era } = response?;
        let outcome = outcome.map(|result| {
            if request.request.method == "tools/list" { self.listings.permitted_page(&server, result) } else { result }
        });
        Ok(ServerResponse { outcome, era, call_id: None })
    }

    async fn forward_tool_call(
        self: &Arc<Self>,
        who: &Principal,
        id: ServerId,
        request: ClientRequest,
    ) -> Result<ServerResponse> {
        let server = self.registry.reach(who, id, permission::EXECUTES, "tool.call")?;
        let (tool, arguments) = match named(&request.request) {
            Ok(named) => named,
            Err(faults) => {
                let error = mcp::error(INVALID_PARAMS, &faults.to_string(), None);
                return Ok(ServerResponse { outcome: Err(error), era: era(&server), call_id: None });
            }
        };
        self.access.limits().tool_execute(who)?;
        let work = self.lifecycle.begin_work()?;
        let call_id = CallId::new();
        let call = AdmittedCall {
            id: call_id,
            user_id: who.user_id,
            lease: self.placement.lease(who, &server, Some(&request.client)).await?,
            permitted: self.listings.permits(who, &server, &tool),
            server,
            tool,
            arguments,
            timeout: self.deadline(request.timeout),
            expired: request.expired,
            mcp_request: Some((request.request, request.client.declared())),
            trace: None,
            progress: request.subscriber,
            created_at: Timestamp::now(),
        };
        let timeout = call.timeout;
        let ExecutedCall { reply, era, .. } = self.execute(call, work).await?;
        let outcome = match reply {
            CallReply::Succeeded(result) | CallReply::Failed { answer: result, .. } => Ok(result),
            CallReply::Refused { answer, .. } => Err(answer),
            CallReply::Unavailable(unavailable) => return Err(unavailable.into()),
            CallReply::Expired => return Err(Error::CallTimeout(timeout)),
            CallReply::Cancelled => return Err(Error::NotReady("the call was cancelled")),
        };
        Ok(ServerResponse { outcome, era, call_id: Some(call_id) })
    }

    fn deadline(&self, wanted: Option<Duration>) -> Duration {
        wanted.unwrap_or(self.default_timeout).min(call::TIMEOUT_MAX)
    }
}

fn operation_outcome(response: Option<&Result<Response, Unavailable>>) -> OperationOutcome<'_> {
    match response {
        Some(Ok(Response { outcome: Ok(_), .. })) => OperationOutcome::Success,
        Some(Ok(Response { outcome: Err(error), .. })) => OperationOutcome::RpcError(error),
        Some(Err(unavailable)) => OperationOutcome::NoResponse(unavailable.into()),
        None => OperationOutcome::NoResponse(NoResponse::Timeout),
    }
}

/// The tool that a `tools/call` names, and the arguments it gives, or what is wrong with them.
fn named(request: &Request) -> Result<(String, Arc<RawValue>), Faults> {
    let tool = request.params.text("name").unwrap_or_default();
    let arguments = request.params.get("arguments").cloned();
    let mut faults = Faults::default();
    for fault in call::faults(&tool, arguments.as_deref().map(RawValue::get), None).0 {
        let field = if fault.pointer == "/parameters" { "params.arguments" } else { "params.name" };
        faults.check(false, field, fault.message);
    }
    if faults.0.is_empty() { Ok((tool, arguments.unwrap_or_else(mcp::empty_object))) } else { Err(faults) }
}

/// The era of a server that is not asked.
fn era(server: &Registered) -> Era {
    let version = server.link.listing().map(|listing| listing.version.clone());
    if version.is_some_and(|version| version == mcp::MODERN) { Era::Modern } else { Era::Legacy }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(params: &str) -> Result<(String, String), String> {
        let params = RawValue::from_string(params.to_owned()).unwrap();
        let request = Request::new("tools/call", Some(&params)).unwrap();
        let (tool, arguments) = named(&request).map_err(|faults| faults.to_string())?;
        Ok((tool, arguments.get().to_owned()))
    }

    #[test]
    fn a_call_names_a_tool_and_may_give_arguments() {
        assert_eq!(read(r#"{"name":"a","arguments":{"z": 1e400}}"#), Ok(("a".into(), r#"{"z": 1e400}"#.into())));
        assert_eq!(read(r#"{"name":"a"}"#), Ok(("a".into(), "{}".into())));
    }

    #[test]
    fn a_call_that_names_none_is_told_so_by_field() {
        assert!(read("{}").unwrap_err().starts_with("params.name: "));
        assert!(read(r#"{"name":7}"#).unwrap_err().starts_with("params.name: "));
        assert!(read(r#"{"name":"a","arguments":[]}"#).unwrap_err().starts_with("params.arguments: "));
    }
}
