//! Table `gateway_services`.

use diesel::prelude::*;

use crate::{
    error::Result,
    model::{ServiceSpec, Timestamp},
    store::{Connection, connection::on, schema::gateway_services, text},
};

/// A service as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredService {
    /// The service as registered.
    pub spec: ServiceSpec,
    /// When its name was first registered.
    pub created_at: Timestamp,
    /// When it was last replaced.
    pub updated_at: Timestamp,
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = gateway_services)]
struct Row {
    name: String,
    spec: String,
    created_at: chrono::NaiveDateTime,
    updated_at: chrono::NaiveDateTime,
}

/// Adds a service, or replaces the one of its name.
pub fn put(db: &mut Connection, service: &StoredService) -> Result<()> {
    let row = Row {
        name: service.spec.name.clone(),
        spec: text::to_json(&service.spec)?,
        created_at: service.created_at.naive(),
        updated_at: service.updated_at.naive(),
    };
    on!(db, conn => diesel::insert_into(gateway_services::table)
        .values(&row)
        .on_conflict(gateway_services::name)
        .do_update()
        .set(&row)
        .execute(conn))?;
    Ok(())
}

/// Removes a service; false where there is none of this name.
pub fn delete(db: &mut Connection, name: &str) -> Result<bool> {
    Ok(on!(db, conn => diesel::delete(gateway_services::table.find(name)).execute(conn))? > 0)
}

/// Every service, by name.
pub fn all(db: &mut Connection) -> Result<Vec<StoredService>> {
    let rows = on!(db, conn => gateway_services::table
        .order(gateway_services::name.asc())
        .select(Row::as_select())
        .load(conn))?;
    rows.into_iter().map(read).collect()
}

fn read(row: Row) -> Result<StoredService> {
    let (created_at, updated_at) = (row.created_at.into(), row.updated_at.into());
    Ok(StoredService { spec: text::from_json(&row.spec)?, created_at, updated_at })
}
