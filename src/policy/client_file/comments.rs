//! JSON with comments, made plain: places of faults stay where they are.

/// The text with blanks in place of comments and of commas before a closing bracket.
pub(super) fn removed(text: &str) -> Result<String, &'static str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut plain = String::with_capacity(text.len());
    // Position of the last comma, while only blanks have come after it and a value was before it.
    let (mut comma, mut last) = (None, None);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (length, is_comment) = match first {
            '"' => (string(rest), false),
            '/' => match comment(rest)? {
                Some(length) => (length, true),
                None => (1, false),
            },
            other => (other.len_utf8(), false),
        };
        let (taken, left) = rest.split_at_checked(length).unwrap_or((rest, ""));
        rest = left;
        if is_comment {
            plain.extend(taken.chars().map(|character| if character == '\n' { '\n' } else { ' ' }));
            continue;
        }
        match first {
            ',' => comma = last.filter(|last| !matches!(last, '[' | '{' | ',' | ':')).map(|_| plain.len()),
            '}' | ']' => {
                if let Some(at) = comma.take() {
                    plain.replace_range(at..=at, " ");
                }
            }
            other if other.is_ascii_whitespace() => {}
            _ => comma = None,
        }
        if !first.is_ascii_whitespace() {
            last = Some(first);
        }
        plain.push_str(taken);
    }
    Ok(plain)
}

/// The length of the string at the start.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return index + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of the comment at the start; `None` where there is none.
fn comment(text: &str) -> Result<Option<usize>, &'static str> {
    if text.starts_with("//") {
        return Ok(Some(text.find('\n').unwrap_or(text.len())));
    }
    match text.strip_prefix("/*") {
        None => Ok(None),
        Some(inside) => match inside.find("*/") {
            Some(end) => Ok(Some(end + "/**/".len())),
            None => Err("has a comment without an end"),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn comments_and_last_commas_go_and_strings_stay() {
        let text = "\u{feff}{ // a \"b\"\n \"url\": \"http://c/*d*/\\\"//\", /* ,} \n */ \"list\": [1, 2 , ], }";
        let value: serde_json::Value = serde_json::from_str(&removed(text).unwrap()).unwrap();
        assert_eq!(value, serde_json::json!({"url": "http://c/*d*/\"//", "list": [1, 2]}));
    }

    #[test]
    fn what_is_wrong_stays_wrong() {
        for text in ["[,]", "[1,,]", "{\"a\":,}", "[1 / 2]", "[\"a", "/", "{,}"] {
            assert!(serde_json::from_str::<serde_json::Value>(&removed(text).unwrap()).is_err(), "{text}");
        }
        assert!(removed("{} /* a").is_err());
    }

    proptest! {
        #[test]
        fn plain_json_is_left_as_it_is(text in any::<Vec<String>>()) {
            let json = serde_json::to_string_pretty(&text).unwrap();
            prop_assert_eq!(removed(&json).unwrap(), json);
        }

        #[test]
        fn no_text_is_too_strange(text in any::<String>()) {
            let _ = removed(&text);
        }
    }
}
