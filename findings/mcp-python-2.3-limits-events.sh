#!/usr/bin/env bash
# Official MCP clients, when the result of a tool has 1.1 million characters, once as JSON and once as an event of a
# stream: Python mcp 2.3.0 (over httpx2 2.16.2) and 1.30.0, TypeScript @modelcontextprotocol/sdk 1.32.2 and
# @modelcontextprotocol/client 2.4.0.
#
# Expected: the same result in both forms. Streamable HTTP leaves the choice to the server, and has no limit of size.
# Seen: all four take the JSON. Of the stream, Python 2.3.0 takes 0.9 million characters and refuses 1.1 million: `SSE
#   stream failed: Server-sent event exceeded the 1048576 byte limit.` The limit is a default of httpx2's, which the SDK
#   neither sets nor lets its user set. The other three take both.
# What it means: an image of 800 kB in base64, or a file, fails or not by whether a notification came first, which is
#   when servers and gateways begin a stream. Ostler answers with JSON as long as nothing came before the answer.
set -euo pipefail

folder="$(mktemp -d)"
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv py-1
py-1/bin/pip install --quiet mcp==1.30.0
python3 -m venv py-2
py-2/bin/pip install --quiet mcp==2.3.0 httpx2==2.16.2
npm init --yes >/dev/null
npm install --silent --no-fund --no-audit @modelcontextprotocol/sdk@1.32.2 @modelcontextprotocol/client@2.4.0

# POST /json is answered with JSON, POST /stream with an event; the tool's text is as long as its caller asks.
cat >server.mjs <<'JS'
import { createServer } from "node:http";

const serverInfo = { name: "probe", version: "1" };
const results = {
  initialize: () => ({ protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo }),
  "tools/list": () => ({ tools: [{ name: "text", inputSchema: { type: "object" } }] }),
  "tools/call": ({ arguments: { length } }) => ({ content: [{ type: "text", text: "x".repeat(length) }] }),
};
createServer(async (request, response) => {
  if (request.method !== "POST") return response.writeHead(405).end();
  const { id, method, params } = JSON.parse((await request.toArray()).join(""));
  if (id === undefined) return response.writeHead(202).end();
  const result = results[method]?.(params);
  const outcome = result ? { result } : { error: { code: -32601, message: "no such method" } };
  const answer = JSON.stringify({ jsonrpc: "2.0", id, ...outcome });
  const isJson = request.url === "/json";
  response.writeHead(200, { "content-type": isJson ? "application/json" : "text/event-stream" });
  response.end(isJson ? answer : `data: ${answer}\n\n`);
}).listen(0, "127.0.0.1", function () { console.log(this.address().port); });
JS
cat >client.py <<'PY'
import asyncio, sys
from importlib.metadata import version

async def call(client):
    for length in (900_000, 1_100_000):
        try:
            result = await client.call_tool("text", {"length": length})
            print(len(result.content[0].text), end=" ")
        except Exception as error:
            print(error, end=" ")

async def main(url):
    if version("mcp").startswith("2."):
        from mcp import Client
        async with Client(url, mode="legacy") as client:
            return await call(client)
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client
    async with streamable_http_client(url) as (reading, writing, *_), ClientSession(reading, writing) as client:
        await client.initialize()
        await call(client)

asyncio.run(main(sys.argv[1]))
PY
cat >client.mjs <<'JS'
const [url, generation] = process.argv.slice(2);
const { Client, StreamableHTTPClientTransport } = generation === "2"
  ? await import("@modelcontextprotocol/client")
  : { ...await import("@modelcontextprotocol/sdk/client/index.js"),
      ...await import("@modelcontextprotocol/sdk/client/streamableHttp.js") };

const client = new Client({ name: "probe", version: "1" });
await client.connect(new StreamableHTTPClientTransport(new URL(url)));
const lengths = [];
for (const length of [900_000, 1_100_000]) {
  try {
    lengths.push((await client.callTool({ name: "text", arguments: { length } })).content[0].text.length);
  } catch (error) {
    lengths.push(error.message);
  }
}
console.log(...lengths);
process.exit(0);
JS

exec 3< <(exec node server.mjs)
server=$!
read -r port <&3
both='900000 1100000'
refused='900000 SSE stream failed: Server-sent event exceeded the 1048576 byte limit.'
probe() {
    local expected="$1" found
    shift
    found="$("$@" 2>/dev/null)"
    printf '%s\n  %s\n' "$*" "$found"
    [[ "${found% }" == "$expected" ]]
}
for form in json stream; do
    url="http://127.0.0.1:$port/$form"
    probe "$both" py-1/bin/python client.py "$url"
    probe "$([[ "$form" == json ]] && echo "$both" || echo "$refused")" py-2/bin/python client.py "$url"
    probe "$both" node client.mjs "$url" 1
    probe "$both" node client.mjs "$url" 2
done
