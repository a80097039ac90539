//! How an Ostler is set up before it is started.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{Ostler, server::hostile_server};

/// The password of the first admin in every test.
pub const ADMIN_PASSWORD: &str = "a-password-for-tests-only";

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_ostler");

/// Environment, arguments and folders of an Ostler.
#[derive(Clone, Debug)]
pub struct Setup {
    /// A value nothing else on the machine has; it is in the name of [`Setup::home`] and in every environment.
    pub tag: String,
    pub home: PathBuf,
    pub environment: BTreeMap<String, String>,
    pub arguments: Vec<String>,
    /// What to run; the program under test, or a copy of it.
    pub program: PathBuf,
    /// As whom, where it is not the test's own user.
    pub user: Option<u32>,
    /// What a shell does before it becomes the program, if anything.
    pub shell: Option<String>,
}

impl Setup {
    /// SQLite in a folder of its own, a free port, no rate limits.
    pub fn new() -> Self {
        super::overdue::begin();
        let tag = uuid::Uuid::new_v4().simple().to_string();
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("ostler-{tag}"));
        fs::create_dir_all(home.join("servers")).unwrap();
        let path = |name: &str| home.join(name).to_str().unwrap().to_owned();
        let environment = [
            ("PATH", std::env::var("PATH").unwrap_or_else(|_| "/usr/bin:/bin".into())),
            ("HOME", path("")),
            ("TEST_TAG", tag.clone()),
            ("RUST_LOG", "info,actix_server=warn".into()),
            ("OSTLER_PORT", "0".into()),
            ("OSTLER_WORKERS", "2".into()),
            ("OSTLER_DATA_DIR", path("data")),
            ("DATABASE_URL", format!("sqlite://{}", path("data/ostler.db"))),
            ("MCP_SERVERS_DIR", path("servers")),
            ("OSTLER_ADMIN_PASSWORD", ADMIN_PASSWORD.into()),
            ("RATE_LIMIT_SERVER_CREATE", "off".into()),
            ("RATE_LIMIT_TOOL_EXECUTE", "off".into()),
            ("RATE_LIMIT_API", "off".into()),
            ("RATE_LIMIT_CHANGE", "off".into()),
        ];
        let environment = environment.map(|(key, value)| (key.to_owned(), value)).into();
        let arguments = vec!["serve".into()];
        Self { tag, home, environment, arguments, program: PROGRAM.into(), user: None, shell: None }
    }

    /// A set-up for a user who is not root, with copies of the programs where that user reaches them; `None` where such
    /// may not be run.
    pub fn unprivileged() -> Option<Self> {
        let setup = Self::new();
        let reached = std::env::temp_dir().join(format!("ostler-{}", setup.tag));
        fs::remove_dir_all(&setup.home).unwrap();
        fs::create_dir_all(reached.join("servers")).unwrap();
        let moved = |value: &String| value.replace(setup.home.to_str().unwrap(), reached.to_str().unwrap());
        let environment = setup.environment.iter().map(|(key, value)| (key.clone(), moved(value))).collect();
        let program = reached.join("ostler");
        super::copy_program(Path::new(PROGRAM), &program);
        super::copy_program(&hostile_server(), &reached.join("hostile"));
        let nobody = rustix::process::geteuid().is_root().then_some(65_534);
        if nobody.is_some() {
            chown(&reached, nobody, nobody).unwrap();
            chown(reached.join("servers"), nobody, nobody).unwrap();
        }
        let setup = Self { home: reached, environment, program, user: nobody, ..setup };
        if Command::new(&setup.program).arg("--version").output().is_ok_and(|output| output.status.success()) {
            return Some(setup);
        }
        fs::remove_dir_all(&setup.home).unwrap();
        super::absent("programs in the folder for temporary files may not be run");
        None
    }

    /// Sets a variable.
    pub fn env(mut self, key: &str, value: &str) -> Self {
        self.environment.insert(key.into(), value.into());
        self
    }

    /// Leaves a variable out.
    pub fn without(mut self, key: &str) -> Self {
        self.environment.remove(key);
        self
    }

    /// Lets it open no more descriptors than so many.
    pub fn descriptors(self, most: u32) -> Self {
        self.after(&format!("ulimit -n {most}"))
    }

    /// Has a shell run a command before it becomes the program.
    pub fn after(mut self, command: &str) -> Self {
        self.shell = Some(command.into());
        self
    }

    /// Where the data are kept.
    pub fn database(self, url: &str) -> Self {
        self.env("DATABASE_URL", url)
    }

    /// Starts it, and waits until it is ready.
    #[track_caller]
    pub fn spawn(self) -> Ostler {
        Ostler::start(self, Stdio::piped())
    }

    /// Starts it again and again until it stays, as a service manager does.
    pub fn spawn_persistently(self) -> Ostler {
        Ostler::start_persistently(self)
    }

    /// Starts it with standard error, its log, somewhere else.
    #[track_caller]
    pub fn spawn_logging_to(self, log: impl Into<Stdio>) -> Ostler {
        Ostler::start(self, log.into())
    }

    /// A command that would start it.
    pub fn command(&self) -> Command {
        let mut command = match &self.shell {
            None => Command::new(&self.program),
            Some(before) => {
                let mut shell = Command::new("sh");
                shell.arg("-c").arg(format!("{before}; exec \"$0\" \"$@\"")).arg(&self.program);
                shell
            }
        };
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command.env_clear().envs(&self.environment).args(&self.arguments).current_dir(&self.home);
        command
    }

    /// The folder where servers work.
    pub fn servers_dir(&self) -> PathBuf {
        self.home.join("servers")
    }

    /// The file of the SQLite database.
    pub fn database_file(&self) -> PathBuf {
        self.home.join("data/ostler.db")
    }
}
