//! A line of the audit log as it is stored.

use std::borrow::Cow;

use diesel::prelude::*;

use crate::{
    error::Result,
    model::{AuditEntry, ProcessAction},
    policy::{audit_chain::ChainColumns, command_line},
    store::{schema::audit_logs, text},
};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_logs, treat_none_as_default_value = false)]
pub(in crate::store) struct Row {
    pub(in crate::store) id: String,
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
    /// The columns that its link is made of, in this order for ever: another one breaks every chain there is.
    pub(in crate::store) fn columns(&self) -> ChainColumns {
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

pub(super) fn write(entry: &AuditEntry) -> Row {
    Row {
        id: entry.id.to_string(),
        created_at: entry.created_at.naive(),
        actor_id: entry.actor_id.map(|id| id.to_string()),
        actor: text::clean_key(&entry.actor).into_owned(),
        action: text::clean_key(&entry.action).into_owned(),
        target: entry.target.as_deref().map(|target| text::clean_key(target).into_owned()),
        outcome: text::outcome_word(entry.outcome).to_owned(),
        detail: entry.detail.as_deref().map(|detail| clean_detail(&entry.action, detail).into_owned()),
        address: entry.address.clone(),
        request_id: entry.request_id.as_deref().map(|id| text::clean(id).into_owned()),
        credential: entry.credential.clone(),
    }
}

/// Short, so that so many entries are so many bytes; but the end of a command line says as much as its beginning.
fn clean_detail<'a>(action: &str, detail: &'a str) -> Cow<'a, str> {
    if ProcessAction::parse(action).is_some_and(ProcessAction::is_spawn) {
        return text::clean_to(detail, command_line::CHARS_MAX);
    }
    text::clean_key(detail)
}

pub(super) fn read(row: Row) -> Result<AuditEntry> {
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
