//! Ends what is open once the right to it has ended: holders of credentials are looked up again at every change of
//! rights, and twice a second.

use std::{collections::HashMap, pin::pin, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::{
    sync::{Notify, watch},
    time::{sleep, timeout},
};

use crate::{
    access::credentials::{UNKNOWN, holder_now, is_expired},
    accounts::AccountObserver,
    error::{Error, Noun, Result},
    model::{Credential, KeyId, Permission, Principal, ServerId, UserId},
    policy::permission::{AccessDecision, covers},
    registry::Registry,
    store::{Connection, Store},
};

/// Pause between lookups of holders who have something open: another process may change the database, and credentials
/// expire. With the lookup it stays under the second within which rights end.
const RECHECK_INTERVAL: Duration = Duration::from_millis(500);

/// Age of a request at which its caller's rights are looked at again. Most are answered by then, and cost nothing here.
const FIRST_CHECK_AFTER: Duration = Duration::from_millis(250);

/// The right that something open, such as a stream, lasts as long as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequiredRight {
    /// No more than a credential that is good, and the permissions it had when it began.
    Credential,
    /// One of these permissions on this server as well.
    Server(ServerId, &'static [Permission]),
}

/// Holders of credentials who have something open, and the state of those credentials.
pub struct Revocation {
    registry: Arc<Registry>,
    store: Store,
    holders: Mutex<HashMap<Principal, watch::Sender<CredentialState>>>,
    wake: Arc<Wake>,
}

/// Signals that [`Revocation::run`] waits for; apart, so that waiting does not keep a runtime alive.
#[derive(Default)]
struct Wake {
    /// Rights have changed, or the runtime is gone.
    changed: Notify,
    /// The first holder opened something.
    opened: Notify,
}

/// State of a credential, as of the last lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CredentialState {
    Valid,
    Revoked,
}

/// One thing that a holder has open; dropped once it is not.
struct HolderWatch(watch::Receiver<CredentialState>);

impl Revocation {
    /// Of credentials in `store`, for servers in `registry`.
    pub(crate) fn new(registry: Arc<Registry>, store: Store) -> Self {
        Self { registry, store, holders: Mutex::default(), wake: Arc::default() }
    }

    /// Has every holder who has something open looked up: rights have changed.
    pub(crate) fn rights_changed(&self) {
        self.wake.changed.notify_one();
    }

    /// Looks holders up again, until `self` is dropped; does nothing while no one has anything open.
    pub(crate) fn run(self: &Arc<Self>) -> impl Future<Output = ()> + use<> {
        let (revocation, wake) = (Arc::downgrade(self), self.wake.clone());
        async move {
            loop {
                let Some(is_idle) = revocation.upgrade().map(|revocation| revocation.holders.lock().is_empty()) else {
                    return;
                };
                let have_changed = if is_idle {
                    tokio::select! {
                        () = wake.changed.notified() => true,
                        () = wake.opened.notified() => false,
                    }
                } else {
                    timeout(RECHECK_INTERVAL, wake.changed.notified()).await.is_ok()
                };
                let Some(revocation) = revocation.upgrade() else { return };
                revocation.recheck(have_changed).await;
            }
        }
    }

    /// Ends all that is open with a credential whose secret was replaced, and what had just begun with it.
    async fn revoke(&self, user: UserId, credential: Credential) {
        self.revoke_now(user, credential);
        sleep(FIRST_CHECK_AFTER * 2).await;
        self.revoke_now(user, credential);
    }

    fn revoke_now(&self, user: UserId, credential: Credential) {
        for (holder, sender) in &*self.holders.lock() {
            if (holder.user_id, holder.credential) == (user, credential) {
                sender.send_replace(CredentialState::Revoked);
            }
        }
    }

    /// Has `who` looked up for as long as the result is held.
    fn watch(&self, who: &Principal) -> HolderWatch {
        let holder = Principal { address: None, request_id: None, ..who.clone() };
        let mut holders = self.holders.lock();
        if holders.is_empty() {
            self.wake.opened.notify_one();
        }
        let valid = || watch::Sender::new(CredentialState::Valid);
        let sender = holders.entry(holder).or_insert_with(valid);
        if *sender.borrow() == CredentialState::Revoked {
            // The right was granted again, and streams that were open before have yet to notice that it had ended.
            *sender = valid();
        }
        HolderWatch(sender.subscribe())
    }

    /// Those who have something open.
    fn watched(&self) -> Vec<Principal> {
        let mut holders = self.holders.lock();
        holders.retain(|_, sender| sender.receiver_count() > 0);
        holders.keys().cloned().collect()
    }

