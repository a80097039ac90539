#!/usr/bin/env bash
# The readers of event streams below the official MCP clients, given two events in the forms that WHATWG HTML, 9.2.5,
# allows: httpx-sse 0.4.3 (Python mcp 1.30.0), httpx2 2.16.2 (mcp 2.3.0), eventsource-parser 3.1.1 (TypeScript).
#
# Expected: both events, whether the stream begins with a byte order mark or not, which its decoding strips (9.2.6), and
#   whether lines end with LF, CR LF or CR.
# Seen: both Python readers take the mark for a part of the first field's name, and lose the first event without a word.
#   eventsource-parser waits for one more character after the CR of an empty line, in case it is a LF, and drops the
#   event where the stream ends instead.
# What it means: the first event of a stream is mostly the answer to a request, so the call fails by its deadline. A
#   server writes the mark easily: a .NET `StreamWriter` with `Encoding.UTF8` does. Ostler reads all of these forms, and
#   writes neither mark nor CR.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv py-1
py-1/bin/pip install --quiet httpx==0.28.1 httpx-sse==0.4.3
python3 -m venv py-2
py-2/bin/pip install --quiet httpx2==2.16.2
npm init --yes >/dev/null
npm install --silent --no-fund --no-audit eventsource-parser@3.1.1

cat >forms.json <<'JSON'
{"plain": "data: 1\n\ndata: 2\n\n", "mark": "\ufeffdata: 1\n\ndata: 2\n\n", "crlf": "data: 1\r\n\r\ndata: 2\r\n\r\n",
 "cr": "data: 1\r\rdata: 2\r\r"}
JSON
cat >read.py <<'PY'
import json, sys

if sys.argv[1] == "1":
    import httpx
    from httpx_sse import EventSource
else:
    import httpx2 as httpx
    from httpx2 import EventSource

headers = {"content-type": "text/event-stream"}
for name, text in json.load(open("forms.json")).items():
    answer = lambda request: httpx.Response(200, headers=headers, content=iter([text.encode()]))
    with httpx.Client(transport=httpx.MockTransport(answer)) as client, client.stream("GET", "http://a") as response:
        source = EventSource(response)
        events = source.iter_sse() if hasattr(source, "iter_sse") else source
        print(name, *(event.data for event in events), sep=":", end=" ")
PY
cat >read.mjs <<'JS'
import { readFileSync } from "node:fs";
import { EventSourceParserStream } from "eventsource-parser/stream";

const found = [];
for (const [name, text] of Object.entries(JSON.parse(readFileSync("forms.json")))) {
  const events = new Blob([text]).stream().pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
  const data = [];
  for await (const event of events) data.push(event.data);
  found.push([name, ...data].join(":"));
}
console.log(...found);
JS

probe() {
    local expected="$1" found
    shift
    found="$("$@")"
    printf '%s\n  %s\n' "$*" "$found"
    [[ "${found% }" == "$expected" ]]
}
probe 'plain:1:2 mark:2 crlf:1:2 cr:1:2' py-1/bin/python read.py 1
probe 'plain:1:2 mark:2 crlf:1:2 cr:1:2' py-2/bin/python read.py 2
probe 'plain:1:2 mark:1:2 crlf:1:2 cr:1' node read.mjs
