//! Programs as they are found where a server's configuration names one.

use std::{
    fs::File,
    io::Read,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Bytes of a program in which its interpreter is named (`BINPRM_BUF_SIZE`).
const FIRST_LINE_BYTES: u64 = 256;

/// The file that a program's name leads to from a working directory, by the rule of `execvp`: there or not where the
/// name is a path, and else a program in one of the folders of `path`. Blocks.
pub(super) fn found(program: &str, path: &str, dir: &Path) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(dir.join(program));
    }
    std::env::split_paths(path).map(|folder| dir.join(folder).join(program)).find(|file| is_program(file))
}

/// The program that a name leads to, without links; `None` where there is none. Blocks.
pub(super) fn resolved(program: &str, path: &str, dir: &Path) -> Option<PathBuf> {
    found(program, path, dir).filter(|file| is_program(file))?.canonicalize().ok()
}

fn is_program(file: &Path) -> bool {
    file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// The interpreter that the first line of a script names.
pub(super) fn interpreter(program: &Path) -> Option<PathBuf> {
    let mut first = Vec::new();
    File::open(program).ok()?.take(FIRST_LINE_BYTES).read_to_end(&mut first).ok()?;
    let line = first.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?;
    line.split_whitespace().next().filter(|path| path.starts_with('/')).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_as_it_would_be_run() {
        let sh = Path::new("/bin/sh").canonicalize().ok();
        let root = Path::new("/");
        assert_eq!(resolved("sh", "/nowhere:/bin:/usr/bin", root), sh);
        assert_eq!(resolved("/bin/sh", "", root), sh);
        assert_eq!(resolved("./sh", "", Path::new("/bin")), sh);
        for absent in ["sh ", "/bin", "bin", "no-such-program", ""] {
            assert_eq!(resolved(absent, "/:/usr", root), None, "{absent:?}");
        }
        assert_eq!(found("./not-there-yet", "/bin", root), Some("/./not-there-yet".into()));
    }
}
