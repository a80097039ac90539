#!/usr/bin/env bash
# uv 0.13.9: `--compile-bytecode` of `uv pip install`, of `uv pip sync` and of `uv sync`, where the package is installed
# already; six 1.17.0.
#
# Expected: all three compile the whole environment, as uv's documentation says of the option, also what this use of it
#   does not change.
# Seen: `uv pip sync` and `uv sync` do. `uv pip install` compiles nothing if all requirements are met, and exits with 0.
#   So it does after a compilation that failed: a word for PYC_INVALIDATION_MODE that Python's compileall takes on its
#   command line (`unchecked-hash`; uv's is UNCHECKED_HASH) is error 2, the package stays installed, and the same
#   command with the right word is content, without bytecode.
# What it means: an image or store that is made read-only after such a repetition compiles at each start (a server of
#   PyPI took 1.9 times as long to start here). Ostler uses `uv pip sync`, and begins an installation that failed in an
#   empty folder.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
unset SOURCE_DATE_EPOCH
python3 -m venv tools
tools/bin/pip install --quiet uv==0.13.9
uv() { tools/bin/uv --quiet "$@"; }
echo 'six==1.17.0' >requirements.txt
cat >pyproject.toml <<'TOML'
[project]
name = "stable"
version = "1"
requires-python = ">=3.11"
dependencies = ["six==1.17.0"]
TOML

compiled() { find "$1" -path '*/site-packages/__pycache__/six.*.pyc' | wc -l; }
begin() {
    rm -rf one
    uv venv one
}

begin
uv pip install --python one -r requirements.txt
uv pip install --python one --compile-bytecode -r requirements.txt
installed="$(compiled one)"

begin
uv pip sync --python one requirements.txt
uv pip sync --python one --compile-bytecode requirements.txt
synced="$(compiled one)"

uv sync
uv sync --compile-bytecode
project="$(compiled .venv)"

begin
failed=0
PYC_INVALIDATION_MODE=unchecked-hash uv pip install --python one --compile-bytecode -r requirements.txt 2>/dev/null ||
    failed=$?
left="$(uv pip list --python one --format freeze)"
PYC_INVALIDATION_MODE=UNCHECKED_HASH uv pip install --python one --compile-bytecode -r requirements.txt
repeated="$(compiled one)"

echo "compiled by a second use: uv pip install $installed, uv pip sync $synced, uv sync $project"
echo "after a failure ($failed, $left is there) and a repetition: $repeated"
[[ "$installed $synced $project $failed $left $repeated" == '0 1 1 2 six==1.17.0 0' ]]
