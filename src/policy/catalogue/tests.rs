//! Entries of the catalogue and their answers, and the servers that they make.

use serde_json::{Value, json};

use super::{entry::InputFormat, *};
use crate::{
    error::Faults,
    policy::{environment::AllowedVariables, package, server as rules},
};

fn entry(value: Value) -> CatalogueEntry {
    serde_json::from_value(value).unwrap()
}

fn package_of(kind: &str, more: Value) -> CatalogueEntry {
    let mut package = json!({"registryType": kind, "identifier": "some-server", "version": "1.2.3"});
    package.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    entry(json!({"name": "io.example/some", "description": "x", "packages": [package]}))
}

/// The server of an entry, and what was kept as secrets.
fn made(entry: &CatalogueEntry, values: &[(&str, &str)]) -> (Result<ServerChange>, Vec<String>) {
    let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut kept = Vec::new();
    let mut keep = |key: &str, value: &str| {
        kept.push(format!("{key}={value}"));
        format!("${{secret:{key}}}")
    };
    (server(entry, Given { values: &values, pointer: "/values", keep: &mut keep }), kept)
}

fn line(entry: &CatalogueEntry, values: &[(&str, &str)]) -> String {
    let change = made(entry, values).0.unwrap();
    format!("{} {}", change.command.unwrap(), change.args.unwrap().join(" "))
}

#[track_caller]
fn pointers(entry: &CatalogueEntry, values: &[(&str, &str)]) -> Vec<String> {
    let Err(Error::Invalid(Faults(faults))) = made(entry, values).0 else { panic!("it was taken") };
    faults.into_iter().map(|fault| fault.pointer).collect()
}

/// An answer that fits.
fn answer(field: &CatalogueField) -> (String, String) {
    let value = match field.format {
        InputFormat::Number => "1",
        InputFormat::Boolean => "true",
        InputFormat::Filepath => "/srv/some",
        InputFormat::String => field.choices.first().map_or("https://some.example", String::as_str),
    };
    (field.name.clone(), value.to_owned())
}

#[test]
fn every_entry_that_is_built_in_makes_a_server_that_can_be_registered_and_installed_once() {
    assert!(built_in().len() >= 60, "{}", built_in().len());
    for entry in built_in() {
        let named = entry.id();
        assert!(!named.contains('/') && !entry.description.is_empty() && entry.title.is_some(), "{named}");
        assert!(entry.description.chars().count() <= 100, "{named}: as the registry's schema has it");
        assert!(!entry.preset().category.is_empty(), "{named}");
        assert_eq!(built_in().iter().filter(|other| other.id() == named).count(), 1, "{named} is there twice");
        let answers: Vec<_> = fields(entry).iter().map(answer).collect();
        let answers: Vec<_> = answers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let (change, kept) = made(entry, &answers);
        assert_eq!(kept.len(), fields(entry).iter().filter(|field| field.is_secret).count(), "{named}");
        let config = crate::policy::client_file::fresh(change.unwrap()).unwrap();
        assert_eq!(rules::faults(&config, &AllowedVariables::default()).0, [], "{named}");
        if config.remote.is_none() {
            let run = package::recognize(&config.command, &config.args).unwrap().unwrap();
            assert!(entry.packages.iter().any(|package| package.identifier == run.packages[0].name), "{named}");
        }
    }
}

