#!/usr/bin/env bash
# npm 11.19.1: `npm install --package-lock-only`, then `npm ci` and `npm install` with that lock, of
# @sylphx/pdf-reader-mcp 2.4.0, which needs a package with an optional dependency that is in the registry no more.
#
# Expected: `npm ci` installs a lock that the same npm has made a second before.
# Seen: it refuses it as out of sync (EUSAGE), "Missing: @sylphx/gust-napi@ from lock file". `npm install` installs
#   the same lock, without that package, and leaves the lock as it is.
# What it means: who locks with one command and installs with the other, as caches and images do, cannot install such a
#   package at all. Ostler installs locks with `npm install`, in an empty folder; it compares what was installed with the
#   pin.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir tool
(cd tool && npm init -y >/dev/null && npm install --silent npm@11.19.1)
npm() { ../tool/node_modules/.bin/npm --ignore-scripts --no-audit --no-fund --loglevel=error "$@"; }
mkdir one
cd one
echo '{"name": "one", "private": true, "dependencies": {"@sylphx/pdf-reader-mcp": "2.4.0"}}' >package.json

npm install --package-lock-only >/dev/null
before="$(sha256sum <package-lock.json)"
refused=0
npm ci >ci.log 2>&1 || refused=$?
grep -E 'code EUSAGE|Missing:' ci.log
npm install >/dev/null
installed="$(node -p 'require("./node_modules/@sylphx/pdf-reader-mcp/package.json").version')"
[[ "$(sha256sum <package-lock.json)" == "$before" ]] && lock=same || lock=another
echo "npm ci: $refused; npm install: $installed, the lock is the $lock"
[[ "$refused $installed $lock" == '1 2.4.0 same' ]]
