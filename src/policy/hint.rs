//! Remedies for a server that ended, by what it wrote.

/// Signs of a Python server that was written for the first major version of the SDK.
const SDK_V1: [&str; 4] = [
    "pin 'mcp<2'",
    "No module named 'mcp.server.fastmcp'",
    // Decorators of the low-level server, and the error's name: both are gone in version 2.
    "AttributeError: 'Server' object has no attribute '",
    "cannot import name 'McpError' from 'mcp.",
];

/// Signs of a Node.js that is too old for the server.
const OLD_NODE: [&str; 5] = [
    "ERR_UNKNOWN_BUILTIN_MODULE",
    "No such built-in module: node:",
    "requires Node",
    "Node.js version",
    "node version",
];

/// The beginning of a program of another machine, which a shell took for a script.
const FOREIGN_PROGRAM: &str = "\u{7f}ELF";

/// Words beside the name of a variable that is missing.
const MISSING: [&str; 9] = [
    "not set",
    "is required",
    "are required",
    "is missing",
    "must be set",
    "not provided",
    "must provide",
    "missing required",
    "KeyError: ",
];

/// Remedy for what these lines say, where it is plain.
#[must_use]
pub fn of(lines: &[String]) -> Option<String> {
    let says = |signs: &[&str]| lines.iter().any(|line| signs.iter().any(|sign| line.contains(sign)));
    if says(&SDK_V1) {
        return Some(
            "it needs the package `mcp` below version 2: pin \"mcp<2\", as by `uvx --with \"mcp<2\" …`".into(),
        );
    }
    if says(&OLD_NODE) {
        return Some("it needs another version of Node.js than the one that runs it".into());
    }
    if says(&[FOREIGN_PROGRAM]) {
        return Some("it is a program for another kind of processor".into());
    }
    let name = lines.iter().find_map(|line| missing_variable(line))?;
    Some(format!("it wants the variable {name}: add it to `env`"))
}

/// The name of a variable that a line misses.
fn missing_variable(line: &str) -> Option<&str> {
    let lower = line.to_lowercase();
    let is_missed = MISSING.iter().any(|words| lower.contains(&words.to_lowercase()));
    let is_part = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    // One word of capitals may be a mere word; a variable has an underscore.
    let is_name = |word: &&str| word.len() > 3 && word.trim_matches('_').contains('_') && word.chars().all(is_part);
    let is_between = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    // Of a word behind a colour, which ends with a letter: "\u{1b}[31mAPI_KEY".
    let words = line.split('\u{1b}').enumerate().flat_map(|(index, part)| {
        let colour = part.strip_prefix('[').and_then(|rest| rest.split_once(|c: char| c.is_ascii_alphabetic()));
        colour.filter(|_| index > 0).map_or(part, |(_, text)| text).split(is_between)
    });
    is_missed.then_some(words)?.find(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(line: &str) -> String {
        of(&["at first".into(), line.into(), "Node.js v20.20.2".into()]).unwrap_or_default()
    }

    #[test]
    fn a_missing_variable_is_named() {
        for line in [
            "Error: BRAVE_API_KEY environment variable is required",
            "[stdout] Error: BRAVE_API_KEY is not set",
            "KeyError: 'BRAVE_API_KEY'",
            "\u{1b}[1;31mBRAVE_API_KEY\u{1b}[0m is \u{1b}[31mnot set\u{1b}[39m",
            "[BRAVE_API_KEY] is not set",
            " 10%\r100%\rBRAVE_API_KEY is not set",
            "Please set: BRAVE_API_KEY (missing required setting)",
            "error: the following arguments are required: --key (or BRAVE_API_KEY)",
        ] {
            assert_eq!(hint(line), "it wants the variable BRAVE_API_KEY: add it to `env`", "{line}");
        }
        for line in ["ERROR: the file is missing", "ERR_MODULE_NOT_FOUND", "MY_FILE was read", "__ is not set"] {
            assert_eq!(hint(line), "", "{line}");
        }
    }

    #[test]
    fn versions_of_what_runs_it_are_told_from_variables() {
        for line in [
            "ModuleNotFoundError: No module named 'mcp.server.fastmcp'. This is mcp 2.x, where FastMCP was renamed to \
                MCPServer (…) or pin 'mcp<2' to keep running v1 code.",
            "AttributeError: 'Server' object has no attribute 'list_tools'",
            "ImportError: cannot import name 'McpError' from 'mcp.shared.exceptions' (/srv/exceptions.py)",
        ] {
            assert!(hint(line).contains("mcp<2"), "{line}");
        }
        for line in [
            "Error [ERR_UNKNOWN_BUILTIN_MODULE]: No such built-in module: node:sqlite",
            "This server requires Node.js >= 22",
        ] {
            assert!(hint(line).contains("Node.js"), "{line}");
        }
        assert!(hint("/srv/server: 1: \u{7f}ELF\u{2}\u{1}: not found").contains("processor"));
    }
}
