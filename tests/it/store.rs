//! What the database keeps, and what the recorder promises about it, on SQLite and on PostgreSQL.

mod faults;
mod mcp_sessions;
mod recording;
mod tables;
mod write_ahead_log;

use std::{path::Path, sync::Arc};

use ostler::{
    model::{
        AuditEntry, CallId, HealthStatus, Outcome, Role, Server, ServerConfig, ServerId, Timestamp, ToolCall, User,
        UserId,
    },
    policy::audit_chain::ChainKey,
    recorder::{Chain, Recorder},
    store::{DatabaseUrl, Store, servers::StoredServer},
};
use serde_json::value::RawValue;

/// Runs a test once on each database; its argument is the address of a new, empty one.
macro_rules! on_both {
    ($(async fn $name:ident($url:ident: DatabaseUrl) $body:block)+) => {$(
        mod $name {
            use super::*;

            async fn promise($url: DatabaseUrl) $body

            #[tokio::test]
            async fn on_sqlite() {
                let folder = $crate::support::folder::Folder::new();
                promise($crate::store::sqlite(folder.path())).await;
            }

            #[cfg(feature = "postgres")]
            #[tokio::test]
            async fn on_postgres() {
                if let Some(url) = $crate::support::postgres::database() {
                    promise(url.parse().unwrap()).await;
                }
            }
        }
    )+};
}
use on_both;

fn sqlite(folder: &Path) -> DatabaseUrl {
    DatabaseUrl::Sqlite(folder.join("data").join("ostler.db"))
}

pub(crate) fn key() -> ChainKey {
    ChainKey::new(&[7; 32])
}

/// A migrated database and its recorder.
fn open(url: &DatabaseUrl) -> (Store, Recorder) {
    let store = Store::open(url).unwrap();
    store.migrate().unwrap();
    let recorder = Recorder::start(&store, store.occupy("test").unwrap(), Chain::new(key(), Vec::new())).unwrap();
    (store, recorder)
}

fn user(email: &str) -> User {
    let now = Timestamp::now();
    User {
        id: UserId::new(),
        email: email.into(),
        name: "Somebody".into(),
        role: Role::Developer,
        disabled: false,
        password_hash: "$argon2id$…".into(),
        created_at: now,
        updated_at: now,
    }
}

fn server(owner: UserId) -> StoredServer {
    let config = ServerConfig::new("files", "/bin/server").args(["--quiet", "ü \""]);
    let server = Server::registered(owner, config);
    StoredServer { server, sealed_env: "sealed".into(), sealed_headers: None }
}

pub fn call(server: ServerId) -> ToolCall {
    ToolCall {
        id: CallId::new(),
        server_id: server,
        user_id: UserId::new(),
        tool_name: "echo".into(),
        parameters: Some(json(r#"{"z":1,"a":18446744073709551616}"#)),
        parameters_excerpt: None,
        response: Some(json(r#"{"content":[]}"#)),
        response_excerpt: None,
        success: true,
        error_message: None,
        execution_time: 7,
        created_at: Timestamp::now(),
        waited: 3,
        trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736".into()),
    }
}

fn json(text: &str) -> Arc<RawValue> {
    RawValue::from_string(text.into()).unwrap().into()
}

fn entry(action: &str) -> AuditEntry {
    AuditEntry::by_ostler(action, "target", Outcome::Success)
}
