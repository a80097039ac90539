//! A client's file: changed in one place, left as it is everywhere else.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use ostler::policy::client_file::{Section, with_sections};

use crate::cli::failure::Failure;

/// A file that has yet to get its sections.
pub(super) const NEW: &str = "{}\n";

/// Result of writing the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum WriteResult {
    /// There was none.
    New,
    /// It was changed; this is a copy of it as it was.
    Merged(PathBuf),
    /// It held all of it already.
    Same,
}

/// Puts `sections` into the file. It is replaced as a whole, so that no reader ever sees half of it.
pub(super) fn write(path: &Path, sections: &[Section]) -> Result<WriteResult, Failure> {
    // A link stays a link.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let doing = |verb: &str| format!("{verb} {}", path.display());
    let before = match fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(Failure::of(&doing("read"), &error)),
    };
    let text = with_sections(before.as_deref().unwrap_or(NEW), sections).map_err(|reason| {
        let advice = "mend that first, or put in by hand what is printed without --write";
        Failure::Failed(format!("{} cannot be edited: {reason}; {advice}", path.display()))
    })?;
    let Some(before) = before else {
        put(path, &text).map_err(|error| Failure::of(&doing("write"), &error))?;
        return Ok(WriteResult::New);
    };
    if before == text {
        return Ok(WriteResult::Same);
    }
    let copy = keep(path).map_err(|error| Failure::of(&doing("copy"), &error))?;
    put(path, &text).map_err(|error| Failure::of(&doing("write"), &error))?;
    Ok(WriteResult::Merged(copy))
}

/// A copy beside the file, under a name that nothing had.
fn keep(path: &Path) -> io::Result<PathBuf> {
    let names = std::iter::once(".bak".to_owned()).chain((2..).map(|number| format!(".bak.{number}")));
    for suffix in names {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let copy = PathBuf::from(name);
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&copy) {
            Ok(mut file) => {
                io::copy(&mut fs::File::open(path)?, &mut file)?;
                return Ok(copy);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn put(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    let new = PathBuf::from(name);
    let permissions = fs::metadata(path).ok().map(|file| file.permissions());
    // It may hold a key.
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all())?;
    if let Some(permissions) = permissions {
        fs::set_permissions(&new, permissions)?;
    }
    fs::rename(new, path)
}
