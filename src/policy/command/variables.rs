//! Variables that a pattern of `MCP_ALLOWED_COMMANDS` names before its program, as a shell has assignments:
//! `TZ= LOG_*= npx -y @scope/name*`.
//!
//! A pattern that names some allows these alone; `=` alone stands for none, and a pattern without either for any that
//! is not refused to everybody (`environment`).

use std::str::FromStr;

use crate::policy::environment::AllowedVariables;

/// The variables that a pattern names, if it names any, and the words of its command line.
pub(super) fn split(pattern: &str) -> (Option<Vec<&str>>, Vec<&str>) {
    let names: Vec<_> = pattern.split_whitespace().map_while(|word| word.strip_suffix('=')).collect();
    let words = pattern.split_whitespace().skip(names.len()).collect();
    ((!names.is_empty()).then_some(names), words)
}

/// True when a caller may set a variable of this name.
pub(super) fn permit(names: Option<&[&str]>, name: &str) -> bool {
    let fits = |allowed: &&str| match allowed.strip_suffix('*') {
        Some(stem) => name.starts_with(stem),
        None => *allowed == name,
    };
    names.is_none_or(|names| names.iter().any(|allowed| !allowed.is_empty() && fits(allowed)))
}

/// The fault in the variables of a pattern, or in the word that follows them.
pub(super) fn fault(names: Option<&[&str]>, program: &str) -> Option<String> {
    if let Some((name, value)) = program.split_once('=').filter(|(name, _)| !name.contains('/')) {
        return Some(format!("gives {name} the value {value:?}: write {name}= to have callers set it"));
    }
    let names = names.unwrap_or_default();
    if names.len() > 1 && names.contains(&"") {
        return Some("has a = alone, for no variable at all, beside others".into());
    }
    names.iter().filter(|name| !name.is_empty()).find_map(|name| {
        let stem = name.strip_suffix('*').unwrap_or(name);
        // As for a name: what begins an unfit one begins no fit one.
        AllowedVariables::from_str(stem)
            .err()
            .or_else(|| stem.is_empty().then(|| "names *=, which is every variable".into()))
    })
}

#[cfg(test)]
mod tests {
    use crate::policy::command::{AllowedCommands, CommandRefusal};

    fn refusal(patterns: &str, variables: &[&str]) -> Option<CommandRefusal> {
        let args = ["-y".to_owned(), "@scope/name".to_owned()];
        patterns.parse::<AllowedCommands>().unwrap().refusal("npx", &args, variables.iter().copied(), false)
    }

    #[test]
    fn a_pattern_allows_the_variables_that_it_names() {
        let of = |name: &str| Some(CommandRefusal::Variable(name.into()));
        let pattern = "TZ= LOG_*= npx -y @scope/name*";
        assert_eq!(refusal(pattern, &[]), None);
        assert_eq!(refusal(pattern, &["TZ", "LOG_LEVEL", "LOG_"]), None);
        assert_eq!(refusal(pattern, &["TZ", "TZ2"]), of("TZ2"));
        assert_eq!(refusal(pattern, &["LOG"]), of("LOG"));
        assert_eq!(refusal("= npx -y @scope/name*", &["TZ"]), of("TZ"));
        assert_eq!(refusal("= npx -y @scope/name*", &[]), None);
        assert_eq!(refusal("npx -y @scope/name*", &["ANY"]), None, "as long as it names none");
        assert_eq!(refusal("TZ= uvx x", &["TZ"]), Some(CommandRefusal::CommandLine));
    }

    #[test]
    fn of_several_patterns_that_fit_one_must_allow_all_variables() {
        let patterns = "A= npx -y @scope/name, B= npx -y @scope/name*";
        assert_eq!(refusal(patterns, &["A"]), None);
        assert_eq!(refusal(patterns, &["B"]), None);
        assert_eq!(refusal(patterns, &["A", "B"]), Some(CommandRefusal::Variable("A".into())));
    }

    #[test]
    fn variables_that_cannot_mean_what_they_seem_to_are_refused() {
        for (wrong, why) in [
            ("TZ=UTC npx -y @scope/name", "write TZ= to have callers set it"),
            ("*= npx -y @scope/name", "every variable"),
            ("= TZ= npx -y @scope/name", "a = alone"),
            ("A-B= npx -y @scope/name", "no server can be given"),
            ("OSTLER_X= npx -y @scope/name", "no server can be given"),
            ("TZ=", "names no program"),
            ("TZ= npx *", "leaves open what it runs"),
        ] {
            let fault = wrong.parse::<AllowedCommands>().unwrap_err();
            assert!(fault.contains(why), "{wrong}: {fault}");
        }
    }
}
