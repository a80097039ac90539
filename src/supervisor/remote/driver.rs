//! Takes lines one by one, and runs the requests they become.

use std::{rc::Rc, time::Duration};

use serde_json::value::RawValue;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::timeout,
};

use crate::supervisor::remote::{
    endpoint::Endpoint,
    listen,
    outgoing::{MessageKind, Outgoing},
    post,
    remote_event::RemoteEvent,
    sender::Queued,
};

/// Requests at once.
const REQUESTS_MAX: usize = 1024;

/// Time for the server to end a session.
const DELETE_TIMEOUT: Duration = Duration::from_secs(2);

/// Time for it to accept a notification that others must not overtake.
const INITIALIZED_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends `lines` until there are no more, or the connection closes; then every message in flight is dropped.
pub(super) async fn run(
    endpoint: Rc<Endpoint>,
    mut lines: mpsc::Receiver<Queued>,
    mut closed: oneshot::Receiver<String>,
) {
    let mut driver = Driver { endpoint, tasks: JoinSet::new(), accepted: None, blocked: None };
    loop {
        tokio::select! {
            biased;
            Ok(reason) = &mut closed => {
                driver.tasks.shutdown().await;
                driver.endpoint.emit(RemoteEvent::Closed(reason)).await;
                return;
            }
            Some(_) = driver.tasks.join_next() => {}
            () = accepted(&mut driver.accepted) => driver.resume(),
            line = lines.recv(), if driver.blocked.is_none() && driver.tasks.len() < REQUESTS_MAX => match line {
                Some(queued) if driver.accepted.is_some() => driver.blocked = Some(queued),
                Some(queued) => driver.send(queued),
                None => break,
            }
        }
    }
    driver.tasks.shutdown().await;
    let _ = timeout(DELETE_TIMEOUT, driver.endpoint.delete()).await;
}

/// Ready once what others must not overtake was accepted, or never will be; not at all where there is none.
async fn accepted(waiting: &mut Option<oneshot::Receiver<()>>) {
    match waiting {
        Some(accepted) => drop(accepted.await),
        None => std::future::pending().await,
    }
}

struct Driver {
    endpoint: Rc<Endpoint>,
    tasks: JoinSet<()>,
    /// Completes once a message that no other may overtake was accepted, or failed; `None` where there is none.
    accepted: Option<oneshot::Receiver<()>>,
    /// The line that waits for that.
    blocked: Option<Queued>,
}

impl Driver {
    fn resume(&mut self) {
        self.accepted = None;
        if let Some(queued) = self.blocked.take() {
            self.send(queued);
        }
    }

    fn send(&mut self, queued: Queued) {
        let Some(message) = Outgoing::read(queued.line.clone()) else { return };
        match &message.kind {
            MessageKind::Request(id) => self.request(id.clone(), message, queued),
            MessageKind::Cancelled(id) => {
                let in_flight = id.as_ref().and_then(|id| self.endpoint.in_flight.borrow_mut().remove(id.get()));
                let is_http_sse = self.endpoint.message_url.borrow().is_some();
                let forward = is_http_sse || in_flight.as_ref().is_some_and(|in_flight| !in_flight.modern);
                if let Some(in_flight) = in_flight {
                    in_flight.task.abort();
                }
                if forward {
                    self.notify(message, queued);
                }
            }
            MessageKind::Notification if message.method == "notifications/initialized" => {
                self.initialized(message, queued)
            }
            MessageKind::Notification | MessageKind::Answer => self.notify(message, queued),
        }
    }

    fn request(&mut self, id: Box<RawValue>, message: Outgoing, queued: Queued) {
        let (modern, endpoint) = (message.modern.is_some(), self.endpoint.clone());
        let (number, numbered) = oneshot::channel();
        let task = self.tasks.spawn_local(async move {
            if let Ok(number) = numbered.await {
                post::request(&endpoint, &message, queued, number).await;
            }
        });
        // The task waits for this, so it receives it.
        let _ = number.send(self.endpoint.add_request(&id, task, modern));
    }

    fn notify(&mut self, message: Outgoing, queued: Queued) {
        let endpoint = self.endpoint.clone();
        self.tasks.spawn_local(async move { post::notify(&endpoint, &message, queued).await });
    }

    /// A session is open once the server has accepted this.
    fn initialized(&mut self, message: Outgoing, queued: Queued) {
        let endpoint = self.endpoint.clone();
        let (done, accepted) = oneshot::channel();
        self.accepted = Some(accepted);
        self.tasks.spawn_local(async move {
            let _ = timeout(INITIALIZED_TIMEOUT, post::notify(&endpoint, &message, queued)).await;
            drop(done);
            if endpoint.message_url.borrow().is_none() {
                listen::listen(endpoint).await;
            }
        });
    }
}
