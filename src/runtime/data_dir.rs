//! The data folder: locked for one runtime, whose processes bear a mark that no copy of the folder shares.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use crate::{
    error::{Error, Result},
    model::SandboxLevel,
    placement::Containers,
    policy::grants::Bounds,
    runtime::Settings,
    secrets::private_file,
    store::{DatabaseUrl, FileLock},
    supervisor::{self, INSTALLATION_VARIABLE, Seclusion, ServersUser},
};

/// The file that names the installation, and says on a line of its own that its database has accounts.
const FILE: &str = "installation";

const ESTABLISHED: &str = "established";

/// A data folder that is held for one runtime.
pub(super) struct DataDir {
    /// Holds it.
    pub lock: FileLock,
    /// Marks its processes.
    pub mark: String,
    /// True when a database with accounts goes with it.
    pub is_established: bool,
}

/// Locks the data folder, and ends what an earlier run on it left behind. Blocks.
pub(super) fn occupy(dir: &Path) -> Result<DataDir> {
    let named = |what: &'static str| {
        let dir = dir.display().to_string();
        move |cause: io::Error| Error::Conflict(format!("cannot {what} in the data folder {dir}: {cause}"))
    };
    is_folder_or_free(dir)?;
    let file = dir.join(FILE);
    private_file::create(&file, &uuid::Uuid::new_v4().to_string()).map_err(named("write"))?;
    let opened = private_file::open_lock(&dir.join("ostler.lock")).map_err(named("open ostler.lock"))?;
    let lock = FileLock::take(opened).map_err(|_| {
        let dir = dir.display();
        Error::Conflict(format!("another Ostler uses the data folder {dir}; stop it, or choose another folder"))
    })?;
    let text = private_file::read(&file).map_err(named("read the file installation"))?;
    let mut lines = text.lines();
    let mark = mark(lines.next().unwrap_or_default(), &lock).map_err(named("look at ostler.lock"))?;
    let left = supervisor::sweep(INSTALLATION_VARIABLE, &mark);
    if left > 0 {
        log::warn!(processes = left; "processes that an earlier run left behind were killed");
    }
    Ok(DataDir { lock, mark, is_established: lines.next() == Some(ESTABLISHED) })
}

fn is_folder_or_free(dir: &Path) -> Result<()> {
    let dir_is = |what: &str| Err(Error::Conflict(format!("the data folder {} is {what}", dir.display())));
    match (fs::metadata(dir), dir.is_symlink()) {
        (Ok(found), _) if !found.is_dir() => dir_is("no folder"),
        (Err(_), true) => dir_is("a link that leads nowhere"),
        _ => Ok(()),
    }
}

/// Names the installation and its lock. The id alone is copied along with the folder; the locked file is another one in
/// every copy. So the holder of the lock knows that no living Ostler bears its mark, regardless of process numbers and
/// namespaces.
fn mark(installation: &str, lock: &FileLock) -> io::Result<String> {
    let lock = lock.metadata()?;
    Ok(format!("{installation}@{}:{}", lock.dev(), lock.ino()))
}

/// The installation that a mark is of.
pub(super) fn installation(mark: &str) -> &str {
    mark.split('@').next().unwrap_or_default()
}

/// Notes that the database has accounts: without them, it is another one. Blocks.
pub(super) fn establish(dir: &Path) -> Result<()> {
    let file = dir.join(FILE);
    let note = private_file::read(&file).and_then(|text| {
        let installation = text.lines().next().unwrap_or_default();
        private_file::replace(&file, &format!("{installation}\n{ESTABLISHED}"))
    });
    note.map_err(|cause| Error::Conflict(format!("cannot write {}: {cause}", file.display())))
}

/// Says that an empty database is not the one that goes with this folder.
pub(super) fn is_another(dir: &Path, database: &DatabaseUrl) -> Error {
    Error::Conflict(format!(
        "the data folder {dir} goes with a database, and {database} is empty: is its volume mounted, and DATABASE_URL \
         the one from before? To start over with an empty database, remove {dir}/{FILE}",
        dir = dir.display(),
    ))
}

/// Plans the seclusion of servers that are not contained from the data folder and the database; `None`, with a warning
/// where all are so, where that cannot be had. Blocks.
pub(super) fn seclude(settings: &Settings) -> Option<Seclusion> {
    let planned = Seclusion::plan(&own_data(settings), &settings.servers_dir, own_home().as_deref());
    let warn = |reason: &String| log::warn!(reason:%; "servers can read and change Ostler's own data");
    let is_usual = settings.servers.sandbox == SandboxLevel::None;
    planned
        .inspect_err(|reason| {
            if is_usual {
                warn(reason)
            }
        })
        .ok()
}

/// Plans the containment of servers. Blocks.
pub(super) fn contain(settings: &Settings) -> Result<Containers> {
    if settings.serve.mcp() {
        // Whatever fails here fails again, and says so, where a server is started.
        let _ = fs::DirBuilder::new().recursive(true).mode(0o700).create(&settings.servers_dir);
    }
    let user =
        servers_user(settings).map_err(|why| Error::invalid("/servers_user", format!("OSTLER_SERVERS_USER: {why}")))?;
    let home = own_home();
    let real = |path: &PathBuf| supervisor::without_links(path).unwrap_or_else(|| path.clone());
    let (hidden, servers) = (own_data(settings).iter().map(real).collect(), real(&settings.servers_dir));
    let others = fs::read_dir("/home").into_iter().flatten().flatten().map(|entry| entry.path());
    let homes = home.iter().map(real).chain(["/root".into()]).chain(others);
    for gap in supervisor::gaps() {
        log::warn!(gap; "this kernel leaves a gap in the sandbox of every server");
    }
    Ok(Containers {
        level: settings.servers.sandbox,
        user,
        bounds: Bounds { homes: homes.collect(), hidden, servers },
        // A file that there always is, and that says something.
        canary: real(&settings.data_dir).join(FILE),
        home,
    })
}

/// The account that servers run as, which can pass to their folders then.
fn servers_user(settings: &Settings) -> std::result::Result<Option<ServersUser>, String> {
    let Some(name) = settings.servers_user.as_ref().filter(|_| settings.serve.mcp()) else { return Ok(None) };
    let user = ServersUser::find(name)?;
    let folder = supervisor::without_links(&settings.servers_dir).unwrap_or_else(|| settings.servers_dir.clone());
    // To pass is not to list.
    let opened = fs::set_permissions(&folder, fs::Permissions::from_mode(0o711));
    opened.map_err(|error| format!("{} cannot be opened to {name}: {error}", folder.display()))?;
    user.try_way(&folder).map_err(|why| {
        format!("{why} on the way to the folders of servers; allow it (`chmod o+x`), or choose another MCP_SERVERS_DIR")
    })?;
    Ok(Some(user))
}

/// Ostler's own files and folders.
fn own_data(settings: &Settings) -> Vec<PathBuf> {
    [settings.data_dir.clone()].into_iter().chain(settings.database.files()).collect()
}

fn own_home() -> Option<PathBuf> {
    std::env::var_os("HOME").map(PathBuf::from)
}
