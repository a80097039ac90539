//! Table `user_secrets`: secrets of users by name, sealed by their room.

use diesel::prelude::*;

use crate::{
    error::Result,
    model::{Timestamp, UserId},
    store::{Connection, connection::on, schema::user_secrets, text},
};

/// A secret as it is stored.
#[derive(Clone, Debug)]
pub struct StoredSecret {
    /// Its owner.
    pub user_id: UserId,
    /// Its name, which no other of its owner's has.
    pub name: String,
    /// Its value and the servers that may have it, opaque here.
    pub sealed: String,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Keeps a secret in place of the one before.
pub fn put(db: &mut Connection, secret: &StoredSecret) -> Result<()> {
    let (user, name) = (secret.user_id.to_string(), secret.name.as_str());
    let changed = (user_secrets::sealed.eq(&secret.sealed), user_secrets::updated_at.eq(secret.updated_at.naive()));
    on!(db, conn => diesel::insert_into(user_secrets::table)
        .values((user_secrets::user_id.eq(&user), user_secrets::name.eq(name), changed))
        .on_conflict((user_secrets::user_id, user_secrets::name))
        .do_update()
        .set(changed)
        .execute(conn))?;
    Ok(())
}

/// Removes a secret; false where there is none.
pub fn delete(db: &mut Connection, user: UserId, name: &str) -> Result<bool> {
    let user = user.to_string();
    Ok(on!(db, conn => diesel::delete(user_secrets::table.find((&user, name))).execute(conn))? > 0)
}

/// Every secret of every user.
pub fn all(db: &mut Connection) -> Result<Vec<StoredSecret>> {
    let rows: Vec<(String, String, String, chrono::NaiveDateTime)> = on!(db, conn => user_secrets::table.load(conn))?;
    let read = |(user_id, name, sealed, at): (String, _, _, chrono::NaiveDateTime)| {
        Ok(StoredSecret { user_id: text::id(&user_id)?, name, sealed, updated_at: at.into() })
    };
    rows.into_iter().map(read).collect()
}
