//! A request's body as the `App` reads it: straight from the connection, when it is asked for.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_http::error::PayloadError;
use actix_web::dev::Payload;
use bytes::Bytes;
use futures_util::Stream;

use super::connection::{ClientConnection, LentConnection};
use crate::http1::{BodyFault, Piece};

/// The body of the request that `connection` is at.
pub(super) fn of(connection: &mut ClientConnection, lent: &LentConnection) -> Payload {
    if connection.body_is_done() {
        return Payload::None;
    }
    match connection.take_buffered_body() {
        Some(body) => Payload::from(body),
        None => {
            let stream = Unread { lent: LentConnection::clone(lent), number: connection.number() };
            Payload::Stream { payload: Box::pin(stream) }
        }
    }
}

/// A body that is still to come.
struct Unread {
    lent: LentConnection,
    /// The request it belongs to: who keeps it longer does not get another's body.
    number: u64,
}

impl Stream for Unread {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut lent = self.lent.borrow_mut();
        let Some(connection) = lent.as_mut().filter(|connection| connection.number() == self.number) else {
            return Poll::Ready(Some(Err(PayloadError::Incomplete(None))));
        };
        loop {
            return Poll::Ready(match ready!(connection.poll_body(context)) {
                Ok(Piece::Data(data)) => Some(Ok(data)),
                Ok(Piece::Trailers(_)) => continue,
                Ok(Piece::End | Piece::Pending) => None,
                Err(BodyFault::Malformed) => Some(Err(PayloadError::EncodingCorrupted)),
                Err(BodyFault::Truncated) => Some(Err(PayloadError::Incomplete(None))),
                Err(BodyFault::Stalled) => Some(Err(PayloadError::Io(io::ErrorKind::TimedOut.into()))),
            });
        }
    }
}
