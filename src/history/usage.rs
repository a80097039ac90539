//! [`UsageHistory`]: resources that a server's processes use.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::Result,
    history::service::History,
    model::{Principal, ServerId, Usage},
    policy::permission,
};

/// Resources that the process tree of a server uses.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct UsageHistory {
    /// As of the last sample; null where nothing runs, or only since a moment ago.
    pub now: Option<Usage>,
    /// One each 10 s while something ran, oldest first, for an hour.
    pub samples: Vec<Usage>,
}

impl History {
    /// Resources that the processes of a server use, now and over the last hour.
    pub fn usage(&self, who: &Principal, id: ServerId) -> Result<UsageHistory> {
        let server = self.registry.reach(who, id, permission::READS, "server.usage")?;
        let trees = &server.link.trees;
        Ok(UsageHistory { now: trees.now(), samples: trees.samples() })
    }
}
