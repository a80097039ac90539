//! The beginning of the audit log's chain: lines that have no link are linked.

use diesel::prelude::*;

use crate::{
    error::Result,
    model::{AuditEntry, AuditLink, Outcome},
    policy::audit_chain::{self as policy, ChainKey},
    store::{
        Connection,
        audit::{self, row::Row},
        audit_chain,
        connection::on,
        schema::{audit_chain as links, audit_logs as lines},
    },
};

/// Lines without a link that are linked at once.
const LINES_PER_BATCH: i64 = 1000;

/// Lines without a link, oldest first.
macro_rules! unlinked {
    () => {
        lines::table
            .left_join(links::table.on(links::entry_id.eq(lines::id)))
            .filter(links::seq.nullable().is_null())
            .order(lines::id.asc())
    };
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
    Ok(before.map_or_else(policy::origin, |(seq, hash)| AuditLink { seq, hash }))
}

/// Begins the chain with a key where there is none yet: links the lines that have no link, and says in an entry of its
/// own where the log begins. `Ok(false)` where there is one already.
pub(crate) fn begin(db: &mut Connection, key: &ChainKey) -> Result<bool> {
    db.transaction(|db| {
        audit_chain::lock(db)?;
        let keyed = links::table.filter(links::hash.like("%.%"));
        if on!(db, conn => diesel::select(diesel::dsl::exists(keyed)).get_result(conn))? {
            return Ok(false);
        }
        let mut adopted = 0_usize;
        loop {
            let unlinked: Vec<Row> =
                on!(db, conn => unlinked!().limit(LINES_PER_BATCH).select(Row::as_select()).load(conn))?;
            if unlinked.is_empty() {
                break;
            }
            adopted += unlinked.len();
            unlinked.iter().try_for_each(|line| audit_chain::link(db, key, line))?;
        }
        let begins = beginning(db)?;
        let entry = AuditEntry::by_ostler(policy::BEGIN, begins, Outcome::Success);
        let entry = entry.with_detail(format!("{adopted} older entries had no link"));
        audit::insert(db, key, &[entry]).map(|()| true)
    })
}

/// The id of the first line that has no link.
pub(crate) fn first_unlinked(db: &mut Connection) -> Result<Option<String>> {
    Ok(on!(db, conn => unlinked!().select(lines::id).first(conn).optional())?)
}
