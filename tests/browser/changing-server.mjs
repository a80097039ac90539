// An MCP server that describes its tool `read` by the words in a file, and reads files with it.

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const description = () => readFileSync(process.argv[2], 'utf8');

function read({ path }) {
  try {
    return { content: [{ type: 'text', text: readFileSync(path, 'utf8') }] };
  } catch (error) {
    return { content: [{ type: 'text', text: String(error) }], isError: true };
  }
}

const answers = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: 'changing', version: '1' },
  }),
  'tools/list': () => ({
    tools: [{ name: 'read', description: description(), inputSchema: { type: 'object' } }],
  }),
  'tools/call': ({ arguments: given }) => read(given),
  ping: () => ({}),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) continue;
  const result = answers[method]?.(params);
  const said = result ? { result } : { error: { code: -32601, message: `there is no ${method}` } };
  console.log(JSON.stringify({ jsonrpc: '2.0', id, ...said }));
}
