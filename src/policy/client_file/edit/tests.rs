//! Files as people have them: comments, tabs, CRLF, commas after the last member.

use proptest::{collection, prelude::*};
use serde_json::json;

use super::*;

fn named(member: &'static str, value: Value) -> Section {
    Section { member, entry: AddedEntry::Named("ostler".into(), value) }
}

fn server() -> Section {
    named("servers", json!({"type": "http", "url": "u"}))
}

fn key_input() -> Section {
    Section { member: "inputs", entry: AddedEntry::Item(json!({"id": "ostler-key", "password": true})) }
}

/// The edited text, which a second edit leaves as it is.
fn edited(text: &str, sections: &[Section]) -> String {
    let after = with_sections(text, sections).unwrap();
    assert_eq!(with_sections(&after, sections).unwrap(), after);
    after
}

#[test]
fn a_file_of_vs_code_keeps_its_comments_and_its_last_commas() {
    let before = r#"{
  // Keys are asked for once.
  "inputs": [
    {
      "type": "promptString",
      "id": "github-token", // a fine-grained one
      "password": true,
    },
  ],
  "servers": {
    /* "old": {"command": "x"}, */
    "github": {
      "type": "http",
      "url": "https://api.githubcopilot.com/mcp/",
      "headers": {"Authorization": "Bearer ${input:github-token}"},
    }, // the company's
  },
}
"#;
    let input = "    {\n      \"id\": \"ostler-key\",\n      \"password\": true,\n    },\n";
    let entry = "    \"ostler\": {\n      \"type\": \"http\",\n      \"url\": \"u\",\n    },\n";
    let after = before
        .replace("true,\n    },\n", &format!("true,\n    }},\n{input}"))
        .replace("// the company's\n", &format!("// the company's\n{entry}"));
    assert_eq!(edited(before, &[server(), key_input()]), after);
}

#[test]
fn tabs_line_ends_and_a_byte_order_mark_are_those_of_the_file() {
    let before = "\u{feff}{\r\n\t\"servers\": {\r\n\t\t\"a\": {} // x\r\n\t\t// y\r\n\t}\r\n}\r\n";
    let entry = "\t\t\"ostler\": {\r\n\t\t\t\"type\": \"http\",\r\n\t\t\t\"url\": \"u\"\r\n\t\t}\r\n";
    let after =
        format!("\u{feff}{{\r\n\t\"servers\": {{\r\n\t\t\"a\": {{}}, // x\r\n{entry}\t\t// y\r\n\t}}\r\n}}\r\n");
    assert_eq!(edited(before, &[server()]), after);
}

#[test]
fn a_file_without_a_value_gets_one_and_keeps_its_comments() {
    let expected =
        "{\n  \"servers\": {\n    \"ostler\": {\n      \"type\": \"http\",\n      \"url\": \"u\"\n    }\n  }\n}\n";
    for before in ["", "\n", "{}\n"] {
        assert_eq!(edited(before, &[server()]), expected, "{before:?}");
    }
    for before in ["// mine\n", "// mine\n{}\n"] {
        assert_eq!(edited(before, &[server()]), format!("// mine\n{expected}"), "{before:?}");
    }
}

#[test]
fn an_entry_is_replaced_in_its_place_and_all_else_keeps_its_text() {
    let before =
        r#"{"zoom": 1.50, "servers": {"ostler": {"url": "old"}, /* b */ "files": {"command":"x",  "args":[]}}}"#;
    let after = edited(before, &[server()]);
    let value: Value = super::super::jsonc::parse(&after).unwrap().into();
    assert_eq!(value["servers"]["ostler"], json!({"type": "http", "url": "u"}));
    assert!(after.contains(r#", /* b */ "files": {"command":"x",  "args":[]}}}"#) && after.contains("1.50"), "{after}");
}

#[test]
fn an_item_of_a_list_takes_the_place_of_the_one_with_its_id() {
    let before = r#"{"inputs": [{"id": "other"}, /* ours */ {"id": "ostler-key", "is": "old"}, 7,
        {"id": "ostler-key"}]}"#;
    let after = edited(before, &[key_input()]);
    let value: Value = super::super::jsonc::parse(&after).unwrap().into();
    assert_eq!(value["inputs"], json!([{"id": "other"}, {"id": "ostler-key", "password": true}, 7]));
    assert!(after.contains("/* ours */"), "{after}");
}

#[test]
fn a_file_in_which_something_else_stands_there_is_refused() {
    for (text, part) in [
        ("[]", "no object"),
        (r#"{"servers": []}"#, "`servers` is no object"),
        (r#"{"servers": {}, "servers": {}}"#, "`servers` is there twice"),
        (r#"{"servers": {"ostler": {"url": "1"}, "\u006fstler": {"url": "2"}}}"#, "`ostler` is there twice"),
        ("{\"servers\": {\"a\": \"b\nc\"}}", "a string in line 1"),
        (r#"{"servers": {}, "inputs": {}}"#, "`inputs` is no list"),
        ("{\n'servers': {}}", "line 2 column 1"),
    ] {
        let refusal = with_sections(text, &[server(), key_input()]).unwrap_err();
        assert!(refusal.contains(part), "{text}: {refusal}");
    }
}

proptest! {
    #[test]
    fn any_text_is_written_so_that_it_is_read_as_it_was(
        name in any::<String>(), values in collection::vec(any::<String>(), 0..3),
    ) {
        let value = json!({"values": values, name.clone(): {}});
        let section = Section { member: "servers", entry: AddedEntry::Named(name.clone(), value.clone()) };
        let text = edited("{\n  \"a\": 1, // b\n}\n", &[section]);
        prop_assert!(text.contains("// b"));
        let read: Value = super::super::jsonc::parse(&text).unwrap().into();
        prop_assert_eq!(&read["servers"][&name], &value);
    }
}
