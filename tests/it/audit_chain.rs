//! What is done to the audit log behind Ostler's back shows.

use ::ostler::{
    policy::audit_chain::{BEGIN, ChainColumns, ChainKey, origin},
    store::{Connection, Store, audit_chain},
};
use aws_lc_rs::digest::{SHA256, digest};
use diesel::connection::SimpleConnection;

use crate::support::{backends::on_both_databases, *};

pub(crate) const COLUMNS: &str =
    "created_at, actor_id, actor, action, target, outcome, detail, address, request_id, credential";

pub(crate) fn connect(ostler: &Ostler) -> Connection {
    Store::open(&ostler.setup.environment["DATABASE_URL"].parse().unwrap()).unwrap().writer().unwrap()
}

/// What somebody does who has the database and not Ostler.
pub(crate) fn behind_its_back(ostler: &Ostler, sql: &str) {
    match &mut connect(ostler) {
        Connection::Sqlite(conn) => conn.batch_execute(sql).unwrap(),
        #[cfg(feature = "postgres")]
        Connection::Postgres(conn) => conn.batch_execute(sql).unwrap(),
    }
}

/// An Ostler with some entries.
pub(crate) fn with_entries(setup: Setup) -> Ostler {
    let ostler = setup.spawn();
    for _ in 0..5 {
        ostler.admin().make_key(&["mcp:read"]);
    }
    ostler
}

pub(crate) fn verify(ostler: &Ostler, query: &str) -> Answer {
    ostler.admin().get(&format!("/api/audit/verify{query}")).is(200)
}

/// Makes the hash of a link: of that of the one before, the place and the columns of its line.
pub(crate) type Link = fn(&str, i64, &ChainColumns) -> String;

/// What makes the chain anew, each link by `link`.
pub(crate) fn link_anew(ostler: &Ostler, link: Link) -> String {
    let mut last = origin().hash;
    let mut sql = String::new();
    for one in audit_chain::page(&mut connect(ostler), 0, 1000).unwrap() {
        if let Some(columns) = &one.columns {
            last = link(&last, one.link.seq, columns);
            sql += &format!("UPDATE audit_chain SET hash = '{last}' WHERE seq = {};", one.link.seq);
        } else {
            last = one.link.hash;
        }
    }
    sql
}

