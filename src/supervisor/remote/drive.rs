//! Takes lines one by one, and keeps the requests they become.

use std::{rc::Rc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::timeout,
};

use crate::supervisor::remote::{
    Heard, Queued,
    endpoint::Endpoint,
    listen,
    outgoing::{Kind, Outgoing},
    post,
};

/// Requests at once.
const MOST: usize = 1024;

/// How long the server may take to end a session.
const FAREWELL: Duration = Duration::from_secs(2);

/// How long it may take to accept a notification that others must not overtake.
const NOTIFIED: Duration = Duration::from_secs(10);

/// Sends `lines` until there are no more, or it is over; then everything under way is dropped.
pub(super) async fn drive(
    endpoint: Rc<Endpoint>,
    mut lines: mpsc::Receiver<Queued>,
    mut over: oneshot::Receiver<String>,
) {
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            Ok(reason) = &mut over => {
                tasks.shutdown().await;
                endpoint.tell(Heard::Over(reason)).await;
                return;
            }
            Some(_) = tasks.join_next() => {}
            line = lines.recv(), if tasks.len() < MOST => match line {
                Some(queued) => take(&endpoint, queued, &mut tasks).await,
                None => break,
            }
        }
    }
    tasks.shutdown().await;
    let _ = timeout(FAREWELL, endpoint.delete()).await;
}

async fn take(endpoint: &Rc<Endpoint>, queued: Queued, tasks: &mut JoinSet<()>) {
    let Some(message) = Outgoing::read(queued.line.clone()) else { return };
    match &message.kind {
        Kind::Request(id) => {
            let (id, modern, endpoint) = (id.clone(), message.modern.is_some(), endpoint.clone());
            let (ready, number) = oneshot::channel();
            let flight = endpoint.clone();
            let task = tasks.spawn_local(async move {
                if let Ok(number) = number.await {
                    post::request(&flight, &message, queued, number).await;
                }
            });
            // The task waits for this, so it hears it.
            let _ = ready.send(endpoint.departed(&id, task, modern));
        }
        Kind::Cancelled(id) => {
            let flight = id.as_ref().and_then(|id| endpoint.flights.borrow_mut().remove(id.get()));
            let is_older = endpoint.older.borrow().is_some();
            let tell = is_older || flight.as_ref().is_some_and(|flight| !flight.modern);
            if let Some(flight) = flight {
                flight.task.abort();
            }
            if tell {
                notify(endpoint, message, queued, tasks);
            }
        }
        Kind::Notification if message.method == "notifications/initialized" => {
            let _ = timeout(NOTIFIED, post::notify(endpoint, &message, queued)).await;
            if endpoint.older.borrow().is_none() {
                tasks.spawn_local(listen::listen(endpoint.clone()));
            }
        }
        Kind::Notification | Kind::Answer => notify(endpoint, message, queued, tasks),
    }
}

fn notify(endpoint: &Rc<Endpoint>, message: Outgoing, queued: Queued, tasks: &mut JoinSet<()>) {
    let endpoint = endpoint.clone();
    tasks.spawn_local(async move { post::notify(&endpoint, &message, queued).await });
}
