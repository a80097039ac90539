//! Every session there is, in all workers.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use uuid::Uuid;

use super::{conversation::Scope, session::Session};
use crate::{
    Runtime,
    error::{Error, Result},
    model::Principal,
};

/// Sessions of one account.
const MOST_OF_A_USER: usize = 64;
/// How often those are looked for that nobody used for too long.
const SWEEP: Duration = Duration::from_secs(60);

/// The sessions of clients of the older era.
#[derive(Default)]
pub(super) struct Sessions(Mutex<Table>);

#[derive(Default)]
struct Table {
    sessions: HashMap<Uuid, Arc<Session>>,
    swept: Option<Instant>,
}

impl Sessions {
    /// Adds a session. Where its user has as many as one may have, the one idle longest ends; `Busy` where none is idle.
    pub fn add(&self, runtime: &Runtime, session: Arc<Session>) -> Result<()> {
        let mut table = self.table();
        let mut ending = table.sweep();
        let own = || table.sessions.values().filter(|one| one.user == session.user);
        if own().count() >= MOST_OF_A_USER {
            let idlest = own().filter_map(|one| Some((one.idle_since()?, one.id))).min();
            let Some((_, id)) = idlest else {
                return Err(Error::Busy("all 64 sessions of this account are in use; end one with DELETE"));
            };
            ending.extend(table.sessions.remove(&id));
        }
        table.sessions.insert(session.id, session);
        drop(table);
        ending.iter().for_each(|session| session.end(runtime));
        Ok(())
    }

    /// The session of this id, where it is `who`'s and of the same scope.
    pub fn find(&self, runtime: &Runtime, id: Uuid, who: &Principal, scope: Scope) -> Option<Arc<Session>> {
        let mut table = self.table();
        let ending = table.sweep();
        let found = table.sessions.get(&id).filter(|one| one.user == who.user_id && one.scope == scope).cloned();
        drop(table);
        ending.iter().for_each(|session| session.end(runtime));
        found.inspect(|session| session.touch())
    }

    /// Ends a session.
    pub fn end(&self, runtime: &Runtime, session: &Session) {
        self.table().sessions.remove(&session.id);
        session.end(runtime);
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Takes out those that nobody used for too long, now and then.
    fn sweep(&mut self) -> Vec<Arc<Session>> {
        if self.swept.is_some_and(|swept| swept.elapsed() < SWEEP) {
            return Vec::new();
        }
        self.swept = Some(Instant::now());
        self.sessions.extract_if(|_, session| session.is_stale()).map(|(_, session)| session).collect()
    }
}
