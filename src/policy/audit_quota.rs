//! Quotas of audit entries that are no changes: refusals, sign-ins, and servers' lifecycle events. So many are recorded
//! one by one, and the rest are counted, so that no account can fill the log and push out the entries of others.
//!
//! Changes are counted by a rate limit of their own, which refuses them; these cannot be refused.
//!
//! A start of a program is never only counted the first time: each command line of a server has an entry, and one more
//! an hour where there are too many.
//!
//! Entries leave the log from its beginning alone, so an account is bounded in what it adds. An entry is some 1400
//! bytes at worst, of a start 4000: 1000 changes, 3 × 324 others and 1000 starts are 6.8 MB a day, and 256 MiB last one
//! account five weeks.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use crate::{
    model::{AuditEntry, Outcome, UserId},
    policy::rate::{Limit, Window},
};

/// Entries recorded for one account and kind in a day; the others are counted.
const DAILY_QUOTA: Limit = Limit { quota: 300, window: Duration::from_secs(24 * 60 * 60) };

/// Starts recorded of the servers of one account in a day: three that stay down are tried as often.
const STARTS_QUOTA: Limit = Limit { quota: 1000, window: DAILY_QUOTA.window };

/// Length of the window after which the counted entries of an account are summarized in one entry.
pub const SUMMARY_WINDOW: Duration = Duration::from_secs(60 * 60);

/// The kinds that are counted apart, so that none hides another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// Actions that an account was refused.
    Refusal,
    /// Passwords, right and wrong, and the ends of sessions.
    SignIn,
    /// Lifecycle events of an account's servers.
    Server,
    /// Starts of programs of an account's servers.
    Start,
}

impl EntryKind {
    fn quota(self) -> Limit {
        match self {
            Self::Refusal | Self::SignIn | Self::Server => DAILY_QUOTA,
            Self::Start => STARTS_QUOTA,
        }
    }
}

/// Entries of late, by kind and account; all strangers together are one. Times are measured from any one moment.
#[derive(Debug, Default)]
pub struct Quotas(HashMap<(EntryKind, Option<UserId>), Account>);

#[derive(Debug)]
struct Account {
    entries: Window,
    quota: Limit,
    since: Duration,
    /// Those with an entry of their own: action, target, and address or command line.
    seen: HashSet<[Option<String>; 3]>,
    /// Number of entries that were only counted, and the last of them.
    more: u64,
    last: Option<AuditEntry>,
}

impl Quotas {
    /// The entry, where it is to be put on record now. A refusal that repeats itself has one entry in each window.
    pub fn admit(
        &mut self,
        kind: EntryKind,
        account: Option<UserId>,
        entry: AuditEntry,
        now: Duration,
    ) -> Option<AuditEntry> {
        let account = self.0.entry((kind, account)).or_insert_with(|| Account::new(kind.quota(), now));
        let more = if kind == EntryKind::Start { &entry.detail } else { &entry.address };
        let what = [Some(entry.action.clone()), entry.target.clone(), more.clone()];
        let is_known = account.seen.contains(&what);
        let is_repeated = entry.outcome == Outcome::Denied && is_known;
        let is_due = kind == EntryKind::Start && !is_known;
        if !is_repeated && (account.entries.take(now).is_ok() || is_due) {
            account.seen.insert(what);
            return Some(entry);
        }
        account.more = account.more.saturating_add(1);
        account.last = Some(entry);
        None
    }

    /// An entry for each account of which some were counted, once its window is over.
    pub fn over(&mut self, now: Duration) -> Vec<AuditEntry> {
        let is_over = |account: &Account| now.saturating_sub(account.since) >= SUMMARY_WINDOW;
        let summaries = self.0.values_mut().filter(|account| is_over(account));
        let summaries = summaries.filter_map(|account| account.restart_window(now)).collect();
        self.0.retain(|_, account| !account.entries.is_idle(now));
        summaries
    }
}

impl Account {
    fn new(quota: Limit, since: Duration) -> Self {
        Self { entries: Window::new(quota), quota, since, seen: HashSet::new(), more: 0, last: None }
    }

