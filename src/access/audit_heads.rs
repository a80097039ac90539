//! [`AuditHeads`]: where the audit log ended, written down outside the database, so that a log that was cut off or put
//! back to an older copy is found out.
//!
//! `audit.head` in the data folder has the newest head, and at times one that was lost. The file of
//! `OSTLER_AUDIT_HEAD_FILE` gets one line after another, for a place where neither servers nor who restores the data
//! folder can change them.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use parking_lot::Mutex;

use crate::{
    model::{AuditLink, Timestamp},
    policy::audit_chain,
    secrets::private_file,
};

/// The file in the data folder with the head of the chain, out of reach of who can only write to the database.
const HEAD_FILE: &str = "audit.head";

/// The files that heads are written to, and what they have.
#[derive(Debug)]
pub(super) struct AuditHeads {
    note: PathBuf,
    noted: Mutex<Vec<AuditLink>>,
    outside: Option<PathBuf>,
    published: Mutex<Option<AuditLink>>,
}

impl AuditHeads {
    /// Heads noted in `data_dir`, and published in the file `outside`, where one is given.
    pub(super) fn new(data_dir: &Path, outside: Option<PathBuf>) -> Self {
        let (noted, published) = (Mutex::default(), Mutex::default());
        Self { note: data_dir.join(HEAD_FILE), noted, outside, published }
    }

    /// True when these heads are not those noted last.
    pub(super) fn differ(&self, heads: &[AuditLink]) -> bool {
        *self.noted.lock() != heads
    }

    /// Writes the heads into the data folder. Blocks.
    pub(super) fn note(&self, heads: Vec<AuditLink>) {
        let lines: Vec<_> = heads.iter().map(ToString::to_string).collect();
        if let Err(cause) = private_file::replace(&self.note, &lines.join("\n")) {
            log::warn!(path:% = self.note.display(), cause:%; "where the audit log ends cannot be written down");
        }
        *self.noted.lock() = heads;
    }

    /// Appends the head to the file outside, unless it was the last. Blocks.
    pub(super) fn publish(&self, head: AuditLink) {
        let Some(path) = self.outside.as_deref().filter(|_| self.published.lock().as_ref() != Some(&head)) else {
            return;
        };
        if let Err(cause) = append(path, &format!("{} {head}\n", Timestamp::now())) {
            log::error!(path:% = path.display(), cause:%; "the head of the audit log cannot be published in OSTLER_AUDIT_HEAD_FILE");
        }
        *self.published.lock() = Some(head);
    }

    /// All heads that the file outside has; none where there is no such file. Blocks.
    pub(super) fn outside(&self) -> Vec<AuditLink> {
        self.outside.as_deref().map(published_heads).unwrap_or_default()
    }
}

/// Notes the head of a chain that no run goes on with. Blocks.
pub(crate) fn write_head(data_dir: &Path, head: &AuditLink) -> io::Result<()> {
    private_file::replace(&data_dir.join(HEAD_FILE), &head.to_string())
}

/// The heads that an earlier run remembered, the newest first. Blocks.
pub(crate) fn heads_of_last_run(data_dir: &Path, outside: Option<&Path>) -> Vec<AuditLink> {
    let noted = text_of(&data_dir.join(HEAD_FILE), private_file::read);
    let mut heads: Vec<AuditLink> = noted.lines().filter_map(|line| line.to_owned().try_into().ok()).collect();
    let published = outside.and_then(|path| published_heads(path).pop());
    // The data folder may be an older copy, too.
    if let Some(newer) = published.filter(|head| heads.first().is_none_or(|newest| newest.seq < head.seq)) {
        heads.splice(..heads.len().min(1), [newer]);
    }
    heads
}

/// The heads in a file of heads, in their order; none where there is no such file. Blocks.
pub(crate) fn published_heads(path: &Path) -> Vec<AuditLink> {
    audit_chain::heads_in(&text_of(path, |path| fs::read_to_string(path)))
}

fn text_of(path: &Path, read: impl Fn(&Path) -> io::Result<String>) -> String {
    read(path).unwrap_or_else(|cause| {
        if cause.kind() != io::ErrorKind::NotFound {
            log::warn!(path:% = path.display(), cause:%; "where the audit log ended cannot be read");
        }
        String::new()
    })
}

/// In one write at the end, so that the file may be append-only, or another's turn of it.
fn append(path: &Path, line: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    file.write_all(line.as_bytes())?;
    file.sync_all()
}
