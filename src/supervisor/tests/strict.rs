//! The level strict, where bubblewrap runs: with real processes.

use std::{fs, path::Path, process::Command};

use crate::{
    model::{SandboxLevel, UserId},
    supervisor::Containment,
};

use super::*;

/// A folder with a home and a file that is not to be seen.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn folder() -> Folder {
    let path = std::env::temp_dir().join(format!("ostler-{}", uuid::Uuid::new_v4().simple()));
    fs::create_dir_all(&path).unwrap();
    fs::write(path.join("canary"), "").unwrap();
    Folder(path.canonicalize().unwrap())
}

fn has_bubblewrap() -> bool {
    let tried = Command::new("/usr/bin/bwrap").args(["--unshare-user", "--ro-bind", "/", "/", "true"]).status();
    let has = tried.is_ok_and(|status| status.success());
    if !has {
        println!("skipped: bubblewrap does not run here");
    }
    has
}

/// A strict server that runs a script before it serves.
fn strict(folder: &Path, script: &str) -> Launch {
    let program = program().canonicalize().unwrap();
    let launch = run("sh", &["-c", &format!("{{ {script}; }} >&2; exec {} demo-server", program.display())]);
    let containment = Containment {
        level: SandboxLevel::Strict,
        home: folder.join("home"),
        read: vec![program],
        canary: folder.join("canary"),
        ..Containment::default()
    };
    let mut launch = Launch::clone(&launch);
    launch.spec.env.insert("PATH".into(), "/usr/bin:/bin".into());
    launch.spec.env.insert("TOKEN".into(), "a-secret".into());
    launch.spec.dir = containment.home.clone();
    launch.spec.containment = Some(containment);
    launch
}

#[actix::test]
async fn a_strict_server_sees_nothing_outside() {
    if !has_bubblewrap() {
        return;
    }
    let folder = folder();
    let script = format!(
        "ls {place} /run /root /home /etc/shadow 2>&1; ls -d /proc/[0-9]* | wc -l; tr '\\0' ' ' < /proc/1/cmdline; echo; \
         pwd; echo x > here && cat here; kill -0 {} 2>&1; mount -t tmpfs x . 2>&1; grep -E 'CapEff|Seccomp:' \
         /proc/self/status; ls /proc/self/fd | wc -l",
        std::process::id(),
        place = folder.0.display(),
    );
    let child = supervised_as(RestartPolicy::default(), strict(&folder.0, &script).into()).await;
    child.serving(None).await;
    let lines: Vec<_> = child.link.output.after(0, UserId::new()).into_iter().map(|line| line.line).collect();
    let text = lines.join("\n");
    for outside in ["canary", "a-secret", "--bind", folder.0.join("canary").to_str().unwrap()] {
        assert!(!text.contains(outside), "{outside}: {text}");
    }
    let missing = ["/root", "/home", "/etc/shadow"].map(|place| format!("cannot access '{place}': No such file"));
    let inside = ["No such process", "CapEff:\t0000000000000000", "Seccomp:\t2", "\nx\n", "\nhome\n"];
    for expected in missing.iter().map(String::as_str).chain(inside) {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    child.end().await;
}

#[actix::test]
async fn a_server_that_could_see_the_canary_is_not_started() {
    if !has_bubblewrap() {
        return;
    }
    let folder = folder();
    let mut launch = strict(&folder.0, "true");
    if let Some(containment) = &mut launch.spec.containment {
        containment.read.push(folder.0.clone());
    }
    let child = supervised_as(RestartPolicy::default(), launch.into()).await;
    let view = child.until(|view| view.last_exit.is_some()).await;
    let reason = view.last_exit.unwrap().reason;
    let expected = "was not started, isolation_unavailable: it could see a file of Ostler's from within; to run it less \
                    closely contained, set its sandbox level to standard";
    assert_eq!(reason, expected);
    child.end().await;
}
