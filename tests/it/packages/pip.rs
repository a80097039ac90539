//! Packages of PyPI on a machine without uv.

use std::{path::Path, process::Command};

use super::*;
use crate::support::{real::has_program, registry::Registry};

/// A set-up whose PATH has a Python and no uv; `None` where there is none such.
fn without_uv() -> Option<Setup> {
    has_program("python3")?;
    let folder = "import os, sys; print(os.path.dirname(os.path.realpath(sys._base_executable)))";
    let found = Command::new("python3").args(["-c", folder]).output().unwrap();
    let folder = String::from_utf8(found.stdout).unwrap().trim().to_owned();
    if Path::new(&folder).join("uv").exists() {
        absent("uv lies beside Python");
        return None;
    }
    Some(Setup::new().env("PATH", &folder))
}

#[test]
fn a_package_of_pypi_is_installed_by_pip_where_there_is_no_uv_and_again_as_it_was() {
    let Some(setup) = without_uv() else { return };
    let registry = Registry::start(&setup);
    registry.publish_pypi(("depended", "1.0"), None, &[], &[("depended.py", "")]);
    let main = format!("import depended\n{}", include_str!("witness.py"));
    registry.publish_pypi(("witness", "1.0.0"), Some("witness:main"), &["depended>=1"], &[("witness.py", &main)]);
    let mut ostler = registry.asked_by(setup).spawn();
    let server = ostler.admin().register(Spec::new("uvx", json!(["witness"])).enabled());
    runs(&server);
    let said = server.call("witness", json!({})).is(200).said();
    assert!(said.contains("\"argv\": [\"witness\"]"), "{said}");
    let [installation] = installations(&ostler.setup, "pypi").try_into().unwrap();
    let lock = fs::read_to_string(installation.join("requirements.txt")).unwrap();
    let lines: Vec<_> = lock.lines().collect();
    assert!(
        matches!(lines.as_slice(), [one, two]
        if one.starts_with("depended==1.0 --hash=sha256:") && two.starts_with("witness==1.0.0 --hash=sha256:")),
        "{lock}"
    );
    assert!(!installation.join("pip").exists());

    ostler.terminate();
    fs::remove_dir_all(&installation).unwrap();
    ostler.start_again();
    runs(&ostler.admin().server(&server.id));
    assert_eq!(installations(&ostler.setup, "pypi"), [installation]);
}