#[test]
fn a_required_answer_is_asked_for_by_its_place_and_every_answer_must_fit() {
    let entry = package_of(
        "npm",
        json!({
            "environmentVariables": [
                {"name": "TOKEN", "isRequired": true, "isSecret": true, "description": "of your account"},
                {"name": "LEVEL", "choices": ["low", "high"]},
                {"name": "COUNT", "format": "number", "default": 3},
                {"name": "FIXED", "value": "as it is"},
                {"name": "LEFT_OUT"},
            ],
            "packageArguments": [{"type": "positional", "valueHint": "folder", "format": "filepath", "isRequired": true}],
        }),
    );
    let names: Vec<_> = fields(&entry).into_iter().map(|field| (field.name, field.is_required)).collect();
    let expected = [("TOKEN", true), ("folder", true), ("LEVEL", false), ("COUNT", false), ("LEFT_OUT", false)];
    assert_eq!(names, expected.map(|(name, is_required)| (name.to_owned(), is_required)));
    assert_eq!(pointers(&entry, &[]), ["/values/TOKEN", "/values/folder"]);
    let wrong = [("TOKEN", "t"), ("LEVEL", "medium"), ("COUNT", "many"), ("folder", "here")];
    assert_eq!(pointers(&entry, &wrong), ["/values/LEVEL", "/values/COUNT", "/values/folder"]);
    let (change, kept) = made(&entry, &[("TOKEN", "s3cret"), ("folder", "/srv"), ("LEVEL", "low")]);
    let change = change.unwrap();
    let env: Vec<_> = change.env.unwrap().into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(env, ["COUNT=3", "FIXED=as it is", "LEVEL=low", "TOKEN=${secret:TOKEN}"]);
    assert_eq!(kept, ["TOKEN=s3cret"]);
    assert_eq!(change.args.unwrap(), ["-y", "some-server@1.2.3", "/srv"]);
    let (change, kept) = made(&entry, &[("TOKEN", "${secret:MINE}"), ("folder", "/srv")]);
    assert_eq!((change.unwrap().env.unwrap()["TOKEN"].as_str(), kept.len()), ("${secret:MINE}", 0));
}

#[test]
fn variables_are_replaced_once_and_a_secret_of_docker_goes_into_the_environment() {
    let entry = package_of(
        "oci",
        json!({
            "identifier": "docker.io/some/server", "version": "1.2.3",
            "environmentVariables": [{"name": "A", "value": "{x} {y} {none}", "variables": {"x": {}, "y": {}}}],
            "runtimeArguments": [
                {"type": "named", "name": "-e", "value": "TOKEN={token}",
                    "variables": {"token": {"isSecret": true, "isRequired": true}}},
                {"type": "named", "name": "-v", "value": "{folder}:/data", "variables": {"folder": {}}},
                {"type": "named", "name": "--network", "value": "none"},
            ],
        }),
    );
    let (change, kept) = made(&entry, &[("token", "s3cret"), ("x", "{y}"), ("y", "why")]);
    let change = change.unwrap();
    let args = "run -i --rm -e A -e TOKEN --network none docker.io/some/server:1.2.3";
    assert_eq!(change.args.unwrap().join(" "), args);
    assert_eq!(change.env.as_ref().unwrap()["A"], "{y} why {none}");
    assert_eq!((change.env.unwrap()["TOKEN"].as_str(), kept), ("${secret:token}", vec!["token=s3cret".to_owned()]));
    assert_eq!(pointers(&entry, &[]), ["/values/token"]);
}

#[test]
fn a_secret_never_reaches_a_command_line_or_an_address() {
    let secret = json!({"type": "named", "name": "--key", "isSecret": true});
    let entry = package_of("pypi", json!({"packageArguments": [secret]}));
    assert_eq!(pointers(&entry, &[("key", "s3cret")]), ["/values/key"]);
    let remote = json!({
        "type": "sse", "url": "https://some.example/{tenant}?key={key}",
        "variables": {"tenant": {"default": "main"}, "key": {"isSecret": true}},
        "headers": [{"name": "Authorization", "value": "Bearer {token}", "variables": {"token": {"isSecret": true}}}],
    });
    let remote = entry_of_remote(remote);
    assert_eq!(pointers(&remote, &[("key", "s3cret")]), ["/values/key"]);
    let plain = json!({
        "type": "streamable-http", "url": "https://some.example/{tenant}", "variables": {"tenant": {"default": "main"}},
        "headers": [{"name": "Authorization", "value": "Bearer {token}", "variables": {"token": {"isSecret": true}}}],
    });
    let change = made(&entry_of_remote(plain), &[("token", "s3cret")]).0.unwrap();
    assert_eq!(change.url.as_deref(), Some("https://some.example/main"));
    assert_eq!(change.headers.unwrap()["Authorization"], "Bearer ${secret:token}");
}

fn entry_of_remote(remote: Value) -> CatalogueEntry {
    entry(json!({"name": "io.example/far", "remotes": [remote]}))
}

