// Does with the official TypeScript client, version 1, what it is told as JSON, and prints what it saw as JSON.

import { createRequire } from 'node:module';

const [, , folder, told] = process.argv;
const require = createRequire(`${folder}/package.json`);
const { Client } = require('@modelcontextprotocol/sdk/client/index.js');
const { StreamableHTTPClientTransport } = require('@modelcontextprotocol/sdk/client/streamableHttp.js');
const { StdioClientTransport } = require('@modelcontextprotocol/sdk/client/stdio.js');

function transport({ url, token, command, args, env }) {
  if (command) return new StdioClientTransport({ command, args, env });
  return new StreamableHTTPClientTransport(new URL(url), {
    requestInit: { headers: { Authorization: `Bearer ${token}` } },
  });
}

async function visit(target) {
  const client = new Client({ name: 'typescript-v1', version: '1.0.0' });
  const wire = transport(target);
  await client.connect(wire);
  const { tools } = await client.listTools();
  if (target.lists) {
    await client.listPrompts();
    await client.listResources();
    await client.listResourceTemplates();
  }
  const texts = [];
  for (const [name, args] of target.calls) {
    const { content } = await client.callTool({ name, arguments: args });
    texts.push(content.map((part) => part.text ?? '').join('\n'));
  }
  await wire.terminateSession?.();
  await client.close();
  return { tools: tools.map((tool) => tool.name), texts };
}

const seen = [];
for (const target of JSON.parse(told).targets) seen.push(await visit(target));
console.log(JSON.stringify(seen));
