//! Command lines that callers may register: `MCP_ALLOWED_COMMANDS`.
//!
//! A pattern is matched word by word. The rules are narrow on purpose, for a program that runs what its arguments say
//! (an interpreter, a package runner, a container engine) makes every loose rule a way around the list:
//!
//! - A word must be equal. A `*` at its end stands for more of the same word: letters, digits and `._@+-`, so that
//!   neither another registry, an address nor an alias (`name@npm:other`) fits a package's name.
//! - A word that begins with `/` is a path. `/opt/mcp/*` is every program below that folder, `/opt/mcp/run*` those
//!   beside `run`. Only text is compared: a path with `.`, `..` or an empty part is refused, a symbolic link is not
//!   followed. A known interpreter below a folder must be named in full, or a virtual environment there would allow
//!   everything.
//! - Arguments beyond the pattern are refused, unless its last word is `*` alone (any arguments), or it names a
//!   package for `npx` or `uvx` right after the program or after `-y`: arguments after a package's name go to the
//!   server.
//! - Words before the program that end with `=` name the variables that callers may set (`command/variables.rs`).

mod variables;

use std::{fmt, str::FromStr};

/// The command lines that callers without `mcp:manage` may register.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AllowedCommands {
    /// None.
    #[default]
    ManagersOnly,
    /// Any.
    Everything,
    /// Those that match a pattern, such as `npx -y @scope/name*` or `/opt/mcp/*`.
    Patterns(Vec<String>),
}

/// Programs that run what their arguments name: `*` in their place, or right after them, would allow everything.
const INTERPRETERS: &str = "apptainer ash bash buildah bun bundle bunx busybox bwrap cargo chroot chrt composer conda corepack csh \
    dash dbus-run-session deno direnv docker doas dotnet elixir env erl escript fakeroot firejail fish flatpak go gosu \
    gradle groovy hatch ionice java julia kotlin ksh lua lxc mamba micromamba mise mix mvn nerdctl nice nix nix-shell \
    node nodejs nohup npm npx nsenter numactl pdm perl php pip pipenv pipx pixi pnpm pnpx podman poetry prlimit pwsh \
    pypy python rake rlwrap rscript ruby runuser rye sbt scala script setarch setpriv setsid sh singularity stack \
    stdbuf su su-exec sudo swift systemd-run taskset tclsh time timeout tini toybox tsx ts-node unbuffer unshare uv \
    uvx watch wine xargs xvfb-run yarn zsh";

/// Programs of which any argument may make them run another, whatever stands before it.
const TOOLS: &str = "at awk batch crontab docker-compose ed emacs ex expect ffmpeg find gawk gdb git helm kubectl less lldb \
    ltrace m4 make man mawk more mysql nvim parallel perf psql rsync scp screen sed sftp socat sqlite3 ssh strace \
    systemctl tar tmux valgrind vi vim";

/// Words of theirs right after which they name what they run.
const SUBCOMMANDS: [&str; 3] = ["dlx", "run", "x"];

/// Options of theirs that take no value, or what they run as their value.
const SWITCHES: [&str; 16] = [
    "-y",
    "--yes",
    "-q",
    "--quiet",
    "-i",
    "-t",
    "-it",
    "-ti",
    "--rm",
    "--init",
    "-u",
    "-B",
    "-I",
    "-m",
    "-jar",
    "--no-warnings",
];

/// Ends of the names of scripts and archives.
const SCRIPTS: [&str; 12] = [".js", ".mjs", ".cjs", ".ts", ".py", ".jar", ".sh", ".rb", ".php", ".pl", ".lua", ".dll"];

/// Package runners that hand everything after the package's name to the package.
const RUNNERS: [&str; 2] = ["npx", "uvx"];

/// Options of theirs that take no value, so that the next word is the package.
const RUNNER_SWITCHES: [&str; 4] = ["-y", "--yes", "-q", "--quiet"];

/// The part of a registration that a caller without `mcp:manage` may not make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CommandRefusal {
    /// The command line: no pattern allows it.
    CommandLine,
    /// A variable of this name: no pattern that allows the command line allows it as well.
    Variable(String),
    /// A working directory, of which many programs read what they run.
    WorkingDirectory,
}

