//! PostgreSQL: its disk, its locks, its rights, its connections.

use std::cell::RefCell;

use diesel::{Connection, PgConnection, connection::SimpleConnection};

use super::load::Outage;
use crate::support::{
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
fn connections_that_are_cut_and_refused() {
    by_statement("PostgreSQL: cut", &["ALTER ROLE {owner} NOLOGIN", CUT], "ALTER ROLE {owner} LOGIN");
}

#[test]
fn more_connections_than_a_role_may_have() {
    let begin = "ALTER ROLE {owner} CONNECTION LIMIT 0";
    by_statement("PostgreSQL: too many connections", &[begin, CUT], "ALTER ROLE {owner} CONNECTION LIMIT -1");
}

#[test]
fn a_server_that_is_frozen() {
    let Some(server) = Server::start() else { return };
    let (setup, server) = (Setup::new().database(&server.database()), RefCell::new(server));
    let outage = Outage::new("PostgreSQL: frozen", setup).lasting(seconds(9));
    outage.provoke(|_| server.borrow_mut().freeze(), |_| server.borrow_mut().thaw());
}
