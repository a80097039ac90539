//! Requirements on a database for Ostler to begin, checked before any setting is made on a connection.

use diesel::{connection::SimpleConnection, result::Error as DieselError};

use crate::{
    error::{Error, Result},
    store::{access_mode::AccessMode, fault},
};

use super::{report::sqlstate, session::PostgresSession};

/// Fails, with what to do, where the encoding cannot hold every text, or where connections are shared between clients.
pub(in crate::store) fn examine(url: &str) -> Result<()> {
    let connect = || PostgresSession::open(url, AccessMode::Read).map_err(fault::at_start);
    let mut first = connect()?;
    let encoding = first.parameter("server_encoding").unwrap_or("UTF8").to_owned();
    if !["UTF8", "SQL_ASCII"].contains(&encoding.as_str()) {
        return Err(Error::StoreUnavailable(format!(
            "its encoding is {encoding}, which cannot hold every text; create one with ENCODING 'UTF8' TEMPLATE template0"
        )));
    }
    if is_shared(&mut first, &mut connect()?)? {
        return Err(Error::StoreUnavailable(
            "it is behind a pool that shares connections by transaction or statement, and the lock that keeps a second \
             Ostler away needs a session; name the server itself, or have the pool share by session"
                .into(),
        ));
    }
    Ok(())
}

/// True where one client's connection is served by another server process once a second client holds or held a
/// transaction, or both by one.
fn is_shared(first: &mut PostgresSession, second: &mut PostgresSession) -> Result<bool> {
    let mut of_first = vec![first.backend()?];
    match second.batch_execute("BEGIN") {
        // A pool that shares by statement takes no transaction, and says so as a breach of the protocol.
        Err(DieselError::DatabaseError(_, why)) if sqlstate(why.message()) == Some("08P01") => return Ok(true),
        begun => begun?,
    }
    let of_second = second.backend()?;
    of_first.push(first.backend()?);
    second.batch_execute("ROLLBACK")?;
    of_first.push(first.backend()?);
    of_first.dedup();
    Ok(of_first.len() > 1 || of_first.contains(&of_second))
}
