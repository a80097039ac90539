//! Table `mcp_servers`; rows with `deleted_at` are invisible here.

mod tally;

use std::{collections::BTreeMap, time::Duration};

use diesel::{dsl::exists, prelude::*, select};
use serde::{Deserialize, Serialize};

use crate::{
    error::Result,
    model::{
        HealthStatus, Isolation, LauncherUse, Limits, Protocol, Remote, RemoteOAuth, Sandbox, Server, ServerConfig,
        ServerId, Timestamp, ToolPinning, ToolRules, UserId,
    },
    store::{
        Connection,
        call_bytes::{self, HeldSums},
        connection::on,
        schema::{
            mcp_servers, server_catalogues, server_consents, server_packages, server_pins, server_shares,
            server_templates,
        },
        text,
    },
};

pub use tally::Tally;

/// A server as stored: its secrets are sealed texts of JSON objects, opaque here.
#[derive(Clone, Debug)]
pub struct StoredServer {
    /// The server; its `config.env` and the headers of `config.remote` are empty here, and no client secret is there.
    pub server: Server,
    /// The environment as sealed by the runtime.
    pub sealed_env: String,
    /// The headers as sealed by the runtime; `None` where it is not remote.
    pub sealed_headers: Option<String>,
}

/// The column `settings`.
#[derive(Serialize, Deserialize)]
#[serde(default)]
struct Settings {
    cwd: Option<String>,
    url: Option<String>,
    oauth: RemoteOAuth,
    isolation: Isolation,
    tools: StoredRules,
    tool_changes: ToolPinning,
    protocol: Protocol,
    launcher: Option<LauncherUse>,
    start_timeout_ms: Option<u64>,
    sandbox: Sandbox,
    limits: Limits,
    grants_paths: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self::of(&ServerConfig::new("", ""))
    }
}

/// Rules of tools without `changes`, which older programs refuse to read there.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct StoredRules {
    allow: Vec<String>,
    deny: Vec<String>,
    descriptions: BTreeMap<String, String>,
}

impl Settings {
    fn of(config: &ServerConfig) -> Self {
        let (url, oauth) = config.remote.clone().map(|Remote { url, oauth, .. }| (url, oauth)).unzip();
        let ServerConfig { isolation, ref tools, protocol, launcher, ref sandbox, limits, grants_paths, .. } = *config;
        let ToolRules { allow, deny, descriptions, changes: tool_changes } = tools.clone();
        let tools = StoredRules { allow, deny, descriptions };
        Self {
            cwd: config.cwd.clone(),
            url,
            oauth: oauth.unwrap_or_default(),
            isolation,
            tools,
            tool_changes,
            protocol,
            launcher,
            start_timeout_ms: config.start_timeout_ms(),
            sandbox: sandbox.clone(),
            limits,
            grants_paths,
        }
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = mcp_servers, treat_none_as_default_value = false)]
struct Row {
    id: String,
    user_id: String,
    name: String,
    description: Option<String>,
    command: String,
    args: String,
    env: String,
    enabled: bool,
    health_status: String,
    total_calls: i64,
    total_errors: i64,
    total_execution_time: i64,
    last_used_at: Option<chrono::NaiveDateTime>,
    last_health_check: Option<chrono::NaiveDateTime>,
    created_at: chrono::NaiveDateTime,
    updated_at: chrono::NaiveDateTime,
    settings: String,
    headers: Option<String>,
}

fn write(StoredServer { server, sealed_env, sealed_headers }: &StoredServer) -> Result<Row> {
    Ok(Row {
        id: server.id.to_string(),
        user_id: server.user_id.to_string(),
        name: server.config.name.clone(),
        description: server.config.description.clone(),
        command: server.config.command.clone(),
        args: text::to_json(&server.config.args)?,
        env: sealed_env.clone(),
        enabled: server.config.enabled,
        health_status: server.health_status.as_str().into(),
        total_calls: server.total_calls,
        total_errors: server.total_errors,
        total_execution_time: server.total_execution_time,
        last_used_at: server.last_used_at.map(Timestamp::naive),
        last_health_check: server.last_health_check.map(Timestamp::naive),
        created_at: server.created_at.naive(),
        updated_at: server.updated_at.naive(),
        settings: text::to_json(&Settings::of(&server.config))?,
        headers: sealed_headers.clone(),
    })
}

