//! Recorded calls and all that is counted of servers: rollups, changes of health, usage, the overview.
//!
//! [`History`] answers questions. Beside requests, `rollups` adds calls up, `retention` removes old ones, and
//! `usage_sampling` samples what processes use. Live state is read only as a snapshot.

mod call_series;
mod calls;
mod concurrent_events;
mod health;
mod overview;
mod recorded_bytes;
mod retention;
mod rollups;
mod service;
mod statistics;
mod usage;
#[cfg(feature = "metrics")]
mod usage_gauges;
mod usage_sampling;

pub use call_series::{CallBucket, CallFigures, CallHistory};
pub use calls::CallDetails;
pub use concurrent_events::{ConcurrentEvent, ConcurrentEventKind};
pub use overview::{CallSummary, Overview, OverviewWindow, ServerCounts};
pub use service::History;
pub use statistics::Statistics;
pub use usage::UsageHistory;
#[cfg(feature = "metrics")]
pub(crate) use usage_gauges::UsageGauges;
