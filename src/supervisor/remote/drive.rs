//! Takes lines one by one, and keeps the requests they become.

use std::{rc::Rc, time::Duration};

use serde_json::value::RawValue;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::timeout,
};

use crate::supervisor::remote::{
    endpoint::Endpoint,
    heard::Heard,
    listen,
    outgoing::{Kind, Outgoing},
    post,
    sender::Queued,
};

/// Requests at once.
const MOST: usize = 1024;

/// Time for the server to end a session.
const FAREWELL: Duration = Duration::from_secs(2);

/// Time for it to accept a notification that others must not overtake.
const NOTIFIED: Duration = Duration::from_secs(10);

/// Sends `lines` until there are no more, or it is over; then every message in flight is dropped.
pub(super) async fn drive(
    endpoint: Rc<Endpoint>,
    mut lines: mpsc::Receiver<Queued>,
    mut over: oneshot::Receiver<String>,
) {
    let mut driver = Driver { endpoint, tasks: JoinSet::new(), accepted: None, held: None };
    loop {
        tokio::select! {
            biased;
            Ok(reason) = &mut over => {
                driver.tasks.shutdown().await;
                driver.endpoint.tell(Heard::Over(reason)).await;
                return;
            }
            Some(_) = driver.tasks.join_next() => {}
            () = accepted(&mut driver.accepted) => driver.go_on(),
            line = lines.recv(), if driver.held.is_none() && driver.tasks.len() < MOST => match line {
                Some(queued) if driver.accepted.is_some() => driver.held = Some(queued),
                Some(queued) => driver.take(queued),
                None => break,
            }
        }
    }
    driver.tasks.shutdown().await;
    let _ = timeout(FAREWELL, driver.endpoint.delete()).await;
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
    held: Option<Queued>,
}

impl Driver {
    fn go_on(&mut self) {
        self.accepted = None;
        if let Some(queued) = self.held.take() {
            self.take(queued);
        }
    }

    fn take(&mut self, queued: Queued) {
        let Some(message) = Outgoing::read(queued.line.clone()) else { return };
        match &message.kind {
            Kind::Request(id) => self.request(id.clone(), message, queued),
            Kind::Cancelled(id) => {
                let flight = id.as_ref().and_then(|id| self.endpoint.flights.borrow_mut().remove(id.get()));
                let is_older = self.endpoint.older.borrow().is_some();
                let tell = is_older || flight.as_ref().is_some_and(|flight| !flight.modern);
                if let Some(flight) = flight {
                    flight.task.abort();
                }
                if tell {
                    self.notify(message, queued);
                }
            }
            Kind::Notification if message.method == "notifications/initialized" => self.initialized(message, queued),
            Kind::Notification | Kind::Answer => self.notify(message, queued),
        }
    }

    fn request(&mut self, id: Box<RawValue>, message: Outgoing, queued: Queued) {
        let (modern, endpoint) = (message.modern.is_some(), self.endpoint.clone());
        let (number, noted) = oneshot::channel();
        let task = self.tasks.spawn_local(async move {
            if let Ok(number) = noted.await {
                post::request(&endpoint, &message, queued, number).await;
            }
        });
        // The task waits for this, so it hears it.
        let _ = number.send(self.endpoint.departed(&id, task, modern));
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
            let _ = timeout(NOTIFIED, post::notify(&endpoint, &message, queued)).await;
            drop(done);
            if endpoint.older.borrow().is_none() {
                listen::listen(endpoint).await;
            }
        });
    }
}
