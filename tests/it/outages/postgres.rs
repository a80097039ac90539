//! PostgreSQL: its disk, its locks, its rights, its connections.

use std::{cell::RefCell, fs};

use diesel::{Connection, PgConnection, connection::SimpleConnection};

use super::load::Outage;
use crate::support::{
    disk::{fill, run_on_small_disk, small_disk},
    postgres::{self, Server},
    *,
};

/// A database whose owner is an ordinary role, for superusers are above limits and rights.
struct Database {
    url: String,
    name: String,
    owner: String,
    superuser: RefCell<PgConnection>,
}

impl Database {
    /// On the server that all tests share.
    fn shared() -> Option<Self> {
        postgres::database().map(|url| Self::of_ordinary_role(&url))
    }

    fn of_ordinary_role(url: &str) -> Self {
        let (scheme, rest) = url.split_once("://").unwrap();
        let place = rest.split_once('@').map_or(rest, |(_, place)| place);
        let name = place.split_once('/').unwrap().1.split('?').next().unwrap().to_owned();
        let owner = format!("{name}_owner");
        let mut superuser = PgConnection::establish(url).unwrap();
        let sql = format!("CREATE ROLE {owner} LOGIN PASSWORD 'ordinary'; ALTER DATABASE {name} OWNER TO {owner}");
        superuser.batch_execute(&sql).unwrap();
        let url = format!("{scheme}://{owner}:ordinary@{place}");
        Self { url, name, owner, superuser: RefCell::new(superuser) }
    }

    fn setup(&self) -> Setup {
        Setup::new().database(&self.url)
    }

    #[track_caller]
    fn run(&self, sql: &str) {
        let sql = sql.replace("{name}", &self.name).replace("{owner}", &self.owner);
        self.superuser.borrow_mut().batch_execute(&sql).unwrap();
    }
}

/// Ends all other connections to the database.
const CUT: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";

/// An outage that statements of a superuser begin and one ends.
fn by_statement(name: &'static str, begin: &[&str], end: &str) {
    let Some(database) = Database::shared() else { return };
    let begin = |_: &Ostler| begin.iter().for_each(|sql| database.run(sql));
    Outage::new(name, database.setup()).provoke(begin, |_| database.run(end));
}

#[test]
fn a_table_that_is_locked() {
    let lock = "BEGIN; LOCK TABLE mcp_tool_calls IN SHARE MODE";
    let Some(database) = Database::shared() else { return };
    let outage = Outage::of_silence("PostgreSQL: locked table", database.setup());
    outage.provoke(|_| database.run(lock), |_| database.run("ROLLBACK"));
}

#[test]
fn a_trigger_that_fails() {
    let trigger = "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$; \
                   CREATE TRIGGER broken BEFORE INSERT ON mcp_tool_calls FOR EACH ROW EXECUTE FUNCTION broken()";
    by_statement("PostgreSQL: failing trigger", &[trigger], "DROP TRIGGER broken ON mcp_tool_calls");
}

#[test]
fn a_database_that_becomes_read_only() {
    let begin = "ALTER DATABASE {name} SET default_transaction_read_only = on";
    let end = "ALTER DATABASE {name} RESET default_transaction_read_only";
    by_statement("PostgreSQL: read-only", &[begin, CUT], end);
}

#[test]
fn connections_that_are_cut_and_refused() {
    by_statement("PostgreSQL: cut", &["ALTER ROLE {owner} NOLOGIN", CUT], "ALTER ROLE {owner} LOGIN");
}

#[test]
fn more_connections_than_a_role_may_have() {
    let begin = "ALTER ROLE {owner} CONNECTION LIMIT 0";
    by_statement("PostgreSQL: too many connections", &[begin, CUT], "ALTER ROLE {owner} CONNECTION LIMIT -1");
}

#[test]
fn a_right_that_is_revoked() {
    let begin = "REVOKE INSERT ON mcp_tool_calls FROM {owner}";
    by_statement("PostgreSQL: revoked right", &[begin], "GRANT INSERT ON mcp_tool_calls TO {owner}");
}

#[test]
fn a_server_that_is_frozen() {
    let Some(server) = Server::start() else { return };
    let (setup, server) = (Setup::new().database(&server.database()), RefCell::new(server));
    let outage = Outage::of_silence("PostgreSQL: frozen", setup);
    outage.provoke(|_| server.borrow_mut().freeze(), |_| server.borrow_mut().thaw());
}

#[test]
fn a_full_disk() {
    run_on_small_disk(160, "outages::postgres::full_disk_inside_a_small_file_system");
}

#[test]
#[ignore = "part of a_full_disk, which runs it"]
fn full_disk_inside_a_small_file_system() {
    let Some(disk) = small_disk() else { return };
    let Some(server) = Server::start_in(&disk.join("server")) else { return };
    let (filler, setup) = (disk.join("filler"), Setup::new().database(&server.database()));
    let outage = Outage::new("PostgreSQL: full disk", setup);
    outage.provoke(|_| fill(&filler, 160 << 20), |_| fs::remove_file(&filler).unwrap());
}

#[test]
fn a_full_table_space() {
    run_on_small_disk(16, "outages::postgres::full_table_space_inside_a_small_file_system");
}

#[test]
#[ignore = "part of a_full_table_space, which runs it"]
fn full_table_space_inside_a_small_file_system() {
    let Some(disk) = small_disk() else { return };
    let Some(server) = Server::start() else { return };
    let (space, filler) = (disk.join("space"), disk.join("filler"));
    fs::create_dir(&space).unwrap();
    server.give(&space);
    let database = Database::of_ordinary_role(&server.database());
    let outage = Outage::new("PostgreSQL: full table space", database.setup());
    let begin = |_: &Ostler| {
        database.run(&format!("CREATE TABLESPACE small LOCATION '{}'", space.display()));
        database.run("ALTER TABLE mcp_tool_calls SET TABLESPACE small");
        fill(&filler, 16 << 20);
    };
    outage.provoke(begin, |_| fs::remove_file(&filler).unwrap());
}
