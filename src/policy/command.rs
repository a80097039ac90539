//! Command lines that callers may register: `MCP_ALLOWED_COMMANDS`.
//!
//! A template is matched word by word. The rules are narrow on purpose, for a program that runs what its arguments say
//! (an interpreter, a package runner, a container engine) makes every loose rule a way around the list:
//!
//! - A word must be equal. A `*` at its end stands for more of the same word: letters, digits and `._@+-`, so that
//!   neither another registry, an address nor an alias (`name@npm:other`) fits a package's name.
//! - A word that begins with `/` is a path. `/opt/mcp/*` is every program below that folder, `/opt/mcp/run*` those
//!   beside `run`. Only text is compared: a path with `.`, `..` or an empty part is refused, a symbolic link is not
//!   followed. A known interpreter below a folder must be named in full, or a virtual environment there would allow
//!   everything.
//! - Arguments beyond the template are refused, unless its last word is `*` alone (any arguments), or it names a
//!   package for `npx` or `uvx` right after the program or after `-y`: arguments after a package's name go to the
//!   server.

use std::{fmt, str::FromStr};

/// The command lines that callers without `mcp:manage` may register.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AllowedCommands {
    /// None.
    #[default]
    ManagersOnly,
    /// Any.
    Everything,
    /// Those that match a template, such as `npx -y @scope/name*` or `/opt/mcp/*`.
    Templates(Vec<String>),
}

/// Programs that run what their arguments name: `*` in their place, or right after them, would allow everything.
const INTERPRETERS: &str = "ash awk bash bun bunx busybox cargo chroot csh dash deno docker doas dotnet env find fish flatpak gawk \
    go java julia ksh lua mawk nerdctl nice node nodejs nohup npm npx perl php pip pipx pnpm pnpx podman \
    poetry pwsh pypy python rscript ruby script setsid sh ssh stdbuf sudo systemd-run tclsh time timeout \
    tini tsx ts-node unshare uv uvx watch xargs yarn zsh";

/// Words of theirs after which what they run is still to come.
const SUBCOMMANDS: [&str; 6] = ["dlx", "exec", "mcp", "run", "tool", "x"];

/// Package runners that hand everything after the package's name to the package.
const RUNNERS: [&str; 2] = ["npx", "uvx"];

/// Options of theirs that take no value, so that the next word is the package.
const RUNNER_SWITCHES: [&str; 4] = ["-y", "--yes", "-q", "--quiet"];

impl AllowedCommands {
    /// True when a caller without `mcp:manage` may register this command line.
    #[must_use]
    pub fn allows(&self, command: &str, args: &[String]) -> bool {
        match self {
            Self::ManagersOnly => false,
            Self::Everything => true,
            Self::Templates(templates) => templates.iter().any(|template| fits(template, command, args)),
        }
    }
}

impl FromStr for AllowedCommands {
    type Err = String;

    /// Reads `*`, or templates separated by commas; an empty text allows managers only.
    fn from_str(text: &str) -> Result<Self, String> {
        let templates: Vec<_> = text.split(',').map(str::trim).filter(|template| !template.is_empty()).collect();
        match templates.as_slice() {
            [] => Ok(Self::ManagersOnly),
            ["*"] => Ok(Self::Everything),
            templates => {
                templates.iter().try_for_each(|template| check(template))?;
                Ok(Self::Templates(templates.iter().map(|template| (*template).to_owned()).collect()))
            }
        }
    }
}

impl fmt::Display for AllowedCommands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ManagersOnly => f.write_str("managers only"),
            Self::Everything => f.write_str("*"),
            Self::Templates(templates) => f.write_str(&templates.join(",")),
        }
    }
}

/// Refuses templates that cannot mean what they seem to.
fn check(template: &str) -> Result<(), String> {
    let mut words = template.split_whitespace();
    let program = words.next().unwrap_or_default();
    let fault = |problem: &str| Err(format!("the template {template:?} {problem}"));
    if template.split_whitespace().any(|word| word.trim_end_matches('*').contains('*') || word.ends_with("**")) {
        return fault("has a * before the end of a word");
    }
    if program.starts_with('*') || program == "/*" {
        return fault("names no program; * as the only template allows everything");
    }
    if program.contains('/') && (!program.starts_with('/') || !is_plain(program.trim_end_matches(['/', '*']))) {
        return fault("must name its program by an absolute path without . and .., or by its name alone");
    }
    if is_interpreter(program) && !names_a_target(words) {
        return fault("allows everything; write * alone where that is meant");
    }
    Ok(())
}

