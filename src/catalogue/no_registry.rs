//! No registry is asked: this Ostler connects to no URL.

use super::kept::KeptListing;
use crate::outbound::Reachable;

/// The reason why nothing is read.
pub(super) struct NotFetched {
    pub(super) reason: String,
    pub(super) retry_after: Option<std::time::Duration>,
}

/// Fails.
pub(super) async fn read(
    _: &str,
    _: Option<&str>,
    _: Reachable,
    _: Option<KeptListing>,
) -> Result<Option<KeptListing>, NotFetched> {
    Err(NotFetched { reason: "needs the feature `remote` of the crate".into(), retry_after: None })
}
