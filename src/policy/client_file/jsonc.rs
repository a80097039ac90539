//! JSON with comments, as editors read their settings.

use std::{borrow::Cow, collections::BTreeSet};

use jsonc_parser::{CollectOptions, ParseOptions, Scanner, ScannerOptions, ast::Value, parse_to_ast, tokens::Token};
use serde_json::Value as Json;

use crate::{
    error::{Error, Result},
    policy::nesting,
};

/// Beyond JSON, comments and a comma after the last item: the parser's default allows much more, which no client reads.
pub(super) const DIALECT: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_trailing_commas: true,
    allow_missing_commas: false,
    allow_loose_object_property_names: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// Splits off the byte order mark, which the parser does not know.
pub(super) fn without_mark(text: &str) -> (&str, &str) {
    text.strip_prefix('\u{feff}').map_or(("", text), |rest| text.split_at(text.len() - rest.len()))
}

/// Parses a text from outside, given by [`readable`]. Fails where it is not readable, or nested deeper than callers may
/// nest.
pub(super) fn parse(text: &str) -> Result<Value<'_>> {
    let unreadable = |reason: String| Error::invalid("/config", format!("is not readable: {reason}"));
    // Before the parser, which recurses: its own limit of 512 levels is more than 1 MiB of stack holds.
    if check_dialect(text).map_err(unreadable)? > nesting::SENT_MAX {
        return Err(Error::Malformed(format!("config: {}", nesting::TOO_DEEP)));
    }
    let parsed = parse_to_ast(text, &CollectOptions::default(), &DIALECT);
    parsed.map_err(|error| unreadable(error.to_string()))?.value.ok_or_else(|| unreadable("it is empty".to_owned()))
}

/// The text without a byte order mark, and with U+FFFD for each unpaired surrogate: programs write half of a character
/// where they cut a text (`history` of Claude Code), and the parser refuses the whole file for it.
pub(super) fn readable(text: &str) -> Cow<'_, str> {
    let (_, text) = without_mark(text);
    let unit = |at: usize| {
        let escape = text.get(at..at.saturating_add(6))?;
        u16::from_str_radix(escape.strip_prefix("\\u")?, 16).ok()
    };
    let mut readable = Cow::Borrowed(text);
    let mut at = 0_usize;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('\\')) {
        let escape = at.saturating_add(found);
        let next = escape.saturating_add(6);
        at = match (unit(escape), unit(next)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => next.saturating_add(6),
            (Some(0xd800..=0xdfff), _) => {
                readable.to_mut().replace_range(escape..next, "\\ufffd");
                next
            }
            _ => escape.saturating_add(2),
        };
    }
    readable
}

/// The value as other readers have it; `None` where a number is beyond any of theirs, which the parser makes a text.
pub(super) fn plain(value: Value<'_>) -> Option<Json> {
    Some(match value {
        Value::NumberLit(number) => Json::Number(number.value.parse().ok()?),
        Value::Array(array) => Json::Array(array.elements.into_iter().map(plain).collect::<Option<_>>()?),
        Value::Object(object) => {
            let members = object.properties.into_iter();
            Json::Object(members.map(|one| Some((one.name.into_string(), plain(one.value)?))).collect::<Option<_>>()?)
        }
        Value::StringLit(_) | Value::BooleanLit(_) | Value::NullKeyword(_) => value.into(),
    })
}

/// Refuses what the parser takes beyond JSON and its options: raw control characters in strings, other white space.
/// Returns the number of levels that the text nests, as far as it has tokens; the parser says what is wrong with the
/// others.
pub(super) fn check_dialect(text: &str) -> Result<usize, String> {
    let line_of = |at: usize| text.bytes().take(at).filter(|byte| *byte == b'\n').count().saturating_add(1);
    let mut scanner = Scanner::new(text, &ScannerOptions::default());
    let (mut end, mut depth, mut deepest) = (0, 0_usize, 0);
    while let Ok(token) = scanner.scan() {
        let start = scanner.token_start();
        let between = text.get(end..start).unwrap_or_default();
        if between.bytes().any(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n')) {
            return Err(format!("line {} has white space that JSON does not know", line_of(start)));
        }
        end = scanner.token_end();
        match token {
            None => break,
            Some(Token::OpenBrace | Token::OpenBracket) => depth = depth.saturating_add(1),
            Some(Token::CloseBrace | Token::CloseBracket) => depth = depth.saturating_sub(1),
            Some(Token::String(_)) => {
                if text.get(start..end).is_some_and(|raw| raw.bytes().any(|byte| byte < b' ')) {
                    let line = line_of(start);
                    return Err(format!(
                        "a string in line {line} has a line end or another control character; escape it"
                    ));
                }
            }
            Some(Token::Word(_) | Token::Boolean(_) | Token::Number(_) | Token::Null) => {}
            Some(Token::Comma | Token::Colon | Token::CommentLine(_) | Token::CommentBlock(_)) => {}
        }
        deepest = deepest.max(depth);
    }
    Ok(deepest)
}

