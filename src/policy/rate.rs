//! Rate limits: an exact sliding window per key.
//!
//! Time is whatever monotonic clock the caller has, as the span since a start of its choice.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

/// So many, in so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Number of events allowed.
    pub quota: u32,
    /// In any span of this length.
    pub window: Duration,
}

/// More than this could not be counted one by one without wasting memory.
const QUOTA_MAX: u32 = 1_000_000;

const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

impl std::str::FromStr for Limit {
    type Err = String;

    /// Reads `20/60s`; the unit is `ms`, `s`, `m` or `h`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (quota, window) = text.split_once('/').ok_or("must look like 20/60s")?;
        let quota = number(quota).and_then(|quota| u32::try_from(quota).ok()).filter(|quota| *quota <= QUOTA_MAX);
        let quota = quota.ok_or_else(|| format!("must start with a number from 1 to {QUOTA_MAX}, as in 20/60s"))?;
        let window = span(window).ok_or("must end with a time in ms, s, m or h, as in 20/60s")?;
        Ok(Self { quota, window })
    }
}

impl fmt::Display for Limit {
    /// Writes what [`Limit::from_str`](std::str::FromStr::from_str) reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.window.as_millis();
        if millis.is_multiple_of(1_000) {
            write!(f, "{}/{}s", self.quota, millis / 1_000)
        } else {
            write!(f, "{}/{millis}ms", self.quota)
        }
    }
}

fn number(digits: &str) -> Option<u64> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|number| plain && *number > 0)
}

fn span(text: &str) -> Option<Duration> {
    let (unit, millis) = UNITS.into_iter().find(|(unit, _)| text.ends_with(unit))?;
    let count = number(text.strip_suffix(unit)?)?;
    count.checked_mul(millis).map(Duration::from_millis)
}

/// The events of one key: never more than the limit's quota in any half-open span of its window's length.
#[derive(Clone, Debug)]
pub struct Window {
    limit: Limit,
    taken: VecDeque<Duration>,
}

impl Window {
    /// A window without events.
    #[must_use]
    pub fn new(limit: Limit) -> Self {
        Self { limit, taken: VecDeque::new() }
    }

    /// Counts an event at `now` and answers how many more fit; where none fits, counts nothing and answers
    /// after how long one does.
    pub fn take(&mut self, now: Duration) -> Result<u32, Duration> {
        while self.taken.front().is_some_and(|oldest| self.over(*oldest, now)) {
            self.taken.pop_front();
        }
        if let Some(wait) = self.wait(now) {
            return Err(wait);
        }
        // A clock that seems to step back must not make the queue unordered.
        self.taken.push_back(self.taken.back().map_or(now, |latest| now.max(*latest)));
        Ok(self.limit.quota.saturating_sub(self.count()))
    }

    /// Time until an event fits; `None` where one fits now.
    #[must_use]
    pub fn wait(&self, now: Duration) -> Option<Duration> {
        let quota = usize::try_from(self.limit.quota).unwrap_or(usize::MAX);
        let expired = self.taken.partition_point(|event| self.over(*event, now));
        let excess = self.taken.len().saturating_sub(expired).checked_sub(quota)?;
        let leaves = |event: &Duration| event.saturating_add(self.limit.window).saturating_sub(now);
        Some(self.taken.get(expired.saturating_add(excess)).map_or(self.limit.window, leaves))
    }

    /// Uncounts an event counted at `at`, as if it had not been.
    pub fn give_back(&mut self, at: Duration) {
        if let Some(index) = self.taken.iter().position(|event| *event == at) {
            self.taken.remove(index);
        }
    }

    /// True when no event counts any more.
    #[must_use]
    pub fn is_idle(&self, now: Duration) -> bool {
        self.taken.back().is_none_or(|latest| self.over(*latest, now))
    }

    fn over(&self, event: Duration, now: Duration) -> bool {
        now.saturating_sub(event) >= self.limit.window
    }

    fn count(&self) -> u32 {
        u32::try_from(self.taken.len()).unwrap_or(u32::MAX)
    }
}

/// A window per key; those that fell idle are forgotten in passing, at the latest two windows later.
#[derive(Clone, Debug)]
pub struct Windows<K> {
    limit: Limit,
    by_key: HashMap<K, Window>,
    swept: Duration,
}

impl<K: Eq + Hash> Windows<K> {
    /// Windows for `limit`, none of them in use.
    #[must_use]
    pub fn new(limit: Limit) -> Self {
        Self { limit, by_key: HashMap::new(), swept: Duration::ZERO }
    }

    /// The limit every key has.
    #[must_use]
    pub fn limit(&self) -> Limit {
        self.limit
    }

    /// [`Window::take`] for `key`. Once per window it also looks through all keys.
    pub fn take(&mut self, key: K, now: Duration) -> Result<u32, Duration> {
        if now.saturating_sub(self.swept) >= self.limit.window {
            self.by_key.retain(|_, window| !window.is_idle(now));
            self.swept = now;
        }
        self.by_key.entry(key).or_insert_with(|| Window::new(self.limit)).take(now)
    }

