//! [`AppState`]: the data of every app of one runtime.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::{Runtime, mcp_endpoint::ClientState, web::body::PartialBodies};

/// The state of each runtime that has an app. A program that mounts routes calls for them once in each worker, and a
/// client's requests come to any of them.
static STATES: Mutex<Vec<Weak<AppState>>> = Mutex::new(Vec::new());

/// State that all apps of one runtime share. Ends with the last of them, and the sessions of MCP clients with it:
/// without a route no client can use one, and none would be swept out.
pub(super) struct AppState {
    pub runtime: Runtime,
    pub clients: ClientState,
    pub bodies: PartialBodies,
}

impl AppState {
    /// The one state of `runtime`, made where it has no app yet.
    pub(super) fn of(runtime: Runtime) -> Arc<Self> {
        let mut states = STATES.lock();
        states.retain(|state| state.strong_count() > 0);
        // Not dropped before the lock is, as the last to drop a state ends what is in it.
        let alive: Vec<_> = states.iter().filter_map(Weak::upgrade).collect();
        let found = alive.iter().find(|state| state.runtime.is_same_as(&runtime)).cloned();
        let state = found.unwrap_or_else(|| {
            let clients = ClientState::new(runtime.clone());
            let state = Arc::new(Self { runtime, clients, bodies: PartialBodies::default() });
            states.push(Arc::downgrade(&state));
            state
        });
        drop(states);
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisor::tests::program;

    #[actix::test]
    async fn all_apps_of_a_runtime_share_one_state() {
        let folder = std::env::temp_dir().join(format!("ostler-{}", uuid::Uuid::new_v4().simple()));
        let start = |name| Runtime::builder().data_dir(folder.join(name)).guard(program()).start();
        let (one, other) = (start("one").await.unwrap(), start("other").await.unwrap());
        let (first, second) = (AppState::of(one.clone()), AppState::of(one.clone()));
        assert!(Arc::ptr_eq(&first, &second));
        assert!(!Arc::ptr_eq(&first, &AppState::of(other.clone())));

        let gone = Arc::downgrade(&first);
        drop((first, second));
        assert!(gone.upgrade().is_none());
        one.stop().await;
        other.stop().await;
        std::fs::remove_dir_all(folder).unwrap();
    }
}