    /// Records the state of a credential; one that was revoked stays so. `all` wakes everything that its holder has
    /// open, even if the state is unchanged.
    fn settle(&self, holder: &Principal, state: CredentialState, all: bool) {
        if let Some(sender) = self.holders.lock().get(holder) {
            sender.send_if_modified(|known| {
                let ends = *known == CredentialState::Valid && state == CredentialState::Revoked;
                if ends {
                    *known = state;
                }
                ends || all
            });
        }
    }

    /// Completes, saying why, when `who` may not have something open any more that `needs` this: at once after a change
    /// made in this process, within a second after one made elsewhere and after their credential expired.
    ///
    /// Never completes because the database does not answer: no one loses a right by an outage.
    pub fn revoked(
        self: &Arc<Self>,
        who: &Principal,
        needs: RequiredRight,
    ) -> impl Future<Output = Error> + Send + use<> {
        // Weak: what is open does not keep a runtime from ending.
        let (revocation, who, mut watch) = (Arc::downgrade(self), who.clone(), self.watch(who));
        async move {
            loop {
                let Some(revocation) = revocation.upgrade() else { return Error::NotReady("ostler has stopped") };
                if let Err(error) = revocation.still_meets(&who, needs) {
                    return error;
                }
                drop(revocation);
                if let Err(error) = watch.changed().await {
                    return error;
                }
            }
        }
    }

    /// Does `work` for as long as its caller may have it done; dropped, and so cancelled, where they may no longer.
    pub async fn while_permitted<T>(
        self: &Arc<Self>,
        who: &Principal,
        needs: RequiredRight,
        work: impl Future<Output = T>,
    ) -> Result<T> {
        let mut work = pin!(work);
        tokio::select! {
            biased;
            done = &mut work => return Ok(done),
            () = sleep(FIRST_CHECK_AFTER) => {}
        }
        tokio::select! {
            biased;
            done = work => Ok(done),
            // In a box, for few calls come this far.
            error = Box::pin(self.revoked(who, needs)) => Err(error),
        }
    }

    /// `Unauthenticated`, `Forbidden` or `NotFound` where `who` may not finish any more what they began.
    pub async fn require_still(&self, who: &Principal, needs: RequiredRight) -> Result<()> {
        let holder = who.clone();
        match self.store.read(move |db| state_of(db, &holder)).await? {
            CredentialState::Valid => self.still_meets(who, needs),
            CredentialState::Revoked => Err(UNKNOWN),
        }
    }

    fn still_meets(&self, who: &Principal, needs: RequiredRight) -> Result<()> {
        let RequiredRight::Server(id, wanted) = needs else { return Ok(()) };
        let server = self.registry.get(id).ok_or(Error::NotFound(Noun::Server))?;
        match server.verdict(who, wanted) {
            AccessDecision::Allowed => Ok(()),
            AccessDecision::Forbidden(_) => Err(Error::Forbidden("the right to it has ended".into())),
            AccessDecision::Invisible => Err(Error::NotFound(Noun::Server)),
        }
    }

    /// Looks up everybody who has something open.
    async fn recheck(&self, all: bool) {
        let watched = Arc::new(self.watched());
        let holders = watched.clone();
        let look_up = move |db: &mut Connection| holders.iter().map(|holder| state_of(db, holder)).collect();
        let found = self.store.read(look_up).await;
        let found: Vec<_> = found.unwrap_or_else(|cause| {
            log::debug!(cause:%; "those who have something open could not be looked up");
            let unknown =
                |holder: &Principal| if is_expired(holder) { CredentialState::Revoked } else { CredentialState::Valid };
            watched.iter().map(unknown).collect()
        });
        for (holder, state) in watched.iter().zip(found) {
            self.settle(holder, state, all);
        }
    }
}

impl AccountObserver for Revocation {
    fn account_changed(&self, _: UserId) {
        self.rights_changed();
    }

    fn secret_replaced(&self, user: UserId, key: KeyId) -> BoxFuture<'_, ()> {
        Box::pin(self.revoke(user, Credential::Key(key)))
    }
}

impl Drop for Revocation {
    fn drop(&mut self) {
        // So that `run` ends.
        self.wake.changed.notify_one();
    }
}

impl HolderWatch {
    /// Completes when rights may have changed; `Unauthenticated` where the credential is none any more, or gives less.
    pub(crate) async fn changed(&mut self) -> Result<()> {
        // Its sender is gone only where the runtime is, or where it has ended.
        let _ = self.0.changed().await;
        match *self.0.borrow_and_update() {
            CredentialState::Valid => Ok(()),
            CredentialState::Revoked => Err(UNKNOWN),
        }
    }
}

fn state_of(db: &mut Connection, holder: &Principal) -> Result<CredentialState> {
    let now = holder_now(db, holder)?;
    let holds = now.is_some_and(|now| covers(&now.permissions, &holder.permissions));
    Ok(if holds { CredentialState::Valid } else { CredentialState::Revoked })
}
