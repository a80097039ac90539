//! The chain of the audit log: the proof in a link, and the faults found by walking along the chain.
//!
//! Links are made with a key, so that the database alone is not enough to forge one. Those made before there was a key
//! are hashes without a secret; the first link with a key follows the last of them, and so vouches for all.

use std::{collections::BTreeMap, fmt};

use aws_lc_rs::{
    digest::{SHA256, digest},
    hmac,
};

use crate::{
    model::{AuditFault, AuditLink, Timestamp},
    policy::hex,
};

/// The columns of an entry, as they are stored. The last, the credential, is younger than links without a key.
pub type ChainColumns = [Option<String>; 11];

/// The action of the entry that begins the chain with a key.
pub const BEGIN: &str = "audit.begin";

/// The action of an entry that tells of old ones that were removed.
pub const RETENTION: &str = "audit.retention";

/// Places in [`ChainColumns`].
const ACTION: usize = 4;
const TARGET: usize = 5;
const DETAIL: usize = 7;
const CREDENTIAL: usize = 10;

/// A link as stored, and the entry it is of.
#[derive(Clone, Debug)]
pub struct Linked {
    /// The link.
    pub link: AuditLink,
    /// The entry's id.
    pub entry: String,
    /// The entry's columns; `None` where it is gone.
    pub columns: Option<ChainColumns>,
}

/// Makes links, and recognises its own. `Debug` shows no key.
#[derive(Clone)]
pub struct ChainKey {
    key: hmac::Key,
    /// Names the key in each link, to distinguish links of another key from links that were changed.
    id: String,
}

impl ChainKey {
    /// The key of these bytes.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        let id = hex::encode(hmac::sign(&key, b"id").as_ref().get(..4).unwrap_or_default());
        Self { key, id }
    }

    /// True when the link says that another key made it.
    #[must_use]
    pub fn is_foreign(&self, link: &AuditLink) -> bool {
        link.hash.split_once('.').is_some_and(|(id, _)| id != self.id)
    }

    /// The link after `last`, for an entry with these columns.
    #[must_use]
    pub fn next(&self, last: &AuditLink, columns: &ChainColumns) -> AuditLink {
        let seq = last.seq.saturating_add(1);
        let mac = hmac::sign(&self.key, text(seq, last, columns).as_bytes());
        AuditLink { seq, hash: format!("{}.{}", self.id, hex::encode(mac.as_ref())) }
    }
}

impl fmt::Debug for ChainKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChainKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The place before the first link.
#[must_use]
pub fn origin() -> AuditLink {
    AuditLink { seq: 0, hash: String::new() }
}

/// True when a link was made with a key, this one or another.
#[must_use]
pub fn is_keyed(link: &AuditLink) -> bool {
    link.hash.contains('.')
}

/// Heads of a chain with a key that a text has, in their order: a file of heads, or Ostler's log with other words.
#[must_use]
pub fn heads_in(text: &str) -> Vec<AuditLink> {
    let words = text.split(|c: char| !c.is_ascii_hexdigit() && c != ':' && c != '.');
    words.filter_map(|word| AuditLink::try_from(word.to_owned()).ok()).filter(is_whole).collect()
}

/// True when a link has the form of those made with a key.
fn is_whole(link: &AuditLink) -> bool {
    let has = |text: &str, digits| text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    link.seq > 0 && link.hash.split_once('.').is_some_and(|(id, mac)| has(id, 8) && has(mac, 64))
}

fn next_without_key(last: &AuditLink, columns: &ChainColumns) -> AuditLink {
    let seq = last.seq.saturating_add(1);
    let known = columns.get(..CREDENTIAL).unwrap_or_default();
    AuditLink { seq, hash: hex::encode(digest(&SHA256, text(seq, last, known).as_bytes()).as_ref()) }
}

fn text(seq: i64, last: &AuditLink, columns: &[Option<String>]) -> String {
    let mut text = format!("{seq}:{}\n", last.hash);
    for column in columns {
        // With its length, so that no two entries read alike; none is not the same as empty.
        let length = column.as_ref().map_or("-".to_owned(), |text| text.len().to_string());
        text.push_str(&format!("{length}:{}\n", column.as_deref().unwrap_or_default()));
    }
    text
}

/// The beginning of the log, as an entry of Ostler's own states it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Beginning {
    /// The link before the first entry.
    link: AuditLink,
    /// The time of the newest that was removed.
    until: Option<Timestamp>,
}

