//! Checks of a server's configuration, as its owner writes it, with the limits of its size.

use std::{ops::RangeInclusive, time::Duration};

use crate::{
    error::{Faults, below},
    model::{ServerConfig, ToolRules},
    policy::{
        environment::{self, AllowedVariables},
        name, reference, remote, remote_oauth, sandbox,
    },
};

/// Most characters of a description.
pub const DESCRIPTION_CHARS_MAX: usize = 2000;

/// Most bytes of a program's name.
pub const COMMAND_BYTES_MAX: usize = 4096;

/// Most arguments.
pub const ARGS_MAX: usize = 256;

/// Most variables.
pub const VARIABLES_MAX: usize = 128;

/// Most bytes of an argument, or of a variable's value.
const VALUE_BYTES_MAX: usize = 32 << 10;

/// Most bytes of a variable's name.
const VARIABLE_NAME_BYTES_MAX: usize = 256;

/// Most patterns in a list of tools, and most descriptions of them.
pub const TOOL_RULES_MAX: usize = 1000;

/// Most bytes of a pattern, or of a tool's name.
const PATTERN_BYTES_MAX: usize = 256;

/// Times that a server may be given to become ready: it needs a moment, and a day is as good as for ever.
const START_TIMEOUTS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(24 * 60 * 60);

/// Everything in `config` that cannot be accepted, by its place in the JSON of a request.
#[must_use]
pub fn faults(config: &ServerConfig, allowed: &AllowedVariables) -> Faults {
    let mut faults = Faults::default();
    let name = name::validated(&config.name);
    faults.check(name.is_ok(), "/name", name.err().unwrap_or_default());
    check_description(&mut faults, config.description.as_deref().unwrap_or_default());
    match &config.remote {
        None => {
            check_command(&mut faults, &config.command);
            check_args(&mut faults, &config.args);
            check_env(&mut faults, config, allowed);
            check_cwd(&mut faults, config.cwd.as_deref());
        }
        Some(far) => {
            remote::check(&mut faults, far);
            remote_oauth::check(&mut faults, &far.oauth);
            let why = "must not be given for a server at a url";
            faults.check(config.command.is_empty(), "/command", why);
            faults.check(config.args.is_empty(), "/args", why);
            faults.check(config.env.is_empty(), "/env", why);
            faults.check(config.cwd.is_none(), "/cwd", why);
            faults.check(config.launcher.is_none(), "/launcher", why);
        }
    }
    reference::check(&mut faults, config);
    check_tools(&mut faults, &config.tools);
    sandbox::check(&mut faults, config);
    let in_bounds = config.start_timeout.is_none_or(|time| START_TIMEOUTS.contains(&time));
    faults.check(in_bounds, "/startTimeoutMs", "must be 1000 to 86400000");
    faults
}

fn check_description(faults: &mut Faults, description: &str) {
    let fits = description.chars().count() <= DESCRIPTION_CHARS_MAX;
    faults.check(fits, "/description", "must be at most 2000 characters");
    check_nul(faults, "/description".into(), description);
}

fn check_command(faults: &mut Faults, command: &str) {
    let holds = command.len() <= COMMAND_BYTES_MAX && !command.trim().is_empty();
    faults.check(holds, "/command", "must be a program of 1 to 4096 bytes, unless there is a url");
    check_nul(faults, "/command".into(), command);
    // A path may have blanks; a program on PATH has none.
    let is_line =
        command.contains(char::is_whitespace) && !command.split_whitespace().next().unwrap_or("/").contains('/');
    let why = "has blanks: write the program alone, and its arguments apart, in `args`";
    faults.check(!is_line, "/command", why);
}

fn check_args(faults: &mut Faults, args: &[String]) {
    faults.check(args.len() <= ARGS_MAX, "/args", "must be at most 256 arguments");
    for (index, arg) in args.iter().enumerate().take(ARGS_MAX) {
        faults.check(arg.len() <= VALUE_BYTES_MAX, format!("/args/{index}"), "must be at most 32 KiB");
        check_nul(faults, format!("/args/{index}"), arg);
    }
}

fn check_env(faults: &mut Faults, ServerConfig { env, .. }: &ServerConfig, allowed: &AllowedVariables) {
    faults.check(env.len() <= VARIABLES_MAX, "/env", "must be at most 128 variables");
    for (name, value) in env.iter().take(VARIABLES_MAX) {
        let pointer = || below("/env", name);
        let refused = environment::refuse(name, allowed);
        faults.check(refused.is_none(), pointer(), refused.unwrap_or_default());
        faults.check(name.len() <= VARIABLE_NAME_BYTES_MAX, pointer(), "must have a name of at most 256 bytes");
        faults.check(value.len() <= VALUE_BYTES_MAX, pointer(), "must be at most 32 KiB");
        check_nul(faults, pointer(), value);
    }
}

fn check_cwd(faults: &mut Faults, cwd: Option<&str>) {
    let why = "must be an absolute path of at most 4095 bytes; no shell reads it";
    faults.check(cwd.is_none_or(sandbox::is_path), "/cwd", why);
}