/// Members of an object in their order; the reason where it is none, or has one twice.
pub(super) fn members(value: Value<'_>) -> Result<Vec<(String, Value<'_>)>, String> {
    let Value::Object(object) = value else { return Err("it is no object".to_owned()) };
    let mut names = BTreeSet::new();
    object
        .properties
        .into_iter()
        .map(|member| {
            let name = member.name.into_string();
            let is_new = names.insert(name.clone());
            if is_new { Ok((name, member.value)) } else { Err(format!("`{name}` is there twice")) }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::thread;

    use proptest::prelude::*;

    use super::*;

    fn json(text: &str) -> Option<Json> {
        parse(&readable(text)).ok().and_then(plain)
    }

    #[test]
    fn comments_and_last_commas_are_passed_over_and_strings_stay() {
        let text = "\u{feff}{ // a \"b\"\r\n \"url\": \"http://c/*d*/\\\"//\", /* ,} \n */ \"list\": [1, 2 , ], }";
        assert_eq!(json(text), Some(serde_json::json!({"url": "http://c/*d*/\"//", "list": [1, 2]})));
    }

    #[test]
    fn what_no_editor_reads_is_refused() {
        for text in [
            "",
            "//",
            "[,]",
            "[1,,]",
            "{\"a\":,}",
            "[1 / 2]",
            "[\"a",
            "/",
            "{,}",
            "{} /* a",
            "{} {}",
            "[1 2]",
            "{\"a\":01}",
            "{a: 1}",
            "['a']",
            "[0x1]",
            "[+1]",
            "[.5]",
            "[NaN]",
            "[\"\\x41\"]",
            "{\"a\":1 \"b\":2}",
            "[\u{a0}1]",
            "[\"a\nb\"]",
            "[1]\u{2028}",
            "[1e999]",
        ] {
            assert_eq!(json(text), None, "{text}");
        }
    }

    #[test]
    fn text_that_is_nested_too_deep_is_refused_as_that_on_a_small_stack() {
        let refusal = |open: &str, close: &str, levels: usize| {
            let text = format!("{}1{}", open.repeat(levels), close.repeat(levels));
            parse(&text).err().map(|error| error.to_string())
        };
        let work = move || {
            for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
                assert_eq!(refusal(open, close, nesting::SENT_MAX), None);
                for levels in [nesting::SENT_MAX + 1, 250, 511, 1 << 20] {
                    assert!(refusal(open, close, levels).is_some_and(|text| text.contains("128 levels")), "{levels}");
                }
            }
        };
        thread::Builder::new().stack_size(1 << 20).spawn(work).unwrap().join().unwrap();
    }

    #[test]
    fn half_of_a_character_is_replaced_and_no_other_text_is() {
        let text = r#"["\ud83d\ude00 \\ud83d \ude00", "cut \ud83d"]"#;
        assert_eq!(json(text), Some(serde_json::json!(["\u{1f600} \\ud83d \u{fffd}", "cut \u{fffd}"])));
        assert!(matches!(readable(r#"["\u00e4 \\ud83d"]"#), Cow::Borrowed(_)));
    }

    #[test]
    fn a_member_that_is_there_twice_is_refused() {
        assert!(members(parse(r#"{"a": 1, "\u0061": 2}"#).unwrap()).is_err_and(|reason| reason.contains("twice")));
        assert!(members(parse("[]").unwrap()).is_err());
    }

    proptest! {
        #[test]
        fn plain_json_is_read_as_any_reader_does(text in any::<Vec<Option<String>>>(), number in any::<f64>()) {
            let value = serde_json::json!({"a": text, "n": number, "deep": [[{}, []], true, false, null]});
            for written in [value.to_string(), format!("{value:#}")] {
                let plain: Json = serde_json::from_str(&written).unwrap();
                prop_assert_eq!(json(&written), Some(plain));
            }
        }

        #[test]
        fn any_json_that_is_read_elsewhere_is_read_here(
            text in r#"([\[\]{},:" \n\x0b\x00]|"a"|-?[0-9.eE]{1,6}|true|null|\\u[0-9d][89a][0-9]{2}|/){0,12}"#
        ) {
            if let Ok(plain) = serde_json::from_str::<Json>(&text) {
                prop_assert_eq!(json(&text), Some(plain), "{}", text);
            } else if json(&text).is_some() {
                prop_assert!(text.contains("/") || text.contains(",") || text.contains("\\ud"), "{}", text);
            }
        }

        #[test]
        fn no_text_is_too_strange(text in any::<String>()) {
            let _ = parse(&text);
        }
    }
}
