//! Tool rules: the tools of a server that its owner lets callers see and call.

use crate::model::ToolRules;

/// True when callers may know of every tool.
#[must_use]
pub fn permit_all(rules: &ToolRules) -> bool {
    rules.allow.is_empty() && rules.deny.is_empty()
}

/// True when callers may know of the tool of this name.
#[must_use]
pub fn permit(rules: &ToolRules, tool: &str) -> bool {
    let is_in = |patterns: &[String]| patterns.iter().any(|pattern| fits(pattern, tool));
    (rules.allow.is_empty() || is_in(&rules.allow)) && !is_in(&rules.deny)
}

/// True when `name` matches `pattern`, in which `*` stands for any text. Takes time in proportion to their lengths, for
/// the first place where a part fits is as good as any later one.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(head) else { return false };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*') {
        let Some((_, after)) = name.split_once(part) else { return false };
        name = after;
    }
    name.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(allow: &[&str], deny: &[&str]) -> ToolRules {
        let owned = |patterns: &[&str]| patterns.iter().map(ToString::to_string).collect();
        ToolRules { allow: owned(allow), deny: owned(deny), ..ToolRules::default() }
    }

    #[test]
    fn a_star_stands_for_anything_anywhere() {
        for (pattern, name) in [
            ("read", "read"),
            ("*", ""),
            ("read_*", "read_"),
            ("read_*", "read_file"),
            ("*_file", "read_file"),
            ("r*d*e", "read_file"),
            ("*ad*fi*", "read_file"),
            ("a**b", "ab"),
            ("*ä*", "käse"),
        ] {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("read", "Read"), ("read", "reads"), ("", "a"), ("a*a", "a"), ("*a*b", "ba"), ("ab*ba", "aba")]
        {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn what_is_denied_is_denied_even_where_it_is_allowed() {
        let rules = rules(&["read_*", "list"], &["*_secret"]);
        let permitted = ["read_file", "read_secret", "list", "write"].map(|tool| permit(&rules, tool));
        assert_eq!(permitted, [true, false, true, false]);
    }

    #[test]
    fn without_rules_every_tool_is_permitted() {
        assert!(permit(&ToolRules::default(), "x") && permit_all(&ToolRules::default()));
        assert!(permit(&rules(&[], &["x"]), "y") && !permit_all(&rules(&[], &["x"])));
    }
}
