//! Lists, and servers in them, as the API shows them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    model::{Page, RuntimeStatus},
    servers::{ServerDetails, server_view::ServerView},
};

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct List<T> {
    /// The items, in the list's order.
    items: Vec<T>,
    /// Send it as `cursor` for the next page; `null` on the last one.
    next_cursor: Option<String>,
}

impl<T> From<Page<T>> for List<T> {
    fn from(page: Page<T>) -> Self {
        Self { items: page.items, next_cursor: page.next_cursor }
    }
}

impl<T> From<Vec<T>> for List<T> {
    fn from(items: Vec<T>) -> Self {
        Self { items, next_cursor: None }
    }
}

/// A server in a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ServerItem)]
pub(crate) struct ServerItem {
    #[serde(flatten)]
    server: ServerView,
    /// State of its process.
    runtime_status: RuntimeStatus,
}

impl From<ServerDetails> for ServerItem {
    fn from(details: ServerDetails) -> Self {
        Self { server: details.server.into(), runtime_status: details.runtime_status }
    }
}

/// State of a server's process.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RuntimeStatusAnswer)]
pub(crate) struct RuntimeStatusView {
    /// Its state.
    pub runtime_status: RuntimeStatus,
}
