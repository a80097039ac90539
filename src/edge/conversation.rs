//! A connection from its first byte to its last: request, answer, request, answer, in order, until one side has enough.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{io::AsyncWrite as _, task::yield_now};

use super::{
    CLOSE_DEADLINE, HEAD_DEADLINE, KEEP_ALIVE, Verdict, answer,
    app::{self, App},
    connection::{Connection, LentConnection},
    deadlines::Wait,
    router::{Routed, Router},
};
use crate::{
    error::Error,
    http1::{HeadFault, HeadLimits, Piece, RequestHead},
    web::problem::Problem,
};

/// Requests of one connection that are answered before others have their turn.
const IN_A_ROW: u64 = 8;
/// Paths that tell how Ostler is, and are answered however much there is to do.
const ALWAYS_ANSWERED: [&str; 3] = ["/livez", "/readyz", "/health"];

/// What came next on a connection.
enum Next {
    /// A request.
    Head(Box<RequestHead>),
    /// Something that is none.
    Refused(HeadFault),
    /// Half a head, and then nothing for too long.
    Late,
    /// Nothing more.
    Over,
}

/// Serves `connection` until it is closed.
pub(super) async fn hold<A: App>(mut connection: Connection, app: &A, router: &impl Router) {
    poll_fn(|context| {
        connection.place().listen(context.waker());
        Poll::Ready(())
    })
    .await;
    let slot = LentConnection::default();
    loop {
        let head = match next(&mut connection).await {
            Next::Head(head) => head,
            Next::Over => return,
            Next::Late => return refuse_and_close(connection, &Problem::RequestTimeout).await,
            Next::Refused(fault) => return refuse_and_close(connection, &Problem::Head(fault)).await,
        };
        let served = Box::pin(serve(connection, head, &slot, app, router)).await;
        let Some((served, verdict)) = served else { return };
        connection = served;
        if verdict == Verdict::Reset {
            return connection.reset();
        }
        if verdict == Verdict::Close || !drain(&mut connection).await {
            let lingers = !connection.body_is_done() || !connection.input.buffer.is_empty();
            return close(connection, lingers).await;
        }
        if connection.flush().await.is_err() {
            return;
        }
        // Who sends many at once waits its turn like the others.
        if connection.number().is_multiple_of(IN_A_ROW) && !connection.input.buffer.is_empty() {
            yield_now().await;
        }
    }
}

/// Waits for the next request.
async fn next(connection: &mut Connection) -> Next {
    connection.place().idle.set(connection.input.buffer.is_empty());
    let mut looked_at = 0;
    let next = poll_fn(|context| poll_next(connection, &mut looked_at, context)).await;
    connection.place().clear(Wait::Read);
    connection.place().idle.set(false);
    next
}

fn poll_next(connection: &mut Connection, looked_at: &mut usize, context: &mut Context<'_>) -> Poll<Next> {
    loop {
        if is_worth_parsing(&connection.input.buffer, *looked_at) {
            match RequestHead::parse(&mut connection.input.buffer, &HeadLimits::CLIENT) {
                Ok(Some(head)) => return Poll::Ready(Next::Head(Box::new(head))),
                Ok(None) => *looked_at = connection.input.buffer.len(),
                Err(fault) => return Poll::Ready(Next::Refused(fault)),
            }
        }
        match connection.poll_fill(context) {
            Poll::Ready(Ok(1..)) => {
                if connection.place().idle.replace(false) {
                    connection.place().clear(Wait::Read);
                }
            }
            Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Next::Over),
            Poll::Pending => return patience(connection),
        }
    }
}

/// How much longer an incomplete request is waited for.
fn patience(connection: &mut Connection) -> Poll<Next> {
    let is_silent = connection.input.buffer.is_empty();
    if is_silent && (connection.is_stopping() || connection.place().evicted.get()) {
        return Poll::Ready(Next::Over);
    }
    if connection.is_overdue(Wait::Read, if is_silent { KEEP_ALIVE } else { HEAD_DEADLINE }) {
        return Poll::Ready(if is_silent { Next::Over } else { Next::Late });
    }
    connection.settle();
    Poll::Pending
}

/// Whether there may be a whole head, or a fault, that was not there when so many bytes were looked at. A head that comes
/// byte by byte is not parsed at every byte.
fn is_worth_parsing(buffer: &[u8], looked_at: usize) -> bool {
    let new = buffer.len().saturating_sub(looked_at);
    let ends = || buffer.get(looked_at.saturating_sub(3)..).and_then(|tail| memchr::memmem::find(tail, b"\r\n\r\n"));
    new > 0 && (new >= looked_at.min(1024) || ends().is_some())
}

/// Has one request answered. `None` where the client has gone: then there is nobody to say anything to.
async fn serve<A: App>(
    mut connection: Connection,
    head: Box<RequestHead>,
    slot: &LentConnection,
    app: &A,
    router: &impl Router,
) -> Option<(Connection, Verdict)> {
    connection.begin(head.framing, head.expects_continue);
    let is_spared = ALWAYS_ANSWERED.contains(&head.target.path());
    if connection.place().surplus.get() || (!is_spared && connection.worker().shedder.refuses()) {
        let problem = Problem::from(Error::Busy("more requests come than can be answered; try again in a moment"));
        let verdict = answer::refuse(&mut connection, Some(&head), &problem);
        return Some((connection, verdict));
    }
    match router.route(&mut connection, head).await {
        Routed::ToApp(head) => app::answer(connection, *head, slot, app).await,
        Routed::Answered(verdict) => Some((connection, verdict)),
        Routed::Refused(head, problem) => {
            let verdict = answer::refuse(&mut connection, Some(&head), &problem);
            Some((connection, verdict))
        }
    }
}

/// Reads what nobody read of a body. `false` where that leads too far.
async fn drain(connection: &mut Connection) -> bool {
    if connection.body_is_done() {
        return true;
    }
    if !answer::can_drain(connection) {
        return false;
    }
    connection.set_deadline(HEAD_DEADLINE);
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
async fn refuse_and_close(mut connection: Connection, problem: &Problem) {
    answer::refuse(&mut connection, None, problem);
    close(connection, true).await;
}

/// Sends what is staged and closes. Where the client may still be sending, what comes is read and thrown away for a while:
/// closing on unread bytes would reset the connection, and destroy an answer that has not been read yet.
async fn close(mut connection: Connection, lingers: bool) {
    if connection.flush().await.is_err() {
        return;
    }
    // From here on nobody is harmed if it makes room for another.
    connection.place().idle.set(true);
    connection.set_deadline(CLOSE_DEADLINE);
    poll_fn(|context| {
        if connection.deadline_has_passed() || connection.place().evicted.get() {
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
