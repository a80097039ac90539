//! Matches URIs against templates (RFC 6570), to find the server whose resource one is.

/// True when some values for its expressions turn `template` into `uri`. Takes time in proportion to the product of
/// their lengths, whatever they are.
#[must_use]
pub fn fits(template: &str, uri: &str) -> bool {
    // True at the lengths of those beginnings of `uri` that the part of the template read so far can expand to.
    let mut reached = vec![false; uri.len() + 1];
    if let Some(first) = reached.first_mut() {
        *first = true;
    }
    let mut rest = template;
    while !rest.is_empty() {
        let (literal, after) = rest.split_once('{').unwrap_or((rest, ""));
        reached = after_literal(&reached, uri, literal);
        let Some((expression, after)) = after.split_once('}') else { break };
        reached = after_expression(&reached, uri, expression);
        rest = after;
    }
    reached.last().copied().unwrap_or_default()
}

fn after_literal(reached: &[bool], uri: &str, literal: &str) -> Vec<bool> {
    let mut next = vec![false; reached.len()];
    for (at, _) in reached.iter().enumerate().filter(|(_, reached)| **reached) {
        if uri.get(at..).is_some_and(|rest| rest.starts_with(literal))
            && let Some(end) = next.get_mut(at + literal.len())
        {
            *end = true;
        }
    }
    next
}

/// A plain expression stands for one part of a path, at least one character; one with an operator for anything.
fn after_expression(reached: &[bool], uri: &str, expression: &str) -> Vec<bool> {
    let is_plain = !expression.starts_with(['+', '#', '.', '/', ';', '?', '&']);
    let mut next = vec![false; reached.len()];
    let mut open = false;
    for (at, byte) in uri.bytes().map(Some).chain([None]).enumerate() {
        let starts = reached.get(at).copied().unwrap_or_default();
        if let Some(here) = next.get_mut(at) {
            *here = open || (starts && !is_plain);
        }
        open |= starts;
        if is_plain && byte.is_some_and(|byte| b"/?#".contains(&byte)) {
            open = false;
        }
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_is_known_by_its_template() {
        assert!(fits("test://template/{id}/data", "test://template/123/data"));
        assert!(fits("demo://{+path}", "demo://a/b/c"));
        assert!(fits("a://x{?q,r}", "a://x?q=1&r=2") && fits("a://x{?q,r}", "a://x"));
        assert!(fits("{a}{b}", "xy") && fits("plain", "plain"));
    }

    #[test]
    fn a_uri_of_another_kind_is_not() {
        assert!(!fits("test://template/{id}/data", "test://template//data"));
        assert!(!fits("test://template/{id}", "test://template/1/2"));
        assert!(!fits("test://{id}", "toast://1"));
        assert!(!fits("plain", "plain1") && !fits("", "a"));
    }

    #[test]
    fn a_template_of_many_expressions_takes_no_longer_than_it_must() {
        assert!(!fits(&format!("{}!", "{a}".repeat(100)), &"x".repeat(2000)));
    }
}
