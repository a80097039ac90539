//! Calls of many servers in one list, and one call by its id alone: no index is kept for either.
//!
//! Each server's newest calls are found by the primary key, the server called last first; of the others only what is
//! newer than the page's last. A search looks at a thousand calls first, then at ten times more, up to its limit; past
//! it the page ends, with a cursor.

use std::collections::BTreeMap;

use diesel::{dsl::sql, prelude::*, sql_types::Bool};

use crate::{
    error::Result,
    model::{CallFilter, CallId, Page, PageRequest, ServerId, ToolCall},
    store::{Connection, connection::on, page::Slice, schema::mcp_tool_calls},
};

use super::{
    payload,
    row::{Row, read},
};

/// Calls looked at for one page where a filter may pass over most of them; each server's share of it, …
const CALLS_SEARCHED_MAX: i64 = 50_000;

/// … which is this at least, and looked at first.
const FIRST_STRETCH_CALLS: i64 = 1000;

/// Bytes of payloads that are passed over for one page: SQLite follows their pages to what comes after them.
const PAGE_PAYLOAD_BYTES_MAX: i64 = 32 << 20;

/// Calls of these servers, newest first. Servers called last should come first: then few are looked at in vain. Where a
/// filter passes over very many, or they are very long, the page ends early, and the next one goes on from there.
pub fn list(
    db: &mut Connection,
    servers: &[ServerId],
    filter: &CallFilter,
    page: &PageRequest,
) -> Result<Page<ToolCall>> {
    let slice = Slice::of::<CallId>(page)?;
    let most = usize::try_from(slice.rows()).unwrap_or(usize::MAX);
    let share = CALLS_SEARCHED_MAX.checked_div(i64::try_from(servers.len()).unwrap_or(i64::MAX)).unwrap_or_default();
    let before =
        slice.after.clone().into_iter().chain(filter.until.map(|until| CallId::latest(until).to_string())).min();
    let earliest = filter.since.map(|since| CallId::earliest(since).to_string());
    let (mut ids, mut horizon) = (BTreeMap::new(), None);
    for server in servers.iter().map(ToString::to_string) {
        // Once the page is full, only what is newer than its last call belongs there.
        let last = ids.first_key_value().filter(|_| ids.len() >= most).map(|(id, _): (&String, _)| id.clone());
        let stretch =
            Stretch { server: &server, before: before.clone(), from: last.max(horizon.clone()).max(earliest.clone()) };
        let (found, end) = search(db, stretch, filter, slice.rows(), share.max(FIRST_STRETCH_CALLS))?;
        ids.extend(found.into_iter().map(|id| (id, server.clone())));
        horizon = horizon.max(end);
        while ids.len() > most {
            ids.pop_first();
        }
    }
    if let Some(horizon) = &horizon {
        ids = ids.split_off(horizon);
    }
    if let Some(last) = last_within(db, &ids)? {
        ids = ids.split_off(&last);
        horizon = Some(last);
    }
    let mut rows = rows_of(db, &ids)?;
    rows.sort_unstable_by(|one, other| other.id.cmp(&one.id));
    let page = slice.page(rows, |row| &row.id, read)?;
    Ok(Page { next_cursor: page.next_cursor.or(horizon), ..page })
}

/// Calls of one server: those before an id, from another one on.
struct Stretch<'a> {
    server: &'a str,
    before: Option<String>,
    from: Option<String>,
}

/// The query of their ids, newest first; a macro, since its type is another one for each database.
macro_rules! within {
    ($stretch:expr) => {{
        let Stretch { server, before, from } = $stretch;
        let of_server = mcp_tool_calls::table.filter(mcp_tool_calls::server_id.eq(*server));
        let mut query = of_server.order(mcp_tool_calls::id.desc()).select(mcp_tool_calls::id).into_boxed();
        if let Some(before) = before {
            query = query.filter(mcp_tool_calls::id.lt(before));
        }
        if let Some(from) = from {
            query = query.filter(mcp_tool_calls::id.ge(from));
        }
        query
    }};
}

