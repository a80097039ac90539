//! Table `users`.

use crate::{
    error::Result,
    model::{Page, PageRequest, Timestamp, User, UserId},
    store::Connection,
};

/// Adds an account; [`crate::error::Error::Conflict`] where the address is taken.
pub fn insert(_db: &mut Connection, _user: &User) -> Result<()> {
    unimplemented!()
}

/// Writes the changed account over the stored one; false where there is none.
pub fn update(_db: &mut Connection, _user: &User) -> Result<bool> {
    unimplemented!()
}

/// Removes the account for good, with its sessions, keys and shares; its calls and audit lines stay.
pub fn delete(_db: &mut Connection, _id: UserId) -> Result<bool> {
    unimplemented!()
}

/// The account with this id.
pub fn find(_db: &mut Connection, _id: UserId) -> Result<Option<User>> {
    unimplemented!()
}

/// The account with this address (lower case).
pub fn find_by_email(_db: &mut Connection, _email: &str) -> Result<Option<User>> {
    unimplemented!()
}

/// Accounts, oldest first.
pub fn list(_db: &mut Connection, _page: &PageRequest) -> Result<Page<User>> {
    unimplemented!()
}

/// How many accounts there are.
pub fn count(_db: &mut Connection) -> Result<i64> {
    unimplemented!()
}

/// How many enabled admins there are.
pub fn count_admins(_db: &mut Connection) -> Result<i64> {
    unimplemented!()
}

#[allow(dead_code)]
fn _unused(_: Timestamp) {}
