//! [`Router`]: sends a request to the worker's `App`, or answers it on the connection itself.

use super::{Disposition, connection::ClientConnection};
use crate::{http1::RequestHead, web::problem::Problem};

/// Answers requests for which the connection itself is needed, as forwarding is. One for all workers.
pub(crate) trait Router: Clone + Send + 'static {
    /// Routes one request by its head.
    fn route(&self, connection: &mut ClientConnection, head: Box<RequestHead>) -> impl Future<Output = Routed>;
}

/// The result of routing a request.
pub(crate) enum Routed {
    /// The worker's `App` is to answer it.
    ToApp(Box<RequestHead>),
    /// It was answered.
    Answered(Disposition),
    /// It is refused with this problem, before any handler.
    Refused(Box<RequestHead>, Problem),
}
