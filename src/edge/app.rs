//! Hands a request to the worker's `App`, and its answer to the client.

use std::{
    future::{Future as _, poll_fn},
    net::SocketAddr,
    pin::pin,
    task::Poll,
};

use actix_http::Request;
use actix_service::Service;
use actix_web::{
    body::BoxBody,
    dev::{Payload, ServiceResponse},
    http::{
        Uri, Version as HttpVersion,
        header::{HeaderName, HeaderValue},
    },
};

use super::{
    Verdict,
    answer::{self, Asked},
    connection::{Connection, LentConnection},
    payload,
};
use crate::{
    http1::{RequestHead, Version},
    web::problem::Problem,
};

/// What answers every request that is not forwarded.
pub(super) trait App: Service<Request, Response = ServiceResponse<BoxBody>, Error = actix_web::Error> {}

impl<S: Service<Request, Response = ServiceResponse<BoxBody>, Error = actix_web::Error>> App for S {}

/// Answers a request by `app`. `None` where the client went away: what it asked for is given up.
pub(super) async fn answer<A: App>(
    mut connection: Connection,
    head: RequestHead,
    slot: &LentConnection,
    app: &A,
) -> Option<(Connection, Verdict)> {
    let asked = Asked::of(&head);
    let payload = payload::of(&mut connection, slot);
    let Some(request) = translate(&head, payload, connection.peer()) else {
        let problem = Problem::malformed("the request target or a field cannot be read");
        let verdict = answer::refuse(&mut connection, Some(&head), &problem);
        return Some((connection, verdict));
    };
    drop(head);
    slot.replace(Some(connection));
    let mut answering = pin!(app.call(request));
    let answered = poll_fn(|context| {
        if let Poll::Ready(answered) = answering.as_mut().poll(context) {
            return Poll::Ready(Some(answered));
        }
        let mut connection = slot.borrow_mut();
        let gone = connection.as_mut().is_none_or(|connection| connection.poll_gone(context).is_ready());
        if gone { Poll::Ready(None) } else { Poll::Pending }
    })
    .await;
    let mut connection = slot.take()?;
    let response = match answered? {
        Ok(response) => response.into(),
        Err(error) => error.error_response().into(),
    };
    let verdict = answer::send(&mut connection, asked, response).await?;
    Some((connection, verdict))
}

/// The request as the framework writes it; `None` where it cannot.
fn translate(head: &RequestHead, payload: Payload, peer: SocketAddr) -> Option<Request> {
    let mut request = Request::with_payload(payload);
    let told = request.head_mut();
    told.method = head.method.clone();
    told.uri = Uri::from_maybe_shared(head.target.bytes().clone()).ok()?;
    told.version = match head.version {
        Version::Http10 => HttpVersion::HTTP_10,
        Version::Http11 => HttpVersion::HTTP_11,
    };
    told.peer_addr = Some(peer);
    for (name, value) in head.fields.shared() {
        let name = HeaderName::from_bytes(name).ok()?;
        told.headers.append(name, HeaderValue::from_maybe_shared(value).ok()?);
    }
    Some(request)
}
