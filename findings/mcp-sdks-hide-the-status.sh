#!/usr/bin/env bash
# Two official MCP clients, when a server refuses `initialize` with an HTTP status and an `application/problem+json`
# (RFC 9457) that says why: Python mcp 2.3.0, and TypeScript @modelcontextprotocol/client 2.4.0 with its defaults.
#
# Expected: the error of 401, 403, 429 and 503 can be told apart by a program, and its reason is in the text.
# Seen: Python's is the same for all four, with neither status nor reason: code -32603, "Server returned an error
#   response". If the body is a JSON-RPC error and its type `application/json`, code and message are that error's.
#   TypeScript's code is CLIENT_HTTP_NOT_IMPLEMENTED for all four, be the body what it may; the text has the body.
# What it means: a program that waits on 429 or asks for a login on 401 sees neither here. A gateway that wants people to
#   read why they were refused answers POSTs with JSON-RPC errors. Ostler does below /mcp, with the status unchanged.
set -euo pipefail

folder="$(mktemp -d)"
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip install --quiet mcp==2.3.0
npm init --yes >/dev/null
npm install --silent --no-fund --no-audit @modelcontextprotocol/client@2.4.0

# POST /problem/429 is refused with that status and a problem, POST /rpc/429 with a JSON-RPC error.
cat >server.mjs <<'JS'
import { createServer } from "node:http";

createServer(async (request, response) => {
  const text = (await request.toArray()).join("");
  const [, kind, status] = request.url.split("/");
  const isProblem = kind === "problem";
  const body = isProblem
    ? { type: "about:blank", status: Number(status), detail: "the reason" }
    : { jsonrpc: "2.0", id: JSON.parse(text).id, error: { code: Number(status), message: "the reason" } };
  const headers = { "content-type": `application/${isProblem ? "problem+" : ""}json` };
  if (status === "401") headers["www-authenticate"] = "Bearer";
  response.writeHead(status, headers).end(JSON.stringify(body));
}).listen(0, "127.0.0.1", function () { console.log(this.address().port); });
JS
cat >client.py <<'PY'
import asyncio, sys
from mcp import Client
from mcp.shared.exceptions import MCPError

async def connect():
    async with Client(sys.argv[1], mode="legacy"):
        pass

try:
    asyncio.run(connect())
except* MCPError as group:
    error = group.exceptions[0]
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    print(error.error.code, error.error.message)
PY
cat >client.mjs <<'JS'
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

const client = new Client({ name: "probe", version: "1" });
try {
  await client.connect(new StreamableHTTPClientTransport(new URL(process.argv[2])));
} catch (error) {
  console.log(error.code, error.message.includes("the reason") ? "with the reason" : "without it");
}
process.exit();
JS

exec 3< <(exec node server.mjs)
server=$!
read -r port <&3
for status in 401 403 429 503; do
    for kind in problem rpc; do
        url="http://127.0.0.1:$port/$kind/$status"
        python="$(python/bin/python client.py "$url" 2>/dev/null)"
        typescript="$(node client.mjs "$url")"
        printf '%s, %s: Python: %s; TypeScript: %s\n' "$status" "$kind" "$python" "$typescript"
        [[ "$typescript" == 'CLIENT_HTTP_NOT_IMPLEMENTED with the reason' ]]
        if [[ "$kind" == problem ]]; then
            [[ "$python" == '-32603 Server returned an error response' ]]
        else
            [[ "$python" == "$status the reason" ]]
        fi
    done
done
