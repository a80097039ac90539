//! The program of a package, where that has another name.

use super::*;
use crate::support::registry::{Registry, path_with_uv};

/// The reason for which a server does not start.
#[track_caller]
fn reason(server: &Server) -> String {
    let reason = || Some(server.details().json.pointer("/runtimeStatus/lastExit/reason")?.as_str()?.to_owned());
    within(seconds(INSTALLED_WITHIN), "it says why", reason)
}

#[test]
fn a_program_of_pypi_with_another_name_is_named_with_the_line_that_starts_it() {
    let Some(path) = path_with_uv() else { return };
    let setup = Setup::new().env("PATH", &path);
    let registry = Registry::start(&setup);
    let files = [("renamed.py", include_str!("witness.py"))];
    registry.publish_pypi(("renamed", "1.0.0"), Some("another = renamed:main"), &[], &files);
    registry.publish_pypi(("library", "1.0.0"), None, &[], &[("library.py", "")]);
    let ostler = registry.asked_by(setup).spawn();
    let register = |args: Value| ostler.admin().register(Spec::new("uvx", args).enabled());
    let said = reason(&register(json!(["renamed"])));
    let fix = "has no program renamed: it has another; start it with the name of one, as `uvx --from renamed another`";
    assert!(said.contains(fix), "{said}");
    let said = reason(&register(json!(["library"])));
    assert!(said.contains("library 1.0.0 has no program to run"), "{said}");
    runs(&register(json!(["--from", "renamed", "another"])));
}

#[test]
fn of_npm_the_only_program_is_run_and_several_are_named() {
    let Some(path) = path_with_uv() else { return };
    let setup = Setup::new().env("PATH", &path);
    let registry = Registry::start(&setup);
    let files = [("index.js", include_str!("witness.js"))];
    let publish = |name: &str, programs: Value| {
        registry.publish_npm(json!({"name": name, "version": "1.0.0", "bin": programs}), &files);
    };
    publish("lone", json!({"other": "index.js"}));
    publish("several", json!({"first": "index.js", "second": "index.js"}));
    let ostler = registry.asked_by(setup).spawn();
    let register = |args: Value| ostler.admin().register(Spec::new("npx", args).enabled());
    runs(&register(json!(["-y", "lone"])));
    let said = reason(&register(json!(["-y", "several"])));
    assert!(said.contains("several programs and none of its own name: it has first, second"), "{said}");
    let said = reason(&register(json!(["-y", "-p", "several", "third"])));
    let fix = "has no program third: it has first, second; start it with the name of one, as `npx -p several first`";
    assert!(said.contains(fix), "{said}");
    runs(&register(json!(["-y", "-p", "several", "second"])));
}
