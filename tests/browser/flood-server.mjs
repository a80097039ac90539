// An MCP server that writes ten thousand lines a second on standard error.

import { createInterface } from 'node:readline';

const answers = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: 'flood', version: '1' },
  }),
  'tools/list': () => ({ tools: [] }),
  ping: () => ({}),
};

let written = 0;
const began = Date.now();
setInterval(() => {
  const due = (Date.now() - began) * 10;
  let lines = '';
  for (; written < due; written += 1)
    lines += `line ${written}: a mare in stall ${written % 40} wants oats, and says so at some length\n`;
  process.stderr.write(lines);
}, 10);

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line);
  const result = answers[method]?.(params);
  const said = result ? { result } : { error: { code: -32601, message: `there is no ${method}` } };
  if (id !== undefined) console.log(JSON.stringify({ jsonrpc: '2.0', id, ...said }));
}
process.exit();
