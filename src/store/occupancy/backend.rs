//! PostgreSQL's lock: an advisory one, held by the connection that writes and gone with it.

use diesel::{
    QueryableByName, RunQueryDsl,
    connection::SimpleConnection,
    dsl::sql,
    sql_query,
    sql_types::{Bool, Integer, Text},
};

use crate::{
    error::Result,
    store::{Connection, connection::on},
};

/// Lets the server notice within half a minute where this machine is gone; without effect on a local socket.
const KEEPALIVE_SQL: &str =
    "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 4";

/// Waits for the lock as long as the connection's `lock_timeout` says, 2 s: a server may take a moment to notice that
/// the program that held it has ended. The number is "ostlers" in ASCII; "ostler" alone locks migrations.
const LOCK_SQL: &str = "SELECT pg_advisory_lock(31370666286871155)";

/// Takes the lock if it is free: tells a wait that was too long from any other failure.
const TRY_LOCK_SQL: &str = "pg_try_advisory_lock(31370666286871155)";

/// Names the server's end of the connection that asks.
const OWN_BACKEND_SQL: &str =
    "SELECT pid, backend_start::text AS began FROM pg_stat_activity WHERE pid = pg_backend_pid()";

/// Ends another one, unless it has ended.
const END_BACKEND_SQL: &str =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND backend_start::text = $2";

/// The server's end of a connection; its start time distinguishes it from later ones with the same process id.
#[derive(QueryableByName)]
struct ServerProcess {
    #[diesel(sql_type = Integer)]
    pid: i32,
    #[diesel(sql_type = Text)]
    began: String,
}

/// The lock, as far as connections of this program had it.
#[derive(Default)]
pub(super) struct BackendLock {
    /// The one that had it last.
    former: Option<ServerProcess>,
    /// Set once another program was found to have it, which need not be waited for.
    is_taken: bool,
}

impl BackendLock {
    /// Takes it for a new connection; false where another program has it.
    pub(super) fn take(&mut self, db: &mut Connection) -> Result<bool> {
        on!(db, conn => conn.batch_execute(KEEPALIVE_SQL))?;
        if let Some(ServerProcess { pid, began }) = self.former.take() {
            // Nothing more comes from it, but where the network was cut its server may wait for that for long.
            on!(db, conn => sql_query(END_BACKEND_SQL).bind::<Integer, _>(pid).bind::<Text, _>(began).execute(conn))?;
        }
        let waited = !self.is_taken && on!(db, conn => conn.batch_execute(LOCK_SQL)).is_ok();
        let is_ours = waited || on!(db, conn => diesel::select(sql::<Bool>(TRY_LOCK_SQL)).get_result::<bool>(conn))?;
        self.is_taken = !is_ours;
        if is_ours {
            self.former = Some(on!(db, conn => sql_query(OWN_BACKEND_SQL).get_result(conn))?);
        }
        Ok(is_ours)
    }
}
