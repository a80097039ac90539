//! The packages that a lock has, and the difference between two.

use std::collections::BTreeSet;

use super::{installations::installer_of, installer::PackageVersions, lock::Lock};
use crate::model::PackageDifference;

/// All packages of a lock by name, with their versions.
pub(super) fn packages(lock: &Lock) -> PackageVersions {
    (installer_of(lock).packages)(&lock.files)
}

/// The packages that are others in `after`.
pub(super) fn differences(before: &Lock, after: &Lock) -> Vec<PackageDifference> {
    let (old, new) = (packages(before), packages(after));
    let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let text = |found: Option<&BTreeSet<String>>| {
        found.map(|versions| versions.iter().map(String::as_str).collect::<Vec<_>>().join(", "))
    };
    let of = |name: &String| PackageDifference::new(name, text(old.get(name)), text(new.get(name)));
    names.into_iter().map(of).filter(|one| one.before != one.after).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::PackageRegistry;

    fn npm(packages: &str) -> Lock {
        let files = BTreeMap::from([("package-lock.json".to_owned(), format!(r#"{{"packages":{{{packages}}}}}"#))]);
        Lock { registry: PackageRegistry::Npm, files, python: None, version: "1".into(), is_by_pip: false }
    }

    fn pypi(text: &str) -> Lock {
        let files = BTreeMap::from([("requirements.txt".to_owned(), text.to_owned())]);
        Lock { registry: PackageRegistry::PyPi, files, python: None, version: "1".into(), is_by_pip: false }
    }

    fn shown(found: &[PackageDifference]) -> Vec<String> {
        let text = |version: &Option<String>| version.clone().unwrap_or_default();
        found.iter().map(|one| format!("{} {} {}", one.name, text(&one.before), text(&one.after))).collect()
    }

    #[test]
    fn packages_that_are_others_are_named() {
        let before = npm(r#""":{},"node_modules/@a/b":{"version":"1"},"node_modules/c":{"version":"1"},
            "node_modules/@a/b/node_modules/c":{"version":"2"},"node_modules/d":{"version":"1"}"#);
        let after = npm(r#""":{},"node_modules/@a/b":{"version":"2"},"node_modules/c":{"version":"1"},
            "node_modules/d":{"version":"1"},"node_modules/e":{"version":"1"}"#);
        assert_eq!(shown(&differences(&before, &after)), ["@a/b 1 2", "c 1, 2 1", "e  1"]);
        assert!(differences(&before, &before).is_empty());
        let before = pypi("A-b==1.0 \\\n    --hash=sha256:0\nc[x]==2 ; python_version > '3'\n");
        let after = pypi("a_b==1.1 \\\n    --hash=sha256:1\n");
        assert_eq!(shown(&differences(&before, &after)), ["a-b 1.0 1.1", "c 2 "]);
    }
}
