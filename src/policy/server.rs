//! What an owner may write about a server, and how much of it.

use crate::{
    error::{Faults, below},
    model::ServerConfig,
    policy::{environment, name},
};

/// Most characters of a description.
pub const LONGEST_DESCRIPTION: usize = 2000;

/// Most bytes of a program's name.
pub const LONGEST_COMMAND: usize = 4096;

/// Most arguments.
pub const MOST_ARGS: usize = 256;

/// Most variables.
pub const MOST_VARIABLES: usize = 128;

/// Most bytes of an argument, or of a variable's value.
const LONGEST_VALUE: usize = 32 << 10;

/// Most bytes of a variable's name.
const LONGEST_VARIABLE: usize = 256;

/// Everything in `config` that cannot be accepted, by its place in the JSON of a request.
#[must_use]
pub fn faults(config: &ServerConfig) -> Faults {
    let mut faults = Faults::default();
    let name = name::kept(&config.name);
    faults.check(name.is_ok(), "/name", name.err().unwrap_or_default());
    check_description(&mut faults, config.description.as_deref().unwrap_or_default());
    check_command(&mut faults, &config.command);
    check_args(&mut faults, &config.args);
    check_env(&mut faults, config);
    faults
}

fn check_description(faults: &mut Faults, description: &str) {
    let fits = description.chars().count() <= LONGEST_DESCRIPTION;
    faults.check(fits, "/description", "must be at most 2000 characters");
    check_nul(faults, "/description".into(), description);
}

fn check_command(faults: &mut Faults, command: &str) {
    let holds = command.len() <= LONGEST_COMMAND && !command.trim().is_empty();
    faults.check(holds, "/command", "must be a program of 1 to 4096 bytes");
    check_nul(faults, "/command".into(), command);
}

fn check_args(faults: &mut Faults, args: &[String]) {
    faults.check(args.len() <= MOST_ARGS, "/args", "must be at most 256 arguments");
    for (index, arg) in args.iter().enumerate().take(MOST_ARGS) {
        faults.check(arg.len() <= LONGEST_VALUE, format!("/args/{index}"), "must be at most 32 KiB");
        check_nul(faults, format!("/args/{index}"), arg);
    }
}

fn check_env(faults: &mut Faults, ServerConfig { env, .. }: &ServerConfig) {
    faults.check(env.len() <= MOST_VARIABLES, "/env", "must be at most 128 variables");
    for (name, value) in env.iter().take(MOST_VARIABLES) {
        let pointer = || below("/env", name);
        let refused = environment::refuse(name);
        faults.check(refused.is_none(), pointer(), refused.unwrap_or_default());
        faults.check(name.len() <= LONGEST_VARIABLE, pointer(), "must have a name of at most 256 bytes");
        faults.check(value.len() <= LONGEST_VALUE, pointer(), "must be at most 32 KiB");
        check_nul(faults, pointer(), value);
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
        faults(config).0.into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let long = "x".repeat(LONGEST_VALUE + 1);
        let config = ServerConfig::new(" ", "").args(["a", &long, "\0"]).env("A", &long).env("A/~", "\0").env("", "");
        let expected = ["/name", "/command", "/args/1", "/args/2", "/env/", "/env/A", "/env/A~1~0", "/env/A~1~0"];
        assert_eq!(pointers(&config), expected);
        let config = ServerConfig { description: Some(long.clone()), ..ServerConfig::new(long.clone(), long) };
        assert_eq!(pointers(&config), ["/name", "/description", "/command"]);
    }

    #[test]
    fn too_many_are_told_once() {
        let config = ServerConfig::new("a", "b").args(vec!["x"; MOST_ARGS + 1]);
        let config = (0..=MOST_VARIABLES).fold(config, |config, n| config.env(format!("V{n}"), "x"));
        assert_eq!(pointers(&config), ["/args", "/env"]);
    }

    #[test]
    fn as_much_as_is_allowed_is_taken() {
        let value = "x".repeat(LONGEST_VALUE);
        let config = ServerConfig::new("n".repeat(name::LONGEST), "c".repeat(LONGEST_COMMAND))
            .args(vec![&*value; MOST_ARGS])
            .env("A", value);
        let config = ServerConfig { description: Some("ä\n".repeat(LONGEST_DESCRIPTION / 2)), ..config };
        assert_eq!(pointers(&config), [""; 0]);
    }
}
