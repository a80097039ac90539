#!/usr/bin/env bash
# openapi-typescript 7.13.0 (with TypeScript 5.9.3, from npm), `--root-types`, an OpenAPI 3.1.0 description.
#
# Expected: two schemas whose names become one in PascalCase are an error, a warning, or two aliases with a number; or
#   the description's own spelling is kept, as in `components["schemas"]`.
# Seen: with `--root-types --root-types-no-schema-prefix` the alias of one of them is missing, without a word and with
#   exit code 0; which one depends on their order in the file. A program that imports the alias compiles against the
#   other schema, here a string in place of an object. The names in `components["schemas"]` are complete.
# What it means: names of Rust types (`List_Item`, from a generic one) and of a field's own type can meet. Ostler's
#   dashboard sets `--root-types-keep-casing`, with which both aliases are there, as this program shows too.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{"private":true}' >package.json
npm install --silent --no-fund --no-audit --save-exact openapi-typescript@7.13.0 typescript@5.9.3
cat >api.json <<'JSON'
{"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {}, "components": {"schemas": {
  "List_Item": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}},
  "list_item": {"type": "string"}}}}
JSON
aliases() {
    npx openapi-typescript api.json --root-types --root-types-no-schema-prefix "$@" --output types.ts >log 2>&1
    grep -oE '^export type [A-Za-z_]+[iI]tem = .*' types.ts || true
}
plain="$(aliases)"
kept="$(aliases --root-types-keep-casing)"
printf 'by default:\n%s\nwith --root-types-keep-casing:\n%s\nlog:\n%s\n' "$plain" "$kept" "$(cat log)"
[[ "$plain" == "export type ListItem = components['schemas']['list_item'];" ]]
[[ "$(wc -l <<<"$kept")" == 2 ]]
grep -qi warn log && exit 1 || true