#[test]
fn words_stand_where_the_launcher_and_the_program_look_for_them() {
    let arguments = json!([
        {"type": "named", "name": "--with", "value": "mcp<2"}, {"type": "positional", "value": "launch"},
        {"type": "named", "name": "--late", "value": "1"},
    ]);
    let more = json!([
        {"type": "named", "name": "--on", "format": "boolean", "default": "true"},
        {"type": "named", "name": "--off", "format": "boolean", "default": "false"},
        {"type": "named", "name": "-p", "value": "3"}, {"type": "named", "name": "--unset"},
    ]);
    let entry = package_of("pypi", json!({"runtimeArguments": arguments, "packageArguments": more}));
    assert_eq!(line(&entry, &[]), "uvx --with=mcp<2 some-server@1.2.3 launch --late=1 --on -p 3");
    assert_eq!(line(&package_of("nuget", json!({})), &[]), "dnx some-server@1.2.3 --yes --");
    let mut other = package_of("npm", json!({"version": ""}));
    other.meta.preset.program = Some("other".into());
    assert_eq!(line(&other, &[]), "npx -y -p some-server other");
    other.packages[0].registry_type = "pypi".into();
    assert_eq!(line(&other, &[]), "uvx --from some-server other");
}

#[test]
fn the_way_is_taken_that_can_be_gone_here_and_an_entry_without_one_says_why() {
    let image = json!({"registryType": "oci", "identifier": "docker.io/a/b:1"});
    let http = json!({"registryType": "npm", "identifier": "a", "transport": {"type": "streamable-http", "url": "x"}});
    let npm = json!({"registryType": "npm", "identifier": "@a/b", "version": "1.0.0", "transport": {"type": "stdio"}});
    let all = entry(json!({"name": "a/b", "packages": [http.clone(), image, npm]}));
    assert_eq!(all.source(), Ok(("npm", "@a/b")));
    for (package, part) in [
        (http, "speaks streamable-http"),
        (json!({"registryType": "mcpb", "identifier": "a"}), "mcpb"),
        (json!({"registryType": "npm", "identifier": "a", "version": "{{VERSION}}"}), "template"),
        (json!({"registryType": "npm", "identifier": "a", "version": "$(PackageVersion)"}), "template"),
        (json!({"registryType": "npm", "identifier": "--registry=x"}), "names the package"),
        (
            json!({"registryType": "npm", "identifier": "a", "registryBaseUrl": "https://else.example/"}),
            "has its package at",
        ),
    ] {
        let entry = entry(json!({"name": "a/b", "packages": [package]}));
        let reason = made(&entry, &[]).0.unwrap_err().to_string();
        assert!(reason.contains(part), "{reason}");
        assert!(fields(&entry).is_empty());
    }
    assert!(entry(json!({"name": "a/b"})).source().is_err());
}

#[test]
fn entries_are_found_by_words_of_their_title_first() {
    let ids = |words: &str, category| {
        let found = found(built_in(), words, category);
        found.into_iter().map(|entry| entry.id().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids("github", None)[0], "github");
    assert!(ids("SQL database", None).contains(&"sqlite".to_owned()));
    assert!(ids("", Some("web")).len() < ids("", None).len() && ids("", Some("web")).contains(&"fetch".to_owned()));
    assert!(ids("no such words", None).is_empty() && ids("", Some("none")).is_empty());
}

#[test]
fn a_secret_has_the_name_of_its_server_and_one_that_is_free() {
    assert_eq!(secret_name("GitHub", "TOKEN", |_| false), "GitHub.TOKEN");
    assert_eq!(secret_name("GitHub", "TOKEN", |name| name == "GitHub.TOKEN"), "GitHub.TOKEN-2");
    for (server, key) in [("9 lives", "api-key"), ("", ""), ("ä", "ö"), (&"x".repeat(128), &"y".repeat(128))] {
        let name = secret_name(server, key, |name| !name.ends_with("-12"));
        assert!(reference::is_name(&name), "{name}");
    }
}

#[test]
fn a_folder_that_is_asked_for_is_granted() {
    let sqlite = built_in().iter().find(|entry| entry.id() == "sqlite").unwrap();
    let change = made(sqlite, &[("folder", "/srv/data")]).0.unwrap();
    assert_eq!(change.args.unwrap().last().unwrap(), "/srv/data/data.db");
    assert_eq!(change.sandbox.unwrap().paths.write, ["/srv/data"]);
}
