//! Servers that answers make of templates, and answers and templates that are refused.

use serde_json::json;

use super::*;

fn template(parameters: Value, server: Value) -> ServerTemplate {
    serde_json::from_value(json!({"name": "files", "parameters": parameters, "server": server})).unwrap()
}

fn made(template: &ServerTemplate, values: &[(&str, &str)]) -> Result<ServerConfig> {
    let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut keep = |key: &str, _: &str| format!("${{secret:kept.{key}}}");
    template.server(Given { values: &values, pointer: "/values", keep: &mut keep })
}

#[track_caller]
fn pointers<T: std::fmt::Debug>(result: Result<T>) -> Vec<String> {
    let Err(Error::Invalid(Faults(faults))) = result else { panic!("{result:?}") };
    faults.into_iter().map(|fault| fault.pointer).collect()
}

fn checked(parameters: Value, server: Value) -> Result<()> {
    template(parameters, server).check(&AllowedVariables::default())
}

fn files() -> ServerTemplate {
    let parameters = json!({
        "team": {"isRequired": true}, "token": {"isSecret": true}, "memory": {"format": "number", "default": "256"},
        "verbose": {"format": "boolean"}, "folder": {"format": "filepath"},
    });
    let server = json!({
        "name": "Files of {team}", "command": "serve",
        "args": ["--root=/srv/{team}", "--verbose={verbose}", "{folder}", "{\"a\": 1}", "{team}"],
        "env": {"TOKEN": "Bearer {token}", "TEAM": "{team}"},
        "sandbox": {"level": "strict", "paths": {"read": ["/srv/{team}", "{folder}"]}},
        "limits": {"memoryMb": "{memory}"}, "tools": {"deny": ["write_{team}*"]},
    });
    template(parameters, server)
}

#[test]
fn answers_make_a_server_and_what_has_none_is_left_out() {
    let config = made(&files(), &[("team", "blue"), ("token", "s3cret"), ("folder", "/data")]).unwrap();
    assert_eq!((config.name.as_str(), config.command.as_str()), ("Files of blue", "serve"));
    assert_eq!(config.args, ["--root=/srv/blue", "/data", "{\"a\": 1}", "blue"]);
    assert_eq!(config.env["TOKEN"], "Bearer ${secret:kept.token}");
    assert_eq!(config.sandbox.paths.read, ["/srv/blue", "/data"]);
    assert_eq!(config.limits.memory_mb, Some(256));
    assert_eq!(config.tools.deny, ["write_blue*"]);
    let config = made(&files(), &[("team", "red"), ("memory", "64"), ("verbose", "true")]).unwrap();
    assert_eq!(config.args, ["--root=/srv/red", "--verbose=true", "{\"a\": 1}", "red"]);
    assert!(!config.env.contains_key("TOKEN"));
    assert_eq!(config.limits.memory_mb, Some(64));
}

#[test]
fn an_answer_is_no_option_and_leads_nowhere_else() {
    for team in ["../etc", "a/../../etc", "..", "-rf", "/etc", "x --root=/etc", "a:/etc"] {
        assert_eq!(pointers(made(&files(), &[("team", team)])), ["/values/team"], "{team}");
    }
    for team in ["a/b", "1..2", "-5", "https://team.example/x", "a-b"] {
        assert!(made(&files(), &[("team", team)]).is_ok(), "{team}");
    }
    assert_eq!(pointers(made(&files(), &[("team", "a"), ("folder", "/srv/../etc")])), ["/values/folder"]);
    assert_eq!(pointers(made(&files(), &[("team", "a"), ("folder", "data")])), ["/values/folder"]);
    assert_eq!(pointers(made(&files(), &[("memory", "much")])), ["/values/team", "/values/memory"]);
    assert_eq!(pointers(made(&files(), &[])), ["/values/team"]);
    let split = template(json!({"a": {}, "b": {}}), json!({"name": "x", "command": "y", "args": ["/srv/{a}{b}"]}));
    assert_eq!(pointers(made(&split, &[("a", "."), ("b", "./etc")])), ["/values/a"]);
}

#[test]
fn an_answer_that_stands_in_many_places_makes_no_huge_server() {
    let args = vec!["{a}"; 200];
    let many = template(json!({"a": {}}), json!({"name": "x", "command": "y", "args": args}));
    assert!(made(&many, &[("a", "short")]).is_ok());
    assert_eq!(pointers(made(&many, &[("a", &"x".repeat(30_000))])), ["/values/a"]);
}

#[test]
fn a_template_that_makes_no_server_is_refused_by_the_place_of_its_fault() {
    assert!(files().check(&AllowedVariables::default()).is_ok());
    let server = |args: Value| json!({"name": "x", "command": "y", "args": args});
    assert_eq!(pointers(checked(json!({"a": {}}), server(json!([])))), ["/parameters/a"]);
    assert_eq!(pointers(checked(json!({"a b": {}}), server(json!(["{a b}"])))), ["/parameters/a b"]);
    assert_eq!(pointers(checked(json!({"a": {"isSecret": true}}), server(json!(["{a}"])))), ["/server/args/0"]);
    let env = json!({"name": "x", "command": "y", "env": {"A": "{a}"}});
    let with_default = json!({"a": {"isSecret": true, "default": "b"}});
    assert_eq!(pointers(checked(with_default, env)), ["/parameters/a/default"]);
    let number = json!({"a": {"format": "number", "default": "b"}});
    assert_eq!(pointers(checked(number, server(json!(["{a}"])))), ["/parameters/a/default"]);
    assert_eq!(pointers(checked(json!({"a": {}}), json!({"name": "x", "command": "{a}"}))), ["/server/command"]);
    assert_eq!(pointers(checked(json!({}), json!({"name": "x", "comand": "y"}))), ["/server/comand"]);
    assert_eq!(pointers(checked(json!({}), json!({"name": "x"}))), ["/server/command"]);
    assert_eq!(pointers(checked(json!({}), server(json!(["${secret:A}"])))), ["/server/args/0"]);
    let limits = json!({"name": "x", "command": "y", "limits": {"memoryMb": "{a}"}});
    assert_eq!(pointers(checked(json!({"a": {}}), limits.clone())), ["/server/limits/memoryMb"]);
    assert!(checked(json!({"a": {"format": "number"}}), limits).is_ok());
    let far = json!({"name": "x", "url": "{a}", "headers": {"X-Key": "{b}"}});
    let parameters = json!({"a": {"placeholder": "https://mcp.example.com"}, "b": {"isSecret": true}});
    assert!(checked(parameters, far).is_ok());
}

#[test]
fn questions_are_asked_with_those_that_need_an_answer_first() {
    let names: Vec<_> = files().fields().into_iter().map(|field| (field.name, field.is_required)).collect();
    let expected = [("team", true), ("folder", false), ("memory", false), ("token", false), ("verbose", false)];
    assert_eq!(names, expected.map(|(name, is_required)| (name.to_owned(), is_required)));
}

#[test]
fn references_outside_are_known_from_those_that_an_answer_makes() {
    let server = json!({"name": "x", "command": "y", "env": {"A": "${file:/run/a}", "B": "{b}"}});
    let template = template(json!({"b": {}}), server);
    let own = template.external_references();
    assert_eq!(own.iter().map(ToString::to_string).collect::<Vec<_>>(), ["${file:/run/a}"]);
    let config = made(&template, &[("b", "${env:HOME}")]).unwrap();
    let all = reference::external_references(&config);
    let foreign: Vec<_> = all.filter(|(_, one)| !own.contains(one)).map(|(pointer, _)| pointer).collect();
    assert_eq!(foreign, ["/env/B"]);
}
