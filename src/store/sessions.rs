//! Table `sessions`: logins that have not ended.

use diesel::prelude::*;

use crate::{
    error::Result,
    model::{Session, SessionId, Timestamp, UserId},
    store::{Connection, connection::on, schema::sessions, text},
};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions)]
struct Row {
    id: String,
    user_id: String,
    created_at: chrono::NaiveDateTime,
    expires_at: chrono::NaiveDateTime,
}

/// Adds a login.
pub fn insert(db: &mut Connection, session: &Session) -> Result<()> {
    let row = Row {
        id: session.id.to_string(),
        user_id: session.user_id.to_string(),
        created_at: session.created_at.naive(),
        expires_at: session.expires_at.naive(),
    };
    on!(db, conn => diesel::insert_into(sessions::table).values(&row).execute(conn))?;
    Ok(())
}

/// The login with this id, unless it ended. One that expired is still found until [`delete_expired`] forgets it.
pub fn find(db: &mut Connection, id: SessionId) -> Result<Option<Session>> {
    let id = id.to_string();
    on!(db, conn => sessions::table.find(&id).select(Row::as_select()).first(conn).optional())?.map(read).transpose()
}

fn read(row: Row) -> Result<Session> {
    Ok(Session {
        id: text::id(&row.id)?,
        user_id: text::id(&row.user_id)?,
        created_at: row.created_at.into(),
        expires_at: row.expires_at.into(),
    })
}

/// The logins of an account, those that expired not long ago among them.
pub fn ids_of_user(db: &mut Connection, user: UserId) -> Result<Vec<SessionId>> {
    let user = user.to_string();
    let ids: Vec<String> =
        on!(db, conn => sessions::table.filter(sessions::user_id.eq(&user)).select(sessions::id).load(conn))?;
    ids.iter().map(|id| text::id(id)).collect()
}

/// Ends one login; false where there is none.
pub fn delete(db: &mut Connection, id: SessionId) -> Result<bool> {
    let id = id.to_string();
    Ok(on!(db, conn => diesel::delete(sessions::table.find(&id)).execute(conn))? > 0)
}

/// Ends every login of an account.
pub fn delete_of_user(db: &mut Connection, user: UserId) -> Result<()> {
    let user = user.to_string();
    on!(db, conn => diesel::delete(sessions::table.filter(sessions::user_id.eq(&user))).execute(conn))?;
    Ok(())
}

/// Forgets logins that expired before `now`.
pub fn delete_expired(db: &mut Connection, now: Timestamp) -> Result<()> {
    let now = now.naive();
    on!(db, conn => diesel::delete(sessions::table.filter(sessions::expires_at.lt(now))).execute(conn))?;
    Ok(())
}
