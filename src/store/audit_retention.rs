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
pub(crate) const BATCH: u64 = 500;

/// About as many bytes as a line takes beside its words, with its link and what finds it.
pub(crate) const LINE_BYTES: u64 = 1000;

/// About as many bytes as all lines take.
pub(crate) fn bytes(db: &mut Connection) -> Result<u64> {
    const WORDS: &str = "coalesce(sum(length(actor) + coalesce(length(target), 0) + coalesce(length(detail), 0)), 0)";
    let words: i64 = on!(db, conn => lines::table.select(sql::<BigInt>(WORDS)).first(conn))?;
    let count: i64 = on!(db, conn => lines::table.count().get_result(conn))?;
    let count = u64::try_from(count).unwrap_or_default();
    Ok(count.saturating_mul(LINE_BYTES).saturating_add(u64::try_from(words).unwrap_or_default()))
}

/// True where the oldest line is from before a moment.
pub(crate) fn has_older(db: &mut Connection, before: Timestamp) -> Result<bool> {
    let oldest = lines::table.order(lines::id.asc()).select(lines::created_at);
    let oldest = on!(db, conn => oldest.first::<chrono::NaiveDateTime>(conn).optional())?;
    Ok(oldest.is_some_and(|oldest| oldest < before.naive()))
}

/// Removes so many of the oldest lines at most, those of before a moment where one is given, and says so in an entry
/// with the last link that is gone; the newest line stays. Gives how many were removed.
pub(crate) fn remove_oldest(
    db: &mut Connection,
    key: &ChainKey,
    most: u64,
    before: Option<Timestamp>,
) -> Result<usize> {
    db.transaction(|db| {
        audit_chain::lock(db)?;
        let newest = audit_chain::head(db)?;
        let oldest: Vec<(i64, String, chrono::NaiveDateTime)> = on!(db, conn => links::table
            .inner_join(lines::table.on(lines::id.eq(links::entry_id)))
            .filter(links::seq.lt(newest.seq))
            .order(links::seq.asc())
            .limit(i64::try_from(most).unwrap_or(i64::MAX))
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
