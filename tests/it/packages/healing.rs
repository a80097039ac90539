//! Packages that fail at start for a reason that is known, and what cures them.

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

#[test]
fn the_install_script_of_a_native_module_is_run_for_a_server_that_dies_without() {
    let Some(path) = path_with_uv() else { return };
    let setup = Setup::new().env("PATH", &path);
    let registry = Registry::start(&setup);
    let native = json!({"name": "sqlite3", "version": "5.0.0", "main": MODULE, "scripts": {"install": "node make.js"}});
    registry.publish_npm(native, &[(MODULE, NATIVE), ("make.js", MAKE)]);
    let main = include_str!("witness.js").replacen('\n', "\nrequire('sqlite3');\n", 1);
    let package = json!({"name": "database", "version": "1.0.0", "bin": {"database": MODULE},
        "dependencies": {"sqlite3": "^5"}});
    registry.publish_npm(package, &[(MODULE, &main)]);
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
