//! Configurations of clients, and round trips: an export is read as it was.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use proptest::{collection, prelude::*};
use serde_json::json;

use super::*;
use crate::model::{Isolation, Limits, Protocol, Remote, Sandbox, SandboxPaths, ToolPinning, ToolRules};

fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn configs(text: &str) -> Vec<ServerConfig> {
    let described = read(text, &variables(&[("KEY", "s3cret"), ("HOST", "a.example")])).unwrap();
    described.into_iter().map(|one| fresh(one.change.unwrap()).unwrap()).collect()
}

fn described(entry: &str) -> Described {
    let text = format!(r#"{{"mcpServers": {{"a": {entry}}}}}"#);
    read(&text, &BTreeMap::new()).unwrap().remove(0)
}

#[track_caller]
fn problem(entry: &str) -> String {
    described(entry).change.expect_err("it was taken over")
}

#[test]
fn programs_and_addresses_are_read_as_clients_write_them() {
    let found = configs(
        r#"{
            // Claude's, with Cursor's spelling of a variable
            "mcpServers": {
                "files": {"command": "npx", "args": ["-y", "server", "${DIR:-/srv}"], "env": {"KEY": "${env:KEY}", "N": 1}},
                "off": {"type": "stdio", "command": "x", "disabled": true, "cwd": null,},
            },
            /* and VS Code's */
            "inputs": [],
            "servers": {
                "far": {"type": "http", "url": "https://${HOST}/mcp", "headers": {"X-Key": "Bearer ${KEY}"}},
                "older": {"type": "sse", "serverUrl": "https://b.example/sse", "args": []},
            },
        }"#,
    );
    let files = ServerConfig::new("files", "npx").args(["-y", "server", "/srv"]).env("KEY", "s3cret").env("N", "1");
    let off = ServerConfig { enabled: false, ..ServerConfig::new("off", "x") };
    let headers = variables(&[("X-Key", "Bearer s3cret")]);
    let far = Remote { headers, ..Remote::new("https://a.example/mcp") };
    let far = ServerConfig { remote: Some(far), ..ServerConfig::new("far", "") };
    assert_eq!(found, [files, off, far, ServerConfig::remote("older", "https://b.example/sse")]);
}