impl AllowedCommands {
    /// The reason why a caller without `mcp:manage` may not register this command line with these variables, and with a
    /// working directory of their choice where `sets_cwd`; `None` where they may.
    #[must_use]
    pub(crate) fn refusal<'a>(
        &self,
        command: &str,
        args: &[String],
        names: impl Iterator<Item = &'a str> + Clone,
        sets_cwd: bool,
    ) -> Option<CommandRefusal> {
        let patterns = match self {
            Self::ManagersOnly => return Some(CommandRefusal::CommandLine),
            Self::Everything => return None,
            Self::Patterns(patterns) => patterns,
        };
        let mut refusal = CommandRefusal::CommandLine;
        for (allowed, words) in patterns.iter().map(|pattern| variables::split(pattern)) {
            if fits(words, command, args) {
                let denied = names.clone().find(|name| !variables::permit(allowed.as_deref(), name));
                refusal = match denied {
                    Some(name) => CommandRefusal::Variable(name.to_owned()),
                    None if sets_cwd => CommandRefusal::WorkingDirectory,
                    None => return None,
                };
            }
        }
        Some(refusal)
    }
}

impl FromStr for AllowedCommands {
    type Err = String;

    /// Reads `*`, or patterns separated by commas; an empty text allows managers only.
    fn from_str(text: &str) -> Result<Self, String> {
        let patterns: Vec<_> = text.split(',').map(str::trim).filter(|pattern| !pattern.is_empty()).collect();
        match patterns.as_slice() {
            [] => Ok(Self::ManagersOnly),
            ["*"] => Ok(Self::Everything),
            patterns => {
                patterns.iter().try_for_each(|pattern| check(pattern))?;
                Ok(Self::Patterns(patterns.iter().map(|pattern| (*pattern).to_owned()).collect()))
            }
        }
    }
}

impl fmt::Display for AllowedCommands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ManagersOnly => f.write_str("managers only"),
            Self::Everything => f.write_str("*"),
            Self::Patterns(patterns) => f.write_str(&patterns.join(",")),
        }
    }
}

/// Refuses patterns that cannot mean what they seem to.
fn check(pattern: &str) -> Result<(), String> {
    let (names, line) = variables::split(pattern);
    let (program, words) = line.split_first().map_or(("", [].as_slice()), |(program, words)| (*program, words));
    let fault = |problem: &str| Err(format!("the pattern {pattern:?} {problem}"));
    if let Some(problem) = variables::fault(names.as_deref(), program) {
        return fault(&problem);
    }
    if line.iter().any(|word| word.trim_end_matches('*').contains('*') || word.ends_with("**")) {
        return fault("has a * before the end of a word");
    }
    if program.is_empty() || program.starts_with('*') || program == "/*" {
        return fault("names no program; * as the only pattern allows everything");
    }
    if program.contains('/') && (!program.starts_with('/') || !is_plain(program.trim_end_matches(['/', '*']))) {
        return fault("must name its program by an absolute path without . and .., or by its name alone");
    }
    if is_interpreter(program) && !names_a_target(program, words) {
        return fault(
            "leaves open what it runs: before a last * stands a path, a script or a package; \
             * as the only pattern allows everything",
        );
    }
    Ok(())
}

/// True when the words after an interpreter leave open neither the program it runs nor one of its options.
fn names_a_target(program: &str, words: &[&str]) -> bool {
    let is_vague = |word: &&str| {
        word.ends_with('*') && (word.starts_with('-') || !word.contains(|c: char| c.is_ascii_alphanumeric()))
    };
    let (is_open, fixed) = match words.split_last() {
        Some((&"*", fixed)) => (true, fixed),
        Some(_) | None => (false, words),
    };
    !fixed.iter().any(is_vague) && (!is_open || hands_on(program, fixed) || ends_with_target(program, fixed))
}

/// True when `words` end with what an interpreter runs, so that all that follows goes to that: a path, a script, or
/// what stands where a program is named.
fn ends_with_target(program: &str, words: &[&str]) -> bool {
    let Some((target, before)) = words.split_last() else { return false };
    let before = before.last().copied().unwrap_or_default();
    let is_named = SUBCOMMANDS.contains(&before) || ["-m", "-jar"].contains(&before);
    let is_file = target.contains('/') || SCRIPTS.iter().any(|end| target.ends_with(end));
    // The word after any other option is that option's value.
    let is_value = before.starts_with('-') && !before.contains('=') && !SWITCHES.contains(&before);
    (is_named || is_file)
        && !is_value
        && !target.starts_with('-')
        && !target.contains('=')
        // `mcp/time` is an image, `/usr/bin/time` a program.
        && (target.contains('/') && !target.starts_with('/') || !is_interpreter(target))
        && !is_known(TOOLS, program)
}

/// True when a command line fits the words of a pattern.
fn fits(mut words: Vec<&str>, command: &str, args: &[String]) -> bool {
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

/// True when the program at `path` runs what its arguments say.
fn is_interpreter(path: &str) -> bool {
    is_known(INTERPRETERS, path) || is_known(TOOLS, path)
}

/// True when `list` has the program at `path`, whatever version its name ends with.
fn is_known(list: &str, path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let bare = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    list.split_whitespace().any(|known| known == name || known == bare)
}

#[cfg(test)]
mod tests;
