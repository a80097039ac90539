//! Programs that may first have to fetch or build the server that they run.

/// Programs that fetch or build what they are to run, where it is not there yet.
const FETCHERS: &str =
    "bun bunx cargo deno docker dotnet go nerdctl nix npm npx pipx pixi pnpm pnpx podman poetry uv uvx yarn";

/// Programs that run the program that their arguments name.
const WRAPPERS: &str =
    "ash bash busybox dash dumb-init env fish ionice ksh nice nohup setsid sh stdbuf sudo timeout tini xvfb-run zsh";

/// True when this command line may have to fetch or build the server, which takes longer than its start.
#[must_use]
pub fn fetches(command: &str, args: &[String]) -> bool {
    if has(FETCHERS, command) {
        return true;
    }
    // A shell's command is one argument, with whatever a shell takes between words.
    let words =
        |arg: &str| arg.split(|c: char| c.is_whitespace() || ";&|()'\"`".contains(c)).any(|word| has(FETCHERS, word));
    has(WRAPPERS, command) && args.iter().any(|arg| words(arg))
}

/// True when the program at this path, or of this name, is one of them.
fn has(programs: &str, path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    programs.split(' ').any(|program| program == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetches_line(line: &[&str]) -> bool {
        let (command, args) = line.split_first().unwrap();
        fetches(command, &args.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn launchers_are_known_by_what_they_run() {
        for line in [
            &["npx", "-y", "x"][..],
            &["/usr/local/bin/uvx", "x"],
            &["sh", "-c", "cd /srv && exec npx -y x"],
            &["bash", "-lc", "FOO=1 '/opt/my tools/npx' -y x"],
            &["uv", "--directory", "/srv", "run", "server.py"],
            &["bun", "x", "y"],
            &["npm", "exec", "--", "x"],
            &["deno", "run", "-A", "jsr:@a/b"],
            &["env", "A=b", "pipx", "run", "x"],
            &["/bin/sh", "-c", "(docker run -i --rm mcp/fetch)"],
        ] {
            assert!(fetches_line(line), "{line:?}");
        }
    }

    #[test]
    fn what_runs_at_once_gets_no_time_to_fetch() {
        for line in [
            &["node", "npx"][..],
            &["npx-like", "x"],
            &["python3", "-m", "server", "uv"],
            &["sh", "-c", "exec node server.js --npx-cache /x"],
            &["ostler", "demo-server"],
            &["", "npx"],
        ] {
            assert!(!fetches_line(line), "{line:?}");
        }
    }
}