#[test]
fn what_cannot_be_taken_over_is_refused_with_what_to_do() {
    for (entry, part) in [
        (r#"{"command": "x", "env": {"K": "${input:key}"}}"#, "`env/K` asks its user"),
        (r#"{"command": "x", "args": ["${K}"]}"#, "`args/0` needs a value for the variable K"),
        (r#"{"command": "x", "url": "https://a"}"#, "both a `command` and a `url`"),
        (r#"{"type": "stdio"}"#, "neither"),
        (r#"{"type": "http", "command": "x"}"#, "\"http\""),
        (r#"{"type": "websocket", "url": "https://a"}"#, "beside a `url` it is http"),
        (r#"{"command": "x", "envFile": ".env"}"#, "`envFile`"),
        (r#"{"command": "x", "cwd": 1}"#, "`cwd`"),
        (r#"{"command": "x", "sandboxEnabled": true}"#, "`sandboxEnabled`"),
        (r#"{"command": 1}"#, "`command` is no string"),
        (r#"{"command": "x", "args": "y"}"#, "`args` is no list"),
        (r#"{"command": "x", "args": ["y", {}]}"#, "`args/1` is no string"),
        (r#"{"command": "x", "disabled": "no"}"#, "`disabled`"),
        (r#"{"command": "x", "tools": {"alow": []}}"#, "`tools`"),
        (r#"{"command": "x", "isolation": {"shared": null}}"#, "`isolation`"),
        (r#"{"url": "https://a", "headersHelper": "get-token"}"#, "`headersHelper`"),
        (r#"{"command": ["npx", "x"]}"#, "as opencode writes it"),
        (r#"{"command": "x", "type": "grpc"}"#, "beside a `command` it is stdio"),
        (r#"{"url": "https://a", "env": {"A": "b"}}"#, "`env`"),
        ("[]", "no object"),
    ] {
        assert!(problem(entry).contains(part), "{entry}: {}", problem(entry));
    }
}

#[test]
fn every_clients_own_words_are_understood() {
    let rules = |allow: &[&str], deny: &[&str]| {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        ToolRules { allow: names(allow), deny: names(deny), ..ToolRules::default() }
    };
    let local = ServerConfig::new("a", "x");
    let remote = ServerConfig::remote("a", "https://a");
    let off = ServerConfig { enabled: false, ..local.clone() };
    for (entry, expected, ignored) in [
        (r#"{"command": "x", "tools": ["*"]}"#, local.clone(), &[][..]),
        (r#"{"command": "x", "tools": ["read"]}"#, ServerConfig { tools: rules(&["read"], &[]), ..local.clone() }, &[]),
        (r#"{"command": "x", "tools": []}"#, ServerConfig { tools: rules(&[], &["*"]), ..local.clone() }, &[]),
        (r#"{"command": "x", "enabled": false}"#, off.clone(), &[]),
        (r#"{"command": "x", "enabled": true, "disabled": true}"#, off, &[]),
        (r#"{"httpUrl": "https://a"}"#, remote.clone(), &[]),
        (r#"{"url": "https://older", "httpUrl": "https://a"}"#, remote.clone(), &["url"]),
        (r#"{"type": "stdio", "command": "x", "url": ""}"#, local.clone(), &[]),
        (r#"{"type": "HTTP", "command": "", "url": "https://a"}"#, remote.clone(), &[]),
        (r#"{"type": "streamable_http", "url": "https://a"}"#, remote, &[]),
        (r#"{"command": "x", "headers": {}}"#, local.clone(), &[]),
        (r#"{"command": "x", "headers": {"A": "b"}, "oauth": {}}"#, local, &["headers", "oauth"]),
    ] {
        let Described { change, ignored: left_out, notes, .. } = described(entry);
        assert_eq!(
            (fresh(change.unwrap()).unwrap(), &left_out[..], &notes[..]),
            (expected, &owned(ignored)[..], &[][..]),
            "{entry}"
        );
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn what_its_owner_should_know_is_said() {
    for (entry, part) in [
        (r#"{"command": "node", "args": ["./dist/index.js"]}"#, "`./dist/index.js` is looked for in Ostler's folder"),
        (r#"{"command": "x", "env": {"TOKEN": "$TOKEN"}}"#, "`env/TOKEN` is kept as text"),
        (r#"{"url": "https://a", "headers": {"Authorization": "Bearer $PAT"}}"#, "write `${NAME}`"),
        (
            r#"{"url": "https://a", "oauth": {"clientId": "mine", "callbackPort": 1}}"#,
            r#"authorize with {"clientId":"mine"}"#,
        ),
    ] {
        let Described { change, notes, .. } = described(entry);
        assert!(change.is_ok() && notes.len() == 1 && notes[0].contains(part), "{entry}: {notes:?}");
    }
}

#[test]
fn a_remark_among_the_servers_is_none() {
    let text = r#"{"mcpServers": {"_comment": "ours", "//": "x", "a": {"command": "x"}, "b": "c"}}"#;
    let names: Vec<_> = read(text, &BTreeMap::new()).unwrap().into_iter().map(|one| one.name).collect();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn what_means_nothing_here_is_named() {
    let text = r#"{"mcpServers": {"a": {"command": "x", "alwaysAllow": ["y"], "timeout": 60}}}"#;
    assert_eq!(read(text, &BTreeMap::new()).unwrap()[0].ignored, ["alwaysAllow", "timeout"]);
}

#[test]
fn a_text_that_is_no_configuration_is_refused() {
    let many: Vec<_> = (0..=SERVERS_MAX).map(|n| format!(r#""{n}": {{}}"#)).collect();
    for (text, part) in [
        ("", "not readable"),
        ("{} {}", "not readable"),
        (r#"{"mcp": {}}"#, "neither"),
        (r#"{"servers": []}"#, "`servers`"),
        (r#"{"name": "p", "mcpServers": "./.mcp.json"}"#, "import ./.mcp.json"),
        (r#"{"context_servers": {"a": {}}}"#, "`context_servers` is of Zed"),
        (r#"{"mcp": {"a": {"type": "local"}}}"#, "`mcp` is of opencode"),
        ("# mine /*\n[mcp_servers.a]\ncommand = \"npx\"", "TOML, as Codex"),
        (r#"{"servers": {"a": {}, "a": {}}}"#, "twice"),
        (r#"{"servers": {"a": {}}, "mcpServers": {"a": {}}}"#, "twice"),
        (&format!(r#"{{"servers": {{{}}}}}"#, many.join(",")), "more than 500"),
    ] {
        let message = read(text, &BTreeMap::new()).unwrap_err().to_string();
        assert!(message.contains(part), "{text:.40}: {message}");
    }
    assert!(read(r#"{"servers": {}}"#, &BTreeMap::new()).unwrap().is_empty());
}

#[test]
fn an_export_has_no_secret_and_distinct_variables() {
    let one = ServerConfig::new("one", "x").env("API_KEY", "s3cret");
    let two = ServerConfig::new("my two", "y").env("API_KEY", "0ther").env("OSTLER_DOLLAR", "third");
    let far = Remote { headers: variables(&[("X-Key", "s3cret")]), ..Remote::new("https://a.example") };
    let far = ServerConfig { remote: Some(far), enabled: false, ..ServerConfig::new("my two", "") };
    let servers = [one, two, far];
    let claude = json!({"mcpServers": {
        "one": {"type": "stdio", "command": "x", "args": [], "env": {"API_KEY": "${API_KEY}"}},
        "my two": {"type": "stdio", "command": "y", "args": [],
            "env": {"API_KEY": "${MY_TWO_API_KEY}", "OSTLER_DOLLAR": "${MY_TWO_OSTLER_DOLLAR}"}},
        "my two 2": {"type": "http", "url": "https://a.example", "headers": {"X-Key": "${X_KEY}"}, "disabled": true},
    }});
    assert_eq!(written(&servers, ClientFormat::Claude), claude);
    assert_eq!(written(&servers, ClientFormat::Cursor)["mcpServers"]["one"]["env"]["API_KEY"], "${env:API_KEY}");
    assert_eq!(written(&servers, ClientFormat::VsCode)["servers"]["one"]["env"]["API_KEY"], "${env:API_KEY}");
}

fn texts() -> impl Strategy<Value = BTreeMap<String, String>> {
    collection::btree_map("[A-Za-z0-9_-]{0,6}", any::<String>().prop_filter("masked", |text| text != "***"), 0..3)
}

/// Text in which there is often something that looks like a variable.
fn tricky() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[${}A:-]{0,12}"]
}

prop_compose! {
    fn config()(
        name in any::<String>(), description in any::<Option<String>>(), command in tricky(), enabled: bool,
        args in collection::vec(tricky(), 0..3), values in texts(), is_remote: bool,
        isolation in prop_oneof![Just(Isolation::Shared), Just(Isolation::PerUser), Just(Isolation::PerSession)],
        allow in any::<Vec<String>>(), descriptions in texts(), time in any::<Option<u32>>(),
        protocol in prop_oneof![Just(Protocol::Auto), Just(Protocol::Legacy), Just(Protocol::Modern)],
        read in any::<Vec<String>>(), unix_sockets: bool, memory_mb in any::<Option<u64>>(),
        cwd in proptest::option::of("/[${}A:-]{0,12}"),
    ) -> ServerConfig {
        let tools = ToolRules { allow, deny: Vec::new(), descriptions, changes: ToolPinning::Follow };
        let start_timeout = time.map(|time: u32| Duration::from_millis(time.into()));
        let config = ServerConfig::new(name, "");
        let paths = SandboxPaths { read, ..SandboxPaths::default() };
        let sandbox = Sandbox { paths, unix_sockets, ..Sandbox::default() };
        let limits = Limits { memory_mb, ..Limits::default() };
        let config = ServerConfig { description, enabled, isolation, tools, protocol, start_timeout, ..config };
        let config = ServerConfig { sandbox, limits, ..config };
        if is_remote {
            ServerConfig { remote: Some(Remote { headers: values, ..Remote::new(command) }), ..config }
        } else {
            ServerConfig { command, args, env: values, cwd, ..config }
        }
    }
}

fn different(servers: Vec<ServerConfig>) -> Vec<ServerConfig> {
    let mut names = BTreeSet::new();
    servers.into_iter().filter(|server| names.insert(server.name.clone())).collect()
}

fn by_name(mut servers: Vec<ServerConfig>) -> Vec<ServerConfig> {
    servers.sort_by(|one, other| one.name.cmp(&other.name));
    servers
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_written_is_read_as_it_was(servers in collection::vec(config(), 0..4)) {
        let servers = different(servers);
        let file = written(&servers, ClientFormat::Ostler);
        let described = read(&format!("// ours\n{file:#}"), &values_of(&file, &servers)).unwrap();
        let found = described.into_iter().map(|one| fresh(one.change.unwrap()).unwrap()).collect();
        prop_assert_eq!(by_name(found), by_name(servers));
    }

    #[test]
    fn what_is_written_for_editors_runs_the_same(servers in collection::vec(config(), 0..4)) {
        let plain = |config: ServerConfig| ServerConfig {
            command: config.command.replace('$', ""),
            args: config.args.iter().map(|arg| arg.replace('$', "")).collect(),
            cwd: config.cwd.map(|cwd| cwd.replace('$', "")),
            remote: config.remote.map(|remote| Remote { url: remote.url.replace('$', ""), ..remote }),
            description: None, isolation: Isolation::Shared, tools: ToolRules::default(),
            protocol: Protocol::Auto, start_timeout: None, sandbox: Sandbox::default(), limits: Limits::default(),
            ..config
        };
        let servers = different(servers.into_iter().map(plain).collect());
        for format in [ClientFormat::Claude, ClientFormat::Cursor, ClientFormat::VsCode] {
            let file = written(&servers, format);
            let described = read(&file.to_string(), &values_of(&file, &servers)).unwrap();
            prop_assert!(described.iter().all(|one| one.ignored.is_empty()));
            let found = described.into_iter().map(|one| fresh(one.change.unwrap()).unwrap()).collect();
            prop_assert_eq!(by_name(found), by_name(servers.clone()));
        }
    }
}