impl Beginning {
    fn of(columns: &ChainColumns) -> Option<Self> {
        let column = |at: usize| columns.get(at).and_then(Option::as_deref);
        column(ACTION).filter(|action| [BEGIN, RETENTION].contains(action))?;
        let link = column(TARGET)?.to_owned().try_into().ok()?;
        let until = column(DETAIL).and_then(|detail| detail.rsplit(' ').next()?.parse().ok());
        Some(Self { link, until })
    }
}

/// A walk along the chain, oldest link first.
#[derive(Clone, Debug)]
pub struct Walk {
    key: ChainKey,
    /// Links that must be met, by their places, and what it is where one is not.
    anchors: BTreeMap<i64, Vec<(AuditLink, AuditFault)>>,
    last: Option<AuditLink>,
    /// The link before the first entry that is there, and that entry.
    first: Option<(AuditLink, String)>,
    beginning: Option<Beginning>,
    keyed: bool,
    /// Entries found as they were written.
    pub entries: u64,
    /// Those of them whose links were made without a key.
    pub unkeyed: u64,
}

impl Walk {
    /// A walk that is to meet these links, noted earlier.
    #[must_use]
    pub fn new(key: ChainKey, noted: impl IntoIterator<Item = (AuditLink, AuditFault)>) -> Self {
        let mut anchors = BTreeMap::<_, Vec<_>>::new();
        for (anchor, fault) in noted {
            anchors.entry(anchor.seq).or_default().push((anchor, fault));
        }
        Self { key, anchors, last: None, first: None, beginning: None, keyed: false, entries: 0, unkeyed: 0 }
    }

    /// The link it is at; none at the beginning.
    #[must_use]
    pub fn last(&self) -> Option<&AuditLink> {
        self.last.as_ref()
    }

    /// Entries gone from the beginning, by the places of their links.
    #[must_use]
    pub fn removed(&self) -> u64 {
        let before = self.first.as_ref().map(|(before, _)| before).or(self.last.as_ref());
        before.map_or(0, |link| u64::try_from(link.seq).unwrap_or_default())
    }

    /// Number of those that Ostler itself removed, and the time of the newest of them.
    #[must_use]
    pub fn removed_by_retention(&self) -> (u64, Option<Timestamp>) {
        let Some(Beginning { link, until }) = &self.beginning else { return (0, None) };
        (u64::try_from(link.seq).unwrap_or_default(), *until)
    }

    /// Takes the next link.
    pub fn take(&mut self, linked: &Linked) -> Result<(), AuditFault> {
        let link = &linked.link;
        let before = self.last.replace(link.clone()).or_else(|| (link.seq == 1).then(origin));
        match (before, &linked.columns) {
            (Some(before), _) if before.seq.checked_add(1) != Some(link.seq) => return Err(AuditFault::Missing),
            (Some(before), Some(columns)) => {
                self.check(&before, link, columns)?;
                self.first.get_or_insert_with(|| (before, linked.entry.clone()));
                self.entries += 1;
            }
            // Nothing tells of the first link that is left whether it fits what came before.
            (None, Some(_)) => return Err(AuditFault::Missing),
            (_, None) if self.entries > 0 => return Err(AuditFault::Missing),
            (_, None) => {}
        }
        let noted = self.anchors.remove(&link.seq).unwrap_or_default();
        noted.into_iter().find(|(anchor, _)| anchor != link).map_or(Ok(()), |(_, fault)| Err(fault))
    }

    fn check(&mut self, before: &AuditLink, link: &AuditLink, columns: &ChainColumns) -> Result<(), AuditFault> {
        if !is_keyed(link) {
            if self.keyed {
                return Err(AuditFault::Unkeyed);
            }
            self.unkeyed += 1;
            let fits = columns.get(CREDENTIAL) == Some(&None) && next_without_key(before, columns) == *link;
            return if fits { Ok(()) } else { Err(AuditFault::Changed) };
        }
        if self.key.is_foreign(link) {
            return Err(AuditFault::Key);
        }
        if self.key.next(before, columns) != *link {
            return Err(AuditFault::Changed);
        }
        self.keyed = true;
        if let Some(beginning) = Beginning::of(columns) {
            self.beginning = Some(beginning);
        }
        Ok(())
    }

