//! Table `users`.

use diesel::prelude::*;

use crate::{
    error::Result,
    model::{Page, PageRequest, Timestamp, User, UserId},
    store::{Connection, connection::on, fault, page::Slice, schema::users, text},
};

#[derive(Queryable, Selectable, Insertable, Identifiable, AsChangeset)]
#[diesel(table_name = users)]
struct Row {
    id: String,
    email: String,
    name: String,
    role: String,
    disabled: bool,
    password_hash: String,
    created_at: chrono::NaiveDateTime,
    updated_at: chrono::NaiveDateTime,
}

impl From<&User> for Row {
    fn from(user: &User) -> Self {
        Self {
            id: user.id.to_string(),
            email: user.email.clone(),
            name: user.name.clone(),
            role: text::role_word(user.role).into(),
            disabled: user.disabled,
            password_hash: user.password_hash.clone(),
            created_at: user.created_at.naive(),
            updated_at: user.updated_at.naive(),
        }
    }
}

fn read(row: Row) -> Result<User> {
    Ok(User {
        id: text::id(&row.id)?,
        email: row.email,
        name: row.name,
        role: text::role(&row.role)?,
        disabled: row.disabled,
        password_hash: row.password_hash,
        created_at: row.created_at.into(),
        updated_at: row.updated_at.into(),
    })
}

const ADDRESS_TAKEN: &str = "an account with this address exists already";

/// Adds an account; [`crate::error::Error::Conflict`] where the address is taken.
pub fn insert(db: &mut Connection, user: &User) -> Result<()> {
    let row = Row::from(user);
    on!(db, conn => diesel::insert_into(users::table).values(&row).execute(conn))
        .map_err(|error| fault::or_conflict(error, ADDRESS_TAKEN))?;
    Ok(())
}

/// Writes the changed account over the stored one; false where there is none.
/// [`crate::error::Error::Conflict`] where the new address is taken.
pub fn update(db: &mut Connection, user: &User) -> Result<bool> {
    let row = Row::from(user);
    let changed = on!(db, conn => diesel::update(users::table.find(&row.id)).set(&row).execute(conn))
        .map_err(|error| fault::or_conflict(error, ADDRESS_TAKEN))?;
    Ok(changed > 0)
}

/// Removes the account for good, with its sessions, keys and shares; its calls and audit lines stay.
/// Servers it still has are marked deleted.
pub fn delete(db: &mut Connection, id: UserId) -> Result<bool> {
    db.transaction(|db| {
        super::servers::soft_delete_of_user(db, id, Timestamp::now())?;
        let id = id.to_string();
        let deleted = on!(db, conn => diesel::delete(users::table.find(&id)).execute(conn))?;
        Ok(deleted > 0)
    })
}

/// The account with this id.
pub fn find(db: &mut Connection, id: UserId) -> Result<Option<User>> {
    let id = id.to_string();
    on!(db, conn => users::table.find(&id).select(Row::as_select()).first(conn).optional())?.map(read).transpose()
}

/// The account with this address (lower case).
pub fn find_by_email(db: &mut Connection, email: &str) -> Result<Option<User>> {
    on!(db, conn => users::table
        .filter(users::email.eq(email))
        .select(Row::as_select())
        .first(conn)
        .optional())?
    .map(read)
    .transpose()
}

/// Accounts, oldest first.
pub fn list(db: &mut Connection, page: &PageRequest) -> Result<Page<User>> {
    let slice = Slice::of::<UserId>(page)?;
    let after = slice.after.as_deref().unwrap_or_default();
    let rows = on!(db, conn => users::table
        .filter(users::id.gt(after))
        .order(users::id.asc())
        .limit(slice.rows())
        .select(Row::as_select())
        .load(conn))?;
    slice.page(rows, |row| &row.id, read)
}

/// Number of accounts.
pub fn count(db: &mut Connection) -> Result<i64> {
    Ok(on!(db, conn => users::table.count().get_result(conn))?)
}

/// Number of enabled admins.
pub fn count_admins(db: &mut Connection) -> Result<i64> {
    let admin = text::role_word(crate::model::Role::Admin);
    Ok(on!(db, conn => users::table
        .filter(users::role.eq(admin).and(users::disabled.eq(false)))
        .count()
        .get_result(conn))?)
}
