//! Recorded calls, in lists and one by one.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::{Error, Noun, Result},
    history::{
        concurrent_events::{self, ConcurrentEvent, ConcurrentEventKind},
        service::History,
    },
    model::{CallFilter, CallId, Page, PageRequest, Principal, ServerId, ToolCall},
    policy::permission,
    store,
};

/// A call, and the events of its server from its arrival to its response.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CallDetails {
    /// The call.
    #[serde(flatten)]
    pub call: ToolCall,
    /// The name of its server.
    pub server_name: String,
    /// Events of the server during the call, oldest first.
    #[serde(rename = "meanwhile")]
    pub concurrent_events: Vec<ConcurrentEvent>,
}

impl History {
    /// The calls of a server, newest first.
    pub async fn calls(
        &self,
        who: &Principal,
        id: ServerId,
        filter: CallFilter,
        page: PageRequest,
    ) -> Result<Page<ToolCall>> {
        let filter = self.narrow_to_readable(who, id, filter, "server.calls")?;
        self.store.read(move |db| store::calls::list(db, &[id], &filter, &page)).await
    }

    /// The calls of one server, or of all servers, newest first: of all users where `who` may read those, else their
    /// own. Of all servers at once, those that `who` may not read are left out, unless only their own calls are
    /// requested.
    pub async fn newest_calls(
        &self,
        who: &Principal,
        server: Option<ServerId>,
        mut filter: CallFilter,
        page: PageRequest,
    ) -> Result<Page<ToolCall>> {
        const ACTION: &str = "call.list";
        let servers = match server {
            Some(id) => {
                filter = self.narrow_to_readable(who, id, filter, ACTION)?;
                vec![id]
            }
            None => {
                let only_own = filter.user_id == Some(who.user_id);
                let wanted = if only_own { permission::USES } else { permission::READS };
                let mut servers = self.registry.visible(who, wanted, ACTION)?;
                // The store reads the server called last first, and of the others only what is newer.
                servers.sort_by_cached_key(|server| std::cmp::Reverse(server.current().last_used_at));
                servers.iter().map(|server| server.id).collect()
            }
        };
        self.store.read(move |db| store::calls::list(db, &servers, &filter, &page)).await
    }

    /// Narrows a filter to the calls of a server that `who` may read: of all users, or their own.
    fn narrow_to_readable(
        &self,
        who: &Principal,
        id: ServerId,
        filter: CallFilter,
        action: &str,
    ) -> Result<CallFilter> {
        if filter.user_id.is_some_and(|user| user != who.user_id) {
            self.registry.reach(who, id, permission::READS, action)?;
        }
        let reads_all = self.registry.reach(who, id, permission::USES, action)?.allows(who, permission::READS);
        Ok(CallFilter { user_id: if reads_all { filter.user_id } else { Some(who.user_id) }, ..filter })
    }

    /// One call, and the events of its server meanwhile.
    pub async fn recorded_call(&self, who: &Principal, id: CallId) -> Result<CallDetails> {
        let visible = self.registry.visible(who, permission::USES, "call.read")?;
        let servers: Vec<_> = visible.iter().map(|server| server.id).collect();
        let found = self.store.read(move |db| {
            let Some(call) = store::calls::find(db, &servers, id)? else { return Ok(None) };
            let concurrent_events = concurrent_events::of_call(db, &call)?;
            Ok(Some((call, concurrent_events)))
        });
        let (call, mut concurrent_events) = found.await?.ok_or(Error::NotFound(Noun::Call))?;
        let server = visible.iter().find(|server| server.id == call.server_id);
        if !server.is_some_and(|server| server.allows(who, permission::READS)) {
            if call.user_id != who.user_id {
                return Err(Error::NotFound(Noun::Call));
            }
            concurrent_events.retain(|event| event.kind == ConcurrentEventKind::Queued);
        }
        let server_name = server.map(|server| server.server.load().config.name.clone()).unwrap_or_default();
        Ok(CallDetails { call, server_name, concurrent_events })
    }
}