/// The newest `most` ids of a stretch that the filter lets pass. Where `share` calls were looked at and there are more,
/// also the last of those, from which on all are found.
fn search(
    db: &mut Connection,
    mut stretch: Stretch<'_>,
    filter: &CallFilter,
    most: i64,
    mut share: i64,
) -> Result<(Vec<String>, Option<String>)> {
    if filter.tool_name.is_none() && filter.user_id.is_none() && filter.success != Some(true) {
        return Ok((newest_of(db, &stretch, filter, most)?, None));
    }
    let (mut found, mut length) = (Vec::new(), FIRST_STRETCH_CALLS);
    while let Some(end) = nth(db, &stretch, length)? {
        let part = Stretch { from: Some(end.clone()), ..stretch };
        found.extend(newest_of(db, &part, filter, most)?);
        share = share.saturating_sub(length);
        if found.len() >= usize::try_from(most).unwrap_or(usize::MAX) {
            return Ok((found, None));
        }
        if share <= 0 {
            return Ok((found, Some(end)));
        }
        length = length.saturating_mul(10).min(share);
        stretch.before = Some(end);
    }
    found.extend(newest_of(db, &stretch, filter, most)?);
    Ok((found, None))
}

/// The id of the call that so many of a stretch are newer than.
fn nth(db: &mut Connection, stretch: &Stretch<'_>, newer: i64) -> Result<Option<String>> {
    Ok(on!(db, conn => within!(stretch).offset(newer).first(conn).optional())?)
}

fn newest_of(db: &mut Connection, stretch: &Stretch<'_>, filter: &CallFilter, most: i64) -> Result<Vec<String>> {
    Ok(on!(db, conn => {
        let mut query = within!(stretch).limit(most);
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
            query = query.filter(mcp_tool_calls::created_at.ge(since.naive()));
        }
        if let Some(until) = filter.until {
            query = query.filter(mcp_tool_calls::created_at.lt(until.naive()));
        }
        query.load(conn)
    })?)
}

/// Of calls with more bytes than are looked at for one page, the last one that fits; the newest always does.
fn last_within(db: &mut Connection, ids: &BTreeMap<String, String>) -> Result<Option<String>> {
    let mut bytes = BTreeMap::<String, i64>::new();
    for (server, ids) in by_server(ids) {
        bytes.extend(on!(db, conn => mcp_tool_calls::table
            .filter(mcp_tool_calls::server_id.eq(server).and(mcp_tool_calls::id.eq_any(ids)))
            .select((mcp_tool_calls::id, payload::octets_of_both()))
            .load::<(String, i64)>(conn))?);
    }
    let (mut sum, mut last) = (0_i64, None);
    for (id, bytes) in bytes.into_iter().rev() {
        sum = sum.saturating_add(bytes);
        if sum > PAGE_PAYLOAD_BYTES_MAX && last.is_some() {
            return Ok(last);
        }
        last = Some(id);
    }
    Ok(None)
}

fn by_server(ids: &BTreeMap<String, String>) -> BTreeMap<&str, Vec<&str>> {
    let mut by_server = BTreeMap::<_, Vec<_>>::new();
    for (id, server) in ids {
        by_server.entry(server.as_str()).or_default().push(id.as_str());
    }
    by_server
}

/// The rows of these ids, each with its server.
fn rows_of(db: &mut Connection, ids: &BTreeMap<String, String>) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (server, ids) in by_server(ids) {
        rows.extend(on!(db, conn => mcp_tool_calls::table
            .filter(mcp_tool_calls::server_id.eq(server).and(mcp_tool_calls::id.eq_any(ids)))
            .select(payload::columns!(LISTED))
            .load::<Row>(conn))?);
    }
    Ok(rows)
}

/// The call of this id, if it is one of these servers'.
pub fn find(db: &mut Connection, servers: &[ServerId], id: CallId) -> Result<Option<ToolCall>> {
    let servers: Vec<_> = servers.iter().map(ToString::to_string).collect();
    on!(db, conn => mcp_tool_calls::table
        .filter(mcp_tool_calls::server_id.eq_any(&servers).and(mcp_tool_calls::id.eq(id.to_string())))
        .select(payload::columns!(ALONE))
        .first::<Row>(conn)
        .optional())?
    .map(read)
    .transpose()
}
