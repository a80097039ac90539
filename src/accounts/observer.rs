//! [`AccountObserver`]: changes of accounts, for the rooms that end what depended on them.

use std::{
    future::ready,
    sync::{Arc, Weak},
};

use futures_util::future::BoxFuture;
use parking_lot::Mutex;

use crate::model::{Credential, KeyId, ServerId, UserId};

/// An observer of changes of accounts.
///
/// Observers are called in the order of their registration, right after a change is committed and before its caller has
/// an answer: rights end at once. So no method blocks.
pub(crate) trait AccountObserver: Send + Sync {
    /// Credentials or rights of a user changed; also called where the change failed and may still have been made.
    fn account_changed(&self, _user: UserId) {}

    /// The role of a user does not include `mcp:execute`, as of a change of the account.
    fn execution_lost(&self, _user: UserId) {}

    /// An account was deleted, and its servers with it; [`Self::account_closed`] follows.
    fn account_deleted(&self, _user: UserId, _servers: &[ServerId]) {}

    /// An account was disabled or deleted.
    fn account_closed(&self, _user: UserId) {}

    /// A session or an API key ended, or the key has another secret.
    fn credential_ended(&self, _credential: Credential) {}

    /// The secret of a key was replaced: completes once nothing is open that was opened with the one before. The new
    /// secret is known to no client until then.
    fn secret_replaced(&self, _user: UserId, _key: KeyId) -> BoxFuture<'_, ()> {
        Box::pin(ready(()))
    }
}

/// Registered observers. They are held weakly, so that none lives on because of accounts.
#[derive(Default)]
pub(super) struct Observers(Mutex<Vec<Weak<dyn AccountObserver>>>);

impl Observers {
    /// Adds an observer, which is called after those that are there.
    pub(super) fn register(&self, observer: Weak<dyn AccountObserver>) {
        let mut registered = self.0.lock();
        registered.retain(|one| one.strong_count() > 0);
        registered.push(observer);
    }

    /// Calls `notify` with each observer, in order.
    pub(super) fn notify(&self, notify: impl Fn(&dyn AccountObserver)) {
        self.alive().iter().for_each(|observer| notify(&**observer));
    }

    /// Waits for each observer in turn to end what was opened with the former secret of `key`.
    pub(super) async fn replace_secret(&self, user: UserId, key: KeyId) {
        for observer in self.alive() {
            observer.secret_replaced(user, key).await;
        }
    }

    /// The observers that are still there; not locked, as one may register another.
    fn alive(&self) -> Vec<Arc<dyn AccountObserver>> {
        self.0.lock().iter().filter_map(Weak::upgrade).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Recording(&'static str, Arc<Mutex<Vec<(&'static str, UserId)>>>);

    impl AccountObserver for Recording {
        fn account_closed(&self, user: UserId) {
            self.1.lock().push((self.0, user));
        }
    }

    #[test]
    fn observers_are_called_in_order_and_not_kept() {
        let (observers, calls, user) = (Observers::default(), Arc::default(), UserId::new());
        let recording = |name| Arc::new(Recording(name, Arc::clone(&calls)));
        let (first, second, third) = (recording("first"), recording("second"), recording("third"));
        for one in [&first, &second, &third] {
            let weak = Arc::downgrade(one);
            observers.register(weak);
        }
        drop(second);
        observers.notify(|observer| observer.account_closed(user));
        assert_eq!(*calls.lock(), [("first", user), ("third", user)]);
        drop((first, third));
        assert!(observers.alive().is_empty());
    }
}
