//! Packages that fail at start for a reason that is known, and what cures them.

use std::{os::unix::fs::PermissionsExt, path::Path};

use super::*;
use crate::support::registry::{Registry, path_with_uv};

const MODULE: &str = "index.js";

/// A package that looks for the native module that its script makes.
const NATIVE: &str = "
const fs = require('node:fs'), path = require('node:path');
const file = path.join(__dirname, 'build', 'node_sqlite3.node');
if (!fs.existsSync(file)) throw new Error('Could not locate the bindings file. Tried:\\n → ' + file);
";

const MAKE: &str = "
const fs = require('node:fs'), path = require('node:path');
fs.mkdirSync(path.join(__dirname, 'build'), { recursive: true });
fs.writeFileSync(path.join(__dirname, 'build', 'node_sqlite3.node'), String(process.hrtime.bigint()));
";

/// An Ostler, with registries in which the package of an SDK has a new version without what servers use.
fn with_a_new_sdk() -> Option<(Ostler, Registry)> {
    let path = path_with_uv()?;
    let setup = Setup::new().env("PATH", &path);
    let registry = Registry::start(&setup);
    let old = [("mcp/__init__.py", ""), ("mcp/server/__init__.py", ""), ("mcp/server/fastmcp.py", "")];
    registry.publish_pypi(("mcp", "1.0"), None, &[], &old);
    registry.publish_pypi(("mcp", "2.0"), None, &[], &[("mcp/__init__.py", "")]);
    Some((registry.asked_by(setup).spawn(), registry))
}

/// A server that uses what the new version of the SDK does not have.
fn publish(registry: &Registry, name: &str, needs: &str) {
    let main = format!("import mcp.server.fastmcp\n{}", include_str!("witness.py"));
    registry.publish_pypi((name, "1.0.0"), Some(&format!("{name}:main")), &[needs], &[(&format!("{name}.py"), &main)]);
}

/// The server's timeline, once it has this text.
#[track_caller]
fn timeline_with(server: &Server, text: &str) -> String {
    within(seconds(INSTALLED_WITHIN), text, || {
        let timeline = server.caller.get(&server.path("/timeline?limit=100&kinds=ostler")).is(200).text();
        timeline.contains(text).then_some(timeline)
    })
}

#[test]
fn a_package_whose_dependency_became_another_is_resolved_again_with_the_bound() {
    let Some((mut ostler, registry)) = with_a_new_sdk() else { return };
    publish(&registry, "elder", "mcp>=1");
    let server = ostler.admin().register(Spec::new("uvx", json!(["elder"])).enabled());
    runs(&server);
    let cures = server.details();
    assert_eq!(
        cures.at("/package/pinned/cures/0/remedy/bound"),
        &json!({"name": "mcp", "extras": [], "versions": "<2"})
    );
    assert!(cures.string("/package/pinned/cures/0/line").contains("No module named 'mcp"), "{cures:?}");
    timeline_with(&server, "resolved again with mcp<2");

    // It is pinned so.
    drop(registry);
    ostler.terminate();
    ostler.start_again();
    runs(&ostler.admin().server(&server.id));
}

#[test]
fn a_cure_that_cannot_be_had_is_tried_once_and_said() {
    let Some((ostler, registry)) = with_a_new_sdk() else { return };
    publish(&registry, "stubborn", "mcp>=2");
    let server = ostler.admin().register(Spec::new("uvx", json!(["stubborn"])).enabled());
    const SAID: &str = "with mcp<2 it cannot be had";
    timeline_with(&server, SAID);
    within(seconds(INSTALLED_WITHIN), "it is left down", || (server.status() == "failed").then_some(()));
    let timeline = timeline_with(&server, SAID);
    assert_eq!(timeline.matches(SAID).count(), 1, "{timeline}");
    assert_eq!(server.details().list("/package/pinned/cures").len(), 0);
}

/// Registries with a server that needs a native module, whose install script is `make`.
fn with_a_native_module(setup: &Setup, make: &str) -> Registry {
    let registry = Registry::start(setup);
    let native = json!({"name": "sqlite3", "version": "5.0.0", "main": MODULE, "scripts": {"install": "node make.js"}});
    registry.publish_npm(native, &[(MODULE, NATIVE), ("make.js", make)]);
    let main = include_str!("witness.js").replacen('\n', "\nrequire('sqlite3');\n", 1);
    let package = json!({"name": "database", "version": "1.0.0", "bin": {"database": MODULE},
        "dependencies": {"sqlite3": "^5"}});
    registry.publish_npm(package, &[(MODULE, &main)]);
    registry
}

