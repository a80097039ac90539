//! Hiding secrets in what is stored and shown.
//!
//! Strings are compared by what they mean, not by how a library escapes them; what is no secret stays byte for byte.

mod escapes;
mod json;
mod replacement;
mod search;
mod secrets;

use std::{borrow::Cow, collections::BTreeSet, fmt, sync::Arc};

use serde_json::value::{RawValue, to_raw_value};

pub use replacement::MASKED;

use replacement::replaced;
use search::{NESTED_ESCAPES_MAX, Search};

/// The secrets of one server: the values of its `env` and headers. `Debug` shows none of them.
#[derive(Clone, Default)]
pub struct Mask {
    secrets: Arc<BTreeSet<String>>,
    /// `None` where there are none.
    search: Option<Arc<Search>>,
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mask").finish_non_exhaustive()
    }
}

impl Mask {
    /// A mask over `values`, and over those parts of them that are secrets by themselves.
    pub fn new<'a>(values: impl IntoIterator<Item = &'a String>) -> Self {
        Self::of(secrets::all(values))
    }

    /// This mask, over `values` as well.
    #[must_use]
    pub fn with<'a>(&self, values: impl IntoIterator<Item = &'a String>) -> Self {
        let more = secrets::all(values);
        if more.is_subset(&self.secrets) {
            self.clone()
        } else {
            Self::of(self.secrets.union(&more).cloned().collect())
        }
    }

    fn of(secrets: BTreeSet<String>) -> Self {
        Self { search: Search::of(&secrets).map(Arc::new), secrets: Arc::new(secrets) }
    }

    /// Number of texts that it hides: values, and parts of them.
    #[must_use]
    pub fn count(&self) -> usize {
        self.secrets.len()
    }

    /// `text` with every secret replaced by [`MASKED`], also where it is escaped once or several times over.
    #[must_use]
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let spans = self.search.as_deref().map(|search| search.spans(text.as_bytes(), NESTED_ESCAPES_MAX));
        match spans {
            Some(spans) if !spans.is_empty() => {
                Cow::Owned(replaced(text, spans.into_iter().map(|span| (span, MASKED))))
            }
            Some(_) | None => Cow::Borrowed(text),
        }
    }

    /// `json` with every secret replaced inside its strings, keys and numbers; `None` where it holds none.
    #[must_use]
    pub fn json(&self, json: &RawValue) -> Option<Box<RawValue>> {
        let masked = json::masked(self.search.as_deref()?, json.get())?;
        // Only whole numbers and parts of strings are replaced, so it is JSON again.
        RawValue::from_string(masked).or_else(|_| to_raw_value(MASKED)).ok()
    }
}

#[cfg(test)]
mod tests;
