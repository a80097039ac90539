//! PostgreSQL for tests: one server per test process from the installed binaries, a new database per test.
//!
//! `OSTLER_TEST_POSTGRES_URL` names a server to use instead; its user must be allowed to create databases.
//! Where there is neither, tests say so and pass, unless `OSTLER_REQUIRE_ALL_TESTS` is set.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
};

use diesel::{Connection, PgConnection, connection::SimpleConnection};

static SHARED: LazyLock<Option<Server>> = LazyLock::new(Server::start);
static NAMES: AtomicU32 = AtomicU32::new(0);

/// The address of a new, empty database, or `None` where there is no PostgreSQL.
pub fn database() -> Option<String> {
    match std::env::var("OSTLER_TEST_POSTGRES_URL") {
        Ok(url) => Some(new_database(&url)),
        Err(_) => SHARED.as_ref().map(Server::database),
    }
}

/// A server that runs until this is dropped or the test process has ended, however it ended.
pub struct Server {
    folder: PathBuf,
    keeper: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// The keeper is a shell that obeys lines on its standard input. The input ends when this process ends, also by
/// SIGKILL; then the keeper stops the server and removes its folder. A group of its own keeps Ctrl-C from it.
const KEEPER: &str = r#"
start() { "$1/pg_ctl" -D data -w -t 60 -l log -o "-k '$2'" start >/dev/null 2>&1; }
# To the first process first, so that it starts no other meanwhile. Its children may end before it is their turn.
send() {
    read -r first <data/postmaster.pid && kill "-$1" "$first" || return
    for child in $(cat "/proc/$first/task/$first/children"); do
        kill "-$1" "$child" 2>/dev/null || [ ! -e "/proc/$child" ] || return
    done
}
trap '' INT TERM HUP
make() {
    [ -z "$3" ] || exec "$1/pg_basebackup" -D data -U postgres -h "$3" -c fast -R --no-sync
    "$1/initdb" -D data -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync && echo "listen_addresses = ''" >>data/postgresql.conf
}
(make "$@") >init.log 2>&1 && start "$@" && echo up || echo failed
while read -r order; do
    case $order in
        start) start "$@" && echo up || echo failed ;;
        crash) "$1/pg_ctl" -D data -w -m immediate stop >/dev/null 2>&1 && echo crashed || echo failed ;;
        promote) "$1/pg_ctl" -D data -w promote >/dev/null 2>&1 && echo promoted || echo failed ;;
        stop) "$1/pg_ctl" -D data -w -m fast stop >/dev/null 2>&1 && echo down || echo failed ;;
        freeze) send STOP && echo frozen || echo failed ;;
        thaw) send CONT && echo thawed || echo failed ;;
    esac
done
send CONT 2>/dev/null
"$1/pg_ctl" -D data -w -m immediate stop >/dev/null 2>&1
cd / && rm -rf "$2"
"#;

impl Server {
    /// Starts a server, reachable through a socket in its own folder only; `None` where it is not installed.
    pub fn start() -> Option<Self> {
        Self::start_in(&std::env::temp_dir().join(format!("ostler-pg-{}-{}", std::process::id(), unique())))
    }

    /// Starts a server with everything of its own in a new folder.
    pub fn start_in(folder: &Path) -> Option<Self> {
        Self::make(folder, None)
    }

    /// Starts a standby that follows this one, and returns once it takes connections.
    pub fn standby(&self) -> Self {
        let folder = self.folder.with_extension("standby");
        Self::make(&folder, Some(&self.folder)).unwrap()
    }

