//! Secrets in every spelling, and what is none.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn mask(values: &[&str]) -> Mask {
    Mask::new(&values.iter().map(ToString::to_string).collect::<Vec<_>>())
}

fn masked(secrets: &[&str], json: &str) -> Option<String> {
    mask(secrets).json(&RawValue::from_string(json.into()).unwrap()).map(|raw| raw.get().into())
}

#[test]
fn secrets_vanish_from_text_and_settings_stay() {
    let mask = mask(&["hunter2", "1", "production", "hunter22"]);
    assert_eq!(mask.text("hunter22 hunter2 production 1"), "*** *** production 1");
    assert!(matches!(mask.text("nothing of it"), Cow::Borrowed(_)));
    assert!(matches!(Mask::default().text("hunter2"), Cow::Borrowed(_)));
}

#[test]
fn overlapping_secrets_leave_nothing_of_each_other() {
    let mask = mask(&["abcdef", "defghi", "cdef", "ghij"]);
    assert_eq!(mask.text("xabcdefghiy"), "x***y");
    assert_eq!(mask.text("xcdefxabcdefghij cdef"), "x***x*** ***");
    assert_eq!(mask.text("*** cdef"), "*** ***");
}

#[test]
fn a_secret_is_found_however_its_json_is_written() {
    let secret = "postgres://u:p&w<ü🐴>/\"\\x\n";
    for written in [
        r#""postgres://u:p&w<ü🐴>/\"\\x""#,
        r#""postgres://u:p\u0026w\u003c\u00fc\ud83d\udc34\u003e/\"\\x""#,
        r#""postgres:\/\/u:p\u0026w\u003C\u00FC\uD83D\uDC34\u003E\/\u0022\u005cx""#,
        r#""\u0070ostgres://u:p&w<\u00fc🐴>/\"\\\u0078""#,
    ] {
        assert_eq!(serde_json::from_str::<String>(written).unwrap(), secret.trim(), "a fault of the test");
        let json = format!(r#"{{ {written} : [ 1e400, {written}, "\u0061\/b" ],"n":9007199254740993 }}"#);
        let expected = r#"{ "***" : [ 1e400, "***", "\u0061\/b" ],"n":9007199254740993 }"#;
        assert_eq!(masked(&[secret], &json).unwrap(), expected);
        let mut inside = format!(r#"{{"url": {written}, "n": 1.0}}"#);
        for _ in 0..3 {
            inside = Value::from(inside).to_string();
            let masked = masked(&[secret], &format!("[{inside}]")).unwrap();
            assert!(!masked.contains("postgres") && masked.contains("***") && masked.contains("1.0"), "{masked}");
        }
        assert_eq!(mask(&[secret]).text(&format!("log: {written}")), "log: \"***\"");
    }
}

#[test]
fn json_without_a_secret_is_left_alone() {
    for json in [r#"{"x":1}"#, r#"["a","b"]"#, r#"{"a":"\u0061\n","b":"c"}"#, "17", r#""s""#] {
        assert_eq!(masked(&["other", "\",\"", "a\":\"", "u0061"], json), None, "{json}");
    }
}

#[test]
fn a_secret_that_is_a_number_leaves_valid_json() {
    assert_eq!(masked(&["123456"], r#"{"x":123456,"y":"is 123456"}"#).unwrap(), r#"{"x":"***","y":"is ***"}"#);
    assert_eq!(masked(&["123456"], r#"[-1234567.0e1 ,1,"123456" ]"#).unwrap(), r#"["***" ,1,"***" ]"#);
    assert_eq!(masked(&["1234"], "1234").unwrap(), r#""***""#);
}

const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\r\n  BKcwggSjAgEAAoIBAQDZ\nAA==\n-----END PRIVATE KEY-----\n";

#[test]
fn a_key_is_found_complete_and_by_line() {
    let mask = mask(&[KEY]);
    assert_eq!(mask.text(KEY.trim()), "***");
    let lines: Vec<_> = KEY.lines().map(|line| mask.text(line).into_owned()).collect();
    assert_eq!(lines, ["-----BEGIN PRIVATE KEY-----", "***", "  ***", "AA==", "-----END PRIVATE KEY-----"]);
    let escaped = Value::from(Value::from(KEY).to_string()).to_string();
    assert_eq!(masked(&[KEY], &escaped).unwrap(), r#""\"***\\n\"""#);
    let with_escapes = KEY.trim().replace('\n', "\\n");
    assert_eq!(super::Mask::new([&with_escapes]).text("x MIIEvQIBADANBgkqhkiG9w0BAQEFAASC x"), "x *** x");
}

#[test]
fn a_long_secret_is_found_to_its_end_also_where_it_overlaps_another() {
    let long: String = (0..5000).map(|number| format!("{number}.")).collect();
    let other = format!("abc-{}", &long[..20]);
    let mask = mask(&[&long, &other, &format!("{long}more"), &"x".repeat(1000)]);
    assert_eq!(mask.text(&format!("<{long}>")), "<***>");
    assert_eq!(mask.text(&format!("<abc-{long}more>")), "<***>");
    assert_eq!(mask.text(&long[1..]), long[1..]);
    assert_eq!(mask.text(&"x".repeat(100_000)), "***");
}

#[test]
fn a_hundred_secrets_are_found_as_one_is() {
    let secrets: Vec<_> = (0..300).map(|number| format!("secret-{number}-")).collect();
    let mask = Mask::new(&secrets);
    assert_eq!(mask.text("a secret-299- b secret-7-secret-0- secret-300-"), "a *** b *** secret-300-");
    assert_eq!(mask.text("secret-3000-"), "secret-3000-");
}

#[test]
fn parts_that_are_secrets_by_themselves_are_found_by_themselves() {
    let mask = mask(&["Bearer s3cret-token", "postgres://user:p4ssw0rd@db.example/x", "my short", "note: a sentence"]);
    assert_eq!(
        mask.text("s3cret-token p4ssw0rd user db.example short sentence"),
        "*** *** user db.example short sentence"
    );
}

/// JSON of a string in the manner of several libraries: one more escape for each set bit.
fn written(text: &str, manner: u8) -> String {
    let has = |bit: u8| manner & (1 << bit) != 0;
    let mut json = String::from("\"");
    for character in text.chars() {
        let escape = |json: &mut String| {
            for unit in character.encode_utf16(&mut [0; 2]) {
                json.push_str(&if has(0) { format!("\\u{unit:04x}") } else { format!("\\u{unit:04X}") });
            }
        };
        match character {
            '"' | '\\' if has(1) => json.extend(['\\', character]),
            '/' if has(2) => json.push_str("\\/"),
            '\n' if has(1) => json.push_str("\\n"),
            '"' | '\\' | '\0'..='\x1f' => escape(&mut json),
            '&' | '<' | '>' | '\u{2028}' if has(3) => escape(&mut json),
            _ if !character.is_ascii() && has(4) => escape(&mut json),
            _ if has(5) && has(6) => escape(&mut json),
            _ => json.push(character),
        }
    }
    json + "\""
}

fn strings_of(value: &Value, all: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            all.push(text.clone());
            if let Ok(inner) = serde_json::from_str(text) {
                strings_of(&inner, all);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| strings_of(item, all)),
        Value::Object(members) => members.iter().for_each(|(key, value)| {
            all.push(key.clone());
            strings_of(value, all);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

proptest! {
    #[test]
    fn no_string_of_what_is_stored_holds_a_secret(
        secret in "[a-zA-Z0-9&<>/\"\\\\\n äß🐴]{4,40}",
        around in "[a-z\"\\\\\näé🐴/]{0,12}",
        manners in (any::<u8>(), any::<u8>()),
        depth in 0..3_usize,
    ) {
        let secret = secret.trim();
        prop_assume!(secret.len() >= 4);
        let mut inner = written(&format!("{around}{secret}{around}"), manners.0);
        for _ in 0..depth {
            inner = written(&format!("{{\"k\":[{inner}]}}"), manners.1);
        }
        let json = format!("{{\"a\": [{inner}, 1.50],{inner}:null}}");
        let masked = masked(&[secret], &json);
        prop_assert!(masked.is_some(), "{json}");
        let masked = masked.unwrap();
        let mut strings = Vec::new();
        strings_of(&serde_json::from_str(&masked).unwrap(), &mut strings);
        prop_assert!(!strings.iter().any(|text| text.contains(secret)), "{masked}");
        prop_assert!(masked.contains(", 1.50],"));
    }

    #[test]
    fn what_holds_no_secret_stays_byte_for_byte(text in any::<String>(), manner in any::<u8>()) {
        let json = format!("{{\"a\" : [ {} ]}}", written(&text, manner));
        prop_assert_eq!(masked(&["\u{1}never in it\u{2}", "'q'q'q'q'"], &json), None);
    }

    #[test]
    fn every_place_of_every_secret_is_hidden_and_nothing_else(
        secrets in prop::collection::btree_set("[ab]{4,7}", 1..5), text in "[abc]{0,60}"
    ) {
        let mut hidden = vec![false; text.len()];
        for secret in &secrets {
            for at in 0..text.len() {
                if text[at..].starts_with(secret.as_str()) {
                    hidden[at..at + secret.len()].fill(true);
                }
            }
        }
        let mut expected = String::new();
        for (at, character) in text.char_indices() {
            if !hidden[at] {
                expected.push(character);
            } else if at == 0 || !hidden[at - 1] {
                expected.push_str(MASKED);
            }
        }
        let mask = Mask::new(&secrets);
        prop_assert_eq!(mask.text(&text), expected.as_str());
        prop_assert_eq!(mask.text(&expected), expected.as_str());
    }
}
