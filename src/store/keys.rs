//! Table `api_keys`.

use crate::{
    error::Result,
    model::{ApiKey, KeyId, Page, PageRequest, Timestamp, UserId},
    store::Connection,
};

/// Adds a key.
pub fn insert(_db: &mut Connection, _key: &ApiKey) -> Result<()> {
    unimplemented!()
}

/// The key with this SHA-256 hash, in hex.
pub fn find_by_hash(_db: &mut Connection, _hash: &str) -> Result<Option<ApiKey>> {
    unimplemented!()
}

/// The keys of an account, oldest first.
pub fn list_of_user(_db: &mut Connection, _user: UserId, _page: &PageRequest) -> Result<Page<ApiKey>> {
    unimplemented!()
}

/// Removes a key of this account; false where it has none such.
pub fn delete(_db: &mut Connection, _user: UserId, _id: KeyId) -> Result<bool> {
    unimplemented!()
}

/// Notes when a key was used.
pub fn touch(_db: &mut Connection, _id: KeyId, _at: Timestamp) -> Result<()> {
    unimplemented!()
}
