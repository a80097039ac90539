//! A connection from its first byte to its last: request, answer, request, answer, in order, until one side has enough.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{io::AsyncWrite as _, task::yield_now};

use super::{
    CLOSE_TIMEOUT, Disposition, HEAD_TIMEOUT, KEEP_ALIVE_TIMEOUT, answer,
    app::{self, App},
    connection::{ClientConnection, LentConnection},
    deadlines::Wait,
    router::{Routed, Router},
};
use crate::{
    error::Error,
    http1::{HeadFault, HeadLimits, Piece, RequestHead},
    web::problem::Problem,
};

/// Requests of one connection that are answered before others have their turn.
const REQUESTS_PER_TURN_MAX: u64 = 8;
/// Paths that tell how Ostler is, and are answered however much there is to do.
const ALWAYS_ANSWERED: [&str; 3] = ["/livez", "/readyz", "/health"];

/// The next thing on a connection.
enum NextRequest {
    /// A request.
    Head(Box<RequestHead>),
    /// Something that is none.
    Malformed(HeadFault),
    /// Half a head, and then nothing for too long.
    TimedOut,
    /// Nothing more.
    Closed,
}

/// Serves `connection` until it is closed.
pub(super) async fn serve_connection<A: App>(mut connection: ClientConnection, app: &A, router: &impl Router) {
    poll_fn(|context| {
        connection.slot().set_waker(context.waker());
        Poll::Ready(())
    })
    .await;
    let lent = LentConnection::default();
    loop {
        let head = match next(&mut connection).await {
            NextRequest::Head(head) => head,
            NextRequest::Closed => return,
            NextRequest::TimedOut => return refuse_and_close(connection, &Problem::RequestTimeout).await,
            NextRequest::Malformed(fault) => return refuse_and_close(connection, &Problem::Head(fault)).await,
        };
        let served = Box::pin(serve(connection, head, &lent, app, router)).await;
        let Some((served, disposition)) = served else { return };
        connection = served;
        if disposition == Disposition::Reset {
            return connection.reset();
        }
        if disposition == Disposition::Close || !drain(&mut connection).await {
            let lingers = !connection.body_is_done() || !connection.input.buffer.is_empty();
            return close(connection, lingers).await;
        }
        if connection.flush().await.is_err() {
            return;
        }
        // Pipelined requests yield, so that one connection does not starve others.
        if connection.number().is_multiple_of(REQUESTS_PER_TURN_MAX) && !connection.input.buffer.is_empty() {
            yield_now().await;
        }
    }
}

/// Waits for the next request.
async fn next(connection: &mut ClientConnection) -> NextRequest {
    connection.slot().idle.set(connection.input.buffer.is_empty());
    let mut parsed_len = 0;
    let next = poll_fn(|context| poll_next(connection, &mut parsed_len, context)).await;
    connection.slot().clear(Wait::Read);
    connection.slot().idle.set(false);
    next
}

fn poll_next(
    connection: &mut ClientConnection,
    parsed_len: &mut usize,
    context: &mut Context<'_>,
) -> Poll<NextRequest> {
    loop {
        if is_worth_parsing(&connection.input.buffer, *parsed_len) {
            match RequestHead::parse(&mut connection.input.buffer, &HeadLimits::CLIENT) {
                Ok(Some(head)) => return Poll::Ready(NextRequest::Head(Box::new(head))),
                Ok(None) => *parsed_len = connection.input.buffer.len(),
                Err(fault) => return Poll::Ready(NextRequest::Malformed(fault)),
            }
        }
        match connection.poll_fill(context) {
            Poll::Ready(Ok(1..)) => {
                if connection.slot().idle.replace(false) {
                    connection.slot().clear(Wait::Read);
                }
            }
            Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(NextRequest::Closed),
            Poll::Pending => return wait_or_end(connection),
        }
    }
}

