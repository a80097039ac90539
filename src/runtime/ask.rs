//! Requests of MCP clients on their way to a server.

use std::{sync::Arc, time::Duration};

use serde_json::value::RawValue;

use crate::{
    error::{Error, Faults, Result},
    mcp::{self, Era, Request},
    model::{CallId, Permission, Principal, ServerId, Timestamp},
    policy::{call, permission},
    registry::Registered,
    revocation::RequiredRight,
    runtime::{
        Ask, Runtime, Said,
        calls::{Call, Made},
        dispatch::{self, Heard, Reply, Sent},
        operation, shown,
    },
    telemetry::{NoResponse, OperationOutcome},
};

/// What only looks.
const READS: [&str; 7] = [
    "initialize",
    "ping",
    "prompts/list",
    "resources/list",
    "resources/templates/list",
    "server/discover",
    "tools/list",
];

/// Invalid params (JSON-RPC 2.0, section 5.1).
const INVALID: i64 = -32602;

impl Runtime {
    /// Sends a request to the process of a server that is `client`'s, and answers what the server said.
    ///
    /// `tools/call` is a call like any other: limits, record, audit. Dropping the future cancels the request; so does the end of
    /// the right to it.
    pub async fn ask(&self, who: &Principal, id: ServerId, ask: Ask) -> Result<Said> {
        let method = ask.request.method.as_str();
        let wanted = if READS.contains(&method) { permission::USES } else { permission::EXECUTES };
        let needs = RequiredRight::Server(id, wanted);
        if method == "tools/call" {
            return self.inner.revocation.while_permitted(who, needs, self.ask_tool(who, id, ask)).await?;
        }
        self.inner.revocation.while_permitted(who, needs, self.ask_else(who, id, ask, wanted)).await?
    }

    async fn ask_else(
        &self,
        who: &Principal,
        id: ServerId,
        mut ask: Ask,
        wanted: &'static [Permission],
    ) -> Result<Said> {
        let server = self.inner.registry.reach(who, id, wanted, "server.ask")?;
        let _work = self.inner.lifecycle.begin_work()?;
        let slot = server.slots.clone().try_acquire_owned();
        let _slot = slot.map_err(|_| Error::Busy("the server has as many requests as it takes"))?;
        let lease = self.inner.placement.lease(who, &server, Some(&ask.client)).await?;
        let (declared, follower) = (ask.client.declared(), ask.follower);
        let link = lease.as_ref().map_or(&server.link, |lease| lease.link());
        let operation = operation::begin(&self.inner.telemetry, &server, &mut ask.request);
        let mut sent = Sent::not_yet();
        let heard = dispatch::deliver(link, |one| one.ask(&ask.request, &declared, follower.clone()), &mut sent);
        let timeout = self.deadline(ask.timeout);
        let heard = tokio::select! {
            biased;
            heard = tokio::time::timeout(timeout, heard) => heard.ok(),
            () = dispatch::told(ask.expired) => None,
        };
        operation::with_sent_request(operation, &sent).end(operation_outcome(heard.as_ref()));
        let heard = heard.ok_or(Error::CallTimeout(timeout))?;
        let Heard { outcome, era } = heard.map_err(Error::ServerUnavailable)?;
        let outcome = outcome.map(|result| {
            if ask.request.method == "tools/list" {
                shown::permitted_page(&server.server.load().config.tools, result)
            } else {
                result
            }
        });
        Ok(Said { outcome, era, call_id: None })
    }

    async fn ask_tool(&self, who: &Principal, id: ServerId, ask: Ask) -> Result<Said> {
        let server = self.inner.registry.reach(who, id, permission::EXECUTES, "tool.call")?;
        let (tool, arguments) = match named(&ask.request) {
            Ok(named) => named,
            Err(faults) => {
                let error = mcp::error(INVALID, &faults.to_string(), None);
                return Ok(Said { outcome: Err(error), era: era(&server), call_id: None });
            }
        };
        self.inner.access.limits().tool_execute(who)?;
        let work = self.inner.lifecycle.begin_work()?;
        let call_id = CallId::new();
        let call = Call {
            id: call_id,
            user_id: who.user_id,
            lease: self.inner.placement.lease(who, &server, Some(&ask.client)).await?,
            permitted: self.permits(who, &server, &tool),
            server,
            tool,
            arguments,
            timeout: self.deadline(ask.timeout),
            expired: ask.expired,
            whole: Some((ask.request, ask.client.declared())),
            trace: None,
            notes: ask.follower,
            created_at: Timestamp::now(),
        };
        let timeout = call.timeout;
        let Made { reply, era, .. } = self.make(call, work).await?;
        let outcome = match reply {
            Reply::Succeeded(result) | Reply::Failed { answer: result, .. } => Ok(result),
            Reply::Refused { answer, .. } => Err(answer),
            Reply::Unavailable(reason) => return Err(Error::ServerUnavailable(reason)),
            Reply::Expired => return Err(Error::CallTimeout(timeout)),
            Reply::Cancelled => return Err(Error::NotReady("nobody waited for the call")),
        };
        Ok(Said { outcome, era, call_id: Some(call_id) })
    }

    fn deadline(&self, wanted: Option<Duration>) -> Duration {
        wanted.unwrap_or(self.inner.settings.call_timeout).min(call::LONGEST_DEADLINE)
    }
}

fn operation_outcome(heard: Option<&Result<Heard, String>>) -> OperationOutcome<'_> {
    match heard {
        Some(Ok(Heard { outcome: Ok(_), .. })) => OperationOutcome::Success,
        Some(Ok(Heard { outcome: Err(error), .. })) => OperationOutcome::RpcError(error),
        Some(Err(_)) => OperationOutcome::NoResponse(NoResponse::ServerUnavailable),
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
    let version = server.link.catalogue().map(|catalogue| catalogue.version.clone());
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
