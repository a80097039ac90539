#!/usr/bin/env bash
# clippy 0.1.95 (Rust 1.95.0), `allow-unwrap-in-tests = true` in clippy.toml and `clippy::unwrap_used` at work.
#
# Expected: `unwrap` is allowed in a module under `#[cfg(all(test, feature = "extra"))]`, as it is under `#[cfg(test)]`:
#   neither is ever in anything but tests.
# Seen: in such a module it is allowed in functions with `#[test]` alone, and a helper beside them gets the warning. A
#   module under `#[cfg(test)]` within one under `#[cfg(feature = "extra")]` is left alone.
# What it means: tests that are of one feature are written as two modules, one in the other, or get an `allow` each.
#   The same goes for `expect`, `panic` and indexing.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cargo clippy --version | tee /dev/stderr | grep -q "^clippy 0\.1\.95 "
cargo init --quiet --lib --name probe
printf '[features]\ndefault = ["extra"]\nextra = []\n' >>Cargo.toml
echo 'allow-unwrap-in-tests = true' >clippy.toml
cat >src/lib.rs <<'RUST'
#![warn(clippy::unwrap_used)]

#[cfg(test)]
mod plain {
    fn helper() -> u8 { "1".parse().unwrap() }

    #[test]
    fn holds() { assert_eq!(helper(), "1".parse().unwrap()); }
}

#[cfg(all(test, feature = "extra"))]
mod of_a_feature {
    fn helper() -> u8 { "1".parse().unwrap() }

    #[test]
    fn holds() { assert_eq!(helper(), "1".parse().unwrap()); }
}

#[cfg(feature = "extra")]
mod outer {
    #[cfg(test)]
    mod inner {
        fn helper() -> u8 { "1".parse().unwrap() }

        #[test]
        fn holds() { assert_eq!(helper(), "1".parse().unwrap()); }
    }
}
RUST
found="$(cargo clippy --quiet --tests --message-format short 2>&1 | grep 'used `unwrap()`')"
echo "$found"
[[ "$found" == 'src/lib.rs:13:25: warning: used `unwrap()` on a `Result` value' ]]
