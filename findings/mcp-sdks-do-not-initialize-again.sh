#!/usr/bin/env bash
# The official MCP clients, when a server has forgotten their session: Python mcp 1.30.0 and 2.3.0 (mode legacy),
# TypeScript @modelcontextprotocol/sdk 1.32.2 and @modelcontextprotocol/client 2.4.0.
#
# Expected: specification 2025-11-25, transports, session management: a client that receives HTTP 404 for a request with
#   an `MCP-Session-Id` MUST start a new session by a new InitializeRequest without a session id. So a server that was
#   restarted is found again by the next call.
# Seen: none of the four sends a second `initialize`. Each raises an error from the call, and from every later call on
#   the same client: `McpError: Session terminated`, `MCPError: Session not found`, a `StreamableHTTPError` with code 404,
#   and an `SdkHttpError` with the code CLIENT_HTTP_NOT_IMPLEMENTED.
# What it means: a gateway that keeps sessions in memory breaks every client for good by a restart, though the
#   specification promises that it does not. Ostler's session ids can be taken up again after one.
set -euo pipefail

folder="$(mktemp -d)"
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
for version in 1.30.0 2.3.0; do
    python3 -m venv "py-$version"
    "py-$version/bin/pip" install --quiet "mcp==$version"
done
npm init --yes >/dev/null
npm install --silent --no-fund --no-audit @modelcontextprotocol/sdk@1.32.2 @modelcontextprotocol/client@2.4.0

# A server of 2025-11-25 that forgets its sessions at each POST /forget, and counts the `initialize` of each user agent.
cat >server.mjs <<'JS'
import { createServer } from "node:http";
import { randomUUID } from "node:crypto";

let sessions = new Set();
let initialized = 0;
const tools = [{ name: "echo", inputSchema: { type: "object", properties: {} } }];
const results = {
  "tools/list": { tools },
  "tools/call": { content: [{ type: "text", text: "here" }] },
};

createServer(async (request, response) => {
  const text = (await request.toArray()).join("");
  if (request.url === "/forget") { sessions = new Set(); return response.end(); }
  if (request.url === "/count") { const count = initialized; initialized = 0; return response.end(`${count}`); }
  if (request.method !== "POST") return response.writeHead(405).end();
  const message = JSON.parse(text);
  const answer = (status, body, headers = {}) =>
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
  if (message.method === "initialize") {
    initialized += 1;
    const id = randomUUID();
    sessions.add(id);
    const result = {
      protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo: { name: "forgetful", version: "1" },
    };
    return answer(200, { jsonrpc: "2.0", id: message.id, result }, { "mcp-session-id": id });
  }
  if (!sessions.has(request.headers["mcp-session-id"])) {
    const error = { code: -32001, message: "Session not found" };
    return answer(404, { jsonrpc: "2.0", id: message.id ?? null, error });
  }
  if (message.id === undefined) return response.writeHead(202).end();
  answer(200, { jsonrpc: "2.0", id: message.id, result: results[message.method] ?? {} });
}).listen(0, "127.0.0.1", function () { console.log(this.address().port); });
JS

# Each lists, has the server forget, and calls twice; it prints what the calls did.
cat >client.py <<'PY'
import asyncio, sys, urllib.request
from contextlib import asynccontextmanager
import mcp
from mcp.client.streamable_http import streamable_http_client

@asynccontextmanager
async def connected(url):
    if hasattr(mcp, "Client"):
        async with mcp.Client(url, mode="legacy") as client:
            yield client
        return
    async with streamable_http_client(url) as (reading, writing, *_), mcp.ClientSession(reading, writing) as client:
        await client.initialize()
        yield client

async def main(base):
    async with connected(f"{base}/mcp") as client:
        await client.list_tools()
        urllib.request.urlopen(f"{base}/forget", b"")
        for _ in range(2):
            try:
                await asyncio.wait_for(client.call_tool("echo", {}), 20)
                print("answered")
            except Exception as error:
                print(f"{type(error).__name__}: {error}")

asyncio.run(main(sys.argv[1]))
PY
cat >client.mjs <<'JS'
const [, , base, version] = process.argv;
const { Client, StreamableHTTPClientTransport } = version === "2"
  ? await import("@modelcontextprotocol/client")
  : { ...(await import("@modelcontextprotocol/sdk/client/index.js")),
      ...(await import("@modelcontextprotocol/sdk/client/streamableHttp.js")) };
const client = new Client({ name: "probe", version: "1" });
await client.connect(new StreamableHTTPClientTransport(new URL(`${base}/mcp`)));
await client.listTools();
await fetch(`${base}/forget`, { method: "POST" });
for (const _ of [1, 2]) {
  try {
    await client.callTool({ name: "echo", arguments: {} });
    console.log("answered");
  } catch (error) {
    console.log(`${error.constructor.name} ${error.code}: ${error.message}`.split("\n")[0].slice(0, 110));
  }
}
process.exit();
JS

exec 3< <(exec node server.mjs)
server=$!
read -r port <&3
base="http://127.0.0.1:$port"
# Of both calls the same error, after one `initialize` in all.
probe() {
    local expected="$1" found count
    shift
    found="$("$@")"
    count="$(curl -s "$base/count")"
    printf '%s\n  initialize: %s\n%s\n' "$*" "$count" "$found"
    [[ "$count" == 1 && "$(grep -c "^$expected" <<<"$found")" == 2 ]]
}
probe 'McpError: Session terminated' py-1.30.0/bin/python client.py "$base"
probe 'MCPError: Session not found' py-2.3.0/bin/python client.py "$base"
probe 'StreamableHTTPError 404: ' node client.mjs "$base" 1
probe 'SdkHttpError CLIENT_HTTP_NOT_IMPLEMENTED: ' node client.mjs "$base" 2
