//! Processes that one user or one session has for itself.

use std::sync::Arc;

use crate::{
    error::Result,
    model::Principal,
    runtime::{Client, Runtime, registry::Registered},
    supervisor::Link,
};

/// A process that is its user's or its session's alone, in use.
pub(super) struct Lane {
    link: Link,
}

impl Lane {
    /// Where the process is.
    pub fn link(&self) -> &Link {
        &self.link
    }
}

impl Runtime {
    /// The process of a server that is the caller's alone; `None` where all callers share one.
    pub(super) async fn lane(
        &self,
        _who: &Principal,
        _server: &Arc<Registered>,
        _client: Option<&Client>,
    ) -> Result<Option<Lane>> {
        Ok(None)
    }
}
