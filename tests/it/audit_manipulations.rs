//! Everything that can be done to the audit log in the database, while Ostler runs and while it is stopped: all found.

use std::{fs, path::PathBuf, process::Output};

use ::ostler::{Runtime, actix::System, store::audit_chain};

use crate::{
    audit_chain::{
        COLUMNS, COPY, Link, PUT_BACK, behind_its_back, connect, link_anew, link_with_another_key, link_without_key,
        verify, with_entries,
    },
    audit_retention::{add_entries, verified_when},
    support::{
        backends::on_both_databases,
        setup::{ADMIN_PASSWORD, PROGRAM},
        *,
    },
};

/// A manipulation of the database, what it is, and what is found.
struct Harm {
    name: &'static str,
    sql: Box<dyn Fn(&Ostler) -> String>,
    problem: &'static str,
}

const FORGE: &str =
    "UPDATE audit_logs SET detail = 'forged' WHERE id = (SELECT max(id) FROM audit_logs WHERE action = 'key.create');";

/// The place of an entry in the middle.
const MIDDLE: &str = "(SELECT max(seq) - 3 FROM audit_chain)";

/// Entries with links at these places, and their links.
fn remove(places: &str) -> String {
    format!(
        "DELETE FROM audit_logs WHERE id IN (SELECT entry_id FROM audit_chain WHERE seq {places}); \
         DELETE FROM audit_chain WHERE seq {places};"
    )
}

/// A link for an entry that was put in, with this hash.
fn put_in(hash: &str) -> String {
    format!(
        "INSERT INTO audit_logs (id, {COLUMNS}) SELECT 'ffffffff-ffff-7fff-bfff-ffffffffffff', {COLUMNS} \
         FROM audit_logs WHERE id = (SELECT min(id) FROM audit_logs); \
         INSERT INTO audit_chain (seq, entry_id, hash) \
         SELECT max(seq) + 1, 'ffffffff-ffff-7fff-bfff-ffffffffffff', {hash} FROM audit_chain;"
    )
}

/// The two entries of one action that stand next to each other have each other's columns but the id.
fn swap() -> String {
    let place = |offset: u32| format!("(SELECT entry_id FROM audit_chain WHERE seq = {MIDDLE} + {offset})");
    let [one, other] = [place(0), place(1)];
    format!(
        "CREATE TABLE pair AS SELECT * FROM audit_logs WHERE id IN ({one}, {other}); \
         UPDATE audit_logs SET target = (SELECT target FROM pair WHERE pair.id <> audit_logs.id), \
         created_at = (SELECT created_at FROM pair WHERE pair.id <> audit_logs.id) \
         WHERE id IN (SELECT id FROM pair); DROP TABLE pair;"
    )
}

/// A manipulation by one text of SQL.
fn plain(name: &'static str, problem: &'static str, sql: impl Into<String>) -> Harm {
    let sql = sql.into();
    Harm { name, problem, sql: Box::new(move |_| sql.clone()) }
}

/// The place of the newest entry, and those of the oldest: each read anew by the statement that has it.
const NEWEST: &str = "= (SELECT newest FROM (SELECT max(seq) AS newest FROM audit_chain) AS places)";
const OLDEST: &str = "< (SELECT third FROM (SELECT min(seq) + 3 AS third FROM audit_chain) AS places)";

/// The newest entry about what retention removed.
const MARKER: &str = "(SELECT max(id) FROM audit_logs WHERE action = 'audit.retention')";

fn changes() -> [Harm; 4] {
    let id = "UPDATE audit_chain SET hash = 'ffffffff' || substr(hash, 9) WHERE seq =";
    let marker = format!(
        "UPDATE audit_logs SET target = '9999:x', detail = '9999 entries until 2026-01-01T00:00:00.000Z' \
         WHERE id = {MARKER}"
    );
    [
        plain("an entry is changed", "changed", FORGE),
        plain("two entries are swapped", "changed", swap()),
        plain("the name of the key in a link is changed", "key", format!("{id} {MIDDLE}")),
        plain("the note of what retention removed is changed", "changed", marker),
    ]
}

fn removals() -> [Harm; 8] {
    let entry = format!("DELETE FROM audit_logs WHERE id = (SELECT entry_id FROM audit_chain WHERE seq = {MIDDLE})");
    let marker = format!("IN (SELECT seq FROM audit_chain AS marked WHERE marked.entry_id = {MARKER})");
    [
        plain("an entry is removed from the middle", "missing", remove(&format!("= {MIDDLE}"))),
        plain("an entry is removed, its link left", "missing", entry),
        plain("the newest is removed", "cut", remove(NEWEST)),
        plain("the oldest are removed", "missing", remove(OLDEST)),
        plain("the note of what retention removed is removed", "missing", remove(&marker)),
        plain("all links are removed", "unlinked", format!("DELETE FROM audit_chain; {FORGE}")),
        plain("everything is removed", "cut", "DELETE FROM audit_chain; DELETE FROM audit_logs"),
        plain("an older copy is put back, of three entries ago", "cut", remove(&format!("> {MIDDLE}"))),
    ]
}

fn insertions() -> [Harm; 3] {
    let early = format!(
        "INSERT INTO audit_logs (id, {COLUMNS}) SELECT '00000000-0000-7000-8000-000000000000', {COLUMNS} \
         FROM audit_logs WHERE id = (SELECT max(id) FROM audit_logs)"
    );
    let without_key = put_in(&format!("'{}'", "0".repeat(64)));
    [
        plain("one is put in without a link", "unlinked", early),
        plain("one is put in with a link that was there", "changed", put_in("max(hash)")),
        plain("one is put in with a link without the key", "unkeyed", without_key),
    ]
}

