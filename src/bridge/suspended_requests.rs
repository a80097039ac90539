//! Requests suspended until their client sends them again with input.

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use serde_json::value::RawValue;
use tokio::{task::AbortHandle, time::timeout};
use uuid::Uuid;

use super::{fault, request_in_flight::RequestInFlight};
use crate::{
    accounts::AccountObserver,
    error::Error,
    model::{Credential, Principal, UserId},
};

/// Time a client has to send the request again.
pub(super) const SUSPENSION_TIMEOUT: Duration = Duration::from_secs(600);

/// Suspended requests of one user: each keeps a request in flight at a server.
const SUSPENDED_PER_USER_MAX: usize = 64;

/// Every suspended request, by the id in its state.
#[derive(Default)]
pub(crate) struct SuspendedRequests(Mutex<HashMap<Uuid, SuspendedRequest>>);

/// A suspended request.
struct SuspendedRequest {
    user: UserId,
    /// The credential that it was made with.
    credential: Credential,
    work: RequestInFlight,
    /// The task that cancels it.
    expiry: AbortHandle,
}

impl SuspendedRequests {
    /// Suspends a request in flight until it is taken, times out, or `cancelled` completes; returns its id.
    pub(super) fn add(
        self: &Arc<Self>,
        who: &Principal,
        work: RequestInFlight,
        cancelled: impl Future<Output = ()> + Send + 'static,
    ) -> Result<Uuid, Arc<RawValue>> {
        // Weak: the task does not keep what it cancels.
        let (id, requests) = (Uuid::new_v4(), Arc::downgrade(self));
        let expiry = tokio::spawn(async move {
            let _ = timeout(SUSPENSION_TIMEOUT, cancelled).await;
            // Dropping it cancels the request and refuses what the server asked.
            drop(requests.upgrade().and_then(|requests| requests.take(id)));
        });
        let Principal { user_id: user, credential, .. } = *who;
        self.insert(id, SuspendedRequest { user, credential, work, expiry: expiry.abort_handle() })?;
        Ok(id)
    }

    fn insert(&self, id: Uuid, request: SuspendedRequest) -> Result<(), Arc<RawValue>> {
        let mut requests = self.0.lock();
        if requests.values().filter(|one| one.user == request.user).count() >= SUSPENDED_PER_USER_MAX {
            request.expiry.abort();
            return Err(fault::of_error(Error::Busy("as many requests as may be wait for answers of the user")));
        }
        requests.insert(id, request);
        Ok(())
    }

    /// Takes the request with this id out, to go on with it.
    pub(super) fn take(&self, id: Uuid) -> Option<RequestInFlight> {
        let request = self.0.lock().remove(&id)?;
        request.expiry.abort();
        Some(request.work)
    }

    /// Cancels those that `is_over` holds for, at once: before its own task has noticed, another credential of the user
    /// could go on with one.
    fn cancel(&self, is_over: impl Fn(&SuspendedRequest) -> bool) {
        let cancelled: Vec<_> = self.0.lock().extract_if(|_, one| is_over(one)).collect();
        cancelled.iter().for_each(|(_, one)| one.expiry.abort());
    }
}

impl Drop for SuspendedRequests {
    fn drop(&mut self) {
        self.0.get_mut().values().for_each(|one| one.expiry.abort());
    }
}

impl AccountObserver for SuspendedRequests {
    fn execution_lost(&self, user: UserId) {
        self.cancel(|one| one.user == user);
    }

    fn account_closed(&self, user: UserId) {
        self.cancel(|one| one.user == user);
    }

    fn credential_ended(&self, credential: Credential) {
        self.cancel(|one| one.credential == credential);
    }
}
