//! Pythons that uv has already.

use std::path::{Path, PathBuf};

use crate::policy::environment::UV_PYTHONS;

/// The folder in which uv keeps Pythons, by these variables, without links; `None` where there is none. Blocks.
pub(crate) fn folder_of_uv(variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let of_home = || Some(Path::new(&variable("HOME")?).join(".local/share"));
    let usual = || Some(variable("XDG_DATA_HOME").map(PathBuf::from).or_else(of_home)?.join("uv/python"));
    variable(UV_PYTHONS).map(PathBuf::from).or_else(usual)?.canonicalize().ok()
}
