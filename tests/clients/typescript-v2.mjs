// Does with the official TypeScript client, version 2, what it is told as JSON, and prints what it saw as JSON.

import { createRequire } from 'node:module';

const [, , folder, told] = process.argv;
const require = createRequire(`${folder}/package.json`);
const { Client, StreamableHTTPClientTransport } = require('@modelcontextprotocol/client');
const { StdioClientTransport } = require('@modelcontextprotocol/client/stdio');

const { mode, targets } = JSON.parse(told);
const negotiation = mode === 'auto' || mode === 'legacy' ? mode : { pin: mode };

function transport({ url, token, command, args, env }) {
  if (command) return new StdioClientTransport({ command, args, env });
  return new StreamableHTTPClientTransport(new URL(url), {
    requestInit: { headers: { Authorization: `Bearer ${token}` } },
  });
}

async function visit(target) {
  const capabilities = target.asked ? { elicitation: { form: {} } } : {};
  const options = { capabilities, versionNegotiation: { mode: negotiation } };
  const client = new Client({ name: 'typescript-v2', version: '1.0.0' }, options);
  if (target.asked) {
    client.setRequestHandler('elicitation/create', async () => ({ action: 'accept', content: { name: 'Ada' } }));
  }
  await client.connect(transport(target));
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
  const version = client.getNegotiatedProtocolVersion();
  await client.close();
  return { version, tools: tools.map((tool) => tool.name), texts };
}

const seen = [];
for (const target of targets) seen.push(await visit(target));
console.log(JSON.stringify(seen));
