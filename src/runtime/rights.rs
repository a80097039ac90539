//! Rights of those who have something open: looked at again at every change of rights, and twice a second.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    time::{sleep, timeout},
};

use crate::{
    error::{Error, Noun, Result},
    model::{Credential, Permission, Principal, ServerId, UserId},
    policy::permission::{Verdict, covers},
    runtime::{
        Inner, Runtime,
        principals::{UNKNOWN, holder_now, is_over},
    },
    store::Connection,
};

/// How often holders are looked up while they have something open: another process may change the database, and
/// credentials expire. With the lookup it stays under the second within which rights end.
const RECHECK: Duration = Duration::from_millis(500);

/// How long a request is under way before its caller's rights are looked at again. Most are answered by then, and cost
/// nothing here.
const SETTLED: Duration = Duration::from_millis(250);

/// What whoever has something open must be allowed for as long as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// No more than a credential that is good, and the permissions it had when it began.
    Credential,
    /// This permission on this server as well.
    Server(ServerId, Permission),
}

/// Holders of credentials who have something open.
#[derive(Default)]
pub(super) struct Rights {
    holders: Mutex<HashMap<Principal, watch::Sender<Standing>>>,
    changed: Notify,
    /// Somebody opened something while nobody had anything open.
    opened: Notify,
}

/// What became of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Good,
    Ended,
}

/// One view of a holder who has something open.
pub(super) struct Watch(watch::Receiver<Standing>);

impl Rights {
    /// Has everybody who has something open looked up, and what they have open look at what it needs.
    pub fn changed(&self) {
        self.changed.notify_one();
    }

    /// Ends all that is open with a credential whose secret was replaced, and what had just begun with it.
    pub async fn end(&self, user: UserId, credential: Credential) {
        self.end_now(user, credential);
        sleep(SETTLED * 2).await;
        self.end_now(user, credential);
    }

    fn end_now(&self, user: UserId, credential: Credential) {
        for (holder, sender) in &*self.holders() {
            if (holder.user_id, holder.credential) == (user, credential) {
                sender.send_replace(Standing::Ended);
            }
        }
    }

    /// Has `who` looked up for as long as the result is held.
    pub fn watch(&self, who: &Principal) -> Watch {
        let holder = Principal { address: None, request_id: None, ..who.clone() };
        let mut holders = self.holders();
        if holders.is_empty() {
            self.opened.notify_one();
        }
        let good = || watch::Sender::new(Standing::Good);
        let sender = holders.entry(holder).or_insert_with(good);
        if *sender.borrow() == Standing::Ended {
            // Somebody gave the right back, and what was open before has yet to notice that it had ended.
            *sender = good();
        }
        Watch(sender.subscribe())
    }

    /// Those who have something open.
    fn watched(&self) -> Vec<Principal> {
        let mut holders = self.holders();
        holders.retain(|_, sender| sender.receiver_count() > 0);
        holders.keys().cloned().collect()
    }

    /// Takes note of what became of a credential; one that has ended stays so. `all` wakes everything that its holder has
    /// open, whatever became of it.
    fn settle(&self, holder: &Principal, standing: Standing, all: bool) {
        if let Some(sender) = self.holders().get(holder) {
            sender.send_if_modified(|known| {
                let ends = *known == Standing::Good && standing == Standing::Ended;
                if ends {
                    *known = standing;
                }
                ends || all
            });
        }
    }

    fn holders(&self) -> MutexGuard<'_, HashMap<Principal, watch::Sender<Standing>>> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// Completes when rights may have changed; `Unauthenticated` where the credential is none any more, or gives less.
    pub async fn changed(&mut self) -> Result<()> {
        // Its sender is gone only where the runtime is, or where it has ended.
        let _ = self.0.changed().await;
        match *self.0.borrow_and_update() {
            Standing::Good => Ok(()),
            Standing::Ended => Err(UNKNOWN),
        }
    }
}

impl Runtime {
    /// Completes, saying why, when `who` may not have something open any more that `needs` this: at once after a change
    /// made in this process, within a second after one made elsewhere and after their credential expired.
    ///
    /// Never completes because the database does not answer: nobody loses a right by that.
    pub fn revoked(&self, who: &Principal, needs: Needs) -> impl Future<Output = Error> + Send + use<> {
        // Weak: what is open does not keep a runtime from ending.
        let (runtime, who, mut watch) = (Arc::downgrade(&self.inner), who.clone(), self.inner.rights.watch(who));
        async move {
            loop {
                let Some(inner) = runtime.upgrade() else { return Error::NotReady("ostler has stopped") };
                if let Err(error) = (Self { inner }).still_meets(&who, needs) {
                    return error;
                }
                if let Err(error) = watch.changed().await {
                    return error;
                }
            }
        }
    }

    /// Does `work` for as long as its caller may have it done; dropped, and so cancelled, where they may no longer.
    pub async fn while_permitted<T>(&self, who: &Principal, needs: Needs, work: impl Future<Output = T>) -> Result<T> {
        let mut work = pin!(work);
        tokio::select! {
            biased;
            done = &mut work => return Ok(done),
            () = sleep(SETTLED) => {}
        }
        tokio::select! {
            biased;
            done = work => Ok(done),
            // In a box, for few calls come this far.
            error = Box::pin(self.revoked(who, needs)) => Err(error),
        }
    }

    fn still_meets(&self, who: &Principal, needs: Needs) -> Result<()> {
        let Needs::Server(id, wanted) = needs else { return Ok(()) };
        let server = self.inner.registry.get(id).ok_or(Error::NotFound(Noun::Server))?;
        match server.verdict(who, wanted) {
            Verdict::Allowed => Ok(()),
            Verdict::Forbidden(_) => Err(Error::Forbidden("the right to it has ended".into())),
            Verdict::Invisible => Err(Error::NotFound(Noun::Server)),
        }
    }

    /// Looks up everybody who has something open.
    async fn recheck_rights(&self, all: bool) {
        let rights = &self.inner.rights;
        let watched = Arc::new(rights.watched());
        let holders = watched.clone();
        let look_up = move |db: &mut Connection| holders.iter().map(|holder| standing(db, holder)).collect();
        let found = self.inner.store.read(look_up).await;
        let found: Vec<_> = found.unwrap_or_else(|cause| {
            log::debug!(cause:%; "those who have something open could not be looked up");
            let unknown = |holder: &Principal| if is_over(holder) { Standing::Ended } else { Standing::Good };
            watched.iter().map(unknown).collect()
        });
        for (holder, standing) in watched.iter().zip(found) {
            rights.settle(holder, standing, all);
        }
    }
}

fn standing(db: &mut Connection, holder: &Principal) -> Result<Standing> {
    let now = holder_now(db, holder)?;
    let holds = now.is_some_and(|now| covers(&now.permissions, &holder.permissions));
    Ok(if holds { Standing::Good } else { Standing::Ended })
}

/// Rechecks rights for as long as the runtime lives; does nothing while nobody has anything open.
pub(super) async fn recheck(runtime: Weak<Inner>) {
    loop {
        let Some(rights) = runtime.upgrade().map(|inner| inner.rights.clone()) else { return };
        let is_idle = rights.holders().is_empty();
        let is_told = if is_idle {
            tokio::select! {
                () = rights.changed.notified() => true,
                () = rights.opened.notified() => false,
            }
        } else {
            timeout(RECHECK, rights.changed.notified()).await.is_ok()
        };
        let Some(inner) = runtime.upgrade() else { return };
        Runtime { inner }.recheck_rights(is_told).await;
    }
}
