//! Packages that launchers are asked to run: installed once, and their programs run directly.

mod archives;
mod healing;
mod launched;
mod pip;
mod programs;
mod updates;

use std::{fs, path::PathBuf};

use crate::support::{
    real::{has_program, python_servers},
    registry::{self, PACKAGE, Registry},
    *,
};

/// Time to install a package beside other tests.
const INSTALLED_WITHIN: u64 = 240;

/// A registry that refuses each connection.
const NOWHERE: &str = "http://127.0.0.1:9/";

fn npx(name: &str) -> Spec {
    Spec::new("npx", json!(["-y", "@modelcontextprotocol/server-memory@2026.8.31"])).named(name).enabled()
}

#[track_caller]
fn runs(server: &Server) {
    within(seconds(INSTALLED_WITHIN), "it runs", || (server.status() == "running").then_some(()));
}

/// The installations of a registry's packages.
fn installations(setup: &Setup, registry: &str) -> Vec<PathBuf> {
    let folder = setup.home.join("data/packages").join(registry);
    fs::read_dir(folder).map(|found| found.map(|entry| entry.unwrap().path()).collect()).unwrap_or_default()
}

/// An Ostler with two servers of one package, and their one installation.
fn with_two_servers() -> Option<(Ostler, [Server; 2], PathBuf)> {
    has_program("npx")?;
    let ostler = Setup::new().spawn();
    let servers = ["one", "two"].map(|name| ostler.admin().register(npx(name)));
    servers.iter().for_each(runs);
    let [installation] = installations(&ostler.setup, "npm").try_into().unwrap();
    Some((ostler, servers, installation))
}

#[test]
fn a_package_of_npm_is_installed_once_and_runs_without_its_launcher_and_its_registry() {
    let Some((mut ostler, servers, installation)) = with_two_servers() else { return };
    // It keeps its file beside itself, unless it is told another place.
    let entity = json!({"entities": [{"name": "hay", "entityType": "feed", "observations": []}]});
    servers[0].call("create_entities", entity).is(200);
    assert!(servers[0].call("read_graph", json!({})).is(200).text().contains("hay"));
    assert!(!servers[1].call("read_graph", json!({})).is(200).text().contains("hay"), "each has its own");
    let program = installation.join("node_modules/.bin/mcp-server-memory");
    let commands: Vec<_> = ostler.processes().into_iter().map(|process| process.command).collect();
    assert_eq!(
        commands.iter().filter(|command| command.contains(program.to_str().unwrap())).count(),
        2,
        "{commands:?}"
    );
    assert!(!commands.iter().any(|command| command.contains("npx") || command.starts_with("npm")), "{commands:?}");
    let spawned = ostler.admin().get("/api/audit?action=server.spawn").is(200);
    assert!(spawned.text().contains("/node_modules/.bin/mcp-server-memory"), "{spawned:?}");

    ostler.kill();
    ostler.setup = ostler.setup.clone().env("NPM_CONFIG_REGISTRY", NOWHERE);
    ostler.start_again();
    servers.iter().map(|server| ostler.admin().server(&server.id)).for_each(|server| runs(&server));
    let new = ostler.admin().register(Spec::new("npx", json!(["-y", "@modelcontextprotocol/server-memory@2026.7.4"])));
    new.start();
    let reason =
        eventually("it says why", || new.details().at("/runtimeStatus/lastExit/reason").as_str().map(str::to_owned));
    assert!(reason.contains("could not be resolved"), "{reason}");
}

#[test]
fn a_package_that_was_changed_does_not_run_and_one_that_is_gone_is_installed_again() {
    let Some((mut ostler, servers, installation)) = with_two_servers() else { return };
    ostler.terminate();
    let file = installation.join("node_modules/@modelcontextprotocol/server-memory/dist/index.js");
    fs::write(&file, fs::read_to_string(&file).unwrap() + "\n//").unwrap();
    ostler.start_again();
    let changed = ostler.admin().server(&servers[0].id);
    changed.becomes("failed");
    let reason = changed.details().string("/runtimeStatus/lastExit/reason");
    assert!(
        reason.contains("is not as it was installed") && reason.contains("server-memory/dist/index.js"),
        "{reason}"
    );

    ostler.terminate();
    fs::remove_dir_all(&installation).unwrap();
    ostler.start_again();
    let again = servers.map(|server| ostler.admin().server(&server.id));
    again.iter().for_each(runs);
    assert_eq!(installations(&ostler.setup, "npm"), [installation]);

    // What no server runs goes with the next start.
    again.iter().for_each(|server| drop(server.remove().is(204)));
    ostler.terminate();
    ostler.start_again();
    assert!(installations(&ostler.setup, "npm").is_empty());
}

