//! Table `audit_chain`: a link for each line of `audit_logs`, written in the same transaction.

use diesel::prelude::*;

use crate::{
    error::Result,
    model::AuditLink,
    policy::audit_chain::{self, ChainKey, Linked},
    store::{
        Connection,
        audit::row::Row,
        connection::on,
        schema::{audit_chain as links, audit_logs as lines},
    },
};

/// Adds the link of a line, in the transaction that adds the line.
pub(super) fn link(db: &mut Connection, key: &ChainKey, line: &Row) -> Result<()> {
    lock(db)?;
    let AuditLink { seq, hash } = key.next(&head(db)?, &line.columns());
    let row = (links::seq.eq(seq), links::entry_id.eq(&line.id), links::hash.eq(hash));
    on!(db, conn => diesel::insert_into(links::table).values(row).execute(conn))?;
    Ok(())
}

/// Waits until no other program adds a link, which would follow the same head. SQLite has one writer anyway.
pub(super) fn lock(db: &mut Connection) -> Result<()> {
    match db {
        Connection::Sqlite(_) => {}
        #[cfg(feature = "postgres")]
        Connection::Postgres(conn) => {
            // The number is "audit" in ASCII; the lock ends with the transaction.
            diesel::sql_query("SELECT pg_advisory_xact_lock(418581342580)").execute(conn)?;
        }
    }
    Ok(())
}

/// The newest link.
pub fn head(db: &mut Connection) -> Result<AuditLink> {
    let newest = links::table.order(links::seq.desc()).select((links::seq, links::hash));
    let newest = on!(db, conn => newest.first::<(i64, String)>(conn).optional())?;
    Ok(newest.map_or_else(audit_chain::origin, |(seq, hash)| AuditLink { seq, hash }))
}

/// So many links after some place, oldest first, each with its line.
pub fn page(db: &mut Connection, after: i64, most: i64) -> Result<Vec<Linked>> {
    let rows = on!(db, conn => links::table
        .left_join(lines::table.on(lines::id.eq(links::entry_id)))
        .filter(links::seq.gt(after))
        .order(links::seq.asc())
        .limit(most)
        .select((links::seq, links::hash, links::entry_id, Option::<Row>::as_select()))
        .load::<(i64, String, String, Option<Row>)>(conn))?;
    let linked = |(seq, hash, entry, line): (i64, String, String, Option<Row>)| Linked {
        link: AuditLink { seq, hash },
        entry,
        columns: line.map(|line| line.columns()),
    };
    Ok(rows.into_iter().map(linked).collect())
}

/// True where a link is there as it was.
pub(crate) fn contains(db: &mut Connection, link: &AuditLink) -> Result<bool> {
    let found = links::table.find(link.seq).select(links::hash);
    Ok(on!(db, conn => found.first::<String>(conn).optional())?.as_ref() == Some(&link.hash))
}

/// The place of the oldest link.
pub(crate) fn oldest(db: &mut Connection) -> Result<Option<i64>> {
    Ok(on!(db, conn => links::table.select(diesel::dsl::min(links::seq)).first(conn))?)
}
