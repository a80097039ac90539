//! PostgreSQL's side of the store: what its address says, how it is connected to, and diesel's view of that.
//!
//! `tokio-postgres` speaks the protocol and rustls encrypts it; the bytes move on the thread that asks, over a socket of
//! our own that does not wait for ever.

mod address;
mod connect;
mod examination;
mod options;
mod passfile;
mod report;
mod row;
mod session;
mod socket;
mod tls;

use std::time::Duration;

use diesel::ConnectionResult;

use crate::store::connection::Access;

use options::{Options, Target};

pub(super) use examination::examine;
pub(super) use report::sqlstate;
pub use session::Session;

/// How long the server may be silent: a read is given up by then, and a commit can still be made elsewhere before who
/// waits for it gives up.
const READ_SILENCE: Duration = Duration::from_secs(5);
const WRITE_SILENCE: Duration = Duration::from_secs(7);

/// Whether an address can be read; `Err` names every fault, and no value.
pub(super) fn check(url: &str) -> Result<(), String> {
    Options::read(url).map(drop)
}

/// Connects, making no settings. Of several hosts it takes one that takes writes, unless the address says else: another may
/// lag behind.
pub(super) fn connect(url: &str, access: Access) -> ConnectionResult<Session> {
    let options = Options::read(url).map_err(diesel::ConnectionError::InvalidConnectionUrl)?;
    let default = if options.hosts.len() > 1 { Target::ReadWrite } else { Target::Any };
    let silence = match access {
        Access::Read => READ_SILENCE,
        Access::Write => WRITE_SILENCE,
    };
    Session::connect(&options, options.target.unwrap_or(default), silence)
}
