//! Bytes that are not Ostler's go through as they are: numbers, order, unknown members, whatever era speaks with which.

use ::ostler::mcp::Members;
use proptest::{
    collection::vec,
    prelude::*,
    sample::select,
    test_runner::{Config, TestRunner},
};

use crate::support::{
    kept::{Kept, members as parsed},
    *,
};

/// JSON as a text, with blanks where it may have them.
fn json_text() -> impl Strategy<Value = String> {
    let number = "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?";
    let odd =
        ["null", "true", "false", "1e400", "-0", "0.0", "9007199254740993", "\"\\u00e9\\/\\ud83d\\ude00\"", "{}", "[]"];
    let leaf = prop_oneof![number.prop_map(String::from), string_text(), select(odd.to_vec()).prop_map(str::to_owned)];
    leaf.prop_recursive(3, 24, 5, |inner| {
        let list = vec(inner.clone(), 0..5).prop_map(|items| format!("[ {} ]", items.join(" ,")));
        let object = vec((string_text(), inner), 0..5).prop_map(|members| {
            // A name twice is no good inside either, but nobody's business to judge.
            format!(
                "{{{}}}",
                members.iter().map(|(name, value)| format!(" {name} :{value}")).collect::<Vec<_>>().join(",")
            )
        });
        prop_oneof![list, object]
    })
}

fn string_text() -> impl Strategy<Value = String> {
    vec(
        select(vec![
            "a",
            "Z",
            "é",
            "語",
            "\\n",
            "\\\"",
            "\\\\",
            "\\/",
            "\\u0000",
            "\\uD83D\\uDE00",
            " ",
            "{",
            "]",
            ",",
        ]),
        0..6,
    )
    .prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

/// Members of an object, each named once, none of them one that means something.
fn members(prefix: &'static str) -> impl Strategy<Value = String> {
    vec(json_text(), 0..5).prop_map(move |values| {
        let named = values.iter().enumerate().rev().map(|(number, value)| format!("\"{prefix}{number}\":{value}"));
        named.collect::<Vec<_>>().join(",")
    })
}

/// The members in order, without those that one era has and the other has not.
fn own(members: &Members) -> Vec<(String, String)> {
    let known = ["resultType", "ttlMs", "cacheScope", "_meta"];
    let own = members.iter().filter(|(name, _)| !known.contains(name) && !name.starts_with("io.modelcontextprotocol/"));
    own.map(|(name, value)| (name.to_owned(), value.get().to_owned())).collect()
}

/// Sends `params` with `meta` by a method that nobody knows; the server gives back what it got.
fn echoed(client: &mut Kept, params: &str, meta: &str) -> Result<(), TestCaseError> {
    let comma = |text: &str| if text.is_empty() { String::new() } else { format!("{text},") };
    let sent = format!(r#"{{{}"_meta":{{{meta}}},"resultType":"complete"}}"#, comma(params));
    let heard = client.ask("dev.ostler.fake/echo", &sent);
    let message = parsed(&heard.text);
    let result = message.get("result").ok_or_else(|| TestCaseError::fail(format!("{heard:?}")))?;
    let (sent, result) = (parsed(&sent), parsed(result.get()));
    prop_assert_eq!(own(&sent), own(&result));
    let meta = |members: &Members| members.get("_meta").map(|meta| own(&parsed(meta.get()))).unwrap_or_default();
    prop_assert_eq!(meta(&sent), meta(&result));
    Ok(())
}

/// Calls a tool that gives its arguments back as structured content.
fn called(client: &mut Kept, arguments: &str) -> Result<(), TestCaseError> {
    let heard = client.call("echo", &format!("{{{arguments}}}"), None);
    let content = format!(r#""structuredContent":{{{arguments}}}"#);
    prop_assert!(heard.text.contains(&content), "{} is not in {}", content, heard.text);
    Ok(())
}

fn holds(server: &str) {
    let ostler = Ostler::spawn();
    let server = ostler.admin().running(fake(server));
    let path = format!("/mcp/{}", server.id);
    let clients = std::cell::RefCell::new([ostler.admin().modern(&path), ostler.admin().legacy(&path)]);
    let mut runner = TestRunner::new(Config { cases: 48, failure_persistence: None, ..Config::default() });
    let strategy = (members("p"), members("dev.example/m"), members("a"));
    let outcome = runner.run(&strategy, |(params, meta, arguments)| {
        clients.borrow_mut().iter_mut().try_for_each(|client| {
            echoed(client, &params, &meta)?;
            called(client, &arguments)
        })
    });
    outcome.unwrap_or_else(|fault| panic!("{fault}"));
}

#[test]
fn what_clients_and_a_server_of_the_older_era_say_goes_through_as_it_is() {
    holds("ok");
}

#[test]
fn what_clients_and_a_server_of_the_newer_era_say_goes_through_as_it_is() {
    holds("modern-only");
}
