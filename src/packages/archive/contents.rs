//! [`Contents`]: the list of an archive.

use std::{collections::HashSet, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    super::{
        manifest::{Manifest, Size},
        pin::Pin,
    },
    place,
};

/// The entry that lists all others, and the most bytes that it may have.
pub(super) const CONTENTS: &str = "ostler-packages.json";
pub(super) const CONTENTS_BYTES_MAX: u64 = 256 << 20;

/// The most bytes and files that an archive may unpack to.
const BYTES_MAX: u64 = 64 << 30;
const FILES_MAX: u64 = 4_000_000;

/// The version of this format.
const FORMAT: u32 = 1;

/// The list of an archive.
#[derive(Serialize, Deserialize)]
pub(super) struct Contents {
    format: u32,
    /// The kind of machine that it is from.
    platform: String,
    pub(super) packages: Vec<Packed>,
}

/// An installation in an archive.
#[derive(Serialize, Deserialize)]
pub(super) struct Packed {
    /// Its pin, with the hash of all of it.
    pub(super) pin: Pin,
    /// The folder that it was in, which programs of Python name.
    pub(super) root: PathBuf,
    /// Its files and links.
    pub(super) manifest: Manifest,
}

impl Packed {
    /// Its folder in the archive, and the name of its installation.
    pub(super) fn folder(&self) -> String {
        self.pin.lock.folder_name()
    }

    /// The package and its version.
    pub(super) fn title(&self) -> String {
        format!("{} {}", self.pin.name(), self.pin.lock.version)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let (manifest, registry) = (&self.manifest, self.pin.lock.registry);
        let checked = manifest.entries().try_for_each(|(path, entry)| place::check(path, entry, manifest, registry));
        checked.map_err(|why| format!("{}: {why}", self.title()))?;
        if self.manifest.digest() == self.pin.digest {
            return Ok(());
        }
        Err(format!("{}: its list of files is not that of its pin", self.title()))
    }
}

impl Contents {
    /// The list of these installations, on this machine.
    pub(super) fn of(packages: Vec<Packed>) -> Self {
        Self { format: FORMAT, platform: platform(), packages }
    }

    /// Fails where it cannot be taken over here; names what is wrong.
    pub(super) fn check(&self) -> Result<(), String> {
        let Self { format, platform: of, packages } = self;
        if *format != FORMAT {
            return Err(format!("it has format {format}, and this Ostler knows {FORMAT}: use one of the same version"));
        }
        if *of != platform() {
            return Err(format!("it is for {of}, and this machine is {}: export it on one like this", platform()));
        }
        let sizes: Vec<Size> = packages.iter().map(|packed| packed.manifest.size()).collect();
        let total = |part: fn(&Size) -> u64| sizes.iter().map(part).fold(0, u64::saturating_add);
        if total(|size| size.bytes) > BYTES_MAX || total(|size| size.files) > FILES_MAX {
            return Err(format!("it unpacks to more than {} GiB or {FILES_MAX} files", BYTES_MAX >> 30));
        }
        let mut folders = HashSet::new();
        if let Some(twice) = packages.iter().find(|packed| !folders.insert(packed.folder())) {
            return Err(format!("it has {} twice", twice.title()));
        }
        packages.iter().try_for_each(Packed::check)
    }
}

/// The kind of this machine: programs of another do not run here.
fn platform() -> String {
    use std::env::consts::{ARCH, OS};
    let musl = PathBuf::from(format!("/lib/ld-musl-{ARCH}.so.1"));
    format!("{OS}-{ARCH}-{}", if musl.exists() { "musl" } else { "glibc" })
}
