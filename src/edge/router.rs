//! [`Router`]: who answers a request, the worker's `App` or somebody who needs the connection itself.

use super::{Verdict, connection::Connection};
use crate::{http1::RequestHead, web::problem::Problem};

/// Answers requests for which the connection itself is needed, as forwarding is. One for all workers.
pub trait Router: Clone + Send + 'static {
    /// Routes one request by its head.
    fn route(&self, connection: &mut Connection, head: Box<RequestHead>) -> impl Future<Output = Routed>;
}

/// What became of a request that was routed.
pub enum Routed {
    /// The worker's `App` is to answer it.
    ToApp(Box<RequestHead>),
    /// It was answered.
    Answered(Verdict),
    /// Nobody may answer it.
    Refused(Box<RequestHead>, Problem),
}
