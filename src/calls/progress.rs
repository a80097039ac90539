//! [`CallProgress`]: news of a call before its answer.

use futures_util::stream::{self, BoxStream, StreamExt};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::supervisor::messages::RequestEvent;

/// Notifications that wait for a reader who is slow; more are dropped.
const QUEUE: usize = 64;

/// Progress of a call (specification, basic/utilities/progress).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CallProgress {
    /// Progress so far; increases with each notification.
    pub progress: f64,
    /// Total that it is out of, if that is known.
    #[serde(default)]
    pub total: Option<f64>,
    /// A message for people.
    #[serde(default)]
    pub message: Option<String>,
}

impl CallProgress {
    fn of(event: &RequestEvent) -> Option<Self> {
        let RequestEvent::Notification { method, params } = event else { return None };
        let params = params.as_deref().filter(|_| &**method == "notifications/progress")?;
        serde_json::from_str(params.get()).ok()
    }
}

/// A sender for a call, and the progress that it is sent.
pub(super) fn channel() -> (mpsc::Sender<RequestEvent>, BoxStream<'static, CallProgress>) {
    let (sender, events) = mpsc::channel(QUEUE);
    let events = stream::unfold(events, async |mut events: mpsc::Receiver<_>| Some((events.recv().await?, events)));
    (sender, events.filter_map(async |event| CallProgress::of(&event)).boxed())
}
