//! "did you mean": the known name that is nearest to a mistyped one.

/// ` (did you mean …?)` for the candidate nearest to `typed`, or nothing where none is near.
pub(crate) fn did_you_mean<'a>(typed: &str, candidates: impl Iterator<Item = &'a str>) -> String {
    let nearest = candidates.map(|name| (distance(typed, name), name)).min();
    match nearest {
        Some((steps, name)) if steps <= typed.len() / 4 + 1 => format!(" (did you mean {name}?)"),
        Some(_) | None => String::new(),
    }
}

/// True where `typed` is `name` with slips in its words, or without its last one. Words that share less than half their
/// letters are another program's: `MCP_SERVER_URL` is not `MCP_SERVERS_DIR`.
pub(crate) fn is_slip_of(typed: &str, name: &str) -> bool {
    let words = |text: &str| text.split('_').map(str::to_owned).collect::<Vec<_>>();
    let (ours, theirs) = (words(name), words(typed));
    let is_near = |(one, other): (&String, &String)| distance(one, other) * 2 <= one.len().max(other.len());
    let lacks_one = theirs.len() > 2 && ours.len() == theirs.len() + 1;
    (ours.len() == theirs.len() || lacks_one) && ours.iter().zip(&theirs).all(is_near)
}

/// Insertions, removals and replacements that lead from one to the other; a prefix too many or too few is one step.
fn distance(typed: &str, name: &str) -> usize {
    let suffix = |long: &str, short: &str| long.strip_suffix(short).is_some_and(|rest| rest.ends_with(['_', '.']));
    if suffix(typed, name) || suffix(name, typed) {
        return 1;
    }
    // Levenshtein's table, one row at a time.
    let mut row: Vec<usize> = (0..=name.chars().count()).collect();
    for (index, ours) in typed.chars().enumerate() {
        let mut next = vec![index + 1];
        for (theirs, pair) in name.chars().zip(row.windows(2)) {
            let (diagonal, above) = (pair.first().copied().unwrap_or(0), pair.last().copied().unwrap_or(0));
            let left = next.last().copied().unwrap_or(0);
            next.push((diagonal + usize::from(ours != theirs)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_or_a_prefix_too_many_finds_the_name_that_was_meant() {
        let names = ["OSTLER_PORT", "DATABASE_URL", "MCP_MAX_RETRIES"];
        let suggest = |typed| did_you_mean(typed, names.into_iter());
        assert_eq!(suggest("OSTLER_PROT"), " (did you mean OSTLER_PORT?)");
        assert_eq!(suggest("OSTLER_DATABASE_URL"), " (did you mean DATABASE_URL?)");
        assert_eq!(suggest("MCP_MAX_RETRY"), " (did you mean MCP_MAX_RETRIES?)");
        assert_eq!(suggest("MCP_COMPLETELY_OTHER"), "");
    }

    #[test]
    fn distances_are_counted_in_single_letter_steps() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("same", "same"), 0);
    }
}
