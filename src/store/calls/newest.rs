//! Calls of many servers in one list, and one call by its id alone: no index is kept for either.

use std::collections::BTreeMap;

use diesel::{dsl::sql, prelude::*, sql_types::Bool};

use crate::{
    error::Result,
    model::{CallFilter, CallId, Page, PageRequest, ServerId, ToolCall},
    store::{Connection, connection::on, page::Slice, schema::mcp_tool_calls},
};

use super::{Row, read};

/// Calls of these servers, newest first. Servers called last should come first: then few are looked at in vain.
pub fn newest(
    db: &mut Connection,
    servers: &[ServerId],
    filter: &CallFilter,
    page: &PageRequest,
) -> Result<Page<ToolCall>> {
    let slice = Slice::of::<CallId>(page)?;
    let mut ids = BTreeMap::new();
    for server in servers.iter().map(ToString::to_string) {
        let (known, most) = (ids.len(), usize::try_from(slice.rows()).unwrap_or(usize::MAX));
        // Once the page is full, only what is newer than its last call belongs there.
        let newer = ids.first_key_value().filter(|_| known >= most).map(|(id, _): (&String, &String)| id.clone());
        for id in newest_of(db, &server, filter, &slice, newer.as_deref())? {
            ids.insert(id, server.clone());
        }
        while ids.len() > most {
            ids.pop_first();
        }
    }
    let mut rows = whole(db, ids)?;
    rows.sort_unstable_by(|one, other| other.id.cmp(&one.id));
    slice.page(rows, |row| &row.id, read)
}

fn newest_of(
    db: &mut Connection,
    server: &str,
    filter: &CallFilter,
    slice: &Slice,
    newer: Option<&str>,
) -> Result<Vec<String>> {
    Ok(on!(db, conn => {
        let mut query = mcp_tool_calls::table
            .filter(mcp_tool_calls::server_id.eq(server))
            .order(mcp_tool_calls::id.desc())
            .limit(slice.rows())
            .select(mcp_tool_calls::id)
            .into_boxed();
        if let Some(after) = &slice.after {
            query = query.filter(mcp_tool_calls::id.lt(after));
        }
        if let Some(newer) = newer {
            query = query.filter(mcp_tool_calls::id.gt(newer));
        }
        if let Some(tool) = &filter.tool_name {
            query = query.filter(mcp_tool_calls::tool_name.eq(tool));
        }
        if let Some(user) = filter.user_id {
            query = query.filter(mcp_tool_calls::user_id.eq(user.to_string()));
        }
        match filter.success {
            Some(true) => query = query.filter(mcp_tool_calls::success.eq(true)),
            // In these words, so that the index of failed calls is used.
            Some(false) => query = query.filter(sql::<Bool>("NOT success")),
            None => {}
        }
        if let Some(since) = filter.since {
            let earliest = CallId::earliest(since).to_string();
            query = query.filter(mcp_tool_calls::created_at.ge(since.naive()).and(mcp_tool_calls::id.ge(earliest)));
        }
        if let Some(until) = filter.until {
            query = query.filter(mcp_tool_calls::created_at.lt(until.naive()));
        }
        query.load(conn)
    })?)
}

/// The rows of these ids, each with its server.
fn whole(db: &mut Connection, ids: BTreeMap<String, String>) -> Result<Vec<Row>> {
    let mut by_server = BTreeMap::<String, Vec<String>>::new();
    for (id, server) in ids {
        by_server.entry(server).or_default().push(id);
    }
    let mut rows = Vec::new();
    for (server, ids) in by_server {
        rows.extend(on!(db, conn => mcp_tool_calls::table
            .filter(mcp_tool_calls::server_id.eq(&server).and(mcp_tool_calls::id.eq_any(&ids)))
            .select(Row::as_select())
            .load::<Row>(conn))?);
    }
    Ok(rows)
}

/// The call of this id, if it is one of these servers'.
pub fn find(db: &mut Connection, servers: &[ServerId], id: CallId) -> Result<Option<ToolCall>> {
    let servers: Vec<_> = servers.iter().map(ToString::to_string).collect();
    on!(db, conn => mcp_tool_calls::table
        .filter(mcp_tool_calls::server_id.eq_any(&servers).and(mcp_tool_calls::id.eq(id.to_string())))
        .select(Row::as_select())
        .first::<Row>(conn)
        .optional())?
    .map(read)
    .transpose()
}
