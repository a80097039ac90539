//! The command lines of launchers: `npx`, `npm exec`, `pnpm dlx`, `yarn dlx`, `bunx`, `uvx`, `uv tool run`, `pipx run`.

use super::requirement;
use crate::model::{PackageRegistry, PackageRequirement, PackageRun};

/// The words of a launcher before its options, and the options that it is understood with.
struct Launcher {
    /// Its name, and the words that follow it.
    words: &'static [&'static str],
    registry: PackageRegistry,
    /// Options without a value that make no difference to a package that is installed already.
    switches: &'static [&'static str],
    /// Options whose value is a package, in place of the one that is called like the program.
    packages: &'static [&'static str],
    /// Options whose value is a package to be installed beside it, or several with commas between.
    additions: &'static [&'static str],
    /// Options whose value is the Python to run it by.
    pythons: &'static [&'static str],
    /// True when it takes options after the program's name for its own, up to `--`.
    takes_all: bool,
}

const NPX: Launcher = Launcher {
    words: &["npx"],
    registry: PackageRegistry::Npm,
    switches: &[
        "-y",
        "--yes",
        "-q",
        "--quiet",
        "-s",
        "--silent",
        "--prefer-offline",
        "--prefer-online",
        "--offline",
        "--no-install",
        "--ignore-existing",
        "--no-audit",
        "--no-fund",
        "--no-update-notifier",
    ],
    packages: &["-p", "--package"],
    additions: &[],
    pythons: &[],
    takes_all: false,
};

const UVX: Launcher = Launcher {
    words: &["uvx"],
    registry: PackageRegistry::PyPi,
    switches: &[
        "-q",
        "--quiet",
        "-v",
        "--verbose",
        "-n",
        "--no-cache",
        "--refresh",
        "--isolated",
        "--offline",
        "-U",
        "--upgrade",
        "--no-progress",
        "--no-python-downloads",
        "--native-tls",
        "--system-certs",
        "--no-config",
    ],
    packages: &["--from"],
    additions: &["--with", "-w"],
    pythons: &["-p", "--python"],
    takes_all: false,
};

const BUNX: Launcher = Launcher {
    words: &["bunx"],
    registry: PackageRegistry::Npm,
    switches: &["-y", "--yes", "--silent", "--verbose", "--no-install"],
    packages: &["-p", "--package"],
    additions: &[],
    pythons: &[],
    takes_all: false,
};

const PNPM_DLX: Launcher = Launcher {
    words: &["pnpm", "dlx"],
    registry: PackageRegistry::Npm,
    switches: &["-s", "--silent"],
    packages: &["--package"],
    additions: &[],
    pythons: &[],
    takes_all: false,
};

const LAUNCHERS: [Launcher; 11] = [
    NPX,
    Launcher { words: &["npm", "exec"], takes_all: true, ..NPX },
    Launcher { words: &["npm", "x"], takes_all: true, ..NPX },
    PNPM_DLX,
    Launcher { words: &["pnpx"], ..PNPM_DLX },
    Launcher { words: &["yarn", "dlx"], switches: &["-q", "--quiet"], packages: &["-p", "--package"], ..PNPM_DLX },
    BUNX,
    Launcher { words: &["bun", "x"], ..BUNX },
    UVX,
    Launcher { words: &["uv", "tool", "run"], ..UVX },
    Launcher {
        words: &["pipx", "run"],
        switches: &["-q", "--quiet", "-v", "--verbose", "--no-cache"],
        packages: &["--spec"],
        additions: &["--with"],
        pythons: &["--python"],
        ..UVX
    },
];

/// The package that a command line has a launcher run; `None` if it is no launcher's, `Err` says what is not understood
/// in one that is.
pub fn recognize(command: &str, args: &[String]) -> Option<Result<PackageRun, String>> {
    let name = command.rsplit('/').next().unwrap_or(command);
    let line: Vec<_> = [name].into_iter().chain(args.iter().map(String::as_str)).collect();
    let (launcher, rest) = LAUNCHERS.iter().find_map(|one| Some((one, line.strip_prefix(one.words)?)))?;
    Some(launcher.read(rest))
}

