//! A small file system of a test's own, in a mount namespace that goes with it.

use std::{ffi::OsStr, fs, io::Write, path::Path, process::Command};

/// Where the small file system is, for the test that runs on it.
const PLACE: &str = "OSTLER_TEST_SMALL_DISK";

/// Runs an ignored test of this program on a file system of so many MiB; says so where none can be mounted.
#[track_caller]
pub fn run_on_small_disk(mebibytes: u32, test: &str) {
    let folder = super::folder::Folder::new();
    let script = r#"mount -t tmpfs -o "size=$3m,mode=755" tmpfs "$1" || exit 77
                    exec "$0" --exact --ignored --nocapture "$2""#;
    let run = Command::new("unshare")
        .args(["--mount", "sh", "-c", script])
        .arg(std::env::current_exe().unwrap())
        .args([folder.path().as_os_str(), OsStr::new(test), OsStr::new(&mebibytes.to_string())])
        .env(PLACE, folder.path())
        .output();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match &run {
        Ok(output) if output.status.success() => {
            let out = text(&output.stdout);
            assert!(out.contains("1 passed"), "the test inside was not run: {output:?}");
            // Tables of figures, for whoever looks.
            out.lines().filter(|line| line.starts_with('|')).for_each(|line| println!("{line}"));
        }
        Ok(output) if output.status.code() != Some(77) && !output.stderr.starts_with(b"unshare:") => {
            panic!("{}\n{}", text(&output.stdout), text(&output.stderr))
        }
        _ => super::absent("no small file system can be mounted here"),
    }
}

/// The small file system that this test was started on; `None` where it was started by hand.
pub fn small_disk() -> Option<std::path::PathBuf> {
    std::env::var_os(PLACE).map(Into::into)
}

/// Writes up to `bytes` into a file, or until the disk is full.
pub fn fill(path: &Path, bytes: usize) {
    let mut file = fs::File::create(path).unwrap();
    for _ in 0..bytes / 4096 {
        if file.write_all(&[7; 4096]).is_err() {
            return;
        }
    }
}
