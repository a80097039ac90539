//! Table `server_shares`.

use diesel::{dsl::exists, prelude::*, select};

use crate::{
    error::{Error, Noun, Result},
    model::{ServerId, Share, UserId},
    store::{
        Connection,
        connection::on,
        schema::{mcp_servers, server_shares, users},
        servers, text,
    },
};

/// Every share of every server that is not deleted.
pub fn all(db: &mut Connection) -> Result<Vec<(ServerId, Share)>> {
    let rows: Vec<(String, String, String)> = on!(db, conn => server_shares::table
        .inner_join(mcp_servers::table.on(mcp_servers::id.eq(server_shares::server_id)))
        .filter(mcp_servers::deleted_at.is_null())
        .order((server_shares::server_id, server_shares::user_id))
        .select((server_shares::server_id, server_shares::user_id, server_shares::permissions))
        .load(conn))?;
    rows.into_iter().map(read).collect()
}

fn read((server, user, permissions): (String, String, String)) -> Result<(ServerId, Share)> {
    let share = Share { user_id: text::id(&user)?, permissions: text::from_json(&permissions)? };
    Ok((text::id(&server)?, share))
}

/// Adds a share, or changes its permissions; [`crate::error::Error::NotFound`] (user) where there is no such account,
/// (server) where there is no such server.
pub fn put(db: &mut Connection, server: ServerId, share: &Share) -> Result<()> {
    let (server, user) = (server.to_string(), share.user_id.to_string());
    // Asked first, as a refused row would end the caller's transaction on PostgreSQL.
    if !on!(db, conn => select(exists(users::table.find(&user))).get_result(conn))? {
        return Err(Error::NotFound(Noun::User));
    }
    if !servers::is_live(db, &server)? {
        return Err(Error::NotFound(Noun::Server));
    }
    let permissions = server_shares::permissions.eq(text::to_json(&share.permissions)?);
    let row = (server_shares::server_id.eq(&server), server_shares::user_id.eq(&user), permissions);
    on!(db, conn => diesel::insert_into(server_shares::table)
        .values(row)
        .on_conflict((server_shares::server_id, server_shares::user_id))
        .do_update()
        .set(server_shares::permissions.eq(diesel::upsert::excluded(server_shares::permissions)))
        .execute(conn))?;
    Ok(())
}

/// Removes a share; false where there is none.
pub fn delete(db: &mut Connection, server: ServerId, user: UserId) -> Result<bool> {
    let (server, user) = (server.to_string(), user.to_string());
    Ok(on!(db, conn => diesel::delete(server_shares::table.find((&server, &user))).execute(conn))? > 0)
}
