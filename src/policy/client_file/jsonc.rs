//! JSON with comments, as editors read their settings.

use std::collections::BTreeSet;

use jsonc_parser::{CollectOptions, ParseOptions, Scanner, ScannerOptions, ast::Value, parse_to_ast, tokens::Token};

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

/// Parses a text from outside. Fails where it is not readable, or nested deeper than callers may nest.
pub(super) fn parse(text: &str) -> Result<Value<'_>> {
    let unreadable = |reason: String| Error::invalid("/config", format!("is not readable: {reason}"));
    let (_, text) = without_mark(text);
    // Before the parser, which recurses: its own limit of 512 levels is more than 1 MiB of stack holds.
    if is_too_deep(text) {
        return Err(Error::Malformed(format!("config: {}", nesting::TOO_DEEP)));
    }
    let parsed = parse_to_ast(text, &CollectOptions::default(), &DIALECT);
    parsed.map_err(|error| unreadable(error.to_string()))?.value.ok_or_else(|| unreadable("it is empty".to_owned()))
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

/// True for deeper nesting than a caller may send, as far as the text has tokens.
fn is_too_deep(text: &str) -> bool {
    let mut scanner = Scanner::new(text, &ScannerOptions::default());
    let mut depth = 0_usize;
    while let Ok(Some(token)) = scanner.scan() {
        match token {
            Token::OpenBrace | Token::OpenBracket => depth = depth.saturating_add(1),
            Token::CloseBrace | Token::CloseBracket => depth = depth.saturating_sub(1),
            Token::String(_) | Token::Word(_) | Token::Boolean(_) | Token::Number(_) | Token::Null => {}
            Token::Comma | Token::Colon | Token::CommentLine(_) | Token::CommentBlock(_) => {}
        }
        if depth > nesting::SENT_MAX {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::thread;

    use proptest::prelude::*;

    use super::*;

    fn json(text: &str) -> Option<serde_json::Value> {
        parse(text).ok().map(Into::into)
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
    fn a_member_that_is_there_twice_is_refused() {
        assert!(members(parse(r#"{"a": 1, "\u0061": 2}"#).unwrap()).is_err_and(|reason| reason.contains("twice")));
        assert!(members(parse("[]").unwrap()).is_err());
    }

    proptest! {
        #[test]
        fn plain_json_is_read_as_any_reader_does(text in any::<Vec<Option<String>>>(), number in any::<f64>()) {
            let value = serde_json::json!({"a": text, "n": number, "deep": [[{}, []], true, false, null]});
            for written in [value.to_string(), format!("{value:#}")] {
                let plain: serde_json::Value = serde_json::from_str(&written).unwrap();
                prop_assert_eq!(json(&written), Some(plain));
            }
        }

        #[test]
        fn any_json_that_is_read_elsewhere_is_read_here(
            text in r#"([\[\]{},:" \n]|"a"|-?[0-9.eE]{1,4}|true|null|\\u[0-9d][89a][0-9]{2}|/){0,12}"#
        ) {
            if let Ok(plain) = serde_json::from_str::<serde_json::Value>(&text) {
                prop_assert_eq!(json(&text), Some(plain), "{}", text);
            } else if json(&text).is_some() {
                // Raw control characters in a string are the one liberty beyond the dialect.
                prop_assert!(text.contains("/") || text.contains(",") || text.contains("\n"), "{}", text);
            }
        }

        #[test]
        fn no_text_is_too_strange(text in any::<String>()) {
            let _ = parse(&text);
        }
    }
}
