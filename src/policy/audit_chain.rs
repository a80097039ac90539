//! The hash chain of the audit log: what a link proves, and what is found by walking along it.

use aws_lc_rs::digest::{Context, SHA256};

use crate::model::{AuditFault, AuditLink};

/// The columns of an entry, as they are stored.
pub type Columns = [Option<String>; 10];

/// A link as stored, and the entry it is of.
#[derive(Clone, Debug)]
pub struct Linked {
    /// The link.
    pub link: AuditLink,
    /// The entry's id.
    pub entry: String,
    /// The entry's columns; `None` where it is gone.
    pub columns: Option<Columns>,
}

/// What the first link follows.
#[must_use]
pub fn origin() -> AuditLink {
    AuditLink { seq: 0, hash: String::new() }
}

/// The link after `last`, for an entry with these columns.
#[must_use]
pub fn next(last: &AuditLink, columns: &Columns) -> AuditLink {
    let seq = last.seq.saturating_add(1);
    let mut sum = Context::new(&SHA256);
    sum.update(format!("{seq}:{}\n", last.hash).as_bytes());
    for column in columns {
        // With its length, so that no two entries read alike; none is not the same as empty.
        let length = column.as_ref().map_or("-".to_owned(), |text| text.len().to_string());
        sum.update(format!("{length}:{}\n", column.as_deref().unwrap_or_default()).as_bytes());
    }
    let hash = sum.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    AuditLink { seq, hash }
}

/// A walk along the chain, oldest link first.
#[derive(Clone, Debug)]
pub struct Walk {
    anchor: Option<AuditLink>,
    last: Option<AuditLink>,
    /// Entries found as they were written.
    pub entries: u64,
    /// Entries gone from before those: what is old may be removed.
    pub removed: u64,
}

impl Walk {
    /// A walk that is to meet `anchor`, a link noted earlier.
    #[must_use]
    pub fn new(anchor: Option<AuditLink>) -> Self {
        Self { anchor, last: None, entries: 0, removed: 0 }
    }

    /// The link it is at; none at the beginning.
    #[must_use]
    pub fn last(&self) -> Option<&AuditLink> {
        self.last.as_ref()
    }

    /// Takes the next link.
    pub fn take(&mut self, linked: &Linked) -> Result<(), AuditFault> {
        let link = &linked.link;
        let before = self.last.replace(link.clone()).or_else(|| (link.seq == 1).then(origin));
        match (before, &linked.columns) {
            (Some(before), _) if before.seq.checked_add(1) != Some(link.seq) => return Err(AuditFault::Missing),
            (Some(before), Some(columns)) if next(&before, columns) != *link => return Err(AuditFault::Changed),
            (Some(_), Some(_)) => self.entries += 1,
            // Nothing tells of the first link that is left whether it fits what came before.
            (None, Some(_)) => return Err(AuditFault::Missing),
            (_, None) if self.entries > 0 => return Err(AuditFault::Missing),
            (_, None) => self.removed += 1,
        }
        match self.anchor.take_if(|anchor| anchor.seq == link.seq) {
            Some(anchor) if anchor != *link => Err(AuditFault::Anchor),
            _ => Ok(()),
        }
    }

    /// The anchor that was not met.
    #[must_use]
    pub fn missed(&self) -> Option<&AuditLink> {
        self.anchor.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn columns(text: &str) -> Columns {
        let mut columns = Columns::default();
        columns[3] = Some(text.to_owned());
        columns
    }

    fn chain(entries: usize) -> Vec<Linked> {
        let mut last = origin();
        let mut linked = |number: usize| {
            let columns = columns(&number.to_string());
            last = next(&last, &columns);
            Linked { link: last.clone(), entry: number.to_string(), columns: Some(columns) }
        };
        (1..=entries).map(&mut linked).collect()
    }

    fn walked(chain: &[Linked]) -> Result<(u64, u64), (String, AuditFault)> {
        let mut walk = Walk::new(None);
        chain.iter().try_for_each(|one| walk.take(one).map_err(|fault| (one.entry.clone(), fault)))?;
        Ok((walk.entries, walk.removed))
    }

    #[test]
    fn what_was_done_to_an_entry_or_a_link_shows_at_its_place() {
        assert_eq!(walked(&chain(5)), Ok((5, 0)));
        let broken = |change: fn(&mut Vec<Linked>)| {
            let mut chain = chain(5);
            change(&mut chain);
            walked(&chain).unwrap_err()
        };
        let at = |entry: &str, fault| (entry.to_owned(), fault);
        assert_eq!(broken(|chain| chain[2].columns = Some(columns("x"))), at("3", AuditFault::Changed));
        assert_eq!(broken(|chain| chain[2].link.hash.push('0')), at("3", AuditFault::Changed));
        assert_eq!(broken(|chain| chain[2].columns = None), at("3", AuditFault::Missing));
        assert_eq!(broken(|chain| drop(chain.remove(2))), at("4", AuditFault::Missing));
        assert_eq!(broken(|chain| drop(chain.remove(0))), at("2", AuditFault::Missing));
    }

    #[test]
    fn the_oldest_entries_may_go_with_or_without_their_links() {
        let mut chain = chain(5);
        chain[0].columns = None;
        chain[1].columns = None;
        assert_eq!(walked(&chain), Ok((3, 2)));
        assert_eq!(walked(&chain[1..]), Ok((3, 1)));
    }

    #[test]
    fn a_link_that_was_noted_tells_of_a_chain_that_was_cut_or_made_anew() {
        let chain = chain(5);
        let mut other = Walk::new(Some(AuditLink { hash: "other".into(), ..chain[2].link.clone() }));
        assert_eq!(chain.iter().find_map(|one| other.take(one).err()), Some(AuditFault::Anchor));
        let mut cut = Walk::new(Some(chain[4].link.clone()));
        assert!(chain[..4].iter().all(|one| cut.take(one).is_ok()));
        assert!(cut.missed().is_some() && cut.take(&chain[4]).is_ok() && cut.missed().is_none());
    }

    proptest! {
        #[test]
        fn no_two_entries_have_one_hash(one: [Option<String>; 10], other: [Option<String>; 10]) {
            prop_assert_eq!(next(&origin(), &one) == next(&origin(), &other), one == other);
        }
    }
}