#[test]
fn the_install_script_of_a_native_module_is_run_for_a_server_that_dies_without() {
    let Some(path) = path_with_uv() else { return };
    let setup = Setup::new().env("PATH", &path);
    let registry = with_a_native_module(&setup, MAKE);
    let mut ostler = registry.asked_by(setup).spawn();
    let server = ostler.admin().register(Spec::new("npx", json!(["-y", "database"])).enabled());
    runs(&server);
    assert_eq!(server.details().string("/package/pinned/cures/0/remedy/installScript"), "sqlite3");

    // What a script makes may differ when it is installed again.
    ostler.terminate();
    for installation in installations(&ostler.setup, "npm") {
        fs::remove_dir_all(installation).unwrap();
    }
    ostler.start_again();
    runs(&ostler.admin().server(&server.id));
}

/// A Node.js of its own folder, with headers beside it or without.
fn own_node(setup: &Setup, has_headers: bool) -> PathBuf {
    let prefix = setup.home.join("own/node");
    fs::create_dir_all(prefix.join("bin")).unwrap();
    let path = std::env::var_os("PATH").unwrap();
    let node = std::env::split_paths(&path).map(|folder| folder.join("node"));
    let node = node.filter(|node| node.exists()).find_map(|node| node.canonicalize().ok()).unwrap();
    let script = prefix.join("bin/node");
    fs::write(&script, format!("#!/bin/sh\nexec {} \"$@\"\n", node.display())).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    if has_headers {
        fs::create_dir_all(prefix.join("include/node")).unwrap();
        fs::write(prefix.join("include/node/node.h"), "").unwrap();
    }
    prefix
}

#[test]
fn a_native_module_is_compiled_with_the_headers_beside_node_or_what_is_missing_is_named() {
    let Some(path) = path_with_uv() else { return };
    let make = format!(
        "if (!require('node:fs').existsSync(process.env.npm_config_nodedir + '/include/node/node.h')) {{
          console.error('no headers'); process.exit(1);
        }}{MAKE}"
    );
    for has_headers in [true, false] {
        let setup = Setup::new();
        let node = own_node(&setup, has_headers);
        let setup = setup.env("PATH", &format!("{}/bin:{path}", node.display()));
        let registry = with_a_native_module(&setup, &make);
        let ostler = registry.asked_by(setup).spawn();
        let server = ostler.admin().register(Spec::new("npx", json!(["-y", "database"])).enabled());
        if has_headers {
            runs(&server);
        } else {
            let said = timeline_with(&server, "with the install script of sqlite3 it cannot be had");
            assert!(said.contains("no headers") && said.contains("lacks the headers of Node.js"), "{said}");
        }
    }
}

#[test]
fn a_package_whose_dependencies_went_on_is_resolved_as_of_the_day_after_its_release() {
    let Some(path) = path_with_uv() else { return };
    let setup = Setup::new().env("PATH", &path);
    let registry = Registry::start(&setup);
    registry.publish_pypi(("sdk", "1.0"), None, &[], &[("sdk/__init__.py", "thing = 1")]);
    registry.set_time("2026-01-02T12:00:00Z");
    let main = format!("from sdk import thing\n{}", include_str!("witness.py"));
    registry.publish_pypi(("dated", "1.0.0"), Some("dated:main"), &["sdk>=1"], &[("dated.py", &main)]);
    registry.set_time("2026-01-03T11:59:00Z");
    registry.publish_pypi(("sdk", "1.1"), None, &[], &[("sdk/__init__.py", "thing = 2")]);
    registry.set_time("2026-01-03T12:01:00Z");
    registry.publish_pypi(("sdk", "2.0"), None, &[], &[("sdk/__init__.py", "")]);
    let ostler = registry.asked_by(setup).spawn();
    let server = ostler.admin().register(Spec::new("uvx", json!(["dated"])).enabled());
    runs(&server);
    let details = server.details();
    assert_eq!(details.string("/package/pinned/cures/0/remedy/asOf"), "2026-01-03T12:00:00.000Z");
    assert!(details.string("/package/pinned/cures/0/line").contains("cannot import name 'thing'"), "{details:?}");
    timeline_with(&server, "resolved again with the packages of the day after its release");
    let [installation] = installations(&ostler.setup, "pypi")
        .into_iter()
        .filter(|folder| fs::read_to_string(folder.join("requirements.txt")).unwrap().contains("sdk==1.1"))
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    assert!(installation.join("venv/bin/dated").exists());
}

