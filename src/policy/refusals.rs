//! How many refusals of one caller are put on record one by one, so that nobody fills the audit log with them.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use crate::model::{AuditEntry, UserId};

/// Refusals of one account with an entry of their own in each window; the others are counted.
const ENTRIES: usize = 20;

/// After this, what was counted is an entry.
pub const WINDOW: Duration = Duration::from_secs(60);

/// Refusals of late, by account. Times are measured from any one moment.
#[derive(Debug, Default)]
pub struct Refusals(HashMap<Option<UserId>, Account>);

#[derive(Debug)]
struct Account {
    since: Duration,
    /// Actions and targets with an entry of their own.
    seen: HashSet<(String, Option<String>)>,
    /// How many have none, and the last of them.
    more: u64,
    last: Option<AuditEntry>,
}

impl Refusals {
    /// The entry, where it is to be put on record now. The same action and target have one entry in each window.
    pub fn admit(&mut self, entry: AuditEntry, now: Duration) -> Option<AuditEntry> {
        let new = || Account { since: now, seen: HashSet::new(), more: 0, last: None };
        let account = self.0.entry(entry.actor_id).or_insert_with(new);
        let what = (entry.action.clone(), entry.target.clone());
        if account.seen.len() < ENTRIES && account.seen.insert(what) {
            return Some(entry);
        }
        account.more = account.more.saturating_add(1);
        account.last = Some(entry);
        None
    }

    /// An entry for each account of which some were counted, once its window is over.
    pub fn over(&mut self, now: Duration) -> Vec<AuditEntry> {
        let is_over = |account: &Account| now.saturating_sub(account.since) >= WINDOW;
        let over = self.0.extract_if(|_, account| is_over(account));
        over.filter_map(|(_, account)| account.summary()).collect()
    }
}

impl Account {
    fn summary(self) -> Option<AuditEntry> {
        let Self { more, last, .. } = self;
        last.map(|entry| entry.with_detail(format!("the last of {more} further refusals within a minute")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Outcome;

    fn entry(user: UserId, target: usize) -> AuditEntry {
        let entry = AuditEntry::by_ostler("server.read", target, Outcome::Denied);
        AuditEntry { actor_id: Some(user), ..entry }
    }

    #[test]
    fn a_caller_in_a_loop_has_two_entries_a_minute_however_often_it_asks() {
        let (mut refusals, user) = (Refusals::default(), UserId::new());
        let at_once = (0..500).filter_map(|_| refusals.admit(entry(user, 1), Duration::ZERO)).count();
        assert_eq!(at_once, 1);
        assert!(refusals.over(WINDOW - Duration::from_millis(1)).is_empty());
        let late = refusals.over(WINDOW);
        assert_eq!(late.len(), 1);
        assert!(late[0].detail.as_ref().unwrap().contains("499 further"), "{late:?}");
        assert!(refusals.over(WINDOW * 2).is_empty());
        assert!(refusals.admit(entry(user, 1), WINDOW).is_some(), "the next minute begins anew");
    }

    #[test]
    fn one_that_asks_for_ever_new_things_has_twenty_one_and_takes_nothing_from_others() {
        let (mut refusals, user) = (Refusals::default(), UserId::new());
        let at_once = (0..500).filter_map(|target| refusals.admit(entry(user, target), Duration::ZERO)).count();
        assert_eq!(at_once, ENTRIES);
        assert!(refusals.admit(entry(UserId::new(), 1), Duration::ZERO).is_some());
        assert_eq!(refusals.over(WINDOW).len(), 1);
    }
}