fn read(row: Row) -> Result<StoredServer> {
    let settings: Settings = text::from_json(&row.settings)?;
    let Settings {
        cwd,
        url,
        oauth,
        isolation,
        tools,
        tool_changes,
        protocol,
        launcher,
        start_timeout_ms,
        sandbox,
        limits,
        grants_paths,
    } = settings;
    let StoredRules { allow, deny, descriptions } = tools;
    let tools = ToolRules { allow, deny, descriptions, changes: tool_changes };
    let config = ServerConfig {
        cwd,
        remote: url.map(|url| Remote { oauth, ..Remote::new(url) }),
        isolation,
        tools,
        protocol,
        launcher,
        start_timeout: start_timeout_ms.map(Duration::from_millis),
        sandbox,
        limits,
        grants_paths,
        description: row.description,
        args: text::from_json(&row.args)?,
        enabled: row.enabled,
        ..ServerConfig::new(row.name, row.command)
    };
    let server = Server {
        id: text::id(&row.id)?,
        user_id: text::id(&row.user_id)?,
        config,
        health_status: HealthStatus::from_word(&row.health_status),
        total_calls: row.total_calls,
        total_errors: row.total_errors,
        total_execution_time: row.total_execution_time,
        last_used_at: row.last_used_at.map(Into::into),
        last_health_check: row.last_health_check.map(Into::into),
        created_at: row.created_at.into(),
        updated_at: row.updated_at.into(),
    };
    Ok(StoredServer { server, sealed_env: row.env, sealed_headers: row.headers })
}

/// Adds a server.
pub fn insert(db: &mut Connection, server: &StoredServer) -> Result<()> {
    let row = write(server)?;
    on!(db, conn => diesel::insert_into(mcp_servers::table).values(&row).execute(conn))?;
    Ok(())
}

/// Writes a changed configuration; false where there is no such server.
pub fn update_config(db: &mut Connection, changed: &StoredServer) -> Result<bool> {
    let StoredServer { server: Server { id, config, updated_at, .. }, sealed_env, sealed_headers } = changed;
    let id = id.to_string();
    let change = (
        mcp_servers::name.eq(&config.name),
        mcp_servers::description.eq(&config.description),
        mcp_servers::command.eq(&config.command),
        mcp_servers::args.eq(text::to_json(&config.args)?),
        mcp_servers::env.eq(sealed_env),
        mcp_servers::enabled.eq(config.enabled),
        mcp_servers::updated_at.eq(updated_at.naive()),
        mcp_servers::settings.eq(text::to_json(&Settings::of(config))?),
        mcp_servers::headers.eq(sealed_headers),
    );
    let live = mcp_servers::table.find(&id).filter(mcp_servers::deleted_at.is_null());
    Ok(on!(db, conn => diesel::update(live).set(change).execute(conn))? > 0)
}

/// True where the server of this id, as it is stored, is not deleted.
pub(super) fn is_live(db: &mut Connection, id: &str) -> Result<bool> {
    let live = mcp_servers::table.find(id).filter(mcp_servers::deleted_at.is_null());
    Ok(on!(db, conn => select(exists(live)).get_result(conn))?)
}