/// A link as it was made before there was a key.
pub(crate) fn link_without_key(last: &str, seq: i64, columns: &ChainColumns) -> String {
    let mut text = format!("{seq}:{last}\n");
    for column in &columns[..10] {
        text += &match column {
            Some(column) => format!("{}:{column}\n", column.len()),
            None => "-:\n".to_owned(),
        };
    }
    digest(&SHA256, text.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn link_with_another_key(last: &str, seq: i64, columns: &ChainColumns) -> String {
    let last = ::ostler::model::AuditLink { seq: seq - 1, hash: last.to_owned() };
    ChainKey::new(&[1; 32]).next(&last, columns).hash
}

pub(crate) const COPY: &str =
    "CREATE TABLE kept_lines AS SELECT * FROM audit_logs; CREATE TABLE kept_links AS SELECT * FROM audit_chain";
pub(crate) const PUT_BACK: &str = "DELETE FROM audit_logs; DELETE FROM audit_chain; \
    INSERT INTO audit_logs SELECT * FROM kept_lines; INSERT INTO audit_chain SELECT * FROM kept_links; \
    DROP TABLE kept_lines; DROP TABLE kept_links";

on_both_databases! {
    fn an_entry_that_was_changed_removed_or_put_in_is_found(setup: Setup) {
        let ostler = with_entries(setup);
        let lines = ostler.admin().get("/api/audit?action=key.create").is(200);
        let id = lines.list("/items")[2]["id"].as_str().unwrap().to_owned();
        let other = "ffffffff-ffff-7fff-bfff-ffffffffffff";
        for (harm, broken, problem) in [
            (format!("UPDATE audit_logs SET actor = 'mallory' WHERE id = '{id}'"), &*id, "changed"),
            (format!("UPDATE audit_logs SET credential = 'embedder' WHERE id = '{id}'"), &*id, "changed"),
            (format!("DELETE FROM audit_logs WHERE id = '{id}'"), &*id, "missing"),
            (
                format!("INSERT INTO audit_logs (id, {COLUMNS}) SELECT '{other}', {COLUMNS} FROM audit_logs WHERE id = '{id}'"),
                other, "unlinked",
            ),
            (
                format!("UPDATE audit_chain SET hash = 'ffffffff' || substr(hash, 9) WHERE entry_id = '{id}'"),
                &*id, "key",
            ),
            (format!("UPDATE audit_chain SET hash = hash || '0' WHERE entry_id = '{id}'"), &*id, "changed"),
        ] {
            let whole = verify(&ostler, "").has("/verified", true).has("/firstBroken", Value::Null);
            assert!(whole.number("/entries") >= 6 && whole.number("/unkeyed") == 0, "{whole:?}");
            behind_its_back(&ostler, &format!("{COPY}; {harm}"));
            verify(&ostler, "").has("/verified", false).has("/firstBroken", broken).has("/problem", problem);
            behind_its_back(&ostler, PUT_BACK);
        }
        verify(&ostler, "").has("/verified", true).has("/problem", Value::Null);
    }

    fn a_log_whose_end_was_cut_off_stays_so_whatever_is_written_after_it(setup: Setup) {
        let mut ostler = with_entries(setup);
        let head = verify(&ostler, "").string("/head");
        let newest = "(SELECT entry_id FROM audit_chain ORDER BY seq DESC LIMIT 2)";
        behind_its_back(&ostler, &format!("DELETE FROM audit_logs WHERE id IN {newest}; DELETE FROM audit_chain WHERE entry_id IN {newest}"));
        verify(&ostler, "").has("/verified", false).has("/problem", "cut").has("/firstBroken", &*head);
        for _ in 0..3 {
            ostler.admin().make_key(&["mcp:read"]);
        }
        // As long as it was, and yet another.
        verify(&ostler, "").has("/verified", false).has("/problem", "cut");
        assert!(ostler.errors().contains("entries are missing at the end of the audit log"));
        verify(&ostler, &format!("?anchor={head}")).has("/verified", false);
        ostler.admin().get("/api/audit/verify?anchor=x").problem(400, "malformed_request");
        ostler.terminate();
        ostler.start_again();
        verify(&ostler, "").has("/verified", false).has("/problem", "cut");
    }

    fn what_was_written_before_there_was_a_key_is_taken_over_and_from_then_on_proven(setup: Setup) {
        let mut ostler = with_entries(setup);
        ostler.terminate();
        behind_its_back(&ostler, &format!(
            "DELETE FROM audit_logs WHERE action = '{BEGIN}'; UPDATE audit_logs SET credential = NULL; \
             DELETE FROM audit_chain WHERE entry_id NOT IN (SELECT id FROM audit_logs); \
             DELETE FROM audit_chain WHERE seq < 3; UPDATE audit_chain SET seq = seq - 2"
        ));
        behind_its_back(&ostler, &link_anew(&ostler, link_without_key));
        std::fs::remove_file(ostler.setup.home.join("data/audit.head")).unwrap();
        ostler.start_again();
        let taken_over = verify(&ostler, "").has("/verified", true).has("/removed", 0);
        assert!(taken_over.number("/unkeyed") >= 5, "{taken_over:?}");
        let begin = ostler.admin().get(&format!("/api/audit?action={BEGIN}")).is(200);
        assert_eq!(begin.list("/items").len(), 1, "{begin:?}");

        let oldest = "(SELECT min(id) FROM audit_logs)";
        for harm in [
            format!("UPDATE audit_logs SET detail = 'forged' WHERE id = {oldest}"),
            format!("UPDATE audit_logs SET credential = 'embedder' WHERE id = {oldest}"),
        ] {
            behind_its_back(&ostler, &format!("{COPY}; {harm}"));
            verify(&ostler, "").has("/verified", false).has("/problem", "changed");
            behind_its_back(&ostler, PUT_BACK);
        }
        ostler.terminate();
        ostler.start_again();
        verify(&ostler, "").has("/verified", true);
    }
}

#[test]
fn another_secret_key_is_named_as_what_it_is() {
    let mut ostler = with_entries(Setup::new());
    ostler.terminate();
    ostler.setup.environment.insert("OSTLER_SECRET_KEY".into(), "a quite different secret of forty letters".into());
    ostler.start_again();
    verify(&ostler, "").has("/verified", false).has("/problem", "key");
    assert!(ostler.errors().contains("linked with another secret key"));
    ostler.terminate();
    ostler.setup.environment.remove("OSTLER_SECRET_KEY");
    ostler.start_again();
    let between = verify(&ostler, "").has("/verified", false).has("/problem", "key");
    let entry = ostler.admin().get("/api/audit?action=auth.login").is(200);
    assert!(entry.text().contains(&between.string("/firstBroken")), "what the other key linked: {entry:?}");
}

#[test]
fn the_head_is_in_ostlers_own_log_and_only_who_may_read_the_log_verifies_it() {
    let mut ostler = with_entries(Setup::new());
    let head = verify(&ostler, "").string("/head");
    ostler.kill();
    ostler.start_again();
    eventually("the head is told", || ostler.errors().contains(&head).then_some(()));
    let newer = ostler.admin().get("/api/audit/verify").is(200).string("/head");
    ostler.terminate();
    assert!(newer != head && ostler.errors().contains(&newer), "nor at the stop: {}", ostler.errors());
    ostler.start_again();
    ostler.user("developer").get("/api/audit/verify").problem(403, "forbidden");
    ostler.anonymous().get("/api/audit/verify").problem(401, "unauthenticated");
}