fn check_tools(faults: &mut Faults, ToolRules { allow, deny, descriptions, changes: _ }: &ToolRules) {
    for (place, patterns) in [("/tools/allow", allow), ("/tools/deny", deny)] {
        faults.check(patterns.len() <= TOOL_RULES_MAX, place, "must be at most 1000 patterns");
        for (index, pattern) in patterns.iter().enumerate().take(TOOL_RULES_MAX) {
            let fits = (1..=PATTERN_BYTES_MAX).contains(&pattern.len());
            faults.check(fits, format!("{place}/{index}"), "must be 1 to 256 bytes");
            check_nul(faults, format!("{place}/{index}"), pattern);
        }
    }
    faults.check(descriptions.len() <= TOOL_RULES_MAX, "/tools/descriptions", "must be at most 1000 descriptions");
    for (tool, description) in descriptions.iter().take(TOOL_RULES_MAX) {
        let pointer = || below("/tools/descriptions", tool);
        faults.check((1..=PATTERN_BYTES_MAX).contains(&tool.len()), pointer(), "must be of a tool of 1 to 256 bytes");
        let fits = description.chars().count() <= DESCRIPTION_CHARS_MAX;
        faults.check(fits, pointer(), "must be at most 2000 characters");
        check_nul(faults, pointer(), tool);
        check_nul(faults, pointer(), description);
    }
}

/// Neither a process nor PostgreSQL can take it.
fn check_nul(faults: &mut Faults, pointer: String, text: &str) {
    faults.check(!text.contains('\0'), pointer, "must not contain U+0000");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(config: &ServerConfig) -> Vec<String> {
        faults(config, &AllowedVariables::default()).0.into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn every_fault_is_reported_at_once() {
        let long = "x".repeat(VALUE_BYTES_MAX + 1);
        let config = ServerConfig::new(" ", "").args(["a", &long, "\0"]).env("A", &long).env("A/~", "\0").env("", "");
        let expected = ["/name", "/command", "/args/1", "/args/2", "/env/", "/env/A", "/env/A~1~0", "/env/A~1~0"];
        assert_eq!(pointers(&config), expected);
        let config = ServerConfig { description: Some(long.clone()), ..ServerConfig::new(long.clone(), long) };
        assert_eq!(pointers(&config), ["/name", "/description", "/command"]);
    }

    #[test]
    fn a_command_line_in_the_place_of_the_program_is_refused() {
        for line in ["npx -y @modelcontextprotocol/server-memory", "npx ", " uvx\tx"] {
            assert_eq!(pointers(&ServerConfig::new("a", line)), ["/command"], "{line:?}");
        }
        for program in ["npx", "/opt/my programs/server", "./my server"] {
            assert_eq!(pointers(&ServerConfig::new("a", program)), [""; 0], "{program:?}");
        }
    }

    #[test]
    fn too_many_are_reported_once() {
        let config = ServerConfig::new("a", "b").args(vec!["x"; ARGS_MAX + 1]);
        let config = (0..=VARIABLES_MAX).fold(config, |config, n| config.env(format!("V{n}"), "x"));
        assert_eq!(pointers(&config), ["/args", "/env"]);
    }

    #[test]
    fn a_server_is_a_program_or_at_an_address_but_not_both() {
        let far = ServerConfig::remote("a", "https://example.com/mcp");
        assert_eq!(pointers(&far), [""; 0]);
        let launcher = Some(crate::model::LauncherUse::Keep);
        let both = ServerConfig { command: "b".into(), cwd: Some("/".into()), launcher, ..far.clone() };
        assert_eq!(pointers(&both.args(["c"]).env("D", "d")), ["/command", "/args", "/env", "/cwd", "/launcher"]);
        assert_eq!(pointers(&ServerConfig { remote: None, ..far }), ["/command"]);
    }

    #[test]
    fn a_working_directory_is_absolute() {
        let at = |cwd: &str| ServerConfig { cwd: Some(cwd.into()), ..ServerConfig::new("a", "b") };
        assert_eq!(pointers(&at("/srv/my app")), [""; 0]);
        for cwd in ["", ".", "srv", "~/app", "/a\0"] {
            assert_eq!(pointers(&at(cwd)), ["/cwd"], "{cwd:?}");
        }
    }

    #[test]
    fn rules_of_tools_have_bounds() {
        let long = "x".repeat(PATTERN_BYTES_MAX + 1);
        let tools = ToolRules {
            allow: vec!["*".into(), String::new()],
            deny: vec!["x".into(); TOOL_RULES_MAX + 1],
            descriptions: [(long.clone(), "\0".into()), ("a/b".into(), "x".repeat(DESCRIPTION_CHARS_MAX + 1))].into(),
            changes: crate::model::ToolPinning::Pin,
        };
        let expected = ["/tools/allow/1".into(), "/tools/deny".into(), "/tools/descriptions/a~1b".into()];
        let twice = format!("/tools/descriptions/{long}");
        let found = pointers(&ServerConfig { tools, ..ServerConfig::new("a", "b") });
        assert_eq!(found, [&expected[..], &[twice.clone(), twice]].concat());
    }

    #[test]
    fn as_much_as_is_allowed_is_taken() {
        let value = "x".repeat(VALUE_BYTES_MAX);
        let config = ServerConfig::new("n".repeat(name::NAME_CHARS_MAX), "c".repeat(COMMAND_BYTES_MAX))
            .args(vec![&*value; ARGS_MAX])
            .env("A", value);
        let config = ServerConfig { description: Some("ä\n".repeat(DESCRIPTION_CHARS_MAX / 2)), ..config };
        assert_eq!(pointers(&config), [""; 0]);
    }
}
