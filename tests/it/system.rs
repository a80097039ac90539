//! What Ostler says about itself to those who manage it.

use crate::support::{backends::on_both_databases, *};

on_both_databases! {
    fn those_who_manage_see_every_setting_with_its_origin_and_no_secret(setup: Setup) {
        let ostler = setup.spawn();
        let system = ostler.admin().get("/api/system").is(200);
        let system = system.has("/version", env!("CARGO_PKG_VERSION"));
        assert!(system.number("/database/sizeBytes") > 0 && system.list("/database/migrations").len() > 3);
        assert!(system.at("/startedAt").is_string() && system.at("/limits/maxInFlight").is_number());
        let settings = system.list("/configuration");
        let port = settings.iter().find(|one| one["key"] == "port").unwrap();
        assert!(port["value"].is_string() && port["origin"].is_string(), "{port}");
        let secrets = settings.iter().filter(|one| ["secret_key", "admin_password"].contains(&one["key"].as_str().unwrap()));
        secrets.for_each(|one| assert!(one["value"].as_str().unwrap().len() < 20, "{}", one["key"]));
        ostler.user("developer").get("/api/system").problem(403, "forbidden");
    }
}

/// The names of the facilities in an answer, which each have a state, and a reason and a fix where that is not `ok`.
#[track_caller]
fn facilities(machine: &Value) -> Vec<&str> {
    for level in ["standard", "strict"] {
        assert!(["ok", "degraded", "missing"].contains(&machine[level].as_str().unwrap()), "{machine}");
    }
    let facilities = machine["facilities"].as_array().unwrap();
    for facility in facilities.iter().filter(|facility| facility["state"] != "ok") {
        assert!(facility["reason"].is_string() && facility["fix"].is_string(), "{facility}");
    }
    facilities.iter().map(|facility| facility["name"].as_str().unwrap()).collect()
}

const CONTAINMENT: [&str; 7] = ["landlock", "seccomp", "namespaces", "bubblewrap", "cgroups", "pressure", "user"];

#[test]
fn those_who_manage_see_what_the_machine_offers_to_contain_servers() {
    let ostler = Ostler::spawn();
    let machine = ostler.admin().get("/api/system/isolation").is(200);
    assert_eq!(facilities(&machine.json), CONTAINMENT);
    ostler.user("developer").get("/api/system/isolation").problem(403, "forbidden");
    ostler.leaves_nothing();
}

#[test]
fn namespaces_are_said_to_be_there_where_a_process_can_make_them() {
    let ostler = Ostler::spawn();
    let machine = ostler.admin().get("/api/system/isolation").is(200);
    let named = |name: &str| {
        machine.list("/facilities").iter().find(|facility| facility["name"] == name).unwrap()["found"].to_string()
    };
    let mut unshare = std::process::Command::new("unshare");
    unshare.args(["--user", "--map-root-user", "--mount", "--pid", "--fork", "--mount-proc", "true"]);
    let made = unshare.stderr(std::process::Stdio::null()).status();
    let Ok(made) = made else { return absent("unshare, to compare with") };
    let found = named("namespaces");
    assert_eq!(found.contains("mount") && found.contains("proc"), made.success(), "{found}");
}

#[test]
fn the_doctor_says_what_is_missing_and_fails_where_it_is_needed() {
    let mut setup = Setup::new();
    setup.environment.insert("OSTLER_PORT".into(), "0".into());
    let doctor = |setup: &Setup, arguments: &[&str]| {
        let mut command = std::process::Command::new(&setup.program);
        command.arg("doctor").args(arguments).current_dir(&setup.home).env_clear().envs(&setup.environment);
        command.env("PATH", std::env::var_os("PATH").unwrap()).output().unwrap()
    };
    let ran = doctor(&setup, &["--json"]);
    let machine: Value = serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
    let names = facilities(&machine);
    assert_eq!(names[..CONTAINMENT.len()], CONTAINMENT);
    assert_eq!(names[CONTAINMENT.len()..], ["data-folder", "port", "database", "node", "npx", "uvx"]);
    let needed = |facility: &&Value| facility["required"] == true && facility["state"] == "missing";
    let missing = machine["facilities"].as_array().unwrap().iter().filter(needed).count();
    assert_eq!(ran.status.code(), Some(i32::from(missing > 0)), "{ran:?}");
    assert!(!setup.home.join("data/ostler.db").exists(), "it made a database");

    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ran = doctor(&setup, &["--port", &port]);
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    let (said, failed) = (String::from_utf8(ran.stdout).unwrap(), String::from_utf8(ran.stderr).unwrap());
    assert!(said.contains("missing   port") && said.contains("to do: stop the program that has it"), "{said}");
    assert!(failed.contains("needed and missing: ") && failed.contains("port"), "{failed}");
}