#[test]
fn an_installation_that_takes_long_can_be_stopped_and_leaves_nothing() {
    let Some(()) = has_program("npx") else { return };
    // Takes connections, and never answers.
    let registry = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", registry.local_addr().unwrap());
    let mut ostler = Setup::new().env("NPM_CONFIG_REGISTRY", &url).spawn();
    let server = ostler.admin().register(npx("slow"));
    let _connection = registry.accept().unwrap();
    assert_eq!(server.status(), "starting");
    server.stop().is(200).has("/runtimeStatus/status", "stopped");
    ostler.leaves_nothing();

    let server = ostler.admin().register(npx("killed"));
    let _connection = registry.accept().unwrap();
    ostler.kill();
    ostler.leaves_nothing();
    ostler.setup = ostler.setup.clone().without("NPM_CONFIG_REGISTRY");
    ostler.start_again();
    runs(&ostler.admin().server(&server.id));
    let left = fs::read_dir(ostler.setup.home.join("data/packages")).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(left.iter().all(|name| !name.starts_with("resolving-")), "{left:?}");
}

#[test]
fn a_package_of_pypi_is_installed_once_and_again_as_it_was() {
    let Some(folder) = python_servers("uv") else { return };
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let mut ostler = Setup::new().env("PATH", &path).spawn();
    let spec = Spec::new("uvx", json!(["mcp-server-time==2026.10.19", "--local-timezone=UTC"]));
    let server = ostler.admin().register(spec.enabled());
    runs(&server);
    let answer = server.call("get_current_time", json!({"timezone": "UTC"})).is(200);
    assert!(answer.said().contains("UTC"), "{answer:?}");
    let commands: Vec<_> = ostler.processes().into_iter().map(|process| process.command).collect();
    assert!(commands.iter().any(|command| command.contains("venv/bin/mcp-server-time")), "{commands:?}");
    assert!(!commands.iter().any(|command| command.starts_with("uv")), "{commands:?}");
    ostler.terminate();
    let [installation] = installations(&ostler.setup, "pypi").try_into().unwrap();
    fs::remove_dir_all(installation).unwrap();
    ostler.start_again();
    runs(&ostler.admin().server(&server.id));
}

#[test]
fn what_a_package_would_install_into_itself_when_it_is_used_is_installed_with_it() {
    let Some(path) = registry::path_with_uv() else { return };
    let setup = Setup::new().env("PATH", &path);
    let registry = Registry::start(&setup);
    registry.publish_version("1.0.0");
    let wants = json!({"dependencies": {PACKAGE: "1"}}).to_string();
    let files = [("readabilipy/__init__.py", ""), ("readabilipy/javascript/package.json", wants.as_str())];
    registry.publish_pypi(("readabilipy", "0.3.0"), None, &[], &files);
    let witness = [("reader.py", include_str!("packages/witness.py"))];
    registry.publish_pypi(("reader", "1.0.0"), Some("reader:main"), &["readabilipy"], &witness);
    let mut ostler = registry.asked_by(setup).spawn();
    let server = ostler.admin().register(Spec::new("uvx", json!(["reader"])).enabled());
    runs(&server);
    let [installation] = installations(&ostler.setup, "pypi").try_into().unwrap();
    let [python] = fs::read_dir(installation.join("venv/lib")).unwrap().collect::<Vec<_>>().try_into().unwrap();
    let modules = python.unwrap().path().join("site-packages/readabilipy/javascript/node_modules");
    assert!(modules.join(PACKAGE).join("index.js").is_file(), "{}", modules.display());

    // What it installs is no part of the lock.
    registry.publish_version("1.1.0");
    ostler.terminate();
    fs::remove_dir_all(&installation).unwrap();
    ostler.start_again();
    runs(&ostler.admin().server(&server.id));
    let text = fs::read_to_string(modules.join(PACKAGE).join("package.json")).unwrap();
    assert!(text.contains("1.1.0"), "{text}");
}
