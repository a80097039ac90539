//! Table `server_catalogues`: the last listing of each server, sealed by its room and opaque here.

use diesel::prelude::*;

use crate::{
    error::Result,
    model::{ServerId, Timestamp},
    store::{Connection, connection::on, schema::server_catalogues, servers, text},
};

/// Keeps a listing in place of the one before; nothing where the server is deleted.
pub fn put(db: &mut Connection, id: ServerId, sealed: &str, at: Timestamp) -> Result<()> {
    db.transaction(|db| {
        let id = id.to_string();
        if !servers::is_live(db, &id)? {
            return Ok(());
        }
        let row = (
            server_catalogues::server_id.eq(&id),
            server_catalogues::catalogue.eq(sealed),
            server_catalogues::updated_at.eq(at.naive()),
        );
        let changed = (server_catalogues::catalogue.eq(sealed), server_catalogues::updated_at.eq(at.naive()));
        on!(db, conn => diesel::insert_into(server_catalogues::table)
            .values(row)
            .on_conflict(server_catalogues::server_id)
            .do_update()
            .set(changed)
            .execute(conn))?;
        Ok(())
    })
}

/// Every listing.
pub fn all(db: &mut Connection) -> Result<Vec<(ServerId, String)>> {
    let columns = (server_catalogues::server_id, server_catalogues::catalogue);
    let rows: Vec<(String, String)> = on!(db, conn => server_catalogues::table.select(columns).load(conn))?;
    rows.into_iter().map(|(id, sealed)| Ok((text::id(&id)?, sealed))).collect()
}
