//! Ostler's own data, kept from servers where that takes nothing from them.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    process::{Command, Stdio},
};

use crate::support::*;

/// A user with nothing of its own.
const NOBODY: u32 = 65534;

/// An Ostler of that user, whose data lie in a folder where it may make nothing.
fn secluded() -> Option<Ostler> {
    if !rustix::process::geteuid().is_root() {
        absent("only root may run an Ostler as somebody else");
        return None;
    }
    let mut setup = Setup::new().env("RUST_LOG", "warn").env("MCP_SANDBOX", "none");
    // Everybody may pass to where it lies, and to the programs.
    for folder in ["data", "servers"] {
        fs::create_dir_all(setup.home.join(folder)).unwrap();
        chown(setup.home.join(folder), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    setup.user = Some(NOBODY);
    let mut reach = Command::new("setpriv");
    reach.args(["--reuid=65534", "--regid=65534", "--clear-groups", "ls"]).args([&setup.home, &setup.program]);
    if !reach.stdout(Stdio::null()).status().is_ok_and(|status| status.success()) {
        absent("another user cannot reach the folder of the tests");
        return None;
    }
    fs::set_permissions(setup.home.join("data"), fs::Permissions::from_mode(0o700)).unwrap();
    Some(setup.spawn())
}

/// What a server prints when it runs this before it serves, a line each.
fn output_of(ostler: &Ostler, script: &str) -> String {
    let command = format!("{{ {script}; }} >&2 2>&1; echo ended >&2; exec {} ok", server::hostile_server().display());
    let server = ostler.admin().running(Spec::new("sh", json!(["-c", command])).uncontained());
    let lines = || server.caller.get(&server.path("/output")).is(200).list("/items").to_vec();
    let ended = |lines: &Vec<Value>| lines.iter().any(|line| line["line"] == "ended");
    let lines = eventually("it is done", || Some(lines()).filter(ended));
    lines.iter().map(|line| line["line"].as_str().unwrap().to_owned() + "\n").collect()
}

#[test]
fn servers_neither_read_nor_write_the_data_folder_and_work_as_before() {
    let Some(ostler) = secluded() else { return };
    assert!(!ostler.errors().contains("Ostler's own data"), "{}", ostler.errors());
    let data = ostler.setup.home.join("data");
    let script = format!(
        "cd {}; for file in secret.key ostler.db ostler.db-wal ostler.db.ostler-lock ostler.lock installation; do \
         cat $file >/dev/null && echo read $file; echo x >> $file && echo wrote $file; rm $file && echo removed $file; \
         mv $file /tmp/ && echo moved $file; ln $file /tmp/ostler-link && echo linked $file; done; \
         echo x > new && echo made; cat /proc/self/cwd/secret.key && echo read by a link; \
         cat /proc/$PPID/cwd/data/secret.key && echo read by the guard; true",
        data.display()
    );
    let output = output_of(&ostler, &script);
    for done in ["read ", "wrote ", "removed ", "moved ", "linked ", "made"] {
        assert!(!output.lines().any(|line| line.starts_with(done)), "{output}");
    }
    let works = "echo x > here && mkdir -p a/b && mv here a/b/ && cat a/b/here && echo worked; \
                 t=$(mktemp) && echo y > $t && rm $t && echo in tmp; cat /etc/hostname /proc/self/stat >/dev/null && echo elsewhere";
    let output = output_of(&ostler, works);
    for done in ["worked", "in tmp", "elsewhere"] {
        assert!(output.lines().any(|line| line.ends_with(done)), "no {done:?}: {output}");
    }
    ostler.anonymous().get("/readyz").is(200);
}

#[test]
fn a_folder_that_cannot_be_hidden_is_warned_of_and_takes_nothing_from_servers() {
    let mut setup = Setup::new().env("MCP_SANDBOX", "none");
    setup.environment.insert("HOME".into(), setup.home.join("data").display().to_string());
    let ostler = setup.spawn();
    eventually("there is a warning", || ostler.errors().contains("Ostler's own data").then_some(()));
    let output = output_of(&ostler, "cd ~ && echo x > new && echo made");
    assert!(output.contains("made"), "{output}");
}
