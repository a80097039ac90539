//! [`Section`]: a piece of the configuration that Ostler writes into a client's file.

use serde_json::Value;

/// A piece of the file to put into one of its members: an entry of an object, or an item of a list.
pub(super) struct Section {
    pub(super) member: &'static str,
    pub(super) entry: Entry,
}

pub(super) enum Entry {
    /// Under this name.
    Named(String, Value),
    /// In place of what has the same `id`.
    Item(Value),
}