/// True when the words after an interpreter leave open neither the program it runs nor one of its options.
fn names_a_target<'a>(mut words: impl Iterator<Item = &'a str>) -> bool {
    let vague = |word: &str| word.ends_with('*') && !word.contains(|c: char| c.is_ascii_alphanumeric());
    for word in words.by_ref() {
        if word.starts_with('-') && word.ends_with('*') {
            return false;
        }
        if !word.starts_with('-') && !SUBCOMMANDS.contains(&word) {
            return !vague(word);
        }
    }
    true
}

/// True when a command line fits a template.
fn fits(template: &str, command: &str, args: &[String]) -> bool {
    let mut words: Vec<_> = template.split_whitespace().collect();
    let open = words.len() > 1 && words.last() == Some(&"*");
    if open {
        words.pop();
    }
    let Some((program, words)) = words.split_first() else { return false };
    let extra_allowed = open || hands_on(program, words);
    let enough = if extra_allowed { args.len() >= words.len() } else { args.len() == words.len() };
    enough && program_fits(program, command) && words.iter().zip(args).all(|(word, arg)| word_fits(word, arg))
}

/// True when `words` end with the package that a runner passes further arguments to.
fn hands_on(program: &str, words: &[&str]) -> bool {
    let Some((package, options)) = words.split_last() else { return false };
    RUNNERS.contains(&program) && !package.starts_with('-') && options.iter().all(|word| RUNNER_SWITCHES.contains(word))
}

fn program_fits(word: &str, command: &str) -> bool {
    if word == command {
        return true;
    }
    word.ends_with('*') && word_fits(word, command) && !is_interpreter(command)
}

fn word_fits(word: &str, arg: &str) -> bool {
    let Some(stem) = word.strip_suffix('*') else { return word == arg };
    let Some(tail) = arg.strip_prefix(stem) else { return false };
    if !word.starts_with('/') {
        return tail.chars().all(|c| c.is_ascii_alphanumeric() || "._@+-".contains(c));
    }
    if stem.ends_with('/') { !tail.is_empty() && is_plain(arg) } else { !tail.contains('/') && is_plain(arg) }
}

/// True when no part of an absolute path leads elsewhere (`.`, `..` or an empty part).
fn is_plain(path: &str) -> bool {
    path.split('/').skip(1).all(|part| !matches!(part, "" | "." | ".."))
}

