//! Orders of the supervisor to a server's actor.

use std::time::Duration;

use actix::Message;

/// Ends the process in good order; requests in flight get `drain` to finish.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StopInstance {
    /// Time for requests in flight to finish.
    pub drain: Duration,
}

/// Asks whether the server is well: traffic or work since the last tick is proof, otherwise it is pinged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Message)]
#[rtype(result = "bool")]
pub enum CheckHealth {
    /// Three misses in a row end the process.
    Periodic,
    /// On demand; a miss is only reported.
    OnDemand,
}
