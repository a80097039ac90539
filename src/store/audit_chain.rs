//! Table `audit_chain`: a link for each line of `audit_logs`, written in the same transaction.

use diesel::prelude::*;

use crate::{
    error::Result,
    model::{AuditEntry, AuditLink, Outcome},
    policy::audit_chain::{self, ChainKey, Linked},
    store::{
        Connection,
        audit::{self, Row},
        connection::on,
        schema::{audit_chain as links, audit_logs as lines},
    },
};

/// Lines without a link that are linked at once.
const ADOPTED: i64 = 1000;

/// Lines without a link, oldest first.
macro_rules! unlinked {
    () => {
        lines::table
            .left_join(links::table.on(links::entry_id.eq(lines::id)))
            .filter(links::seq.nullable().is_null())
            .order(lines::id.asc())
    };
}

/// Adds the link of a line, in the transaction that adds the line.
pub(super) fn link(db: &mut Connection, key: &ChainKey, line: &Row) -> Result<()> {
    lock(db)?;
    let AuditLink { seq, hash } = key.next(&head(db)?, &line.columns());
    let row = (links::seq.eq(seq), links::entry_id.eq(&line.id), links::hash.eq(hash));
    on!(db, conn => diesel::insert_into(links::table).values(row).execute(conn))?;
    Ok(())
}

/// Waits until nobody else adds a link, whose head would be ours, too. SQLite has one writer anyway.
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

/// Whether a link is there as it was.
pub(crate) fn contains(db: &mut Connection, link: &AuditLink) -> Result<bool> {
    let found = links::table.find(link.seq).select(links::hash);
    Ok(on!(db, conn => found.first::<String>(conn).optional())?.as_ref() == Some(&link.hash))
}

/// The link before the first line that is there.
fn beginning(db: &mut Connection) -> Result<AuditLink> {
    let first = links::table
        .inner_join(lines::table.on(lines::id.eq(links::entry_id)))
        .order(links::seq.asc())
        .select(links::seq);
    let first = on!(db, conn => first.first::<i64>(conn).optional())?;
    let before = links::table
        .filter(links::seq.lt(first.unwrap_or(i64::MAX)))
        .order(links::seq.desc())
        .select((links::seq, links::hash));
    let before = on!(db, conn => before.first::<(i64, String)>(conn).optional())?;
    Ok(before.map_or_else(audit_chain::origin, |(seq, hash)| AuditLink { seq, hash }))
}

/// Begins the chain with a key where there is none yet: links the lines that have no link, and says in an entry of its
/// own where the log begins. `Ok(false)` where there is one already.
pub(crate) fn begin(db: &mut Connection, key: &ChainKey) -> Result<bool> {
    db.transaction(|db| {
        lock(db)?;
        let keyed = links::table.filter(links::hash.like("%.%"));
        if on!(db, conn => diesel::select(diesel::dsl::exists(keyed)).get_result(conn))? {
            return Ok(false);
        }
        let mut adopted = 0_usize;
        loop {
            let unlinked: Vec<Row> = on!(db, conn => unlinked!().limit(ADOPTED).select(Row::as_select()).load(conn))?;
            if unlinked.is_empty() {
                break;
            }
            adopted += unlinked.len();
            unlinked.iter().try_for_each(|line| link(db, key, line))?;
        }
        let begins = beginning(db)?;
        let entry = AuditEntry::by_ostler(audit_chain::BEGIN, begins, Outcome::Success);
        let entry = entry.with_detail(format!("{adopted} older entries had no link"));
        audit::insert(db, key, &[entry]).map(|()| true)
    })
}

/// The id of the first line that has no link.
pub(crate) fn first_unlinked(db: &mut Connection) -> Result<Option<String>> {
    Ok(on!(db, conn => unlinked!().select(lines::id).first(conn).optional())?)
}

/// The place of the oldest link.
pub(crate) fn oldest(db: &mut Connection) -> Result<Option<i64>> {
    Ok(on!(db, conn => links::table.select(diesel::dsl::min(links::seq)).first(conn))?)
}
