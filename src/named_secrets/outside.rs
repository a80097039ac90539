//! [`OutsideSecrets`]: secrets that are kept outside of Ostler, fetched at each start of what refers to them.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    env,
    fs::{self, File},
    io::{self, Read},
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures_util::future;
use parking_lot::Mutex;
use rustix::fs::{Mode, OFlags, open};

use crate::{
    model::ServerId,
    named_secrets::values::VALUE_BYTES_MAX,
    policy::{
        external::ExternalReference,
        secret_sources::{self, SecretSources},
        value_template::{self, Found, Template},
    },
    supervisor::Helper,
    tasks::blocking,
};

/// Longest time that a helper program may take, and a file system that hangs.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);

/// Most bytes that are read of one: with a line end.
const READ_BYTES_MAX: usize = VALUE_BYTES_MAX + 2;

/// Values that a server had before which are still masked: its processes may have them, as each has that of its start.
const FORMER_MAX: usize = 256;

/// The variable in which systemd names the folder of a unit's credentials.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// A secret that cannot be had.
#[derive(Clone, Debug)]
pub(crate) struct Unavailable {
    /// The reason, after the reference; it shows no value.
    pub reason: String,
    /// True where only the operator can change that, with another start of Ostler.
    pub is_lasting: bool,
}

impl Unavailable {
    fn lasting(reason: String) -> Self {
        Self { reason, is_lasting: true }
    }

    fn now(reason: impl ToString) -> Self {
        Self { reason: reason.to_string(), is_lasting: false }
    }
}

/// Secrets that are kept outside of Ostler.
pub(super) struct OutsideSecrets {
    sources: Arc<Sources>,
    /// Values that were fetched for a server, the newest last.
    fetched: Mutex<HashMap<ServerId, VecDeque<String>>>,
}

/// Sources of secrets, and files that are none.
struct Sources {
    allowed: SecretSources,
    /// Files and folders of Ostler's own, without links.
    own: Vec<PathBuf>,
}

impl OutsideSecrets {
    /// Secrets from what is allowed, which `own`, files and folders of Ostler's, never is.
    pub(super) fn new(allowed: SecretSources, own: Vec<PathBuf>) -> Self {
        Self { sources: Arc::new(Sources { allowed, own }), fetched: Mutex::default() }
    }

    /// The reason why a reference can lead to nothing for as long as Ostler runs; `None` where it may.
    pub(super) fn refusal(&self, reference: &ExternalReference) -> Option<String> {
        self.sources.refusal(reference)
    }

    /// Fetches each secret that the templates refer to, all at once; or says of each that cannot be had why, after the
    /// place of its template.
    pub(super) async fn fetch(&self, places: &[(String, &Template)]) -> Result<Found, Unavailable> {
        let references = value_template::references(places.iter().map(|(_, template)| *template));
        let fetched = references.into_iter().map(|one| async { (one.clone(), self.fetch_one(one).await) });
        let (mut found, mut failures) = (Found::new(), BTreeMap::new());
        for (reference, outcome) in future::join_all(fetched).await {
            match outcome {
                Ok(value) => drop(found.insert(reference, value)),
                Err(why) => drop(failures.insert(reference, why)),
            }
        }
        if failures.is_empty() {
            return Ok(found);
        }
        let of_place = |(place, template): &(String, &Template)| {
            let failed = template.references().filter_map(|one| Some((one, failures.get(one)?)));
            failed.map(|(one, why)| format!("{place}: {one} {}", why.reason)).collect::<Vec<_>>()
        };
        let reason = places.iter().flat_map(of_place).collect::<Vec<_>>().join("; ");
        Err(Unavailable { reason, is_lasting: failures.values().all(|one| one.is_lasting) })
    }

    async fn fetch_one(&self, reference: &ExternalReference) -> Result<String, Unavailable> {
        let (sources, wanted) = (self.sources.clone(), reference.clone());
        // A file system that hangs keeps its thread, but no start waiting.
        let read = blocking(move || Ok(sources.read(&wanted)));
        let late = || Unavailable::now(format!("cannot be read within {} s", FETCH_TIMEOUT.as_secs()));
        let bytes = match tokio::time::timeout(FETCH_TIMEOUT.saturating_add(Duration::from_secs(1)), read).await {
            Ok(read) => read.map_err(Unavailable::now)??,
            Err(_) => return Err(late()),
        };
        text(bytes).map_err(Unavailable::now)
    }

