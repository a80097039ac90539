// An MCP server whose every word wants to act: as markup, as a script, as a terminal's escape, as a turn of direction.

import { createInterface } from 'node:readline';

export const nasty =
  '\u202e\u2066<img src=x onerror="window.pwned=1"><script>window.pwned=2</script>"><svg onload=window.pwned=3> ' +
  '\u001b[2J\u001b]8;;javascript:window.pwned=4\u0007x\u001b]8;;\u0007 gnp.exe\u202c \u0000\u0008\ufeff {{7*7}} ${7*7}';
const drawing = Buffer.from(
  '<svg xmlns="http://www.w3.org/2000/svg" onload="window.pwned=5"><script>window.pwned=6</script></svg>',
).toString('base64');

/** Items that no list should have. */
const odd = [
  null,
  'odd',
  {},
  { name: 5, uri: {} },
  { name: 'odd', title: 7, description: {}, mimeType: 1, size: 'x', inputSchema: 'x', annotations: 'y', arguments: 1 },
  { name: 'odd too', inputSchema: null, annotations: { title: {} }, arguments: [null, {}, { name: 5 }] },
];

const link = (uri) => ({ type: 'resource_link', uri, name: nasty, description: nasty });
const answers = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {}, resources: {}, prompts: {} },
    serverInfo: { name: nasty, version: nasty },
  }),
  'tools/list': () => ({
    tools: [
      {
        name: 'nasty',
        title: nasty,
        description: nasty,
        inputSchema: {
          type: 'object',
          properties: { [nasty]: { type: 'string', title: nasty, description: nasty, enum: [nasty], default: nasty } },
        },
        annotations: { title: nasty },
      },
      { name: nasty, description: nasty, inputSchema: { type: 'object' } },
      ...odd,
    ],
  }),
  'tools/call': () => ({
    content: [
      { type: 'text', text: nasty },
      { type: 'text', text: JSON.stringify({ nasty }) },
      { type: 'image', mimeType: 'image/svg+xml', data: drawing },
      { type: 'image', mimeType: 'image/png" onerror="window.pwned=7', data: drawing },
      link('javascript:window.pwned=8'),
      link('data:text/html,<script>window.pwned=9</script>'),
      { type: 'resource', resource: { uri: nasty, mimeType: 'text/html', text: nasty } },
      { type: nasty, [nasty]: nasty },
    ],
    structuredContent: { [nasty]: nasty },
  }),
  'resources/list': () => ({
    resources: [{ uri: 'test://nasty', name: nasty, title: nasty, description: nasty, mimeType: nasty }, ...odd],
  }),
  'resources/templates/list': () => ({ resourceTemplates: [] }),
  'resources/read': () => ({ contents: [{ uri: 'test://nasty', mimeType: 'text/html', text: nasty }] }),
  'prompts/list': () => ({
    prompts: [
      { name: nasty, title: nasty, description: nasty, arguments: [{ name: nasty, description: nasty }] },
      ...odd,
    ],
  }),
};

if (process.argv[2] === 'serve') {
  console.error(nasty);
  for await (const line of createInterface({ input: process.stdin })) {
    const { id, method, params } = JSON.parse(line);
    if (id === undefined) continue;
    console.error(`${method} ${nasty}`);
    const result = answers[method]?.(params) ?? (method === 'ping' ? {} : undefined);
    const said = result ? { result } : { error: { code: -32601, message: `there is no ${method}` } };
    console.log(JSON.stringify({ jsonrpc: '2.0', id, ...said }));
  }
}
