//! Canonical JSON: one text for all texts that say the same. Members are in the order of their names, without white
//! space, and characters are escaped in one way. Numbers stay as written, as programs differ on what large ones are; so
//! do members that are named twice, of which programs differ on the one that counts.

/// The canonical text of JSON; `None` where it is none.
#[must_use]
pub fn canonical(json: &str) -> Option<String> {
    let mut rest = json;
    let text = value(&mut rest)?;
    skip_space(&mut rest);
    rest.is_empty().then_some(text)
}

/// The members of an object in canonical order, each name with its quotes, each value canonical; `None` where it is no
/// object.
#[must_use]
pub fn members(json: &str) -> Option<Vec<(String, String)>> {
    let mut rest = json;
    object(&mut rest)
}

/// The items of an array, each canonical; `None` where it is no array.
#[must_use]
pub fn items(json: &str) -> Option<Vec<String>> {
    let mut rest = json;
    array(&mut rest)
}

/// An object of such members.
#[must_use]
pub fn from_members(members: &[(String, String)]) -> String {
    let members: Vec<_> = members.iter().map(|(name, value)| format!("{name}:{value}")).collect();
    format!("{{{}}}", members.join(","))
}

fn value(rest: &mut &str) -> Option<String> {
    skip_space(rest);
    match rest.chars().next()? {
        '{' => object(rest).map(|members| from_members(&members)),
        '[' => array(rest).map(|items| format!("[{}]", items.join(","))),
        '"' => string(rest),
        _ => {
            let end = rest.find([',', ']', '}', ' ', '\t', '\n', '\r']).unwrap_or(rest.len());
            let (word, after) = rest.split_at_checked(end).filter(|(word, _)| !word.is_empty())?;
            *rest = after;
            Some(word.to_owned())
        }
    }
}

fn object(rest: &mut &str) -> Option<Vec<(String, String)>> {
    take(rest, '{').then_some(())?;
    let mut members = Vec::new();
    while !take(rest, '}') {
        if !members.is_empty() {
            take(rest, ',').then_some(())?;
            skip_space(rest);
        }
        let name = string(rest)?;
        take(rest, ':').then_some(())?;
        members.push((name, value(rest)?));
    }
    // Stable: members of one name keep their order.
    members.sort_by(|(one, _), (other, _)| one.cmp(other));
    Some(members)
}

fn array(rest: &mut &str) -> Option<Vec<String>> {
    take(rest, '[').then_some(())?;
    let mut items = Vec::new();
    while !take(rest, ']') {
        if !items.is_empty() {
            take(rest, ',').then_some(())?;
        }
        items.push(value(rest)?);
    }
    Some(items)
}

/// A string with its quotes.
fn string(rest: &mut &str) -> Option<String> {
    let inner = rest.strip_prefix('"')?;
    let mut is_escaped = false;
    let end = inner.find(|character| {
        let ends = character == '"' && !is_escaped;
        is_escaped = character == '\\' && !is_escaped;
        ends
    })?;
    let (token, after) = rest.split_at_checked(end.checked_add(2)?)?;
    *rest = after;
    // Half a surrogate pair is no text, so it keeps its escape.
    let text = serde_json::from_str::<String>(token).and_then(|text| serde_json::to_string(&text));
    Some(text.unwrap_or_else(|_| token.to_owned()))
}

fn take(rest: &mut &str, wanted: char) -> bool {
    skip_space(rest);
    let after = rest.strip_prefix(wanted);
    *rest = after.unwrap_or(rest);
    after.is_some()
}

fn skip_space(rest: &mut &str) {
    *rest = rest.trim_start_matches([' ', '\t', '\n', '\r']);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_the_same_has_one_text() {
        let text = r#"{"a":[1e400,12345678901234567890123,true,null],"b":{"x":"é\"","y":{}},"c":[]}"#;
        let spaced = r#" { "c" : [ ] , "b": {"y":{ }, "x": "\u00e9\u0022"},"a":[1e400 ,12345678901234567890123,
            true,null ] } "#;
        assert_eq!(canonical(text).as_deref(), Some(text));
        assert_eq!(canonical(spaced).as_deref(), Some(text));
    }

    #[test]
    fn what_differs_has_another() {
        for (one, other) in [
            ("12345678901234567890123", "12345678901234567890124"),
            (r#"["a","b"]"#, r#"["b","a"]"#),
            (r#"{"a":1,"a":2}"#, r#"{"a":2,"a":1}"#),
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
            (r#""\ud800""#, r#""\ud801""#),
            (r#""\\u0041""#, r#""A""#),
        ] {
            assert_ne!(canonical(one).unwrap(), canonical(other).unwrap());
        }
        assert_eq!(canonical(r#""\u0041""#), canonical(r#""A""#));
    }

    #[test]
    fn what_is_no_json_has_none() {
        for text in ["", "{", "[1", r#"{"a"}"#, r#"{"a":1,}"#, r#""a"#, "1 2", "[1 2]", "{]"] {
            assert_eq!(canonical(text), None, "{text}");
        }
    }

    #[test]
    fn members_are_those_of_one_level() {
        let found = members(r#"{"b":{"d":1,"c":2},"a":"x"}"#).unwrap();
        assert_eq!(found, [("\"a\"", "\"x\""), ("\"b\"", r#"{"c":2,"d":1}"#)].map(|(a, b)| (a.into(), b.into())));
        assert_eq!(members("[]"), None);
    }
}
