//! [`Bucket`]: the calls whose bytes are counted together.

use diesel::prelude::*;

use crate::store::schema::call_bytes;

/// Calls of one hour, account and server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Queryable, Selectable)]
#[diesel(table_name = call_bytes)]
pub struct Bucket {
    /// Hours since 1970.
    pub hour: i64,
    /// The caller.
    pub user_id: String,
    /// The server that was called.
    pub server_id: String,
}