/// True when the program at `path` is a known interpreter, whatever version its name ends with.
fn is_interpreter(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let bare = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    INTERPRETERS.split_whitespace().any(|known| known == name || known == bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(templates: &str, line: &[&str]) -> bool {
        let args: Vec<String> = line[1..].iter().map(|word| (*word).to_owned()).collect();
        templates.parse::<AllowedCommands>().unwrap().allows(line[0], &args)
    }

    #[test]
    fn unset_allows_nothing_and_a_star_allows_all() {
        assert!(!AllowedCommands::default().allows("/opt/mcp/server", &[]));
        assert!(!allows("", &["true"]) && !allows(" , ", &["true"]));
        assert!(allows("*", &["sh", "-c", "true"]));
    }

    #[test]
    fn a_package_template_allows_its_scope_and_arguments_of_the_server() {
        let template = "npx -y @scope/name*";
        for line in [
            &["npx", "-y", "@scope/name"][..],
            &["npx", "-y", "@scope/name-files@1.2.3", "/srv/data"],
            &["npx", "-y", "@scope/name@latest", "--root", "/srv"],
        ] {
            assert!(allows(template, line), "{line:?}");
        }
        assert!(allows("uvx mcp-server-git", &["uvx", "mcp-server-git", "--repository", "/srv/r"]));
    }

    #[test]
    fn a_package_template_is_no_way_to_run_anything_else() {
        let template = "npx -y @scope/name*";
        for line in [
            &["npx", "-c", "touch /tmp/pwn"][..],
            &["npx", "-y", "-c", "touch /tmp/pwn"],
            &["npx", "-y", "--node-options=--require=/tmp/x.js", "@scope/name"],
            &["npx", "--node-options=--require=/tmp/x.js", "-y", "@scope/name"],
            &["npx", "-y", "-p", "evil", "@scope/name"],
            &["npx", "-y", "@scope/name@npm:evil"],
            &["npx", "-y", "@scope/name@https://evil.example/x.tgz"],
            &["npx", "-y", "@scope/name/../../evil"],
            &["npx", "-y", "@scope/name -c touch"],
            &["npx", "-y", "evil"],
            &["npx", "-y"],
            &["npx"],
            &["/tmp/npx", "-y", "@scope/name"],
            &["./npx", "-y", "@scope/name"],
        ] {
            assert!(!allows(template, line), "{line:?}");
        }
    }

    #[test]
    fn an_interpreter_alone_allows_nothing_but_itself() {
        for program in ["node", "python3", "sh", "npx", "env", "docker", "/usr/bin/python3.11"] {
            assert!(allows(program, &[program]), "{program}");
            assert!(!allows(program, &[program, "anything"]), "{program}");
        }
        for line in [
            &["python3", "-c", "import os"][..],
            &["node", "-e", "1"],
            &["env", "-S", "sh -c id"],
            &["docker", "run", "-v", "/:/h", "alpine"],
        ] {
            assert!(!allows("python3,node,env,docker", line), "{line:?}");
        }
    }

    #[test]
    fn a_folder_allows_the_programs_below_it_and_nothing_beside() {
        let folder = "/opt/mcp/*";
        assert!(allows(folder, &["/opt/mcp/server"]) && allows(folder, &["/opt/mcp/deep/er/server"]));
        for program in [
            "/opt/mcp/",
            "/opt/mcp",
            "/opt/mcp/../sh",
            "/opt/mcp/x/../../sh",
            "/opt/mcp/./x",
            "/opt/mcp//x",
            "/opt/mcpx/y",
            "opt/mcp/x",
            "/opt/mcp/venv/bin/python3",
            "/opt/mcp/venv/bin/python3.12",
            "/opt/mcp/node_modules/.bin/tsx",
        ] {
            assert!(!allows(folder, &[program]), "{program}");
        }
    }

    #[test]
    fn arguments_of_a_program_need_a_separate_star() {
        assert!(!allows("/opt/mcp/*", &["/opt/mcp/server", "--any"]));
        assert!(allows("/opt/mcp/* *", &["/opt/mcp/server", "--any", "thing"]));
        assert!(allows("/opt/mcp/server --root /srv/*", &["/opt/mcp/server", "--root", "/srv/a/b"]));
        assert!(!allows("/opt/mcp/server --root /srv/*", &["/opt/mcp/server", "--root", "/srv/../etc"]));
        assert!(!allows("/opt/mcp/server --root /srv/*", &["/opt/mcp/server", "--root"]));
        assert!(allows("docker run -i --rm mcp/time *", &["docker", "run", "-i", "--rm", "mcp/time", "UTC"]));
    }

    #[test]
    fn a_star_inside_a_word_stays_inside_that_word_and_folder() {
        assert!(allows("/opt/mcp/run*", &["/opt/mcp/run-files"]));
        assert!(
            !allows("/opt/mcp/run*", &["/opt/mcp/run/../../sh"]) && !allows("/opt/mcp/run*", &["/opt/mcp/run/deeper"])
        );
    }

    #[test]
    fn templates_that_would_allow_everything_by_accident_are_refused() {
        for wrong in [
            "npx *",
            "npx -y *",
            "python3 *",
            "env *",
            "/usr/bin/docker *",
            "*,node",
            "* -y x",
            "/*",
            "a*b",
            "./x",
            "/opt/../x",
            "x **",
        ] {
            assert!(wrong.parse::<AllowedCommands>().is_err(), "{wrong}");
        }
    }
}
