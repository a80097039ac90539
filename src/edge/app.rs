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
    Disposition,
    answer::{self, RequestTraits},
    connection::{ClientConnection, LentConnection},
    payload,
};
use crate::{
    http1::{RequestHead, Version},
    web::problem::Problem,
};

/// The service that answers requests which are not forwarded.
pub(super) trait App: Service<Request, Response = ServiceResponse<BoxBody>, Error = actix_web::Error> {}

impl<S: Service<Request, Response = ServiceResponse<BoxBody>, Error = actix_web::Error>> App for S {}

/// Answers a request by `app`. `None` where the client went away: what it asked for is given up.
pub(super) async fn answer<A: App>(
    mut connection: ClientConnection,
    head: RequestHead,
    lent: &LentConnection,
    app: &A,
) -> Option<(ClientConnection, Disposition)> {
    let traits = RequestTraits::of(&head);
    let payload = payload::of(&mut connection, lent);
    let Some(request) = translate(&head, payload, connection.peer()) else {
        let problem = Problem::malformed("the request target or a field cannot be read");
        let disposition = answer::refuse(&mut connection, Some(&head), &problem);
        return Some((connection, disposition));
    };
    drop(head);
    lent.replace(Some(connection));
    let mut call = pin!(app.call(request));
    let result = poll_fn(|context| {
        if let Poll::Ready(result) = call.as_mut().poll(context) {
            return Poll::Ready(Some(result));
        }
        let mut connection = lent.borrow_mut();
        let gone = connection.as_mut().is_none_or(|connection| connection.poll_gone(context).is_ready());
        if gone { Poll::Ready(None) } else { Poll::Pending }
    })
    .await;
    let mut connection = lent.take()?;
    let response = match result? {
        Ok(response) => response.into(),
        Err(error) => error.error_response().into(),
    };
    let disposition = answer::send(&mut connection, traits, response).await?;
    Some((connection, disposition))
}

/// The request as the framework writes it; `None` where it cannot.
fn translate(head: &RequestHead, payload: Payload, peer: SocketAddr) -> Option<Request> {
    let mut request = Request::with_payload(payload);
    let request_head = request.head_mut();
    request_head.method = head.method.clone();
    request_head.uri = Uri::from_maybe_shared(head.target.bytes().clone()).ok()?;
    request_head.version = match head.version {
        Version::Http10 => HttpVersion::HTTP_10,
        Version::Http11 => HttpVersion::HTTP_11,
    };
    request_head.peer_addr = Some(peer);
    for (name, value) in head.fields.shared() {
        let name = HeaderName::from_bytes(name).ok()?;
        request_head.headers.append(name, HeaderValue::from_maybe_shared(value).ok()?);
    }
    Some(request)
}
