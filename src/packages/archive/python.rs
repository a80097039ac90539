//! Environments of Python, which name their own folder and the interpreter of the machine that they were made on.

use std::{
    env,
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use super::{super::pythons, contents::Packed};

const PROGRAMS: &str = "venv/bin/";
const LIBRARY: &str = "venv/lib/";
const CONFIGURATION: &str = "venv/pyvenv.cfg";

/// The first bytes of a program, which a script in its place does not have.
const PROGRAM_BYTES: [u8; 4] = *b"\x7fELF";

/// Bytes of the first line of a program in which its interpreter is named (`BINPRM_BUF_SIZE`).
const FIRST_LINE_BYTES: usize = 256;

/// Has an environment in `root` be one of `home`, where it will lie, and of this machine's interpreter. The error is
/// for people.
pub(super) fn settle(packed: &Packed, root: &Path, home: &Path) -> Result<(), String> {
    let of_it = |error: io::Error| format!("{}: {error}", packed.title());
    let version = version(packed).ok_or_else(|| format!("{} has no library of Python", packed.title()))?;
    let python = interpreter(&version, packed).ok_or_else(|| {
        format!("{} needs {version}, which is neither on PATH nor among uv's: install it", packed.title())
    })?;
    is_fit(home, packed).map_err(|why| format!("{}: {why}", packed.title()))?;
    for (path, entry) in packed.manifest.entries() {
        let place = root.join(path);
        match entry.link() {
            Some(target) if target.starts_with('/') => {
                fs::remove_file(&place).and_then(|()| symlink(&python, &place)).map_err(of_it)?;
            }
            None if path == CONFIGURATION => {
                rewrite(&place, |text| configuration(&text, packed, home, &python)).map_err(of_it)?;
            }
            None if path.starts_with(PROGRAMS) => rewrite(&place, |text| moved(&text, packed, home)).map_err(of_it)?,
            _ => {}
        }
    }
    Ok(())
}

/// The name of the interpreter that an environment is for: `python3.12`.
fn version(packed: &Packed) -> Option<String> {
    let name = |path: &str| Some(path.strip_prefix(LIBRARY)?.split_once('/')?.0.to_owned());
    let found = packed.manifest.entries().find_map(|(path, _)| name(path))?;
    let digits = found.strip_prefix("python3.")?.trim_end_matches('t');
    digits.chars().all(|c| c.is_ascii_digit()).then_some(found)
}

/// The interpreter of this name on this machine: the one that it was made with, where that is one of them.
fn interpreter(name: &str, packed: &Packed) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let of_uv = pythons::folder_of_uv(|name| env::var(name).ok()).and_then(|folder| fs::read_dir(folder).ok());
    let of_uv = of_uv.into_iter().flatten().filter_map(|version| Some(version.ok()?.path().join("bin")));
    let all = env::split_paths(&path).filter(|folder| folder.is_absolute()).chain(of_uv);
    let found: Vec<_> = all.map(|folder| folder.join(name)).filter(|file| is_program(file)).collect();
    let found: Vec<_> = found.iter().filter_map(|file| file.canonicalize().ok()).collect();
    let targets = packed.manifest.entries().filter_map(|(_, entry)| entry.link());
    let before: Vec<_> = targets.filter_map(|target| Path::new(target).canonicalize().ok()).collect();
    found.iter().find(|python| before.contains(python)).or(found.first()).cloned()
}

/// True for a program, not for a script that chooses among several.
fn is_program(file: &Path) -> bool {
    let mut first = [0; PROGRAM_BYTES.len()];
    let is_run = file.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0);
    is_run && File::open(file).and_then(|mut file| file.read_exact(&mut first)).is_ok() && first == PROGRAM_BYTES
}

/// Fails for a folder that the first lines of programs made elsewhere cannot name.
fn is_fit(home: &Path, packed: &Packed) -> Result<(), String> {
    if home == packed.root {
        return Ok(());
    }
    let text = home.to_str().ok_or("the data folder's path is no text")?;
    let is_long = format!("#!{text}/{PROGRAMS}python").len() >= FIRST_LINE_BYTES;
    if is_long || text.contains(char::is_whitespace) {
        return Err(format!(
            "programs of Python cannot begin with {text}: use a data folder with a shorter path, without blanks"
        ));
    }
    Ok(())
}

/// Changes a file where it is a text.
fn rewrite(file: &Path, change: impl FnOnce(String) -> String) -> io::Result<()> {
    let Ok(text) = String::from_utf8(fs::read(file)?) else { return Ok(()) };
    fs::write(file, change(text))
}

/// A text with the folder that an environment will lie in, in the place of the one that it was in.
fn moved(text: &str, packed: &Packed, home: &Path) -> String {
    match packed.root.to_str() {
        Some(before) if before.starts_with('/') => text.replace(before, &home.display().to_string()),
        _ => text.to_owned(),
    }
}

/// The configuration of an environment with another interpreter.
fn configuration(text: &str, packed: &Packed, home: &Path, python: &Path) -> String {
    let folder = python.parent().unwrap_or(python);
    let line = |line: &str| match line.split_once('=').map(|(name, _)| name.trim()) {
        Some("home") => format!("home = {}\n", folder.display()),
        Some("executable") => format!("executable = {}\n", python.display()),
        _ => format!("{}\n", moved(line, packed, home)),
    };
    text.lines().map(line).collect()
}
