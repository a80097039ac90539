//! [`import`]: takes installations over from an archive.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt, symlink},
    path::{Path, PathBuf},
};

use tar::{Archive, Entries, Entry as Packet};

use super::{
    super::{
        installation::{Store, let_read, make},
        manifest::Entry,
        pin::Pin,
        resolutions::Origin,
    },
    contents::{CONTENTS, CONTENTS_BYTES_MAX, Contents, Packed},
    place, python,
};
use crate::{
    error::{Error, Result},
    model::{PackageRegistry, Timestamp},
    supervisor::removal,
};

/// An installation that was in an archive.
#[derive(Debug)]
#[non_exhaustive]
pub struct ImportedPackage {
    /// The package and its version.
    pub title: String,
    /// Its folder.
    pub folder: PathBuf,
    /// False where it was installed already.
    pub is_new: bool,
}

/// Files that are still to come, by their names in an archive: where each belongs, and what it is.
type Expected<'a> = HashMap<String, (PathBuf, &'a Entry)>;

/// Takes over all installations of an archive into a data folder; servers whose command lines ask for these packages
/// run them from their first start on, without a registry. An Ostler may run on the data folder. Everything is
/// compared with the manifests before any of it is in place; `Conflict` names what differs, and nothing is left.
/// Blocks, for as long as it takes to write and hash all of it.
pub fn import(data_dir: &Path, file: &Path) -> Result<Vec<ImportedPackage>> {
    let failed = |why: String| Error::Conflict(format!("{}: nothing was imported: {why}", file.display()));
    is_ours(data_dir).map_err(failed)?;
    let store = Store::of(data_dir);
    let of_store = |error: io::Error| failed(format!("{}: {error}", store.root.display()));
    let scratch = store.scratch().map_err(of_store)?;
    let unpacked = unpack(&store, file, &scratch).and_then(|contents| put_in_place(&store, &scratch, contents));
    let removed = removal::remove(&scratch);
    let imported = unpacked.map_err(failed)?;
    removed.map_err(of_store)?;
    Ok(imported)
}

/// Fails where what is written would not be of the user whose data folder it is.
fn is_ours(data_dir: &Path) -> Result<(), String> {
    let user = rustix::process::geteuid().as_raw();
    match fs::metadata(data_dir) {
        Ok(found) if found.uid() != user => {
            let owner = found.uid();
            Err(format!("{} is of the user {owner}; run this as that user (`sudo -u '#{owner}'`)", data_dir.display()))
        }
        _ => Ok(()),
    }
}

/// Unpacks an archive into a folder, one folder an installation, and checks all of it.
fn unpack(store: &Store, file: &Path, scratch: &Path) -> Result<Contents, String> {
    let opened = File::open(file).map_err(|error| error.to_string())?;
    let mut archive = Archive::new(BufReader::new(opened));
    // Of the extensions of the format, only long names are read, within bounds.
    let mut packets = archive.entries().map_err(cut_short)?.raw(true);
    let contents = contents(&mut packets)?;
    contents.check()?;
    let mut expected = Expected::new();
    for packed in &contents.packages {
        let folder = packed.folder();
        let root = scratch.join(&folder);
        make(&root).map_err(|error| error.to_string())?;
        let files = packed.manifest.entries().filter(|(_, entry)| entry.link().is_none());
        expected.extend(files.map(|(path, entry)| (format!("{folder}/{path}"), (root.join(path), entry))));
    }
    while let Some((name, packet)) = next(&mut packets)? {
        let (place, entry) = expected.remove(&name).ok_or_else(|| format!("{name:?} is not in its list, or twice"))?;
        write(packet, &place, entry).map_err(|why| format!("{name:?} {why}"))?;
    }
    if let Some(missing) = expected.keys().min() {
        return Err(format!("it is cut short: {missing:?} is missing"));
    }
    drop(expected);
    contents.packages.iter().try_for_each(|packed| finish(store, packed, &scratch.join(packed.folder())))?;
    Ok(contents)
}

