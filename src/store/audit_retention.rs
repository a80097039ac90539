//! Removal of the oldest lines of the audit log, so that the rest still proves what it did.

use diesel::{dsl::sql, prelude::*, sql_types::BigInt};

use crate::{
    error::Result,
    model::{AuditEntry, AuditLink, Outcome, Timestamp},
    policy::audit_chain::{ChainKey, RETENTION},
    store::{
        Connection, audit, audit_chain,
        connection::on,
        schema::{audit_chain as links, audit_logs as lines},
    },
};

/// Lines removed in one transaction.
const BATCH: i64 = 500;

/// About as many bytes as all lines take, with their links and what finds them.
pub(crate) fn bytes(db: &mut Connection) -> Result<u64> {
    const SUM: &str = "coalesce(sum(1000 + length(actor) + coalesce(length(target), 0) + coalesce(length(detail), 0)), 0)";
    let sum: i64 = on!(db, conn => lines::table.select(sql::<BigInt>(SUM)).first(conn))?;
    Ok(u64::try_from(sum).unwrap_or_default())
}

/// Removes some of the oldest lines, those of before a moment where one is given, and says so in an entry with the
/// last link that is gone; the newest line stays. Gives how many were removed.
pub(crate) fn remove_oldest(db: &mut Connection, key: &ChainKey, before: Option<Timestamp>) -> Result<usize> {
    db.transaction(|db| {
        audit_chain::lock(db)?;
        let newest = audit_chain::head(db)?;
        let oldest: Vec<(i64, String, chrono::NaiveDateTime)> = on!(db, conn => links::table
            .inner_join(lines::table.on(lines::id.eq(links::entry_id)))
            .filter(links::seq.lt(newest.seq))
            .order(links::seq.asc())
            .limit(BATCH)
            .select((links::seq, links::hash, lines::created_at))
            .load(conn))?;
        let is_old = |at: chrono::NaiveDateTime| before.is_none_or(|before| at < before.naive());
        let removed: Vec<_> = oldest.into_iter().take_while(|(_, _, at)| is_old(*at)).collect();
        let Some((seq, hash, at)) = removed.last().cloned() else { return Ok(0) };
        let gone = links::table.filter(links::seq.le(seq)).select(links::entry_id);
        on!(db, conn => diesel::delete(lines::table.filter(lines::id.eq_any(gone))).execute(conn))?;
        // One stays, for the next to follow.
        on!(db, conn => diesel::delete(links::table.filter(links::seq.lt(seq))).execute(conn))?;
        let detail = format!("{} entries until {}", removed.len(), Timestamp::from(at));
        let entry = AuditEntry::by_ostler(RETENTION, AuditLink { seq, hash }, Outcome::Success);
        audit::insert(db, key, &[entry.with_detail(detail)])?;
        Ok(removed.len())
    })
}
