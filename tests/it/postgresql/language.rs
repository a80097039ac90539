//! A server tells what is wrong in its own language; what is done about it depends on none of its texts.

use super::*;
use crate::support::{absent, postgres::Server, *};

/// A server that speaks German, and the address of a database there.
fn german() -> Option<(Server, String)> {
    let mut server = Server::start()?;
    let url = server.database();
    let mut db = PgConnection::establish(&url).unwrap();
    let set = db.batch_execute("ALTER SYSTEM SET lc_messages = 'de_DE.UTF-8'");
    server.stop();
    server.start_again();
    let said = PgConnection::establish(&url).unwrap().batch_execute("SELECT 1 / 0").unwrap_err().to_string();
    if set.is_err() || said != "Division durch Null" {
        absent("PostgreSQL speaks no German here: the locale de_DE.UTF-8 or its translation is missing");
        return None;
    }
    Some((server, url))
}

/// Ends all other connections to the database.
const CUT: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";

/// What begins an outage, what ends it, and the reason that is given meanwhile.
const OUTAGES: [(&str, &str, &str); 5] = [
    ("BEGIN; LOCK TABLE heartbeat, mcp_tool_calls IN SHARE MODE", "ROLLBACK", "it is locked"),
    (
        "ALTER ROLE ordinary SET default_transaction_read_only = on; {cut}",
        "ALTER ROLE ordinary RESET ALL",
        "it is read-only",
    ),
    (
        "REVOKE INSERT ON mcp_tool_calls FROM ordinary",
        "GRANT INSERT ON mcp_tool_calls TO ordinary",
        "its role lacks a right (keine Berechtigung für Tabelle mcp_tool_calls);",
    ),
    (
        "ALTER ROLE ordinary CONNECTION LIMIT 0; {cut}",
        "ALTER ROLE ordinary CONNECTION LIMIT -1",
        "it has too many connections",
    ),
    ("ALTER ROLE ordinary NOLOGIN; {cut}", "ALTER ROLE ordinary LOGIN", "it refuses the login"),
];

#[test]
fn a_server_that_speaks_german_is_understood() {
    let Some((_postgres, url)) = german() else { return };
    let mut superuser = PgConnection::establish(&url).unwrap();
    let name = url.split('?').next().unwrap().rsplit_once('/').unwrap().1;
    superuser.batch_execute(&format!("CREATE ROLE ordinary LOGIN; ALTER DATABASE {name} OWNER TO ordinary")).unwrap();

    let refused = open(&as_user(&url, "niemand")).err().unwrap();
    assert!(refused.contains("it refuses the login") && refused.contains("existiert nicht"), "{refused}");

    let mut ostler = Setup::new().database(&as_user(&url, "ordinary")).spawn();
    let admin = ostler.admin();
    let account = json!({"email": "anna@localhost", "name": "Anna", "password": "a good long one", "role": "viewer"});
    admin.post("/api/auth/users", account.clone()).is(201);
    admin.post("/api/auth/users", account).problem(409, "conflict");

    let server = admin.running(fake("ok"));
    let call = || server.call("echo", json!({"message": "hallo"}));
    // Whoever calls meanwhile is served or told why not: never that Ostler has a defect.
    let reason = || {
        let answer = call();
        (answer.status != 200).then(|| answer.problem(503, "store_unavailable").string("/detail"))
    };
    for (begin, end, expected) in OUTAGES {
        superuser.batch_execute(&begin.replace("{cut}", CUT)).unwrap();
        eventually(expected, || reason().filter(|reason| reason.contains(expected)));
        ostler.anonymous().get("/readyz").problem(503, "not_ready");
        superuser.batch_execute(end).unwrap();
        eventually("it serves again", || reason().is_none().then_some(()));
        ostler.anonymous().get("/readyz").is(200);
    }
    superuser.batch_execute(CUT).unwrap();
    eventually("it serves after its connections were ended", || reason().is_none().then_some(()));

    ostler.terminate();
    superuser.batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('20991231235959')").unwrap();
    let newer = open(&url).unwrap().migrate().unwrap_err().to_string();
    assert!(newer.contains("20991231235959") && newer.contains("newer"), "{newer}");
}
