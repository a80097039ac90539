//! Table `mcp_sessions`: sessions of MCP clients that have not ended.

use diesel::prelude::*;
use uuid::Uuid;

use crate::{
    error::Result,
    model::{ClientSession, Timestamp, UserId},
    store::{Connection, connection::on, schema::mcp_sessions, text},
};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = mcp_sessions)]
struct Row {
    id: String,
    user_id: String,
    state: String,
    used_at: chrono::NaiveDateTime,
}

/// Adds a session in use at `at`; of those of its user only `kept` stay, the ones used last.
pub fn insert(db: &mut Connection, session: &ClientSession, at: Timestamp, kept: i64) -> Result<()> {
    let user_id = session.user_id.to_string();
    let row = Row { id: session.id.to_string(), user_id, state: session.state.clone(), used_at: at.naive() };
    on!(db, conn => diesel::insert_into(mcp_sessions::table).values(&row).execute(conn))?;
    let of_user = mcp_sessions::user_id.eq(&row.user_id);
    let surplus: Option<chrono::NaiveDateTime> = on!(db, conn => mcp_sessions::table
        .filter(of_user)
        .order(mcp_sessions::used_at.desc())
        .offset(kept)
        .select(mcp_sessions::used_at)
        .first(conn)
        .optional())?;
    if let Some(last) = surplus {
        let surplus = mcp_sessions::table.filter(of_user).filter(mcp_sessions::used_at.le(last));
        on!(db, conn => diesel::delete(surplus).execute(conn))?;
    }
    Ok(())
}

/// Keeps what has become of a session in use at `at`; nothing where it has ended.
pub fn update(db: &mut Connection, session: &ClientSession, at: Timestamp) -> Result<()> {
    let id = session.id.to_string();
    let changed = (mcp_sessions::state.eq(&session.state), mcp_sessions::used_at.eq(at.naive()));
    on!(db, conn => diesel::update(mcp_sessions::table.find(&id)).set(changed).execute(conn))?;
    Ok(())
}

/// The session of this id.
pub fn find(db: &mut Connection, id: Uuid) -> Result<Option<ClientSession>> {
    let key = id.to_string();
    let found = on!(db, conn => mcp_sessions::table.find(&key).select(Row::as_select()).first(conn).optional())?;
    found.map(|row| Ok(ClientSession { id, user_id: text::id(&row.user_id)?, state: row.state })).transpose()
}

/// Ends a session.
pub fn delete(db: &mut Connection, id: Uuid) -> Result<()> {
    let id = id.to_string();
    on!(db, conn => diesel::delete(mcp_sessions::table.find(&id)).execute(conn))?;
    Ok(())
}

/// Ends every session of an account.
pub fn delete_of_user(db: &mut Connection, user: UserId) -> Result<()> {
    let user = user.to_string();
    on!(db, conn => diesel::delete(mcp_sessions::table.filter(mcp_sessions::user_id.eq(&user))).execute(conn))?;
    Ok(())
}
