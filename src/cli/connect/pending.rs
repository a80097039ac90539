//! [`PendingRequests`]: requests of the client without an answer, and those of them to be sent again.

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use ostler::{mcp::ClientMethod, supervisor::remote::RemoteFailure};
use tokio::time::Instant;

/// Time that a request waits for an Ostler that is away: as long as most clients wait for an answer.
const AWAY_MAX: Duration = Duration::from_secs(60);

/// Requests without an answer, by id as it was written.
#[derive(Default)]
pub(super) struct PendingRequests {
    requests: HashMap<String, PendingRequest>,
    /// Ids of those to be sent again, in order.
    again: Vec<String>,
}

struct PendingRequest {
    line: Bytes,
    /// True where it does no harm to repeat it.
    is_safe: bool,
    /// The first time that Ostler was away for it.
    failed: Option<Instant>,
}

impl PendingRequests {
    /// Adds a request.
    pub(super) fn add(&mut self, id: &str, method: &str, line: Bytes) {
        // A tool may do a thing twice; every other method reads, or sets what is set already.
        let is_safe = method != "tools/call" && ClientMethod::find(method).is_some();
        self.requests.insert(id.to_owned(), PendingRequest { line, is_safe, failed: None });
    }

    /// Removes a request that has its answer, or wants none any more.
    pub(super) fn remove(&mut self, id: &str) {
        self.requests.remove(id);
        self.again.retain(|one| one != id);
    }

    /// True where every request has its answer.
    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Has a request sent once Ostler is back, which it was never sent to.
    pub(super) fn postpone(&mut self, id: &str) {
        self.again.push(id.to_owned());
    }

    /// Has a request that failed sent again; false where it is to be given up, as it may have been carried out, will be
    /// refused again, or has failed for too long.
    pub(super) fn retry(&mut self, id: &str, failure: Option<&RemoteFailure>, now: Instant) -> bool {
        let Some(request) = self.requests.get_mut(id) else { return false };
        let is_away = failure.is_none_or(|failure| may_repeat(failure, request.is_safe));
        let since = *request.failed.get_or_insert(now);
        if !is_away || now.duration_since(since) > AWAY_MAX {
            return false;
        }
        self.postpone(id);
        true
    }

    /// Has every request in flight on a connection that was lost sent again; the ids of those that may not be.
    pub(super) fn interrupt(&mut self) -> Vec<String> {
        let in_flight = self.requests.iter().filter(|(id, _)| !self.again.contains(id));
        let (safe, unsafe_ones): (Vec<_>, Vec<_>) = in_flight.partition(|(_, request)| request.is_safe);
        let ids = |requests: Vec<(&String, &PendingRequest)>| requests.into_iter().map(|(id, _)| id.clone()).collect();
        let (safe, unsafe_ones): (Vec<String>, Vec<String>) = (ids(safe), ids(unsafe_ones));
        self.again.extend(safe);
        unsafe_ones
    }

    /// True where a request is to be sent again.
    pub(super) fn has_more(&self) -> bool {
        !self.again.is_empty()
    }

    /// Takes the requests to be sent again, with their ids.
    pub(super) fn take_again(&mut self) -> Vec<(String, Bytes)> {
        let again = std::mem::take(&mut self.again);
        let line = |id: String| self.requests.get(&id).map(|request| request.line.clone()).map(|line| (id, line));
        again.into_iter().filter_map(line).collect()
    }
}

/// True where a request that failed may be sent again: it did not reach an Ostler that works, or is safe to repeat.
pub(super) fn may_repeat(failure: &RemoteFailure, is_safe: bool) -> bool {
    match failure {
        RemoteFailure::Unreachable(_) | RemoteFailure::SessionLost => true,
        RemoteFailure::Refused(refusal) => refusal.status == 503 || (is_safe && matches!(refusal.status, 502 | 504)),
        RemoteFailure::Broken(_) => is_safe,
        RemoteFailure::Unauthorized | RemoteFailure::InsufficientScope => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_may_have_been_done_is_not_repeated_and_nothing_waits_for_ever() {
        let mut pending = PendingRequests::default();
        pending.add("1", "tools/call", Bytes::from_static(b"call"));
        pending.add("2", "tools/list", Bytes::from_static(b"list"));
        let (away, broken) = (RemoteFailure::Unreachable("no".into()), RemoteFailure::Broken("no".into()));
        assert!(!pending.retry("1", Some(&broken), Instant::now()));
        assert!(pending.retry("1", Some(&away), Instant::now()));
        assert!(pending.retry("2", Some(&broken), Instant::now()));
        assert!(!pending.retry("2", Some(&RemoteFailure::Unauthorized), Instant::now()));
        let lines: Vec<_> = pending.take_again().into_iter().map(|(_, line)| line).collect();
        assert_eq!(
            (lines, pending.has_more()),
            (vec![Bytes::from_static(b"call"), Bytes::from_static(b"list")], false)
        );
        assert_eq!((pending.interrupt(), pending.take_again().len()), (vec!["1".to_owned()], 1));
        tokio::time::advance(AWAY_MAX + Duration::from_secs(1)).await;
        assert!(!pending.retry("1", Some(&away), Instant::now()));
        pending.remove("1");
        pending.remove("2");
        assert!(pending.is_empty() && !pending.retry("1", Some(&away), Instant::now()));
    }
}