#[test]
fn a_server_that_was_ready_is_not_given_older_packages() {
    let Some(path) = path_with_uv() else { return };
    let setup = Setup::new().env("PATH", &path);
    let registry = Registry::start(&setup);
    let main = include_str!("witness.py").replace("os._exit(arguments[\"code\"])", "from os import no_such_thing");
    registry.publish_pypi(("late", "1.0.0"), Some("late:main"), &[], &[("late.py", &main)]);
    let ostler = registry.asked_by(setup).spawn();
    let server = ostler.admin().register(Spec::new("uvx", json!(["late"])).enabled());
    runs(&server);
    server.call("exit", json!({})).any_of(&[502, 503]);
    let line = || server.details().text().contains("cannot import name 'no_such_thing'").then_some(());
    eventually("it says why it ended", line);
    runs(&server);
    assert_eq!(server.details().list("/package/pinned/cures").len(), 0);
}

#[test]
fn a_package_for_another_python_is_installed_for_one_that_is_there_or_none_is_named() {
    let Some(path) = path_with_uv() else { return };
    let setup = Setup::new().env("PATH", &path);
    let registry = Registry::start(&setup);
    let main = [("modern.py", include_str!("witness.py"))];
    registry.publish_pypi(("modern", "1.0.0"), Some("modern:main"), &["python>=3.99"], &main);
    let ostler = registry.asked_by(setup).spawn();
    let server = ostler.admin().register(Spec::new("uvx", json!(["modern"])).enabled());
    let reason = || Some(server.details().json.pointer("/runtimeStatus/lastExit/reason")?.as_str()?.to_owned());
    let reason = within(seconds(INSTALLED_WITHIN), "it says why", reason);
    assert!(reason.contains("with Python >=3.99 it cannot be had on this machine"), "{reason}");
    timeline_with(&server, "resolved again with Python >=3.99");
}

#[test]
fn a_package_for_a_newer_python_than_the_first_is_installed_for_that() {
    let Some([first, second]) = two_pythons() else { return };
    let Some(uv) = python_servers("uv") else { return };
    let setup = Setup::new();
    let folder = setup.home.join("own/bin");
    fs::create_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink(uv.join("uv"), folder.join("uv")).unwrap();
    let path = [folder.as_path(), first.parent().unwrap(), second.parent().unwrap(), Path::new("/usr/bin")];
    let setup = setup.env("PATH", std::env::join_paths(path).unwrap().to_str().unwrap());
    let registry = Registry::start(&setup);
    let version = second.file_name().unwrap().to_str().unwrap().trim_start_matches("python");
    let main = [("modern.py", include_str!("witness.py"))];
    let wanted = format!("python>={version}");
    registry.publish_pypi(("modern", "1.0.0"), Some("modern:main"), &[wanted.as_str()], &main);
    let ostler = registry.asked_by(setup).spawn();
    let server = ostler.admin().register(Spec::new("uvx", json!(["modern"])).enabled());
    runs(&server);
    assert_eq!(server.details().string("/package/pinned/cures/0/remedy/python"), format!(">={version}"));
}

/// Two Pythons of this machine in folders of their own, the older one first.
fn two_pythons() -> Option<[PathBuf; 2]> {
    let homes = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".pyenv/versions"));
    let of_pyenv = homes.and_then(|versions| fs::read_dir(versions).ok()).into_iter().flatten();
    let folders = of_pyenv.map(|version| version.unwrap().path().join("bin"));
    let folders: Vec<_> = folders.chain(["/usr/bin".into(), "/usr/local/bin".into()]).collect();
    let mut minors = (10..20).rev().filter_map(|minor| {
        let name = format!("python3.{minor}");
        folders.iter().map(|folder| folder.join(&name)).find(|python| python.exists())
    });
    let found = minors.next().zip(minors.next()).map(|(newer, older)| [older, newer]);
    if found.as_ref().is_none_or(|[older, newer]| older.parent() == newer.parent()) {
        absent("there are no two Pythons in folders of their own");
        return None;
    }
    found
}
