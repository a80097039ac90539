#!/usr/bin/env bash
# Official MCP clients, when one tool of two has an `outputSchema` whose `pattern` is written for Python's expressions,
# `(?i)^[a-z]+$`, as servers generate from Python's types: @modelcontextprotocol/sdk 1.32.2, @modelcontextprotocol/client
# 2.4.0, and Python mcp 1.30.0.
#
# Expected: both tools are listed. JSON Schema only recommends ECMA-262 expressions, and nothing was called yet.
# Seen: TypeScript 1.32.2 compiles each `outputSchema` while it lists, and `listTools()` rejects with Ajv's words: the
#   program gets no tool at all. TypeScript 2.4.0 and Python 1.30.0 list both.
# What it means: behind a gateway that gathers tools of many servers, one tool of one server hides all of them. At /mcp
#   Ostler leaves out an `outputSchema` that does not compile, and warns its owner.
set -euo pipefail

folder="$(mktemp -d)"
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip install --quiet mcp==1.30.0
npm init --yes >/dev/null
npm install --silent --no-fund --no-audit @modelcontextprotocol/sdk@1.32.2 @modelcontextprotocol/client@2.4.0

cat >server.mjs <<'JS'
import { createServer } from "node:http";

const schema = { type: "object", properties: {} };
const word = { type: "string", pattern: "(?i)^[a-z]+$" };
const tools = [
  { name: "plain", inputSchema: schema },
  { name: "typed", inputSchema: schema, outputSchema: { type: "object", properties: { word } } },
];
createServer(async (request, response) => {
  if (request.method !== "POST") return response.writeHead(405).end();
  const { id, method } = JSON.parse((await request.toArray()).join(""));
  if (id === undefined) return response.writeHead(202).end();
  const serverInfo = { name: "probe", version: "1" };
  const results = {
    initialize: { protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo },
    "tools/list": { tools },
  };
  const answer = results[method] ? { result: results[method] } : { error: { code: -32601, message: "no such method" } };
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ jsonrpc: "2.0", id, ...answer }));
}).listen(0, "127.0.0.1", function () { console.log(this.address().port); });
JS
cat >client.mjs <<'JS'
const [url, generation] = process.argv.slice(2);
const { Client, StreamableHTTPClientTransport } = generation === "2"
  ? await import("@modelcontextprotocol/client")
  : { ...await import("@modelcontextprotocol/sdk/client/index.js"),
      ...await import("@modelcontextprotocol/sdk/client/streamableHttp.js") };

const client = new Client({ name: "probe", version: "1" });
await client.connect(new StreamableHTTPClientTransport(new URL(url)));
try {
  console.log((await client.listTools()).tools.map((tool) => tool.name).join(" "));
} catch (error) {
  console.log(`${error.constructor.name}: ${error.message}`);
}
process.exit(0);
JS
cat >client.py <<'PY'
import asyncio, sys
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

async def main():
    async with streamable_http_client(sys.argv[1]) as (reading, writing, *_), ClientSession(reading, writing) as client:
        await client.initialize()
        print(*(tool.name for tool in (await client.list_tools()).tools))

asyncio.run(main())
PY

node server.mjs >port & server=$!
until [[ -s port ]]; do sleep 0.1; done
url="http://127.0.0.1:$(<port)/mcp"
node --version
probe() {
    local expected="$1" found
    shift
    found="$("$@" 2>&1)"
    printf '%s\n  %s\n' "$*" "$found"
    [[ "$found" == $expected ]]
}
probe '*Error: Invalid regular expression*' node client.mjs "$url" 1
probe 'plain typed' node client.mjs "$url" 2
probe 'plain typed' python/bin/python client.py "$url"
