//! Keep-alive: what may be sent on a connection that was idle.
//!
//! An instance may close an idle connection just when a request is sent on it, and then nothing tells whether the
//! request was carried out. So a request that may not be repeated takes a connection only while no instance would
//! close it.

use std::time::Duration;

/// Time an idle connection is kept where neither the service nor the instance says less.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Idle for longer, a connection gets no request that may not be repeated. Servers count their limit in whole seconds,
/// and a second is the shortest of them; half of it leaves room for a busy machine.
const FRESH_TIME: Duration = Duration::from_millis(500);

/// Open for so long after a response, a connection was kept by its instance. Some close each at once, without
/// `Connection: close` (`uvicorn --timeout-keep-alive 0`), on a busy machine tens of milliseconds later.
pub const KEPT_TIME: Duration = Duration::from_millis(100);

/// The time for which an instance keeps idle connections, as far as it was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeenIdleLimit {
    /// The shortest time after which one was closed.
    shortest: Option<Duration>,
    /// True when one was kept, and none closed at once since.
    keeps: bool,
}

impl SeenIdleLimit {
    /// Notes that a connection was closed when it had been idle for `idle` at most.
    pub fn closed(&mut self, idle: Duration) {
        self.shortest = Some(self.shortest.map_or(idle, |shortest| shortest.min(idle)));
        self.keeps &= idle >= KEPT_TIME;
    }

    /// Notes that one was still open after `idle`. That disproves a shorter limit: an instance that restarts closes
    /// all connections, whatever their age.
    pub fn open(&mut self, idle: Duration) {
        self.shortest = self.shortest.filter(|shortest| idle < *shortest);
        self.keeps |= idle >= KEPT_TIME;
    }

    /// True when it keeps connections at all.
    #[must_use]
    pub fn keeps(&self) -> bool {
        self.keeps
    }

    /// True while a connection that was idle for `idle` may carry a request that may not be repeated.
    #[must_use]
    pub fn is_fresh(&self, idle: Duration) -> bool {
        self.keeps && idle < self.shortest.map_or(FRESH_TIME, |shortest| FRESH_TIME.min(shortest / 2))
    }
}

/// Time an idle connection is kept: the least of what the service says, what the instance says, and 30 s.
#[must_use]
pub fn idle_timeout(service: Option<Duration>, instance: Option<Duration>) -> Duration {
    let most = service.unwrap_or(IDLE_TIMEOUT);
    instance.map_or(most, |said| said.min(most))
}

/// The time that a `Keep-Alive` field of an instance names, as in `timeout=5, max=100`.
#[must_use]
pub fn announced(field: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(field).ok()?;
    let parameters = text.split([',', ';']).filter_map(|parameter| parameter.split_once('='));
    let named = |(name, value): (&str, &str)| name.trim().eq_ignore_ascii_case("timeout").then(|| value.trim().parse());
    parameters.filter_map(named).find_map(Result::ok).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn what_may_not_be_repeated_goes_on_connections_that_no_server_closes_yet() {
        let mut limit = SeenIdleLimit::default();
        limit.open(KEPT_TIME);
        assert!(limit.is_fresh(millis(499)) && !limit.is_fresh(millis(500)));
    }

    #[test]
    fn an_instance_must_be_seen_to_keep_connections_and_not_to_close_one_at_once() {
        let mut limit = SeenIdleLimit::default();
        limit.open(millis(99));
        assert!(!limit.is_fresh(Duration::ZERO), "not known yet");
        limit.open(KEPT_TIME);
        assert!(limit.is_fresh(Duration::ZERO));
        limit.closed(millis(1));
        assert!(!limit.is_fresh(Duration::ZERO), "it closes them at once");
        limit.open(millis(99));
        assert!(!limit.is_fresh(Duration::ZERO));
    }

    #[test]
    fn a_shorter_limit_is_learned_from_closed_connections_and_disproved_by_open_ones() {
        let mut limit = SeenIdleLimit::default();
        limit.open(millis(399));
        limit.closed(millis(400));
        limit.closed(millis(900));
        assert!(limit.is_fresh(millis(199)) && !limit.is_fresh(millis(200)));
        limit.open(millis(399));
        assert!(!limit.is_fresh(millis(200)));
        limit.open(millis(400));
        assert!(limit.is_fresh(millis(499)));
    }

    #[test]
    fn a_connection_is_kept_as_long_as_service_and_instance_say() {
        let kept = |service: Option<u64>, instance: Option<u64>| {
            idle_timeout(service.map(millis), instance.map(millis)).as_millis()
        };
        assert_eq!([kept(None, None), kept(Some(0), None), kept(None, Some(5_000))], [30_000, 0, 5_000]);
        assert_eq!([kept(Some(60_000), None), kept(Some(2_000), Some(5_000))], [60_000, 2_000]);
    }

    #[test]
    fn what_an_instance_announces_is_read() {
        for (field, expected) in [
            ("timeout=5", Some(5)),
            ("timeout=5, max=100", Some(5)),
            ("max=100, Timeout = 0", Some(0)),
            ("max=100", None),
            ("timeout=soon", None),
            ("5", None),
        ] {
            assert_eq!(announced(field.as_bytes()), expected.map(Duration::from_secs), "{field}");
        }
    }
}
