//! Every session there is, in all workers.

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;
use uuid::Uuid;

use super::session::McpSession;
use crate::{
    Runtime,
    accounts::AccountObserver,
    bridge::ServerScope,
    error::{Error, Result},
    model::{Principal, UserId},
};

/// Sessions of one account.
const SESSIONS_PER_USER_MAX: usize = 64;
/// Interval at which idle sessions are swept.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// The sessions of clients of the older era; dropping it ends them.
pub(super) struct Sessions {
    runtime: Runtime,
    table: Mutex<SessionTable>,
}

#[derive(Default)]
struct SessionTable {
    sessions: HashMap<Uuid, Arc<McpSession>>,
    swept: Option<Instant>,
}

impl Sessions {
    /// No sessions.
    pub(super) fn new(runtime: Runtime) -> Self {
        Self { runtime, table: Mutex::default() }
    }

    /// Adds a session. Where its user has as many as one may have, the one idle longest ends; `Busy` where none is
    /// idle.
    pub(super) fn add(&self, session: Arc<McpSession>) -> Result<()> {
        let ending = self.table.lock().add(session)?;
        ending.iter().for_each(|session| session.end(&self.runtime));
        Ok(())
    }

    /// The session of this id, where it is `who`'s and of the same scope.
    pub(super) fn find(&self, id: Uuid, who: &Principal, scope: ServerScope) -> Option<Arc<McpSession>> {
        let mut table = self.table.lock();
        let ending = table.sweep();
        let found = table.sessions.get(&id).filter(|one| one.user == who.user_id && one.scope == scope).cloned();
        drop(table);
        ending.iter().for_each(|session| session.end(&self.runtime));
        found.inspect(|session| session.touch())
    }

    /// Adds a session that is taken up again, as [`Sessions::add`]; another request may have been faster.
    pub(super) fn resume(&self, session: Arc<McpSession>) -> Result<Arc<McpSession>> {
        let mut table = self.table.lock();
        if let Some(there) = table.sessions.get(&session.id) {
            return Ok(Arc::clone(there));
        }
        let ending = table.add(Arc::clone(&session))?;
        drop(table);
        ending.iter().for_each(|session| session.end(&self.runtime));
        Ok(session)
    }

    /// Ends a session.
    pub(super) fn end(&self, session: &McpSession) {
        self.table.lock().sessions.remove(&session.id);
        session.end(&self.runtime);
    }
}

impl AccountObserver for Sessions {
    fn account_closed(&self, user: UserId) {
        let ending: Vec<_> = self.table.lock().sessions.extract_if(|_, session| session.user == user).collect();
        ending.iter().for_each(|(_, session)| session.end(&self.runtime));
    }
}

impl Drop for Sessions {
    /// No request can reach them any more, nor sweep out those that are idle.
    fn drop(&mut self) {
        self.table.get_mut().sessions.values().for_each(|session| session.end(&self.runtime));
    }
}

impl SessionTable {
    /// Adds a session, and takes out those that make room for it.
    fn add(&mut self, session: Arc<McpSession>) -> Result<Vec<Arc<McpSession>>> {
        let mut ending = self.sweep();
        let of_user = || self.sessions.values().filter(|one| one.user == session.user);
        if of_user().count() >= SESSIONS_PER_USER_MAX {
            let idlest = of_user().filter_map(|one| Some((one.idle_since()?, one.id))).min();
            let Some((_, id)) = idlest else {
                return Err(Error::Busy("all 64 sessions of this account are in use; end one with DELETE"));
            };
            ending.extend(self.sessions.remove(&id));
        }
        self.sessions.insert(session.id, session);
        Ok(ending)
    }

    /// Takes out sessions past their idle timeout, once an interval.
    fn sweep(&mut self) -> Vec<Arc<McpSession>> {
        if self.swept.is_some_and(|swept| swept.elapsed() < SWEEP_INTERVAL) {
            return Vec::new();
        }
        self.swept = Some(Instant::now());
        self.sessions.extract_if(|_, session| session.is_stale()).map(|(_, session)| session).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcp_endpoint::{json_rpc_id::JsonRpcId, session::tests::session};

    #[tokio::test(start_paused = true)]
    async fn the_session_idle_longest_makes_room_and_none_that_is_in_use() {
        let (mut table, user) = (SessionTable::default(), UserId::new());
        let one = serde_json::value::RawValue::from_string("1".into()).unwrap();
        let mut requests = Vec::new();
        for _ in 0..SESSIONS_PER_USER_MAX {
            let session = session(user);
            requests.push(session.begin(JsonRpcId::parse(&one).unwrap()).unwrap());
            assert!(table.add(session).unwrap().is_empty());
        }
        assert!(matches!(table.add(session(user)), Err(Error::Busy(_))));
        assert!(table.add(session(UserId::new())).unwrap().is_empty());
        requests.remove(7);
        tokio::time::advance(Duration::from_secs(1)).await;
        requests.remove(3);
        let gone = table.add(session(user)).unwrap();
        assert_eq!(gone.len(), 1);
        assert!(!table.sessions.contains_key(&gone[0].id));
        assert_eq!(table.sessions.values().filter(|one| one.user == user).count(), SESSIONS_PER_USER_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn sessions_that_nobody_uses_are_swept_out() {
        let (mut table, user) = (SessionTable::default(), UserId::new());
        table.add(session(user)).unwrap();
        tokio::time::advance(Duration::from_secs(2 * 60 * 60)).await;
        let fresh = session(user);
        assert_eq!(table.add(Arc::clone(&fresh)).unwrap().len(), 1);
        assert_eq!(table.sessions.keys().collect::<Vec<_>>(), [&fresh.id]);
    }
}
