//! Lists a page at a time, by the last id seen: nothing is skipped or shown twice while rows come and go.

use std::str::FromStr;

use crate::{
    error::{Error, Result},
    model::{Page, PageRequest},
};

/// A page request, checked.
pub(crate) struct Slice {
    /// The last id of the page before.
    pub(crate) after: Option<String>,
    limit: usize,
}

impl Slice {
    /// Reads a request whose cursor is the text of an `Id`.
    pub(crate) fn of<Id: FromStr>(page: &PageRequest) -> Result<Self> {
        let after = page.cursor.clone();
        if after.as_deref().is_some_and(|cursor| cursor.parse::<Id>().is_err()) {
            return Err(Error::Malformed(
                "cursor: not one that a list gave out; leave it away for the first page".into(),
            ));
        }
        Ok(Self { after, limit: usize::try_from(page.limit.clamp(1, 100)).unwrap_or(100) })
    }

    /// Rows to ask for: one more than wanted shows that there is a next page.
    pub(crate) fn rows(&self) -> i64 {
        i64::try_from(self.limit).unwrap_or(100).saturating_add(1)
    }

    /// The page that `rows` make.
    pub(crate) fn page<R, T>(
        &self,
        mut rows: Vec<R>,
        id: impl Fn(&R) -> &str,
        read: impl FnMut(R) -> Result<T>,
    ) -> Result<Page<T>> {
        let more = rows.len() > self.limit;
        rows.truncate(self.limit);
        let next_cursor = rows.last().filter(|_| more).map(|row| id(row).to_owned());
        Ok(Page { items: rows.into_iter().map(read).collect::<Result<_>>()?, next_cursor })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::AuditId;

    /// All items of a list, a page at a time.
    fn walked(ids: &[String], limit: u32) -> Vec<String> {
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let slice = Slice::of::<AuditId>(&PageRequest { limit, cursor }).unwrap();
            let rest = ids.iter().filter(|id| slice.after.as_ref().is_none_or(|after| *id > after));
            let rows: Vec<_> = rest.take(usize::try_from(slice.rows()).unwrap()).cloned().collect();
            let page = slice.page(rows, |id| id, Ok).unwrap();
            found.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                return found;
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn pages_have_every_item_once_in_order(numbers: std::collections::BTreeSet<u128>, limit in 0_u32..130) {
            let ids: Vec<_> = numbers.iter().map(|number| uuid::Uuid::from_u128(*number).to_string()).collect();
            proptest::prop_assert_eq!(walked(&ids, limit), ids);
        }

        #[test]
        fn any_text_is_a_cursor_or_refused(cursor: String) {
            let is_id = cursor.parse::<AuditId>().is_ok();
            let slice = Slice::of::<AuditId>(&PageRequest { limit: 1, cursor: Some(cursor) });
            proptest::prop_assert_eq!(slice.is_ok(), is_id);
        }
    }
}