    /// [`Window::wait`] for `key`.
    #[must_use]
    pub fn wait(&self, key: &K, now: Duration) -> Option<Duration> {
        self.by_key.get(key)?.wait(now)
    }

    /// [`Window::give_back`] for `key`.
    pub fn give_back(&mut self, key: &K, at: Duration) {
        if let Some(window) = self.by_key.get_mut(key) {
            window.give_back(at);
        }
    }

    /// Forgets every event of `key`.
    pub fn forget(&mut self, key: &K) {
        self.by_key.remove(key);
    }

    /// Number of keys in memory.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.by_key.len()
    }
}

/// The address to count events against: itself, or its /64 where it is IPv6, since one customer usually has all of
/// that.
#[must_use]
pub fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn limit(text: &str) -> Limit {
        text.parse().unwrap()
    }

    #[test]
    fn a_limit_reads_as_people_write_it() {
        for (text, quota, millis) in [
            ("20/60s", 20, 60_000),
            ("5/300s", 5, 300_000),
            ("1/250ms", 1, 250),
            ("7/2m", 7, 120_000),
            ("9/1h", 9, 3_600_000),
        ] {
            assert_eq!(limit(text), Limit { quota, window: at(millis) });
            assert_eq!(limit(&limit(text).to_string()), limit(text));
        }
    }

    #[test]
    fn a_limit_that_means_nothing_is_refused() {
        let nonsense =
            ["", "20", "/", "0/60s", "20/0s", "20/60", "20/60d", "-1/60s", "+1/60s", "20/+6s", "2 /6s", "20/s"];
        for text in nonsense.into_iter().chain(["4294967296/1s", "1000001/1s", "1/18446744073709551615h", "1/1.5s"]) {
            assert!(text.parse::<Limit>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_event_after_the_quota_waits_for_the_oldest_to_leave() {
        let mut window = Window::new(limit("2/100ms"));
        assert_eq!(window.take(at(0)), Ok(1));
        assert_eq!(window.take(at(30)), Ok(0));
        assert_eq!(window.take(at(99)), Err(at(1)));
        assert_eq!(window.take(at(100)), Ok(0));
        assert_eq!(window.take(at(100)), Err(at(30)));
    }

    #[test]
    fn a_quota_of_nothing_allows_nothing() {
        assert_eq!(Window::new(Limit { quota: 0, window: at(7) }).take(at(1)), Err(at(7)));
    }

    #[test]
    fn an_event_given_back_is_as_if_it_had_not_been() {
        let mut window = Window::new(limit("1/100ms"));
        assert_eq!(window.take(at(5)), Ok(0));
        window.give_back(at(5));
        assert!(window.is_idle(at(5)));
        assert_eq!(window.take(at(6)), Ok(0));
    }

    #[test]
    fn keys_do_not_share_a_quota_and_idle_ones_are_forgotten() {
        let mut windows = Windows::new(limit("1/100ms"));
        for key in 0..1_000 {
            assert_eq!(windows.take(key, at(key)), Ok(0));
        }
        assert!(windows.keys() <= 200, "{} keys kept", windows.keys());
        assert_eq!(windows.wait(&999, at(1_000)), Some(at(99)));
        assert_eq!(windows.wait(&999, at(1_099)), None);
    }

    #[test]
    fn an_ipv6_neighbourhood_is_one_source_and_mapped_ipv4_is_ipv4() {
        let parse = |text: &str| source(text.parse().unwrap()).to_string();
        assert_eq!(parse("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(parse("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(parse("192.0.2.7"), "192.0.2.7");
    }

    proptest! {
        #[test]
        fn no_span_of_the_window_ever_holds_more_than_the_quota(
            quota in 1usize..6,
            window in 1u64..60,
            steps in prop::collection::vec(0u64..25, 1..200),
        ) {
            let mut subject = Window::new(Limit { quota: quota.try_into().unwrap(), window: at(window) });
            let (mut now, mut accepted) = (0u64, Vec::new());
            for step in steps {
                now += step;
                let recent = accepted.iter().filter(|event| now - **event < window).count();
                match subject.take(at(now)) {
                    Ok(left) => {
                        accepted.push(now);
                        prop_assert_eq!(recent + 1 + usize::try_from(left).unwrap(), quota);
                    }
                    Err(wait) => {
                        prop_assert_eq!(recent, quota);
                        let mut later = subject.clone();
                        prop_assert!(later.take(at(now) + wait - at(1)).is_err());
                        prop_assert!(later.take(at(now) + wait).is_ok());
                    }
                }
            }
            for events in accepted.windows(quota + 1) {
                prop_assert!(events[quota] - events[0] >= window);
            }
        }
    }
}
