//! A program that is run without its launcher is run as by it, but for what is listed here.

use super::*;
use crate::support::registry::{Registry, path_with_uv};

/// Variables that launchers add and direct starts do not have (a prefix ends with `_`): they are about a launcher that
/// is not there, or lead into the user's home.
const OF_LAUNCHERS: [&str; 10] = [
    "COLOR",
    "EDITOR",
    "INIT_CWD",
    "NODE",
    "UV",
    "npm_config_",
    "npm_execpath",
    "npm_lifecycle_script",
    "npm_node_execpath",
    "npm_package_",
];

/// Variables whose values differ: where programs are looked for, and what is each server's own.
const DIFFERENT: [&str; 5] = ["PATH", "TMPDIR", "OSTLER_SERVER_ID", "OSTLER_INSTALLATION", "OSTLER_INSTANCE"];

/// Parts of the testimony of a server that is run as `launchers` says.
fn testimony(launchers: &str, command: &str, args: Value) -> Option<Value> {
    let path = path_with_uv()?;
    let setup = Setup::new().env("MCP_LAUNCHERS", launchers).env("PATH", &path);
    let registry = Registry::start(&setup);
    registry.publish_witness();
    let ostler = registry.asked_by(setup).spawn();
    let server = ostler.admin().register(Spec::new(command, args).env("OWN", "1").enabled());
    runs(&server);
    let said = server.call("witness", json!({})).is(200).said();
    let said = said.replace(&server.id, "ID").replace(ostler.setup.home.to_str().unwrap(), "HOME");
    let said = said.replace(&ostler.setup.tag, "TAG").replace(&registry.url("/"), "REGISTRY/");
    Some(serde_json::from_str(&said).unwrap())
}

#[track_caller]
fn is_run_as_by_its_launcher(command: &str, args: Value) {
    let Some(launched) = testimony("keep", command, args.clone()) else { return };
    let direct = testimony("replace", command, args).unwrap();
    for part in ["argv", "cwd", "umask", "ignored", "blocked", "descriptors"] {
        assert_eq!(launched[part], direct[part], "{part}");
    }
    let (launched, direct) = (launched["env"].as_object().unwrap(), direct["env"].as_object().unwrap());
    let is_listed = |name: &String| {
        OF_LAUNCHERS.iter().any(|known| name == known || known.ends_with('_') && name.starts_with(known))
    };
    for (name, value) in launched {
        match direct.get(name) {
            Some(same) => assert!(same == value || DIFFERENT.contains(&name.as_str()), "{name}: {value}, {same}"),
            None => assert!(is_listed(name), "{name}={value} is missing"),
        }
    }
    let more: Vec<_> = direct.keys().filter(|name| !launched.contains_key(*name)).collect();
    assert!(more.is_empty(), "{more:?}");
}

#[test]
fn a_program_of_npm_is_run_as_npx_runs_it() {
    is_run_as_by_its_launcher("npx", json!(["-y", "witness", "--an-option", "two words"]));
}

#[test]
fn a_program_of_pypi_is_run_as_uvx_runs_it() {
    is_run_as_by_its_launcher("uvx", json!(["witness", "--an-option", "two words"]));
}

#[test]
fn its_exit_codes_and_signals_are_its_own() {
    let Some(path) = path_with_uv() else { return };
    let setup = Setup::new().env("PATH", &path);
    let registry = Registry::start(&setup);
    registry.publish_witness();
    let ostler = registry.asked_by(setup).spawn();
    for (command, args) in [("npx", json!(["-y", "witness"])), ("uvx", json!(["witness"]))] {
        let server = ostler.admin().register(Spec::new(command, args).named(command).enabled());
        runs(&server);
        let last_exit = |tool: &str, parameters: Value, member: &str, expected: u64| {
            server.call(tool, parameters).any_of(&[502, 503]);
            let path = format!("/runtimeStatus/lastExit/{member}");
            eventually(tool, || (server.details().json.pointer(&path) == Some(&json!(expected))).then_some(()));
            runs(&server);
        };
        last_exit("exit", json!({"code": 7}), "code", 7);
        last_exit("signal", json!({"signal": 15}), "signal", 15);
    }
}

#[test]
fn a_package_is_installed_without_an_optional_one_that_its_registry_does_not_have() {
    let Some(path) = path_with_uv() else { return };
    let setup = Setup::new().env("PATH", &path);
    let registry = Registry::start(&setup);
    let within = json!({"name": "within", "version": "1.0.0", "optionalDependencies": {"gone": "^1.0.0"}});
    registry.publish_npm(within, &[("index.js", "")]);
    let package = json!({"name": "outer", "version": "1.0.0", "bin": {"outer": "index.js"},
        "dependencies": {"within": "^1.0.0"}});
    registry.publish_npm(package, &[("index.js", include_str!("witness.js"))]);
    let ostler = registry.asked_by(setup).spawn();
    let server = ostler.admin().register(Spec::new("npx", json!(["-y", "outer"])).enabled());
    runs(&server);
}
