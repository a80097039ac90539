//! [`export`]: writes installations into an archive.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::Path,
};

use tar::{Builder, Header};

use super::{
    super::{installation::Store, pin::Pin, resolutions::Origin},
    contents::{CONTENTS, Contents, Packed},
};
use crate::error::{Error, Result};

/// Writes the installations of these packages, or of all, from a data folder into a file; their names and versions. An
/// Ostler may run on the data folder. `Conflict` where a package is not installed, or not as it was. Blocks, for as
/// long as it takes to read all of them.
pub fn export(data_dir: &Path, file: &Path, names: &[String]) -> Result<Vec<String>> {
    let failed = |why: String| Error::Conflict(format!("nothing was exported: {why}"));
    let store = Store::of(data_dir);
    let packages = wanted(&store, names).map_err(failed)?;
    let packages = packages.into_values().map(|pin| pack(&store, pin)).collect::<Result<_, _>>().map_err(failed)?;
    let contents = Contents::of(packages);
    write(&store, file, &contents).map_err(|error| failed(format!("{}: {error}", file.display())))?;
    Ok(contents.packages.iter().map(Packed::title).collect())
}

/// Installations of these packages, or of all, by name.
fn wanted(store: &Store, names: &[String]) -> Result<BTreeMap<String, Pin>, String> {
    let all = [Origin::Registry, Origin::Archive].map(|origin| store.resolutions(origin));
    let mut found = BTreeMap::new();
    for pins in all {
        let pins = pins.map_err(|error| format!("{}: {error}", store.root.display()))?;
        found.extend(pins.into_iter().map(|pin| (pin.lock.folder_name(), pin)));
    }
    let mut known: Vec<_> = found.values().map(|pin| pin.name().to_owned()).collect();
    known.sort();
    known.dedup();
    let missing = names.iter().find(|name| !known.contains(name));
    match missing {
        _ if known.is_empty() => {
            Err(format!("no package is installed in {}: start a server that runs one", store.root.display()))
        }
        Some(name) => Err(format!("{name} is not installed; what is: {}", known.join(", "))),
        None => {
            found.retain(|_, pin| names.is_empty() || names.iter().any(|name| name == pin.name()));
            Ok(found)
        }
    }
}

fn pack(store: &Store, pin: Pin) -> Result<Packed, String> {
    let root = store.folder(&pin.lock);
    let of_it = |error: io::Error| format!("{}: {error}", root.display());
    let manifest = store.manifest(&pin.lock).map_err(of_it)?.unwrap_or_default();
    if let Some(file) = manifest.difference(&root).map_err(of_it)? {
        return Err(format!("{} is not as it was installed: {} differs", pin.name(), root.join(file).display()));
    }
    let packed = Packed { pin: Pin { digest: manifest.digest(), ..pin }, root, manifest };
    packed.check()?;
    Ok(packed)
}

/// Writes an archive beside its place, and moves it there once it is whole.
fn write(store: &Store, file: &Path, contents: &Contents) -> io::Result<()> {
    let mut name = file.file_name().ok_or_else(|| io::Error::other("is no name of a file"))?.to_owned();
    name.push(".partial");
    let partial = file.with_file_name(name);
    let written = write_to(store, &partial, contents).and_then(|()| fs::rename(&partial, file));
    if written.is_err() {
        // What is left is of no use; the failure is returned.
        let _ = fs::remove_file(&partial);
    }
    written
}

fn write_to(store: &Store, file: &Path, contents: &Contents) -> io::Result<()> {
    let mut archive = Builder::new(BufWriter::new(File::create(file)?));
    let list = serde_json::to_vec(contents)?;
    let length = u64::try_from(list.len()).map_err(io::Error::other)?;
    archive.append_data(&mut header(length, 0o644), CONTENTS, list.as_slice())?;
    for packed in &contents.packages {
        let (root, folder) = (store.folder(&packed.pin.lock), packed.folder());
        for (path, entry) in packed.manifest.entries().filter(|(_, entry)| entry.link().is_none()) {
            let name = format!("{folder}/{path}");
            archive.append_data(&mut header(entry.bytes(), entry.mode()), name, File::open(root.join(path))?)?;
        }
    }
    let mut file = archive.into_inner()?;
    file.flush()?;
    file.get_ref().sync_all()
}

fn header(bytes: u64, mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_size(bytes);
    header.set_mode(mode);
    header
}
