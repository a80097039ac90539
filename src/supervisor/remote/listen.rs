//! The stream of what is no answer.

use std::{rc::Rc, time::Duration};

use futures_util::StreamExt;
use tokio::time::sleep;

use crate::supervisor::remote::{
    delivery::deliver_event,
    endpoint::{self, Endpoint},
    events::EventParser,
};

/// Pause before a stream is opened again, where the server names none.
const REOPEN_PAUSE: Duration = Duration::from_secs(1);

/// The longest such pause, even where the server names a longer one.
const REOPEN_PAUSE_MAX: Duration = Duration::from_secs(60);

/// Keeps the stream of server-initiated messages open, for as long as the server offers one.
pub(super) async fn listen(endpoint: Rc<Endpoint>) {
    let (mut events, mut attempt) = (EventParser::sharing(&endpoint.lines), 0);
    loop {
        match endpoint.get(events.last_id.as_deref()).await {
            Ok(mut answer) if answer.status().is_success() && endpoint::is_stream(&answer) => {
                while let Some(Ok(piece)) = answer.next().await {
                    events.feed(&piece);
                    while let Some(event) = events.next_event() {
                        attempt = 0;
                        deliver_event(&endpoint, None, event).await;
                    }
                }
            }
            Ok(answer) if answer.status().is_server_error() || answer.status().as_u16() == 429 => {}
            // It offers none. A session that is gone shows in the next request.
            Ok(_) => return,
            Err(_) => {}
        }
        events.reopened();
        sleep(pause(events.retry, attempt)).await;
        attempt = attempt.saturating_add(1);
    }
}

/// Pause before the given attempt in a row, counted from 0.
pub(super) fn pause(retry: Option<Duration>, attempt: u32) -> Duration {
    retry.unwrap_or(REOPEN_PAUSE).saturating_mul(2_u32.saturating_pow(attempt)).min(REOPEN_PAUSE_MAX)
}
