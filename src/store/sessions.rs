//! Table `sessions`: logins that have not ended.

use crate::{
    error::Result,
    model::{Session, SessionId, Timestamp, UserId},
    store::Connection,
};

/// Adds a login.
pub fn insert(_db: &mut Connection, _session: &Session) -> Result<()> {
    unimplemented!()
}

/// The login with this id, unless it ended.
pub fn find(_db: &mut Connection, _id: SessionId) -> Result<Option<Session>> {
    unimplemented!()
}

/// Ends one login; false where there is none.
pub fn delete(_db: &mut Connection, _id: SessionId) -> Result<bool> {
    unimplemented!()
}

/// Ends every login of an account.
pub fn delete_of_user(_db: &mut Connection, _user: UserId) -> Result<()> {
    unimplemented!()
}

/// Forgets logins that expired before `now`.
pub fn delete_expired(_db: &mut Connection, _now: Timestamp) -> Result<()> {
    unimplemented!()
}
