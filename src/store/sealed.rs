//! Tables of one sealed text for each server, opaque here.

/// The queries of such a table: `put` and `all`.
macro_rules! sealed_texts {
    ($table:ident, $column:ident) => {
        use diesel::prelude::*;

        use crate::{
            error::Result,
            model::{ServerId, Timestamp},
            store::{Connection, connection::on, schema::$table, servers, text},
        };

        /// Keeps a text in place of the one before; nothing where the server is deleted.
        pub fn put(db: &mut Connection, id: ServerId, sealed: &str, at: Timestamp) -> Result<()> {
            db.transaction(|db| {
                let id = id.to_string();
                if !servers::is_live(db, &id)? {
                    return Ok(());
                }
                let changed = ($table::$column.eq(sealed), $table::updated_at.eq(at.naive()));
                on!(db, conn => diesel::insert_into($table::table)
                    .values(($table::server_id.eq(&id), changed))
                    .on_conflict($table::server_id)
                    .do_update()
                    .set(changed)
                    .execute(conn))?;
                Ok(())
            })
        }

        /// The text of every server that has one.
        pub fn all(db: &mut Connection) -> Result<Vec<(ServerId, String)>> {
            let columns = ($table::server_id, $table::$column);
            let rows: Vec<(String, String)> = on!(db, conn => $table::table.select(columns).load(conn))?;
            rows.into_iter().map(|(id, sealed)| Ok((text::id(&id)?, sealed))).collect()
        }
    };
}

pub(super) use sealed_texts;