/// The list of an archive, which is its first entry.
fn contents<R: Read>(packets: &mut Entries<'_, R>) -> Result<Contents, String> {
    let no_archive = || format!("it is no archive of packages: it does not begin with {CONTENTS}");
    let (_, packet) = next(packets)?.filter(|(name, _)| name == CONTENTS).ok_or_else(no_archive)?;
    if packet.size() > CONTENTS_BYTES_MAX {
        return Err(format!("{CONTENTS} has more than {CONTENTS_BYTES_MAX} bytes"));
    }
    serde_json::from_reader(BufReader::new(packet)).map_err(|error| format!("{CONTENTS} cannot be read: {error}"))
}

/// The next file of an archive, with its name.
fn next<'a, R: Read>(packets: &mut Entries<'a, R>) -> Result<Option<(String, Packet<'a, R>)>, String> {
    let mut long = None;
    for packet in packets {
        let mut packet = packet.map_err(cut_short)?;
        let kind = packet.header().entry_type();
        let is_short = packet.size() <= u64::try_from(place::PATH_BYTES_MAX).unwrap_or_default();
        if kind.is_gnu_longname() && is_short && long.is_none() {
            let mut name = Vec::new();
            packet.read_to_end(&mut name).map_err(cut_short)?;
            long = Some(name);
            continue;
        }
        let name = long.unwrap_or_else(|| packet.path_bytes().into_owned());
        let name = String::from_utf8_lossy(&name).trim_end_matches('\0').to_owned();
        // A link, a device, or what else a tar file may hold.
        if !kind.is_file() {
            return Err(format!("{name:?} is no plain file"));
        }
        return Ok(Some((name, packet)));
    }
    Ok(None)
}

fn write<R: Read>(mut packet: Packet<'_, R>, place: &Path, entry: &Entry) -> Result<(), String> {
    let (bytes, wanted) = (packet.size(), entry.bytes());
    if bytes != wanted {
        return Err(format!("has {bytes} bytes, and {wanted} in its list"));
    }
    let written = || {
        place.parent().map_or(Ok(()), make)?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(entry.mode()).open(place)?;
        io::copy(&mut packet, &mut file)
    };
    let written = { written }().map_err(|error: io::Error| error.to_string())?;
    if written == wanted { Ok(()) } else { Err("is cut short".into()) }
}

/// Makes an installation of unpacked files: with its links, compared with its manifest, and at home on this machine.
fn finish(store: &Store, packed: &Packed, root: &Path) -> Result<(), String> {
    let of_it = |error: io::Error| format!("{}: {error}", packed.title());
    for (path, entry) in packed.manifest.entries() {
        let Some(target) = entry.link() else { continue };
        let place = root.join(path);
        place.parent().map_or(Ok(()), make).and_then(|()| symlink(target, place)).map_err(of_it)?;
    }
    let_read(root).map_err(of_it)?;
    if let Some(file) = packed.manifest.difference(root).map_err(of_it)? {
        return Err(format!("{}: {file:?} is not what its list says", packed.title()));
    }
    match packed.pin.lock.registry {
        PackageRegistry::Npm => Ok(()),
        PackageRegistry::PyPi => python::settle(packed, root, &store.folder(&packed.pin.lock)),
    }
}

/// Moves the installations of a folder to where servers find them.
fn put_in_place(store: &Store, scratch: &Path, contents: Contents) -> Result<Vec<ImportedPackage>, String> {
    let mut imported = Vec::new();
    for packed in contents.packages {
        let (title, lock) = (packed.title(), &packed.pin.lock);
        let of_it = |error: io::Error| format!("{title}: {error}");
        let folder = store.folder(lock);
        let before = store.manifest(lock).map_err(of_it)?;
        let is_new = before.is_none();
        let digest = match before {
            Some(manifest) => manifest.digest(),
            None if folder.exists() => {
                return Err(format!("{title} is being installed, or that was cut short: remove {}", folder.display()));
            }
            None => {
                let digest = Store::seal(&scratch.join(packed.folder())).map_err(of_it)?.digest();
                folder.parent().map_or(Ok(()), make).map_err(of_it)?;
                fs::rename(scratch.join(packed.folder()), &folder).map_err(of_it)?;
                digest
            }
        };
        let pin = Pin { digest, pinned_at: Some(Timestamp::now()), ..packed.pin };
        store.note_resolution(Origin::Archive, &pin).map_err(|error| format!("{title}: {error}"))?;
        imported.push(ImportedPackage { title, folder, is_new });
    }
    Ok(imported)
}

fn cut_short(error: io::Error) -> String {
    format!("it is no tar file, or cut short: {error}")
}