    /// Begins another window, and says what was counted in the last.
    fn restart_window(&mut self, now: Duration) -> Option<AuditEntry> {
        let quota = self.quota;
        let entries = std::mem::replace(&mut self.entries, Window::new(quota));
        let Self { more, last, .. } = std::mem::replace(self, Self { entries, ..Self::new(quota, now) });
        let entry = last?;
        let what = entry.detail.as_deref().map(|detail| format!(": {detail}")).unwrap_or_default();
        Some(entry.with_detail(format!("the last of {more} further ones within an hour{what}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(user: UserId, target: usize) -> AuditEntry {
        AuditEntry { actor_id: Some(user), ..AuditEntry::by_ostler("server.read", target, Outcome::Denied) }
    }

    fn failed() -> AuditEntry {
        AuditEntry::by_ostler("server.fail", 1, Outcome::Failure).with_detail("exited with code 1")
    }

    fn admitted(
        quotas: &mut Quotas,
        kind: EntryKind,
        user: UserId,
        entries: impl Iterator<Item = AuditEntry>,
    ) -> usize {
        entries.filter_map(|entry| quotas.admit(kind, Some(user), entry, Duration::ZERO)).count()
    }

    #[test]
    fn a_caller_in_a_loop_has_two_entries_an_hour() {
        let (mut quotas, user) = (Quotas::default(), UserId::new());
        let at_once = admitted(&mut quotas, EntryKind::Refusal, user, (0..500).map(|_| refused(user, 1)));
        assert_eq!(at_once, 1);
        assert!(quotas.over(SUMMARY_WINDOW - Duration::from_millis(1)).is_empty());
        let late = quotas.over(SUMMARY_WINDOW);
        assert_eq!(late.len(), 1);
        assert!(late[0].detail.as_ref().unwrap().contains("499 further"), "{late:?}");
        assert!(quotas.over(SUMMARY_WINDOW * 2).is_empty());
        let again = quotas.admit(EntryKind::Refusal, Some(user), refused(user, 1), SUMMARY_WINDOW * 2);
        assert!(again.is_some(), "another hour begins anew");
    }

    #[test]
    fn each_command_line_is_recorded_before_its_repetitions_are_only_counted() {
        let (mut quotas, user) = (Quotas::default(), UserId::new());
        let start = |line: &str| AuditEntry::by_ostler("server.spawn", 1, Outcome::Success).with_detail(line);
        assert_eq!(admitted(&mut quotas, EntryKind::Start, user, (0..1500).map(|_| start("a"))), 1000);
        assert_eq!(admitted(&mut quotas, EntryKind::Start, user, (0..9).map(|n| start(&format!("b{}", n / 3)))), 3);
        let counted = quotas.over(SUMMARY_WINDOW).remove(0).detail.unwrap();
        assert_eq!(counted, "the last of 506 further ones within an hour: b2");
    }

    #[test]
    fn an_account_has_so_many_entries_of_a_kind_a_day_and_one_more_each_hour_and_takes_none_from_others() {
        let (mut quotas, user) = (Quotas::default(), UserId::new());
        assert_eq!(admitted(&mut quotas, EntryKind::Refusal, user, (0..500).map(|target| refused(user, target))), 300);
        assert_eq!(admitted(&mut quotas, EntryKind::Server, user, (0..500).map(|_| failed())), 300);
        assert_eq!(admitted(&mut quotas, EntryKind::Refusal, UserId::new(), (0..500).map(|at| refused(user, at))), 300);
        assert_eq!(quotas.over(SUMMARY_WINDOW).len(), 3);
        let mut later = |at: Duration| quotas.admit(EntryKind::Server, Some(user), failed(), at);
        assert!(later(SUMMARY_WINDOW * 23).is_none() && later(SUMMARY_WINDOW * 24).is_some());
        let summary = quotas.over(SUMMARY_WINDOW * 24).remove(0).detail.unwrap();
        assert_eq!(summary, "the last of 1 further ones within an hour: exited with code 1");
        assert!(
            quotas.over(SUMMARY_WINDOW * 48).is_empty() && quotas.0.is_empty(),
            "nothing is kept of whoever is quiet"
        );
    }
}