    /// Notes values that processes of a server are about to have, so that they stay masked.
    pub(super) fn note(&self, server: ServerId, values: impl IntoIterator<Item = String>) {
        let mut fetched = self.fetched.lock();
        let known = fetched.entry(server).or_default();
        for value in values {
            known.retain(|one| *one != value);
            known.push_back(value);
        }
        let excess = known.len().saturating_sub(FORMER_MAX);
        known.drain(..excess);
    }

    /// The values that processes of a server may have.
    pub(super) fn noted(&self, server: ServerId) -> Vec<String> {
        self.fetched.lock().get(&server).into_iter().flatten().cloned().collect()
    }

    /// Forgets the values of a server that is removed.
    pub(super) fn forget(&self, server: ServerId) {
        self.fetched.lock().remove(&server);
    }
}

impl Sources {
    fn refusal(&self, reference: &ExternalReference) -> Option<String> {
        let has_none = matches!(reference, ExternalReference::Credential(_)) && env::var_os(CREDENTIALS).is_none();
        let why = "has no credentials to look in: give them to Ostler's unit (LoadCredential=)";
        self.allowed.refusal(reference).or_else(|| has_none.then(|| why.to_owned()))
    }

    /// The bytes of a secret. Blocks.
    fn read(&self, reference: &ExternalReference) -> Result<Vec<u8>, Unavailable> {
        if let Some(why) = self.refusal(reference) {
            return Err(Unavailable::lasting(why));
        }
        match reference {
            ExternalReference::File(path) => self.file(Path::new(path), &self.allowed.folders),
            ExternalReference::Credential(name) => {
                let folder = PathBuf::from(env::var_os(CREDENTIALS).unwrap_or_default());
                self.file(&folder.join(name), &[folder])
            }
            ExternalReference::Variable(name) => match env::var(name) {
                Ok(value) => Ok(value.into_bytes()),
                Err(why) => Err(Unavailable::lasting(format!("cannot be read: {why}; set it for Ostler's process"))),
            },
            ExternalReference::Command { name, argument } => {
                let words = self.allowed.commands.get(name).into_iter().flatten().chain(argument).cloned().collect();
                let is_passed = |name: &str| !secret_sources::is_own_variable(name);
                let env = env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_passed)).collect();
                let helper = Helper { words, env, timeout: FETCH_TIMEOUT, bytes_max: READ_BYTES_MAX };
                helper.run().map_err(|why| Unavailable::now(format!("cannot be had: {why}")))
            }
        }
    }

    /// The content of a file below one of `folders`, wherever links lead to, and of none of Ostler's own.
    fn file(&self, path: &Path, folders: &[PathBuf]) -> Result<Vec<u8>, Unavailable> {
        let cannot = |cause: io::Error| Unavailable::now(format!("cannot be read: {cause}"));
        // A pipe without a writer must not be waited for.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = File::from(open(path, flags, Mode::empty()).map_err(|cause| cannot(cause.into()))?);
        // Of what was opened, so that no link can be changed in between.
        let real = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).map_err(cannot)?;
        let is_in = |folder: &PathBuf| folder.canonicalize().is_ok_and(|folder| real.starts_with(folder));
        if !folders.iter().any(is_in) {
            return Err(Unavailable::now(
                "is a link that leads out of OSTLER_SECRET_FOLDERS: allow its target's folder",
            ));
        }
        if self.own.iter().any(|own| real.starts_with(own)) {
            return Err(Unavailable::lasting(
                "is one of Ostler's own files, which no server gets: keep it elsewhere".into(),
            ));
        }
        if !file.metadata().map_err(cannot)?.is_file() {
            return Err(Unavailable::now("is no regular file"));
        }
        let mut bytes = Vec::new();
        let most = READ_BYTES_MAX.saturating_add(1).try_into().unwrap_or(u64::MAX);
        file.take(most).read_to_end(&mut bytes).map_err(cannot)?;
        Ok(bytes)
    }
}