/// Decides whether to wait for more of a request.
fn wait_or_end(connection: &mut ClientConnection) -> Poll<NextRequest> {
    let is_silent = connection.input.buffer.is_empty();
    if is_silent && (connection.is_stopping() || connection.slot().evicted.get()) {
        return Poll::Ready(NextRequest::Closed);
    }
    if connection.is_overdue(Wait::Read, if is_silent { KEEP_ALIVE_TIMEOUT } else { HEAD_TIMEOUT }) {
        return Poll::Ready(if is_silent { NextRequest::Closed } else { NextRequest::TimedOut });
    }
    connection.release_memory();
    Poll::Pending
}

/// True where there may be a whole head, or a fault, that the first `parsed_len` bytes did not have. A head that comes
/// byte by byte is not parsed at every byte.
fn is_worth_parsing(buffer: &[u8], parsed_len: usize) -> bool {
    let new = buffer.len().saturating_sub(parsed_len);
    let ends = || buffer.get(parsed_len.saturating_sub(3)..).and_then(|tail| memchr::memmem::find(tail, b"\r\n\r\n"));
    new > 0 && (new >= parsed_len.min(1024) || ends().is_some())
}

/// Has one request answered. `None` where the client has disconnected.
async fn serve<A: App>(
    mut connection: ClientConnection,
    head: Box<RequestHead>,
    lent: &LentConnection,
    app: &A,
    router: &impl Router,
) -> Option<(ClientConnection, Disposition)> {
    connection.begin(head.framing, head.expects_continue);
    let is_always_answered = ALWAYS_ANSWERED.contains(&head.target.path());
    if connection.slot().surplus.get() || (!is_always_answered && connection.worker().shedder.should_refuse()) {
        let problem = Problem::from(Error::Busy("more requests come than can be answered; try again in a moment"));
        let disposition = answer::refuse(&mut connection, Some(&head), &problem);
        return Some((connection, disposition));
    }
    match router.route(&mut connection, head).await {
        Routed::ToApp(head) => app::answer(connection, *head, lent, app).await,
        Routed::Answered(disposition) => Some((connection, disposition)),
        Routed::Refused(head, problem) => {
            let disposition = answer::refuse(&mut connection, Some(&head), &problem);
            Some((connection, disposition))
        }
    }
}

/// Reads the unread rest of a body. `false` where there is too much of it.
async fn drain(connection: &mut ClientConnection) -> bool {
    if connection.body_is_done() {
        return true;
    }
    if !answer::can_drain(connection) {
        return false;
    }
    connection.set_deadline(HEAD_TIMEOUT);
    let drained = poll_fn(|context| {
        // The client may wait for the answer before it goes on.
        if let Poll::Ready(Err(_)) = connection.poll_flush(context) {
            return Poll::Ready(false);
        }
        loop {
            match connection.poll_body(context) {
                Poll::Ready(Ok(Piece::End)) => return Poll::Ready(true),
                Poll::Ready(Ok(Piece::Data(_) | Piece::Trailers(_) | Piece::Pending)) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(false),
                Poll::Pending if connection.deadline_has_passed() => return Poll::Ready(false),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await;
    connection.clear_deadline();
    drained
}

/// Answers something that is no request, after which the connection cannot go on.
async fn refuse_and_close(mut connection: ClientConnection, problem: &Problem) {
    answer::refuse(&mut connection, None, problem);
    close(connection, true).await;
}

/// Sends what is staged and closes. Where the client may still be sending, what comes is read and thrown away for a
/// while: closing on unread bytes would reset the connection, and destroy an answer that has not been read yet.
async fn close(mut connection: ClientConnection, lingers: bool) {
    if connection.flush().await.is_err() {
        return;
    }
    // From here on the connection may be evicted without harm.
    connection.slot().idle.set(true);
    connection.set_deadline(CLOSE_TIMEOUT);
    poll_fn(|context| {
        if connection.deadline_has_passed() || connection.slot().evicted.get() {
            return Poll::Ready(());
        }
        let shut = ready!(Pin::new(connection.stream()).poll_shutdown(context));
        while lingers && shut.is_ok() {
            connection.input.buffer.clear();
            match ready!(connection.poll_fill(context)) {
                Ok(1..) => {}
                Ok(0) | Err(_) => break,
            }
        }
        Poll::Ready(())
    })
    .await;
}
