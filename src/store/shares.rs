//! Table `server_shares`.

use crate::{
    error::Result,
    model::{ServerId, Share, UserId},
    store::Connection,
};

/// Every share of every server that is not deleted.
pub fn all(_db: &mut Connection) -> Result<Vec<(ServerId, Share)>> {
    unimplemented!()
}

/// Adds a share, or changes its permissions; [`crate::error::Error::NotFound`] (user) where there is no such account.
pub fn put(_db: &mut Connection, _server: ServerId, _share: &Share) -> Result<()> {
    unimplemented!()
}

/// Removes a share; false where there is none.
pub fn delete(_db: &mut Connection, _server: ServerId, _user: UserId) -> Result<bool> {
    unimplemented!()
}
