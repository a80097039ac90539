//! Cursors of lists, and ids of events that a client comes back with.

use uuid::Uuid;

use crate::{
    mcp_endpoint::EventId,
    model::{AuditId, PageRequest},
    store::Slice,
    timeline::TimelineCursor,
};

/// A cursor is taken as a list gave it out, or not at all; from any, each item that follows comes once, in order.
pub fn cursor(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input) {
        let is_own = |given: Option<String>| given.is_none_or(|given| given == text);
        assert!(is_own(text.parse::<EventId>().ok().map(|id| id.to_string())), "{text}");
        assert!(is_own(text.parse::<TimelineCursor>().ok().map(|cursor| cursor.to_string())), "{text}");
        let request = PageRequest { limit: 1, cursor: Some(text.to_owned()) };
        assert_eq!(Slice::of::<AuditId>(&request).is_ok(), is_id(text), "{text}");
    }
    let Some((limit, input)) = input.split_first() else { return };
    let mut ids: Vec<_> = input.as_chunks().0.iter().map(|bytes| Uuid::from_bytes(*bytes).to_string()).collect();
    let first = ids.pop();
    ids.sort_unstable();
    ids.dedup();
    let expected: Vec<_> = ids.iter().filter(|id| first.as_ref() < Some(id)).cloned().collect();
    assert_eq!(walked(&ids, (*limit).into(), first), expected);
}

fn is_id(text: &str) -> bool {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let fits = |(at, byte)| if matches!(at, 8 | 13 | 18 | 23) { byte == b'-' } else { is_hex(byte) };
    text.len() == 36 && text.bytes().enumerate().all(fits)
}

/// The items after a cursor, a page at a time.
fn walked(ids: &[String], limit: u32, mut cursor: Option<String>) -> Vec<String> {
    let mut found = Vec::new();
    loop {
        let slice = Slice::of::<AuditId>(&PageRequest { limit, cursor }).unwrap();
        let rest = ids.iter().filter(|id| slice.after.as_ref().is_none_or(|after| *id > after));
        let rows: Vec<_> = rest.take(usize::try_from(slice.rows()).unwrap()).cloned().collect();
        let page = slice.page(rows, |id| id, Ok).unwrap();
        assert!((1..=100).contains(&page.items.len()) || page.next_cursor.is_none());
        found.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return found;
        }
    }
}
