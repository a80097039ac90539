//! Just enough JSON to find a field: values stay the text they are, so that a test can compare bytes.

/// The text of the value of `key` in the object `object`.
pub(crate) fn field<'a>(object: &'a str, key: &str) -> Option<&'a str> {
    let mut rest = object.trim_start().strip_prefix('{')?.trim_start();
    while !rest.starts_with('}') {
        let name = &rest[..end_of_string(rest)?];
        rest = rest[name.len()..].trim_start().strip_prefix(':')?.trim_start();
        let value = &rest[..end_of_value(rest)?];
        if name[1..name.len() - 1] == *key {
            return Some(value);
        }
        rest = rest[value.len()..].trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
    None
}

/// The value at a path of keys.
pub(crate) fn at<'a>(object: &'a str, path: &[&str]) -> Option<&'a str> {
    path.iter().try_fold(object, |inner, key| field(inner, key))
}

/// The number at a path of keys.
pub(crate) fn number(object: &str, path: &[&str]) -> Option<u64> {
    at(object, path)?.parse().ok()
}

/// The string at a path of keys, its escapes left as they are.
pub(crate) fn string<'a>(object: &'a str, path: &[&str]) -> Option<&'a str> {
    at(object, path)?.strip_prefix('"')?.strip_suffix('"')
}

/// `text` as a JSON string.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            control if control < ' ' => quoted.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

fn end_of_value(text: &str) -> Option<usize> {
    match text.chars().next()? {
        '"' => end_of_string(text),
        '{' | '[' => end_of_nested(text),
        _ => Some(text.find([',', '}', ']', ' ', '\t', '\r', '\n']).unwrap_or(text.len())),
    }
}

fn end_of_string(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (index, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(index + 1),
            _ => {}
        }
    }
    None
}

fn end_of_nested(text: &str) -> Option<usize> {
    let (mut depth, mut index) = (0_u32, 0);
    while let Some(character) = text[index..].chars().next() {
        match character {
            '"' => {
                index += end_of_string(&text[index..])?;
                continue;
            }
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            _ => {}
        }
        index += character.len_utf8();
        if depth == 0 {
            return Some(index);
        }
    }
    None
}
