//! What is done to the audit log behind Ostler's back shows.

use ::ostler::store::{Connection, Store};
use diesel::connection::SimpleConnection;

use crate::support::{backends::on_both_databases, *};

/// What somebody does who has the database and not Ostler.
fn behind_its_back(ostler: &Ostler, sql: &str) {
    let url = ostler.setup.environment["DATABASE_URL"].parse().unwrap();
    match &mut Store::open(&url).unwrap().writer().unwrap() {
        Connection::Sqlite(conn) => conn.batch_execute(sql).unwrap(),
        #[cfg(feature = "postgres")]
        Connection::Postgres(conn) => conn.batch_execute(sql).unwrap(),
    }
}

/// An Ostler with some entries.
fn with_entries(setup: Setup) -> Ostler {
    let ostler = setup.spawn();
    for _ in 0..5 {
        ostler.admin().make_key(&["mcp:read"]);
    }
    ostler
}

fn verify(ostler: &Ostler, query: &str) -> Answer {
    ostler.admin().get(&format!("/api/audit/verify{query}")).is(200)
}

on_both_databases! {
    fn an_entry_that_was_changed_removed_or_put_in_is_found(setup: Setup) {
        let ostler = with_entries(setup);
        let lines = ostler.admin().get("/api/audit?action=key.create").is(200);
        let id = lines.list("/items")[2]["id"].as_str().unwrap().to_owned();
        let other = "ffffffff-ffff-7fff-bfff-ffffffffffff";
        let columns = "created_at, actor_id, actor, action, target, outcome, detail, address, request_id";
        for (harm, mend, broken, problem) in [
            (
                format!("UPDATE audit_logs SET actor = 'mallory' WHERE id = '{id}'"),
                format!("UPDATE audit_logs SET actor = 'admin@localhost' WHERE id = '{id}'"),
                &*id, "changed",
            ),
            (
                format!("CREATE TABLE kept AS SELECT * FROM audit_logs WHERE id = '{id}'; DELETE FROM audit_logs WHERE id = '{id}'"),
                "INSERT INTO audit_logs SELECT * FROM kept; DROP TABLE kept".into(),
                &*id, "missing",
            ),
            (
                format!("INSERT INTO audit_logs (id, {columns}) SELECT '{other}', {columns} FROM audit_logs WHERE id = '{id}'"),
                format!("DELETE FROM audit_logs WHERE id = '{other}'"),
                other, "unlinked",
            ),
            (
                format!("UPDATE audit_chain SET hash = upper(hash) WHERE entry_id = '{id}'"),
                format!("UPDATE audit_chain SET hash = lower(hash) WHERE entry_id = '{id}'"),
                &*id, "changed",
            ),
        ] {
            let whole = verify(&ostler, "").has("/verified", true).lacks("/firstBroken");
            assert!(whole.number("/entries") >= 5 && whole.number("/notCovered") == 0, "{whole:?}");
            behind_its_back(&ostler, &harm);
            verify(&ostler, "").has("/verified", false).has("/firstBroken", broken).has("/problem", problem);
            behind_its_back(&ostler, &mend);
        }
        verify(&ostler, "").has("/verified", true);
    }

    fn a_log_whose_end_was_cut_off_no_longer_holds_what_was_noted(setup: Setup) {
        let ostler = with_entries(setup);
        let head = verify(&ostler, "").string("/head");
        ostler.admin().make_key(&["mcp:read"]);
        verify(&ostler, &format!("?anchor={head}")).has("/verified", true);
        let newest = "(SELECT entry_id FROM audit_chain ORDER BY seq DESC LIMIT 2)";
        behind_its_back(&ostler, &format!("DELETE FROM audit_logs WHERE id IN {newest}; DELETE FROM audit_chain WHERE entry_id IN {newest}"));
        verify(&ostler, "").has("/verified", true);
        let cut = verify(&ostler, &format!("?anchor={head}")).has("/verified", false);
        cut.has("/firstBroken", &*head).has("/problem", "anchor");
        for _ in 0..2 {
            ostler.admin().make_key(&["mcp:read"]);
        }
        // As long as it was, and yet another.
        verify(&ostler, &format!("?anchor={head}")).has("/verified", false).has("/problem", "anchor");
        ostler.admin().get("/api/audit/verify?anchor=x").problem(400, "malformed_request");
    }

    fn what_is_old_may_be_removed_and_what_is_older_than_the_chain_is_not_covered(setup: Setup) {
        let ostler = with_entries(setup);
        let entries = verify(&ostler, "").number("/entries");
        behind_its_back(&ostler, "DELETE FROM audit_logs WHERE id IN (SELECT entry_id FROM audit_chain WHERE seq <= 2)");
        verify(&ostler, "").has("/verified", true).has("/entries", entries - 2).has("/removed", 2);
        behind_its_back(&ostler, "DELETE FROM audit_chain WHERE seq < 2");
        verify(&ostler, "").has("/verified", true).has("/entries", entries - 2).has("/removed", 1);

        behind_its_back(&ostler, "DELETE FROM audit_chain");
        let without = verify(&ostler, "").has("/verified", true).has("/entries", 0);
        without.has("/notCovered", entries - 2).has("/head", Value::Null);
        ostler.admin().make_key(&["mcp:read"]);
        verify(&ostler, "").has("/verified", true).has("/entries", 1).has("/notCovered", entries - 2);
    }
}

#[test]
fn the_head_is_in_ostlers_own_log_and_only_who_may_read_the_log_verifies_it() {
    let mut ostler = with_entries(Setup::new());
    let head = verify(&ostler, "").string("/head");
    ostler.kill();
    ostler.start_again();
    eventually("the head is told", || ostler.errors().contains(&head).then_some(()));
    ostler.user("developer").get("/api/audit/verify").problem(403, "forbidden");
    ostler.anonymous().get("/api/audit/verify").problem(401, "unauthenticated");
}