    /// The fault that shows only at the end: entries gone from the beginning that Ostler did not remove, or an anchor
    /// not met.
    #[must_use]
    pub fn finish(&self) -> Option<(String, AuditFault)> {
        // Without an entry that says otherwise, nothing may be gone, or that entry itself is.
        let begins = self.beginning.as_ref().map_or_else(origin, |beginning| beginning.link.clone());
        let gone = self.first.as_ref().filter(|(before, _)| self.keyed && *before != begins);
        let gone = gone.map(|(_, entry)| (entry.clone(), AuditFault::Missing));
        // A head noted elsewhere may be as old as what Ostler removed; one that Ostler remembers is newer.
        let is_due = |(anchor, fault): &&(AuditLink, AuditFault)| {
            *fault != AuditFault::Anchor || !self.keyed || anchor.seq >= begins.seq
        };
        let unmet = || self.anchors.values().flatten().find(is_due);
        gone.or_else(|| unmet().map(|(anchor, fault)| (anchor.to_string(), *fault)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> ChainKey {
        ChainKey::new(&[7; 32])
    }

    fn columns(action: &str, target: &str) -> ChainColumns {
        let mut columns = ChainColumns::default();
        columns[ACTION] = Some(action.to_owned());
        columns[TARGET] = Some(target.to_owned());
        columns
    }

    type Link = fn(&AuditLink, &ChainColumns) -> AuditLink;

    /// So many entries without a key, the one that begins the chain with one, and four more.
    fn chain(unkeyed: usize) -> Vec<Linked> {
        let with_key: Link = |last, columns| key().next(last, columns);
        let mut last = origin();
        let mut linked = |number: usize| {
            let columns = match number == unkeyed {
                true => columns(BEGIN, &origin().to_string()),
                false => columns("test", &number.to_string()),
            };
            let next = if number < unkeyed { next_without_key } else { with_key };
            last = next(&last, &columns);
            Linked { link: last.clone(), entry: number.to_string(), columns: Some(columns) }
        };
        (0..unkeyed + 5).map(&mut linked).collect()
    }

    fn walked(chain: &[Linked], anchors: &[&AuditLink]) -> Result<Walk, (String, AuditFault)> {
        walked_by(chain, anchors, AuditFault::Cut)
    }

    fn walked_by(chain: &[Linked], anchors: &[&AuditLink], fault: AuditFault) -> Result<Walk, (String, AuditFault)> {
        let mut walk = Walk::new(key(), anchors.iter().map(|link| ((*link).clone(), fault)));
        chain.iter().try_for_each(|one| walk.take(one).map_err(|fault| (one.entry.clone(), fault)))?;
        walk.finish().map_or(Ok(walk), Err)
    }

    #[test]
    fn what_was_done_to_an_entry_or_a_link_shows_at_its_place() {
        let walk = walked(&chain(3), &[]).unwrap();
        assert_eq!((walk.entries, walk.unkeyed, walk.removed()), (8, 3, 0));
        let broken = |change: fn(&mut Vec<Linked>)| {
            let mut chain = chain(3);
            change(&mut chain);
            walked(&chain, &[]).unwrap_err()
        };
        let at = |entry: &str, fault| (entry.to_owned(), fault);
        for harm in [1usize, 5] {
            let name = harm.to_string();
            let changed = |change: &dyn Fn(&mut Linked)| {
                let mut chain = chain(3);
                change(&mut chain[harm]);
                walked(&chain, &[]).unwrap_err()
            };
            assert_eq!(changed(&|one| one.columns = Some(columns("x", "y"))), at(&name, AuditFault::Changed));
            assert_eq!(changed(&|one| one.link.hash.push('0')), at(&name, AuditFault::Changed));
            assert_eq!(changed(&|one| one.columns = None), at(&name, AuditFault::Missing));
            let credential = |one: &mut Linked| one.columns.as_mut().unwrap()[CREDENTIAL] = Some("key:1".into());
            assert_eq!(changed(&credential), at(&name, AuditFault::Changed));
        }
        assert_eq!(broken(|chain| drop(chain.remove(2))), at("3", AuditFault::Missing));
        assert_eq!(broken(|chain| drop(chain.remove(0))), at("1", AuditFault::Missing));
    }

    #[test]
    fn no_link_is_made_without_the_key_once_there_is_one() {
        let mut forged = chain(0);
        let last = forged[3].link.clone();
        let columns = columns("test", "forged");
        forged[4] = Linked { link: next_without_key(&last, &columns), entry: "x".into(), columns: Some(columns) };
        assert_eq!(walked(&forged, &[]).unwrap_err(), ("x".into(), AuditFault::Unkeyed));
        let other = ChainKey::new(&[8; 32]).next(&last, forged[4].columns.as_ref().unwrap());
        forged[4].link = other;
        assert_eq!(walked(&forged, &[]).unwrap_err(), ("x".into(), AuditFault::Key));
    }

    #[test]
    fn the_oldest_may_go_only_where_an_entry_with_the_key_says_so() {
        let mut chain = chain(0);
        for one in &mut chain[..2] {
            one.columns = None;
        }
        assert_eq!(walked(&chain, &[]).unwrap_err(), ("2".into(), AuditFault::Missing));
        assert_eq!(walked(&chain[1..], &[]).unwrap_err(), ("2".into(), AuditFault::Missing));
        let mut columns = columns(RETENTION, &chain[1].link.to_string());
        columns[DETAIL] = Some("2 entries until 2026-11-22T10:00:00.000Z".into());
        let link = key().next(&chain[4].link, &columns);
        chain.push(Linked { link, entry: "5".into(), columns: Some(columns) });
        let walk = walked(&chain[1..], &[]).unwrap();
        assert_eq!((walk.entries, walk.removed(), walk.removed_by_retention().0), (4, 2, 2));
        assert_eq!(walk.removed_by_retention().1, "2026-11-22T10:00:00.000Z".parse().ok());
    }

    #[test]
    fn a_head_from_elsewhere_may_be_older_than_what_retention_left_and_one_of_ostlers_own_may_not() {
        let mut chain = chain(0);
        let removed = [chain[0].link.clone(), chain[2].link.clone()];
        let mut columns = columns(RETENTION, &chain[2].link.to_string());
        columns[DETAIL] = Some("3 entries until 2026-11-22T10:00:00.000Z".into());
        let link = key().next(&chain[4].link, &columns);
        chain.push(Linked { link, entry: "5".into(), columns: Some(columns) });
        chain[2].columns = None;
        let [old, last] = [&removed[0], &removed[1]];
        assert!(walked_by(&chain[2..], &[old, last], AuditFault::Anchor).is_ok());
        assert_eq!(walked_by(&chain[2..], &[old], AuditFault::Cut).unwrap_err().1, AuditFault::Cut);
        let forked = AuditLink { hash: "other".into(), ..chain[3].link.clone() };
        assert_eq!(
            walked_by(&chain[2..], &[&chain[3].link, &forked], AuditFault::Anchor).unwrap_err().1,
            AuditFault::Anchor
        );
    }

    #[test]
    fn a_recorded_link_reveals_a_cut_or_rewritten_chain() {
        let chain = chain(0);
        let other = AuditLink { hash: "other".into(), ..chain[2].link.clone() };
        assert_eq!(walked(&chain, &[&other]).unwrap_err().1, AuditFault::Cut);
        let end = &chain[4].link;
        assert_eq!(walked(&chain[..4], &[end]).unwrap_err(), (end.to_string(), AuditFault::Cut));
        assert!(walked(&chain, &[end, end, &chain[1].link]).is_ok());
    }

    #[test]
    fn heads_are_found_among_other_words() {
        let links: Vec<_> = chain(1).into_iter().map(|one| one.link).collect();
        let [old, first, second, ..] = &links[..] else { panic!("too short") };
        let text = format!(
            "2026-11-22T10:00:00.000Z {first}\n{old}\n10:00 INFO ends here head={second} 5:6.7\n{{\"head\":\"{first}\"}}"
        );
        assert_eq!(heads_in(&text), [first.clone(), second.clone(), first.clone()]);
        assert!(heads_in("0:x 1:2 10:00:00.000").is_empty());
    }

    proptest! {
        #[test]
        fn no_two_entries_have_one_link(one: [Option<String>; 11], other: [Option<String>; 11]) {
            prop_assert_eq!(key().next(&origin(), &one) == key().next(&origin(), &other), one == other);
            let same = one[..CREDENTIAL] == other[..CREDENTIAL];
            prop_assert_eq!(next_without_key(&origin(), &one) == next_without_key(&origin(), &other), same);
        }
    }
}