impl Launcher {
    fn read(&self, args: &[&str]) -> Result<PackageRun, String> {
        let mut packages = Vec::new();
        let mut additions = Vec::new();
        let mut python = None;
        let mut rest = args.iter().copied();
        let program = loop {
            let arg = rest.next().ok_or("it names no package")?;
            if arg == "--" {
                break rest.next().ok_or("it names no package")?;
            }
            if !arg.starts_with('-') {
                break arg;
            }
            let (option, value) = arg.split_once('=').map_or((arg, None), |(option, value)| (option, Some(value)));
            if self.switches.contains(&option) && value.is_none() {
                continue;
            }
            let known = [self.packages, self.additions, self.pythons].concat();
            if !known.contains(&option) {
                return Err(format!("{option} is not understood"));
            }
            let value = value.or_else(|| rest.next()).ok_or_else(|| format!("{option} has no value"))?;
            if self.packages.contains(&option) {
                packages.push(self.package(value)?);
            } else if self.additions.contains(&option) {
                for one in separate(value) {
                    additions.push(self.package(one)?);
                }
            } else {
                python = Some(value.to_owned());
            }
        };
        let named = if packages.is_empty() {
            packages.push(self.package(program)?);
            None
        } else {
            Some(program.to_owned())
        };
        packages.append(&mut additions);
        Ok(PackageRun { registry: self.registry, packages, program: named, args: self.args_of(rest)?, python })
    }

    fn package(&self, text: &str) -> Result<PackageRequirement, String> {
        let found = match self.registry {
            PackageRegistry::Npm => requirement::npm(text),
            PackageRegistry::PyPi => requirement::pypi(text),
        };
        found.ok_or_else(|| format!("{text} is no package of the registry"))
    }

    /// The program's arguments, of those that follow its name.
    fn args_of<'a>(&self, rest: impl Iterator<Item = &'a str>) -> Result<Vec<String>, String> {
        let mut args: Vec<_> = rest.map(str::to_owned).collect();
        if self.takes_all {
            let own = args.iter().position(|arg| arg == "--");
            let before = args.iter().take(own.unwrap_or(args.len()));
            if let Some(option) = before.clone().find(|arg| arg.starts_with('-')) {
                return Err(format!("{option} is the launcher's own here; put -- before the arguments of the program"));
            }
            own.map(|at| args.remove(at));
        }
        Ok(args)
    }
}

