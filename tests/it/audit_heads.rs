//! The head of the audit log is told where neither the database nor the data folder can take it back.

use std::{fs, path::PathBuf};

use crate::{
    audit_chain::{COPY, PUT_BACK, behind_its_back, verify, with_entries},
    audit_manipulations::{audit_verify, is_broken, is_verified},
    support::{backends::on_both_databases, *},
};

fn head_file(setup: &Setup) -> PathBuf {
    setup.home.join("heads")
}

/// Tells its heads to a file.
fn telling(setup: Setup) -> Setup {
    let path = head_file(&setup);
    setup.env("OSTLER_AUDIT_HEAD_FILE", path.to_str().unwrap())
}

fn told(ostler: &Ostler) -> String {
    fs::read_to_string(head_file(&ostler.setup)).unwrap()
}

on_both_databases! {
    fn an_older_copy_of_the_database_and_of_the_data_folder_together_is_found_by_the_heads_told_outside(setup: Setup) {
        let mut ostler = with_entries(telling(setup));
        ostler.terminate();
        let note = ostler.setup.home.join("data/audit.head");
        let older = fs::read(&note).unwrap();
        behind_its_back(&ostler, COPY);
        ostler.start_again();
        ostler.admin().make_key(&["mcp:read"]);
        let lost = verify(&ostler, "").has("/verified", true).string("/head");
        ostler.terminate();
        assert!(told(&ostler).contains(&lost), "at the stop: {}", told(&ostler));
        is_verified(&ostler, &[]);

        behind_its_back(&ostler, PUT_BACK);
        fs::write(&note, &older).unwrap();
        assert!(is_broken(&ostler, &[]).contains(&lost));
        // Without the file nothing shows it.
        let unaware = |mut setup: Setup| {
            setup.environment.remove("OSTLER_AUDIT_HEAD_FILE");
            setup
        };
        let without = unaware(ostler.setup.clone());
        let setup = std::mem::replace(&mut ostler.setup, without);
        is_verified(&ostler, &[]);
        is_broken(&ostler, &["--head", head_file(&ostler.setup).to_str().unwrap()]);
        ostler.setup = setup;

        ostler.start_again();
        assert!(ostler.errors().contains("entries are missing at the end of the audit log"));
        verify(&ostler, "").has("/verified", false).has("/problem", "cut");
        // Whatever is written and noted after it.
        ostler.admin().make_key(&["mcp:read"]);
        ostler.terminate();
        fs::remove_file(&note).unwrap();
        ostler.start_again();
        verify(&ostler, "").has("/verified", false).has("/problem", "anchor");
    }
}

#[test]
fn a_database_of_another_installation_in_the_place_of_this_one_is_found() {
    let (mut ostler, mut other) = (with_entries(Setup::new()), with_entries(Setup::new()));
    ostler.terminate();
    other.terminate();
    fs::copy(other.setup.database_file(), ostler.setup.database_file()).unwrap();
    assert!(is_broken(&ostler, &[]).contains("another key"));
    ostler.start_again();
    verify(&ostler, "").has("/verified", false).has("/problem", "key");
}

#[test]
fn the_terminal_verifies_beside_ostler_and_by_ostlers_own_log() {
    let ostler = with_entries(telling(Setup::new()));
    let head = verify(&ostler, "").string("/head");
    eventually("the head is told", || head_file(&ostler.setup).exists().then_some(()));
    let said = is_verified(&ostler, &[]);
    assert!(said.contains(&format!("head: {head}")), "{said}");
    let log = ostler.setup.home.join("log");
    fs::write(&log, ostler.errors()).unwrap();
    is_verified(&ostler, &["--head", log.to_str().unwrap()]);

    let wrong = head.replace(&head[head.len() - 4..], "0000");
    fs::write(&log, format!("2026-11-30T10:00:00.000Z {wrong}\n")).unwrap();
    assert!(is_broken(&ostler, &["--head", log.to_str().unwrap()]).contains("noted outside"));
    fs::write(&log, "nothing\n").unwrap();
    let empty = audit_verify(&ostler, &["--head", log.to_str().unwrap()]);
    assert_eq!(empty.status.code(), Some(64));
    let missing = audit_verify(&ostler, &["--head", "/nowhere"]);
    assert_eq!(missing.status.code(), Some(1));
}

#[test]
fn a_head_file_that_cannot_be_written_is_said_and_keeps_nobody_from_work() {
    let ostler = with_entries(Setup::new().env("OSTLER_AUDIT_HEAD_FILE", "/proc/no-such-folder/heads"));
    eventually("it is said", || {
        ostler.errors().contains("cannot be published in OSTLER_AUDIT_HEAD_FILE").then_some(())
    });
    verify(&ostler, "").has("/verified", true);
}