/// The secret in what was read: text, without the line end that editors and `echo` put after it.
fn text(bytes: Vec<u8>) -> Result<String, &'static str> {
    let mut text = String::from_utf8(bytes).map_err(|_| "is no UTF-8 text")?;
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    match text.len() {
        0 => Err("is empty"),
        1..=VALUE_BYTES_MAX if text.contains('\0') => Err("contains U+0000, which no variable can have"),
        1..=VALUE_BYTES_MAX => Ok(text),
        _ => Err("is longer than 32 KiB"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(folder: &Path, own: &[&str]) -> Sources {
        let allowed = SecretSources { folders: vec![folder.to_owned()], ..SecretSources::default() };
        Sources { allowed, own: own.iter().map(|name| folder.join(name)).collect() }
    }

    fn fresh() -> PathBuf {
        let folder = env::temp_dir().join(format!("ostler-{}", uuid::Uuid::new_v4().simple()));
        fs::create_dir_all(folder.join("data")).unwrap();
        folder.canonicalize().unwrap()
    }

    fn read(sources: &Sources, path: &Path) -> Result<Vec<u8>, String> {
        let reference = ExternalReference::File(path.to_str().unwrap().into());
        sources.read(&reference).map_err(|why| why.reason)
    }

    #[test]
    fn only_regular_files_within_the_folders_are_read_wherever_links_lead() {
        let (folder, outside) = (fresh(), fresh());
        let sources = sources(&folder, &["data", "ostler.db"]);
        for (place, text) in
            [(&folder, "token"), (&folder, "data/secret.key"), (&outside, "token"), (&folder, "ostler.db")]
        {
            fs::write(place.join(text), "s3cret\n").unwrap();
        }
        let link = |name: &str, to: &Path| {
            std::os::unix::fs::symlink(to, folder.join(name)).unwrap();
            read(&sources, &folder.join(name))
        };
        assert_eq!(read(&sources, &folder.join("token")), Ok(b"s3cret\n".into()));
        // As Kubernetes mounts its secrets.
        assert_eq!(link("..data", Path::new("token")), Ok(b"s3cret\n".into()));
        for (found, part) in [
            (link("out", &outside.join("token")), "leads out of OSTLER_SECRET_FOLDERS"),
            (link("own", &folder.join("data/secret.key")), "Ostler's own files"),
            (read(&sources, &folder.join("data/secret.key")), "Ostler's own files"),
            (read(&sources, &folder.join("ostler.db")), "Ostler's own files"),
            (read(&sources, &outside.join("token")), "is in no folder of OSTLER_SECRET_FOLDERS"),
            (link("environ", Path::new("/proc/self/environ")), "leads out"),
            (link("zero", Path::new("/dev/zero")), "leads out"),
            (read(&sources, &folder.join("data")), "Ostler's own files"),
            (read(&sources, &folder.join("absent")), "cannot be read: No such file"),
        ] {
            assert!(found.as_ref().is_err_and(|why| why.contains(part)), "{found:?}, not {part:?}");
        }
        rustix::fs::mknodat(rustix::fs::CWD, folder.join("pipe"), rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
        assert_eq!(read(&sources, &folder.join("pipe")), Err("is no regular file".into()));
        for folder in [folder, outside] {
            fs::remove_dir_all(folder).unwrap();
        }
    }

    #[test]
    fn a_secret_is_text_without_the_line_end_after_it() {
        let long = |bytes: usize| vec![b'x'; bytes];
        assert_eq!(text(b"one\ntwo\r\n\n".into()).as_deref(), Ok("one\ntwo"));
        assert_eq!(text(b" s3 ".into()).as_deref(), Ok(" s3 "));
        assert!(text(long(VALUE_BYTES_MAX)).is_ok());
        for (bytes, why) in [
            (b"\n".to_vec(), "is empty"),
            (vec![0xff], "is no UTF-8 text"),
            (b"a\0b".to_vec(), "contains U+0000, which no variable can have"),
            (long(VALUE_BYTES_MAX + 1), "is longer than 32 KiB"),
        ] {
            assert_eq!(text(bytes), Err(why));
        }
    }

    #[test]
    fn values_of_the_last_starts_stay_known_and_no_more() {
        let (outside, server) = (OutsideSecrets::new(SecretSources::default(), Vec::new()), ServerId::new());
        for number in 0..=FORMER_MAX {
            outside.note(server, ["always".to_owned(), format!("value {number}")]);
        }
        let noted = outside.noted(server);
        assert_eq!((noted.len(), noted.contains(&"value 0".into())), (FORMER_MAX, false));
        assert!(noted.contains(&"always".into()) && noted.contains(&format!("value {FORMER_MAX}")));
        outside.forget(server);
        assert!(outside.noted(server).is_empty());
    }
}
