//! Lists a page at a time, by the last id seen: nothing is skipped or shown twice while rows come and go.

use std::str::FromStr;

use crate::{
    error::{Error, Result},
    model::{Page, PageRequest},
};

/// A page request, checked.
pub(super) struct Slice {
    /// The last id of the page before.
    pub(super) after: Option<String>,
    limit: usize,
}

impl Slice {
    /// Reads a request whose cursor is the text of an `Id`.
    pub(super) fn of<Id: FromStr>(page: &PageRequest) -> Result<Self> {
        let after = page.cursor.clone();
        if after.as_deref().is_some_and(|cursor| cursor.parse::<Id>().is_err()) {
            return Err(Error::Malformed(
                "cursor: not one that a list gave out; leave it away for the first page".into(),
            ));
        }
        Ok(Self { after, limit: usize::try_from(page.limit.clamp(1, 100)).unwrap_or(100) })
    }

    /// Rows to ask for: one more than wanted shows that there is a next page.
    pub(super) fn rows(&self) -> i64 {
        i64::try_from(self.limit).unwrap_or(100).saturating_add(1)
    }

    /// The page that `rows` make.
    pub(super) fn page<R, T>(
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
