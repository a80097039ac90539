//! Table `audit_logs`; lines are added and never changed, each with its link of `audit_chain`.

use diesel::prelude::*;

use crate::{
    error::Result,
    model::{AuditEntry, AuditFilter, AuditId, Page, PageRequest, Timestamp, UserId},
    policy::audit_chain::{ChainKey, Columns},
    store::{Connection, audit_chain, connection::on, page::Slice, schema::audit_logs, text},
};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_logs, treat_none_as_default_value = false)]
pub(super) struct Row {
    pub(super) id: String,
    created_at: chrono::NaiveDateTime,
    actor_id: Option<String>,
    actor: String,
    action: String,
    target: Option<String>,
    outcome: String,
    detail: Option<String>,
    address: Option<String>,
    request_id: Option<String>,
    credential: Option<String>,
}

impl Row {
    /// What its link is made of, in this order for ever.
    pub(super) fn columns(&self) -> Columns {
        [
            Some(self.id.clone()),
            Some(self.created_at.and_utc().timestamp_micros().to_string()),
            self.actor_id.clone(),
            Some(self.actor.clone()),
            Some(self.action.clone()),
            self.target.clone(),
            Some(self.outcome.clone()),
            self.detail.clone(),
            self.address.clone(),
            self.request_id.clone(),
            self.credential.clone(),
        ]
    }
}

fn write(entry: &AuditEntry) -> Row {
    Row {
        id: entry.id.to_string(),
        created_at: entry.created_at.naive(),
        actor_id: entry.actor_id.map(|id| id.to_string()),
        actor: text::clean_key(&entry.actor).into_owned(),
        action: text::clean_key(&entry.action).into_owned(),
        target: entry.target.as_deref().map(|target| text::clean_key(target).into_owned()),
        outcome: text::outcome_word(entry.outcome).to_owned(),
        // Short, so that so many entries are so many bytes.
        detail: entry.detail.as_deref().map(|detail| text::clean_key(detail).into_owned()),
        address: entry.address.clone(),
        request_id: entry.request_id.as_deref().map(|id| text::clean(id).into_owned()),
        credential: entry.credential.clone(),
    }
}

fn read(row: Row) -> Result<AuditEntry> {
    Ok(AuditEntry {
        id: text::id(&row.id)?,
        created_at: row.created_at.into(),
        actor_id: row.actor_id.as_deref().map(text::id).transpose()?,
        actor: row.actor,
        action: row.action,
        target: row.target,
        outcome: text::outcome(&row.outcome)?,
        detail: row.detail,
        address: row.address,
        request_id: row.request_id,
        credential: row.credential,
    })
}

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

/// Whether a line is there.
pub(crate) fn contains(db: &mut Connection, id: AuditId) -> Result<bool> {
    let line = audit_logs::table.find(id.to_string());
    Ok(on!(db, conn => diesel::select(diesel::dsl::exists(line)).get_result(conn))?)
}

/// How many lines there are of an action since some moment, about these targets where there are any given.
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