/// An entry that is changed, with links that fit it.
fn relinked() -> [Harm; 3] {
    fn all(name: &'static str, problem: &'static str, link: Link, before: &'static str) -> Harm {
        let sql = move |ostler: &Ostler| {
            behind_its_back(ostler, before);
            link_anew(ostler, link)
        };
        Harm { name, problem, sql: Box::new(sql) }
    }
    fn its_own(ostler: &Ostler) -> String {
        let page = audit_chain::page(&mut connect(ostler), 0, 1000).unwrap();
        let [.., last, one, _] = &page[..] else { panic!("too few entries") };
        let mac = link_with_another_key(&last.link.hash, one.link.seq, one.columns.as_ref().unwrap());
        let (key, mac) = (&one.link.hash[..8], &mac[9..]);
        let link = format!("UPDATE audit_chain SET hash = '{key}.{mac}' WHERE seq = {};", one.link.seq);
        format!("UPDATE audit_logs SET actor = 'mallory' WHERE id = '{}'; {link}", one.entry)
    }
    let without_credential = "UPDATE audit_logs SET credential = NULL, detail = 'forged'";
    [
        all("all links are made with another key", "key", link_with_another_key, FORGE),
        all("all links are made without a key", "cut", link_without_key, without_credential),
        Harm { name: "its own link is made with another key", problem: "changed", sql: Box::new(its_own) },
    ]
}

fn harms() -> impl Iterator<Item = Harm> {
    changes().into_iter().chain(removals()).chain(insertions()).chain(relinked())
}

/// An Ostler whose log has lost its beginning by retention, and has more entries since.
fn with_retention(setup: Setup) -> Ostler {
    System::new().block_on(async {
        let builder = Runtime::builder()
            .data_dir(setup.home.join("data"))
            .database(setup.environment["DATABASE_URL"].parse().unwrap())
            .guard(PROGRAM);
        let runtime = builder.with(|settings| {
            settings.retention.audit_bytes = 10_000;
            settings.admin_password = Some(ADMIN_PASSWORD.into());
        });
        let runtime = runtime.start().await.unwrap();
        add_entries(&runtime).await;
        runtime.stop().await;
        let again = Runtime::builder()
            .data_dir(setup.home.join("data"))
            .database(setup.environment["DATABASE_URL"].parse().unwrap())
            .guard(PROGRAM)
            .with(|settings| settings.retention.audit_bytes = 10_000);
        let runtime = again.start().await.unwrap();
        verified_when(&runtime, |verdict| verdict.entries <= 10 && verdict.removed_by_retention > 0).await;
        runtime.stop().await;
    });
    with_entries(setup)
}

fn head_note(ostler: &Ostler) -> PathBuf {
    ostler.setup.home.join("data/audit.head")
}

/// What `ostler audit verify` says on the same settings.
pub(crate) fn audit_verify(ostler: &Ostler, arguments: &[&str]) -> Output {
    let arguments = ["audit", "verify"].iter().chain(arguments);
    let setup = Setup { arguments: arguments.map(ToString::to_string).collect(), ..ostler.setup.clone() };
    setup.command().output().unwrap()
}

/// Claims that it finds the log as it was written.
#[track_caller]
pub(crate) fn is_verified(ostler: &Ostler, arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = audit_verify(ostler, arguments);
    let (out, errors) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert!(status.success() && out.starts_with("verified: "), "{status} {out} {errors}");
    out
}

/// Claims that it finds the log broken.
#[track_caller]
pub(crate) fn is_broken(ostler: &Ostler, arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = audit_verify(ostler, arguments);
    let (out, errors) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert!(status.code() == Some(1) && errors.contains("not as it was written"), "{status} {out} {errors}");
    errors
}

on_both_databases! {
    fn whoever_has_the_database_alone_covers_nothing_up_while_ostler_runs(setup: Setup) {
        let ostler = with_retention(setup);
        for Harm { name, sql, problem } in harms() {
            verify(&ostler, "").has("/verified", true);
            behind_its_back(&ostler, COPY);
            behind_its_back(&ostler, &sql(&ostler));
            let found = verify(&ostler, "");
            assert!(found.string("/problem") == problem && !found.text().contains("\"verified\":true"), "{name}: {found:?}");
            behind_its_back(&ostler, PUT_BACK);
        }
        let sound = verify(&ostler, "").has("/verified", true);
        assert!(sound.number("/removedByRetention") > 0 && is_verified(&ostler, &[]).contains("by retention"));
    }

    fn nor_while_it_is_stopped(setup: Setup) {
        let mut ostler = with_retention(setup);
        for Harm { name, sql, problem } in harms() {
            ostler.terminate();
            is_verified(&ostler, &[]);
            let note = fs::read(head_note(&ostler)).unwrap();
            behind_its_back(&ostler, COPY);
            behind_its_back(&ostler, &sql(&ostler));
            is_broken(&ostler, &[]);
            ostler.start_again();
            let found = verify(&ostler, "");
            assert!(found.string("/problem") == problem, "{name}: {found:?}");
            ostler.terminate();
            is_broken(&ostler, &[]);
            behind_its_back(&ostler, PUT_BACK);
            fs::write(head_note(&ostler), note).unwrap();
            ostler.start_again();
        }
        verify(&ostler, "").has("/verified", true);
    }
}