/// The requirements of a list: a comma separates two where a name follows, and is part of one's versions or extras
/// otherwise.
fn separate(list: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    let mut ends: Vec<_> = list
        .char_indices()
        .filter(|(at, c)| {
            depth += i32::from(*c == '[') - i32::from(*c == ']');
            let next = list.get(at + 1..).map(str::trim_start).and_then(|rest| rest.chars().next());
            *c == ',' && depth == 0 && next.is_some_and(char::is_alphanumeric)
        })
        .map(|(at, _)| at)
        .collect();
    ends.push(list.len());
    let mut start = 0;
    ends.into_iter().filter_map(move |end| {
        let one = list.get(start..end);
        start = end + 1;
        one
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<Result<PackageRun, String>> {
        let mut words = line.split_whitespace().map(|word| word.replace('·', " "));
        let command = words.next().unwrap();
        recognize(&command, &words.collect::<Vec<_>>())
    }

    /// The packages, the program, the arguments and the Python of a line that is understood.
    fn read_as(line: &str) -> String {
        let found = read(line).unwrap().unwrap();
        let package = |one: &PackageRequirement| {
            let extras = if one.extras.is_empty() { String::new() } else { format!("[{}]", one.extras.join(",")) };
            format!("{}{extras}{}{}", one.name, if one.versions.is_empty() { "" } else { " " }, one.versions)
        };
        let packages: Vec<_> = found.packages.iter().map(package).collect();
        let python = found.python.map(|python| format!(" by {python}")).unwrap_or_default();
        format!("{}: {} {:?}{python}", packages.join(" + "), found.program.as_deref().unwrap_or("*"), found.args)
    }

    #[test]
    fn launchers_of_npm() {
        for (line, expected) in [
            ("npx -y @x/server-filesystem /srv", r#"@x/server-filesystem: * ["/srv"]"#),
            ("/usr/bin/npx --yes x@latest -y --flag", r#"x: * ["-y", "--flag"]"#),
            ("npx -y -p x@1.2 serve --port 1", r#"x 1.2: serve ["--port", "1"]"#),
            ("npx --package=x --package=y run", r#"x + y: run []"#),
            ("npx -- x -a", r#"x: * ["-a"]"#),
            ("npm exec -y x@^1 -- --flag", r#"x ^1: * ["--flag"]"#),
            ("npm exec -- x a", r#"x: * ["a"]"#),
            ("npm x --package=x -- run -- a", r#"x: run ["a"]"#),
            ("pnpm dlx x --a", r#"x: * ["--a"]"#),
            ("pnpx --package=x y", r#"x: y []"#),
            ("yarn dlx -q -p x y a", r#"x: y ["a"]"#),
            ("bunx x@1.0.0", r#"x 1.0.0: * []"#),
            ("bun x -p x y", r#"x: y []"#),
        ] {
            assert_eq!(read_as(line), expected, "{line}");
        }
    }

    #[test]
    fn launchers_of_python() {
        for (line, expected) in [
            ("uvx mcp-server-time --local-timezone=UTC", r#"mcp-server-time: * ["--local-timezone=UTC"]"#),
            ("uvx mcp-server-git@2026.10.19", r#"mcp-server-git ==2026.10.19: * []"#),
            ("uvx --from mcp[cli]>=1.2,<2 mcp run x.py", r#"mcp[cli] >=1.2,<2: mcp ["run", "x.py"]"#),
            ("uvx --with mcp<2 mcp-server-sqlite", r#"mcp-server-sqlite + mcp <2: * []"#),
            ("uvx -w a,b[c,d]>=1,<2,e x", r#"x + a + b[c,d] >=1,<2 + e: * []"#),
            ("uvx -p 3.12 -q x", r#"x: * [] by 3.12"#),
            ("uv tool run --python=3.13 --from x y", r#"x: y [] by 3.13"#),
            ("pipx run --spec x==1.0 y -a", r#"x ==1.0: y ["-a"]"#),
            ("pipx run x", r#"x: * []"#),
        ] {
            assert_eq!(read_as(line), expected, "{line}");
        }
    }

    #[test]
    fn what_is_no_launcher_is_left_alone() {
        for line in ["node npx", "uv run server.py", "npm start", "bun run x", "sh -c npx", "pnpm exec x", "pipx list"]
        {
            assert_eq!(read(line), None, "{line}");
        }
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (line, word) in [
            ("npx", "names no package"),
            ("npx -y", "names no package"),
            ("npx -c x·--flag", "-c"),
            ("npx --registry=x y", "--registry"),
            ("npx -y github:a/b", "github:a/b"),
            ("npx ./server", "./server"),
            ("npx -y=no x", "-y"),
            ("npx -p", "-p has no value"),
            ("npm exec x --flag", "--flag is the launcher's"),
            ("bunx --bun x", "--bun"),
            ("uvx --from git+https://host/x y", "git+https://host/x"),
            ("uvx --index-url=x y", "--index-url"),
            ("uvx --with-editable . y", "--with-editable"),
            ("pipx run ./x.py", "./x.py"),
        ] {
            let reason = read(line).unwrap().unwrap_err();
            assert!(reason.contains(word), "{line}: {reason}");
        }
    }
}