    fn make(folder: &Path, primary: Option<&Path>) -> Option<Self> {
        let Some(binaries) = find_binaries() else {
            crate::support::absent("no PostgreSQL binaries (initdb, pg_ctl) are installed");
            return None;
        };
        let folder = folder.to_owned();
        fs::create_dir_all(&folder).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "keeper"]).args([&binaries, &folder]).args(primary);
        command.current_dir(&folder).process_group(0);
        // PostgreSQL refuses to run as root.
        if rustix::process::geteuid().is_root() {
            let (uid, gid) = unprivileged();
            chown(&folder, Some(uid), Some(gid)).unwrap();
            command.uid(uid).gid(gid);
        }
        let mut keeper = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (orders, answers) = (keeper.stdin.take(), BufReader::new(keeper.stdout.take().unwrap()));
        let mut server = Self { folder, keeper, orders, answers };
        server.expect("up");
        Some(server)
    }

    /// Gives a folder to whoever the server runs as.
    pub fn give(&self, folder: &Path) {
        let owner = fs::metadata(&self.folder).unwrap();
        chown(folder, Some(owner.uid()), Some(owner.gid())).unwrap();
    }

    /// The address of a new, empty database.
    pub fn database(&self) -> String {
        new_database(&format!("postgres://postgres@/postgres?host={}", self.folder.display()))
    }

    /// Where its socket and its data are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// As whom it runs.
    pub fn owner(&self) -> (u32, u32) {
        let owner = fs::metadata(&self.folder).unwrap();
        (owner.uid(), owner.gid())
    }

    /// Stops it, ending every connection, and returns once it is down.
    pub fn stop(&mut self) {
        self.order("stop", "down");
    }

    /// Starts it again and returns once it takes connections.
    pub fn start_again(&mut self) {
        self.order("start", "up");
    }

    /// Ends it as a failure of its machine would.
    pub fn crash(&mut self) {
        self.order("crash", "crashed");
    }

    /// Makes a standby take writes.
    pub fn promote(&mut self) {
        self.order("promote", "promoted");
    }

    /// An address of this server's, with another one to try as well; whichever takes writes is used.
    pub fn with_standby(url: &str, standby: &Self) -> String {
        format!("{url},{}&target_session_attrs=read-write", standby.folder.display())
    }

    /// The same address of another server.
    pub fn same_database(&self, url: &str) -> String {
        let (rest, _) = url.split_once("host=").unwrap();
        format!("{rest}host={}", self.folder.display())
    }

    /// Has it take connections and answer none, until it is thawed.
    pub fn freeze(&mut self) {
        self.order("freeze", "frozen");
    }

    /// Has it go on where it was frozen.
    pub fn thaw(&mut self) {
        self.order("thaw", "thawed");
    }

    fn order(&mut self, order: &str, answer: &str) {
        writeln!(self.orders.as_mut().unwrap(), "{order}").unwrap();
        self.expect(answer);
    }

    fn expect(&mut self, answer: &str) {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        if line.trim() != answer {
            let log = |name| fs::read_to_string(self.folder.join(name)).unwrap_or_default();
            panic!("PostgreSQL: {line:?} instead of {answer:?}\n{}\n{}", log("init.log"), log("log"));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.keeper.wait();
    }
}

fn unique() -> u32 {
    NAMES.fetch_add(1, Ordering::Relaxed)
}

fn new_database(server: &str) -> String {
    let name = format!("ostler_test_{}_{}", std::process::id(), unique());
    let mut admin = PgConnection::establish(server).expect("the PostgreSQL server for tests");
    admin.batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
    let (place, options) = server.split_once('?').unwrap_or((server, ""));
    let (scheme, place) = place.split_once("://").unwrap();
    let authority = place.split('/').next().unwrap();
    format!("{scheme}://{authority}/{name}?{options}")
}

/// The newest installation, as Debian lays them out, or whatever is on `PATH`.
fn find_binaries() -> Option<PathBuf> {
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path());
    let mut versions: Vec<_> = versions.collect();
    versions.sort_by_key(|path| std::cmp::Reverse(version(path)));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = versions.into_iter().map(|path| path.join("bin")).chain(std::env::split_paths(&path));
    folders.into_iter().find(|folder| is_complete(folder))
}

fn is_complete(folder: &Path) -> bool {
    ["initdb", "pg_ctl", "postgres"].iter().all(|name| folder.join(name).exists())
}

/// Ids of the user `postgres`, or of `nobody`.
fn unprivileged() -> (u32, u32) {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let ids = |wanted: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(wanted))?;
        let mut ids = line.split(':').skip(2).map(str::parse);
        Some((ids.next()?.ok()?, ids.next()?.ok()?))
    };
    ids("postgres").or_else(|| ids("nobody")).unwrap_or((65534, 65534))
}
