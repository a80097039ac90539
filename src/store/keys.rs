//! Table `api_keys`.

use diesel::prelude::*;

use crate::{
    error::Result,
    model::{ApiKey, KeyId, Page, PageRequest, Timestamp, UserId},
    store::{Connection, connection::on, page::Slice, schema::api_keys, text},
};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = api_keys, treat_none_as_default_value = false)]
struct Row {
    id: String,
    user_id: String,
    name: String,
    prefix: String,
    hash: String,
    permissions: Option<String>,
    created_at: chrono::NaiveDateTime,
    expires_at: Option<chrono::NaiveDateTime>,
    last_used_at: Option<chrono::NaiveDateTime>,
    parent_id: Option<String>,
}

fn read(row: Row) -> Result<ApiKey> {
    Ok(ApiKey {
        id: text::id(&row.id)?,
        user_id: text::id(&row.user_id)?,
        name: row.name,
        prefix: row.prefix,
        hash: row.hash,
        permissions: row.permissions.as_deref().map(text::from_json).transpose()?,
        created_at: row.created_at.into(),
        expires_at: row.expires_at.map(Into::into),
        last_used_at: row.last_used_at.map(Into::into),
        parent_id: row.parent_id.as_deref().map(text::id).transpose()?,
    })
}

/// Adds a key.
pub fn insert(db: &mut Connection, key: &ApiKey) -> Result<()> {
    let row = Row {
        id: key.id.to_string(),
        user_id: key.user_id.to_string(),
        name: key.name.clone(),
        prefix: key.prefix.clone(),
        hash: key.hash.clone(),
        permissions: key.permissions.as_ref().map(text::to_json).transpose()?,
        created_at: key.created_at.naive(),
        expires_at: key.expires_at.map(Timestamp::naive),
        last_used_at: key.last_used_at.map(Timestamp::naive),
        parent_id: key.parent_id.map(|id| id.to_string()),
    };
    on!(db, conn => diesel::insert_into(api_keys::table).values(&row).execute(conn))?;
    Ok(())
}

/// The key with this SHA-256 hash, in hex.
pub fn find_by_hash(db: &mut Connection, hash: &str) -> Result<Option<ApiKey>> {
    on!(db, conn => api_keys::table
        .filter(api_keys::hash.eq(hash))
        .select(Row::as_select())
        .first(conn)
        .optional())?
    .map(read)
    .transpose()
}

/// One key.
pub fn find(db: &mut Connection, id: KeyId) -> Result<Option<ApiKey>> {
    on!(db, conn => api_keys::table
        .find(id.to_string())
        .select(Row::as_select())
        .first(conn)
        .optional())?
    .map(read)
    .transpose()
}

/// The keys of an account, oldest first.
pub fn list_of_user(db: &mut Connection, user: UserId, page: &PageRequest) -> Result<Page<ApiKey>> {
    let slice = Slice::of::<KeyId>(page)?;
    let user = user.to_string();
    let after = slice.after.as_deref().unwrap_or_default();
    let rows = on!(db, conn => api_keys::table
        .filter(api_keys::user_id.eq(&user).and(api_keys::id.gt(after)))
        .order(api_keys::id.asc())
        .limit(slice.rows())
        .select(Row::as_select())
        .load(conn))?;
    slice.page(rows, |row| &row.id, read)
}

/// The ids of all keys of an account.
pub fn ids_of_user(db: &mut Connection, user: UserId) -> Result<Vec<KeyId>> {
    let user = user.to_string();
    let ids: Vec<String> =
        on!(db, conn => api_keys::table.filter(api_keys::user_id.eq(&user)).select(api_keys::id).load(conn))?;
    ids.iter().map(|id| text::id(id)).collect()
}

/// Changes what a key is called, and its secret.
pub fn update(db: &mut Connection, key: &ApiKey) -> Result<()> {
    let id = key.id.to_string();
    let named = (api_keys::name.eq(&key.name), api_keys::prefix.eq(&key.prefix), api_keys::hash.eq(&key.hash));
    on!(db, conn => diesel::update(api_keys::table.find(&id)).set(named).execute(conn))?;
    Ok(())
}

/// Removes the keys that were made with a key, and those made with them.
pub fn delete_made_with(db: &mut Connection, id: KeyId) -> Result<()> {
    let id = id.to_string();
    on!(db, conn => diesel::delete(api_keys::table.filter(api_keys::parent_id.eq(&id))).execute(conn))?;
    Ok(())
}

/// Removes every key of an account.
pub fn delete_of_user(db: &mut Connection, user: UserId) -> Result<()> {
    let user = user.to_string();
    on!(db, conn => diesel::delete(api_keys::table.filter(api_keys::user_id.eq(&user))).execute(conn))?;
    Ok(())
}

/// Removes a key of this account, and those made with it; false where the account has none such.
pub fn delete(db: &mut Connection, user: UserId, id: KeyId) -> Result<bool> {
    let (user, id) = (user.to_string(), id.to_string());
    let mine = api_keys::table.filter(api_keys::id.eq(&id).and(api_keys::user_id.eq(&user)));
    Ok(on!(db, conn => diesel::delete(mine).execute(conn))? > 0)
}

/// Notes when a key was used.
pub fn touch(db: &mut Connection, id: KeyId, at: Timestamp) -> Result<()> {
    let id = id.to_string();
    let used = api_keys::last_used_at.eq(at.naive());
    on!(db, conn => diesel::update(api_keys::table.find(&id)).set(used).execute(conn))?;
    Ok(())
}
