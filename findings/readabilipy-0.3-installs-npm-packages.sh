#!/usr/bin/env bash
# readabilipy 0.3.0, which mcp-server-fetch has its pages read by; Python 3, Node.js 10 or newer and npm on PATH.
#
# Expected: a package of PyPI has what it needs once pip has installed it; and as it can do without Node.js, which its
#   documentation calls optional, it goes on in Python where Node.js's part is not to be had.
# Seen: the first page that is read with `use_readability` runs `npm install` in the package's own folder in
#   site-packages, with whatever versions there are that day. Where npm is there and that fails (no registry, or a folder
#   that it may not write to), the call raises CalledProcessError; only where there is no npm it goes on in Python.
# What it means: on a read-only installation (an image, a store that servers share) every fetch fails, with an error that
#   names neither npm nor the folder. Ostler has npm install this part with the package.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv tools
tools/bin/pip install --quiet readabilipy==0.3.0
cat >read.py <<'PY'
import sys

from readabilipy import simple_json_from_html_string

try:
    found = simple_json_from_html_string("<html><body><p>hay</p></body></html>", use_readability=True)
    print(found["plain_text"][0]["text"])
except Exception as error:
    print(type(error).__name__)
PY
modules="$(tools/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/readabilipy/javascript/node_modules"

test ! -e "$modules"
# A registry that refuses each connection.
without="$(npm_config_registry=http://127.0.0.1:9/ npm_config_fetch_retries=0 tools/bin/python read.py 2>/dev/null | tail -1)"
mkdir bare
for program in node python3; do ln -s "$(command -v "$program")" bare; done
no_npm="$(PATH="$PWD/bare" tools/bin/python read.py 2>/dev/null | tail -1)"
test ! -e "$modules"
tools/bin/python read.py >first 2>/dev/null || true
installed="$(find "$modules" -maxdepth 1 -mindepth 1 -type d | wc -l)"

echo "npm without a registry: $without; no npm: $no_npm; packages of npm after the first page: $installed"
[ "$without" = CalledProcessError ] && [ "$no_npm" = hay ] && [ "$installed" -gt 10 ]
