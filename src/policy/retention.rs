//! Limits of the record, by age and by bytes.

use std::{collections::BTreeMap, time::Duration};

/// Retention limits; rows that are older or beyond them are removed, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Age up to which calls are kept; `None` is without an end.
    pub calls_age: Option<Duration>,
    /// Bytes of calls, of all accounts together.
    pub calls_bytes: u64,
    /// Bytes of calls of one account.
    pub calls_bytes_per_user: u64,
    /// Age up to which entries of the audit log are kept; `None` is without an end.
    pub audit_age: Option<Duration>,
    /// Bytes of the audit log.
    pub audit_bytes: u64,
    /// Bytes of a call's arguments, and of its answer, beyond which their beginning alone is kept.
    pub payload_bytes: usize,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            calls_age: Some(Duration::from_secs(30 * 24 * 60 * 60)),
            calls_bytes: 1 << 30,
            calls_bytes_per_user: 256 << 20,
            audit_age: Some(Duration::from_secs(365 * 24 * 60 * 60)),
            audit_bytes: 256 << 20,
            payload_bytes: 64 << 10,
        }
    }
}

/// The account whose oldest calls are removed next, by the bytes that each has, and how many bytes of them at most: the
/// one with the most, where that is more than an account may have, or all together have too much. So none loses calls
/// to another that has more.
#[must_use]
pub fn excess<'a>(by_user: &'a BTreeMap<String, i64>, retention: &Retention) -> Option<(&'a str, i64)> {
    let (user, bytes) = by_user.iter().max_by_key(|(_, bytes)| **bytes)?;
    let all = by_user.values().fold(0_i64, |sum, bytes| sum.saturating_add(*bytes));
    let over = |bytes: i64, most: u64| bytes.saturating_sub(i64::try_from(most).unwrap_or(i64::MAX));
    let excess = over(*bytes, retention.calls_bytes_per_user).max(over(all, retention.calls_bytes));
    (excess > 0).then_some((user.as_str(), excess))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_the_most_gives_first() {
        let retention = Retention { calls_bytes: 100, calls_bytes_per_user: 60, ..Retention::default() };
        let of = |amounts: &[(&str, i64)]| {
            let by_user = amounts.iter().map(|(user, bytes)| ((*user).to_owned(), *bytes)).collect();
            excess(&by_user, &retention).map(|(user, bytes)| (user.to_owned(), bytes))
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("a", 60), ("b", 40)]), None);
        assert_eq!(of(&[("a", 61), ("b", 1)]), Some(("a".into(), 1)));
        assert_eq!(of(&[("a", 40), ("b", 45), ("c", 20)]), Some(("b".into(), 5)));
    }
}