/// Marks a server deleted and drops its shares, its listing, its pins, its package, its answers to a template and its
/// tokens; false where there is none.
pub fn soft_delete(db: &mut Connection, id: ServerId, at: Timestamp) -> Result<bool> {
    db.transaction(|db| {
        let id = id.to_string();
        let live = mcp_servers::table.find(&id).filter(mcp_servers::deleted_at.is_null());
        let deleted = mcp_servers::deleted_at.eq(at.naive());
        let marked = on!(db, conn => diesel::update(live).set(deleted).execute(conn))?;
        let shares = server_shares::table.filter(server_shares::server_id.eq(&id));
        on!(db, conn => diesel::delete(shares).execute(conn))?;
        let listing = server_catalogues::table.find(&id);
        on!(db, conn => diesel::delete(listing).execute(conn))?;
        let pins = server_pins::table.find(&id);
        on!(db, conn => diesel::delete(pins).execute(conn))?;
        let package = server_packages::table.find(&id);
        on!(db, conn => diesel::delete(package).execute(conn))?;
        let template = server_templates::table.find(&id);
        on!(db, conn => diesel::delete(template).execute(conn))?;
        let consent = server_consents::table.find(&id);
        on!(db, conn => diesel::delete(consent).execute(conn))?;
        Ok(marked > 0)
    })
}

/// Marks every server of an account deleted, drops their shares and listings, and returns their ids, oldest first.
pub fn soft_delete_of_user(db: &mut Connection, user: UserId, at: Timestamp) -> Result<Vec<ServerId>> {
    db.transaction(|db| {
        let user = user.to_string();
        let live = mcp_servers::user_id.eq(&user).and(mcp_servers::deleted_at.is_null());
        let rows: Vec<String> = on!(db, conn => mcp_servers::table
            .filter(live)
            .order(mcp_servers::id.asc())
            .select(mcp_servers::id)
            .load(conn))?;
        let ids = rows.iter().map(|id| text::id(id)).collect::<Result<Vec<_>>>()?;
        for id in &ids {
            soft_delete(db, *id, at)?;
        }
        Ok(ids)
    })
}

/// Drops the secrets of deleted servers, which nothing reads any more.
pub(crate) fn drop_secrets_of_deleted(db: &mut Connection) -> Result<()> {
    let deleted = mcp_servers::table.filter(mcp_servers::deleted_at.is_not_null());
    let change = (mcp_servers::env.eq(""), mcp_servers::headers.eq(None::<String>));
    on!(db, conn => diesel::update(deleted).set(change).execute(conn))?;
    Ok(())
}

/// Every server, oldest first.
pub fn all(db: &mut Connection) -> Result<Vec<StoredServer>> {
    let rows = on!(db, conn => mcp_servers::table
        .filter(mcp_servers::deleted_at.is_null())
        .order(mcp_servers::id.asc())
        .select(Row::as_select())
        .load(conn))?;
    rows.into_iter().map(read).collect()
}

/// Writes what health is now, and when it was looked at.
pub fn set_health(db: &mut Connection, id: ServerId, status: HealthStatus, at: Timestamp) -> Result<()> {
    let id = id.to_string();
    let change = (mcp_servers::health_status.eq(status.as_str()), mcp_servers::last_health_check.eq(at.naive()));
    let live = mcp_servers::table.find(&id).filter(mcp_servers::deleted_at.is_null());
    on!(db, conn => diesel::update(live).set(change).execute(conn))?;
    Ok(())
}

/// Adds counted calls, and their bytes to those that rows hold, which are read where they are not `known`; returns what
/// the rows hold then. Deleted servers count on: a call may end after the deletion.
pub fn add_tallies(db: &mut Connection, tallies: &[Tally], known: &HeldSums) -> Result<HeldSums> {
    let mut held = HeldSums::new();
    for tally in tallies {
        let sums = call_bytes::hold(db, tally.server_id, &tally.bytes, known.get(&tally.server_id))?;
        let add = tally::Add::of(tally, sums.as_ref().map_or(Ok(None), call_bytes::write)?);
        on!(db, conn => add.execute(conn))?;
        held.extend(sums.map(|sums| (tally.server_id, sums)));
    }
    Ok(held)
}
