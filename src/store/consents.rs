//! Table `server_consents`: the tokens of remote servers, sealed by the runtime and opaque here.

use diesel::prelude::*;

use crate::{
    error::Result,
    model::{ServerId, Timestamp},
    store::{Connection, connection::on, schema::server_consents, servers, text},
};

/// Keeps what was consented to in place of what was before; nothing where the server is deleted.
pub fn put(db: &mut Connection, id: ServerId, sealed: &str, at: Timestamp) -> Result<()> {
    db.transaction(|db| {
        let id = id.to_string();
        if !servers::is_live(db, &id)? {
            return Ok(());
        }
        let row = (
            server_consents::server_id.eq(&id),
            server_consents::consent.eq(sealed),
            server_consents::updated_at.eq(at.naive()),
        );
        let changed = (server_consents::consent.eq(sealed), server_consents::updated_at.eq(at.naive()));
        on!(db, conn => diesel::insert_into(server_consents::table)
            .values(row)
            .on_conflict(server_consents::server_id)
            .do_update()
            .set(changed)
            .execute(conn))?;
        Ok(())
    })
}

/// Every consent.
pub fn all(db: &mut Connection) -> Result<Vec<(ServerId, String)>> {
    let columns = (server_consents::server_id, server_consents::consent);
    let rows: Vec<(String, String)> = on!(db, conn => server_consents::table.select(columns).load(conn))?;
    rows.into_iter().map(|(id, sealed)| Ok((text::id(&id)?, sealed))).collect()
}
