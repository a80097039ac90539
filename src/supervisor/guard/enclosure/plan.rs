//! [`Plan`]: the file system of a server at the level strict. Nothing is mounted besides.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::supervisor::{containment::Containment, guard::places, temporary::Temporary};

/// Content of a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Mount {
    /// The file or folder that is there outside, to read.
    Read,
    /// The same, to change as well.
    Write,
    /// A device that is there outside.
    Device,
    /// A link to this target.
    Link(PathBuf),
    /// A folder in memory.
    Empty,
    /// A file without content, over one that is not to be read.
    Nothing,
    /// Processes of the server, to read: settings of the kernel in it need no capability, only the number of root.
    Processes,
    /// Devices that every program needs.
    Devices,
}

/// Mounts, each at a place; later ones lie over earlier ones. The folders above them are in memory, and read-only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Plan {
    pub mounts: Vec<(Mount, PathBuf)>,
    /// The working directory.
    pub dir: PathBuf,
}

/// Places that begin empty for each server.
pub(super) fn fresh() -> Vec<(Mount, PathBuf)> {
    let fresh = [(Mount::Processes, "/proc"), (Mount::Devices, "/dev"), (Mount::Empty, "/tmp"), (Mount::Empty, "/run")];
    fresh.map(|(mount, place)| (mount, place.into())).into()
}

impl Plan {
    /// The plan of a server that works in `dir`. The error says why there can be none.
    pub(super) fn of(containment: &Containment, dir: &Path, temporary: Option<&Temporary>) -> Result<Self, String> {
        if !is_seen(containment, dir) {
            return Err(format!("its working directory {} is not granted to it", dir.display()));
        }
        let mut mounts = fresh();
        let mut mount = |kind: Mount, place: &Path| mounts.push((kind, place.to_owned()));
        if let Some(temporary) = temporary {
            mount(Mount::Link(temporary.folder().to_owned()), temporary.link());
        }
        for place in places::PROGRAMS.iter().map(Path::new) {
            mount(fs::read_link(place).map_or(Mount::Read, Mount::Link), place);
        }
        for place in places::FACTS.iter().map(Path::new).filter(|place| place.starts_with("/etc")) {
            mount(Mount::Read, place);
        }
        // Of processes outside there is nothing inside, and usual devices are there.
        let is_there = |place: &Path| {
            place.starts_with("/proc") || places::DEVICES.iter().any(|device| place == Path::new(device))
        };
        // What its user cannot get to, it could not mount.
        let is_shut = |place: &Path| {
            containment.user.as_ref().zip(place.parent()).is_some_and(|(user, above)| user.shut_out_by(above).is_some())
        };
        let is_needed = |place: &&PathBuf| !is_there(place) && !is_shut(place);
        // Mounted otherwise, a device cannot be opened.
        let or_device = |kind: Mount, place: &Path| if place.starts_with("/dev") { Mount::Device } else { kind };
        // What is granted by name in a folder that is hidden lies over that.
        let is_over = |place: &&PathBuf| containment.hidden.iter().any(|hidden| place.starts_with(hidden));
        let (over, under): (Vec<_>, Vec<_>) = containment.read.iter().filter(is_needed).partition(is_over);
        for place in under {
            mount(or_device(Mount::Read, place), place);
        }
        let read = || places::PROGRAMS.iter().map(Path::new).chain(containment.read.iter().map(PathBuf::as_path));
        for hidden in containment.hidden.iter().filter(|hidden| read().any(|place| hidden.starts_with(place))) {
            if hidden.is_dir() {
                mount(Mount::Empty, hidden);
            } else if hidden.exists() {
                mount(Mount::Nothing, hidden);
            }
        }
        for place in over {
            mount(Mount::Read, place);
        }
        for place in containment.write.iter().filter(is_needed).chain([&containment.home]) {
            mount(or_device(Mount::Write, place), place);
        }
        Ok(Self { mounts, dir: dir.to_owned() })
    }
}

/// True for a folder that is there inside.
fn is_seen(containment: &Containment, folder: &Path) -> bool {
    let granted = containment.read.iter().chain(&containment.write).chain([&containment.home]);
    let mut seen = granted.map(PathBuf::as_path).chain(places::PROGRAMS.iter().map(Path::new));
    seen.any(|place| folder.starts_with(place))
}
