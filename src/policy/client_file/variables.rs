//! `${NAME}` and its like in the values of a client's configuration.

use std::collections::{BTreeMap, BTreeSet};

use crate::policy::reference;

/// Most bytes that the variables of one configuration may make.
const EXPANDED_BYTES_MAX: usize = 4 << 20;

/// Variables that only an editor knows the values of.
const OF_EDITORS: [&str; 4] = ["userHome", "workspaceFolder", "workspaceFolderBasename", "pathSeparator"];

/// Values of variables, and bytes of text they may still expand to: a variable named again and again multiplies.
pub(super) struct Variables<'a> {
    values: &'a BTreeMap<String, String>,
    room: usize,
}

impl<'a> Variables<'a> {
    pub(super) fn new(values: &'a BTreeMap<String, String>) -> Self {
        Self { values, room: EXPANDED_BYTES_MAX }
    }

    /// The text with the values of its variables; a reference to a secret stays one. What a variable or a default holds
    /// is not looked at again.
    pub(super) fn expanded(&mut self, text: &str) -> Result<String, String> {
        let (mut text_out, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once("${") {
            text_out.push_str(before);
            let Some((inside, left)) = after.split_once('}') else {
                return Err(format!("has a `${{` without a `}}` in {text:?}"));
            };
            let value = value(inside, self.values)?;
            let room = self.room.checked_sub(value.len());
            self.room = room.ok_or("is one value too many: all variables together may make 4 MiB of text")?;
            text_out.push_str(&value);
            rest = left;
        }
        Ok(text_out + rest)
    }
}

/// The names of the variables that a configuration asks for.
#[must_use]
pub(super) fn named(text: &str) -> BTreeSet<String> {
    let inside = text.split("${").skip(1).filter_map(|rest| rest.split('}').next());
    let spelled = inside.map(|inside| inside.strip_prefix("env:").unwrap_or(inside));
    let names = spelled.filter_map(|spelled| spelled.split(":-").next());
    names.filter(|name| is_spelled(name)).map(ToOwned::to_owned).collect()
}

/// True for a variable as shells and Gemini write it, alone or as a bearer token. Other clients keep it as text.
pub(super) fn is_bare(text: &str) -> bool {
    text.strip_prefix("Bearer ").unwrap_or(text).strip_prefix('$').is_some_and(is_name)
}

fn value(inside: &str, variables: &BTreeMap<String, String>) -> Result<String, String> {
    if let Some(id) = inside.strip_prefix("input:") {
        let fix = format!("write ${{{}}} instead, and give the variable a value", variable(id));
        return Err(format!("asks its user for a value (`${{{inside}}}`), which only an editor can do; {fix}"));
    }
    if reference::is_inside(inside) {
        return Ok(format!("${{{inside}}}"));
    }
    let spelled = inside.strip_prefix("env:").unwrap_or(inside);
    let (name, default) = spelled.split_once(":-").map_or((spelled, None), |(name, other)| (name, Some(other)));
    if !is_spelled(name) {
        return Err(format!("has `${{{inside}}}`, which is none of ${{NAME}}, ${{NAME:-default}} and ${{env:NAME}}"));
    }
    // As a shell does: an empty value is as good as none where there is a default.
    let known = variables.get(name).filter(|value| default.is_none() || !value.is_empty());
    known.map(String::as_str).or(default).map(ToOwned::to_owned).ok_or_else(|| {
        if OF_EDITORS.contains(&name) {
            format!("uses `${{{name}}}`, which only an editor knows; give a variable of this name a value")
        } else {
            format!("needs a value for the variable {name}")
        }
    })
}

/// A variable's name made of any text.
pub(super) fn variable(text: &str) -> String {
    let fitting = |character: char| if character.is_ascii_alphanumeric() { character } else { '_' };
    let name: String = text.chars().map(fitting).collect::<String>().to_ascii_uppercase();
    if is_name(&name) { name } else { format!("_{name}") }
}

/// True for a name between `${` and `}`: more than shells allow, as registries have `${api-key}`.
fn is_spelled(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded_with(text: &str) -> Result<String, String> {
        let variables = [("A", "one"), ("EMPTY", ""), ("NESTED", "${A}")];
        let values = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Variables::new(&values).expanded(text)
    }

    #[test]
    fn variables_have_the_value_they_were_given_or_their_default() {
        for (text, expected) in [
            ("", ""),
            ("$A {A} $", "$A {A} $"),
            ("x${A}y${env:A}", "xoneyone"),
            ("${B:-two}${A:-two}${EMPTY:-three}[${EMPTY}]${B:-}", "twoonethree[]"),
            ("${env:B:-http://x}", "http://x"),
            ("${NESTED}", "${A}"),
            ("Bearer ${secret:a.b}", "Bearer ${secret:a.b}"),
            ("${file:/a b}${exec:op x/y}", "${file:/a b}${exec:op x/y}"),
        ] {
            assert_eq!(expanded_with(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_variable_named_again_and_again_makes_no_more_text_than_fits() {
        let values = BTreeMap::from([("A".to_owned(), "x".repeat(EXPANDED_BYTES_MAX / 8))]);
        let mut variables = Variables::new(&values);
        assert_eq!(variables.expanded(&"${A}".repeat(5)).map(|text| text.len()), Ok(EXPANDED_BYTES_MAX / 8 * 5));
        assert!(variables.expanded(&"${A}".repeat(4)).is_err_and(|problem| problem.contains("4 MiB")));
    }

    #[test]
    fn a_variable_without_braces_is_noticed_where_it_is_the_whole_value() {
        for (text, expected) in
            [("$A", true), ("Bearer $A_B", true), ("${A}", false), ("$", false), ("cost: $5", false)]
        {
            assert_eq!(is_bare(text), expected, "{text}");
        }
    }

    #[test]
    fn the_variables_of_a_text_are_known_beforehand() {
        let names = named(r#"{"a": "${A}${env:B}${C:-x}${input:d}${A}${2-e}", "b": "$E ${"}"#);
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["2-e", "A", "B", "C"]);
    }

    #[test]
    fn what_has_no_value_is_refused_by_name() {
        for (text, part) in [
            ("${B}", "variable B"),
            ("${env:B}", "variable B"),
            ("${input:api-key}", "${API_KEY}"),
            ("${api-key}", "variable api-key"),
            ("${workspaceFolder}/x", "only an editor"),
            ("${A", "without a `}`"),
            ("${command:x}", "${command:x}"),
            ("${}", "${}"),
        ] {
            assert!(expanded_with(text).is_err_and(|problem| problem.contains(part)), "{text}");
        }
    }
}
