//! Table `audit_logs`; lines are added and never changed, each with its link of `audit_chain`.

pub(super) mod row;

use diesel::prelude::*;

use crate::{
    error::Result,
    model::{AuditEntry, AuditFilter, AuditId, Page, PageRequest, Timestamp, UserId},
    policy::audit_chain::ChainKey,
    store::{Connection, audit_chain, connection::on, page::Slice, schema::audit_logs, text},
};

use row::{Row, read, write};

/// Adds lines and their links, all or none.
pub fn insert(db: &mut Connection, key: &ChainKey, entries: &[AuditEntry]) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    db.transaction(|db| {
        entries.iter().map(write).try_for_each(|row| {
            on!(db, conn => diesel::insert_into(audit_logs::table).values(&row).execute(conn))?;
            audit_chain::link(db, key, &row)
        })
    })
}

/// Adds a line and its link unless it is there already; in a transaction.
pub(crate) fn insert_new(db: &mut Connection, key: &ChainKey, entry: &AuditEntry) -> Result<()> {
    let row = write(entry);
    let insert = diesel::insert_into(audit_logs::table).values(&row).on_conflict_do_nothing();
    if on!(db, conn => insert.execute(conn))? > 0 { audit_chain::link(db, key, &row) } else { Ok(()) }
}

/// True where a line is there.
pub(crate) fn contains(db: &mut Connection, id: AuditId) -> Result<bool> {
    let line = audit_logs::table.find(id.to_string());
    Ok(on!(db, conn => diesel::select(diesel::dsl::exists(line)).get_result(conn))?)
}

/// Number of lines of an action since some moment, about these targets where there are any given.
pub fn count(db: &mut Connection, action: &str, targets: Option<&[String]>, since: Timestamp) -> Result<i64> {
    Ok(on!(db, conn => {
        // Ids sort by time, and the index of actions has them.
        let mut query = audit_logs::table
            .filter(audit_logs::action.eq(action).and(audit_logs::id.ge(AuditId::earliest(since).to_string())))
            .filter(audit_logs::created_at.ge(since.naive()))
            .count()
            .into_boxed();
        if let Some(targets) = targets {
            query = query.filter(audit_logs::target.eq_any(targets));
        }
        query.get_result(conn)
    })?)
}

/// Lines, newest first. An `actor` that is an id is looked for among ids, any other among addresses.
pub fn list(db: &mut Connection, filter: &AuditFilter, page: &PageRequest) -> Result<Page<AuditEntry>> {
    let slice = Slice::of::<AuditId>(page)?;
    let rows = on!(db, conn => {
        let mut query = audit_logs::table
            .order(audit_logs::id.desc())
            .limit(slice.rows())
            .select(Row::as_select())
            .into_boxed();
        if let Some(after) = &slice.after {
            query = query.filter(audit_logs::id.lt(after));
        }
        if let Some(actor) = &filter.actor {
            query = match actor.parse::<UserId>() {
                Ok(id) => query.filter(audit_logs::actor_id.eq(id.to_string())),
                Err(_) => query.filter(audit_logs::actor.eq(text::clean_key(actor))),
            };
        }
        if let Some(action) = &filter.action {
            query = query.filter(audit_logs::action.eq(text::clean_key(action)));
        }
        if let Some(target) = &filter.target {
            query = query.filter(audit_logs::target.eq(text::clean_key(target)));
        }
        if let Some(credential) = &filter.credential {
            query = query.filter(audit_logs::credential.eq(text::clean_key(credential)));
        }
        if let Some(outcome) = filter.outcome {
            query = query.filter(audit_logs::outcome.eq(text::outcome_word(outcome)));
        }
        if let Some(since) = filter.since {
            let earliest = AuditId::earliest(since).to_string();
            query = query.filter(audit_logs::created_at.ge(since.naive()).and(audit_logs::id.ge(earliest)));
        }
        if let Some(until) = filter.until {
            let latest = AuditId::latest(until).to_string();
            query = query.filter(audit_logs::created_at.lt(until.naive()).and(audit_logs::id.lt(latest)));
        }
        query.load(conn)
    })?;
    slice.page(rows, |row| &row.id, read)
}
