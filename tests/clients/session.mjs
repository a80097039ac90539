// A session of the official TypeScript client, of either version: lists, then calls what each line of its input says.

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const [, , folder, told] = process.argv;
const require = createRequire(`${folder}/package.json`);
const { version, url, token } = JSON.parse(told);
const { Client, StreamableHTTPClientTransport } =
  version === 1
    ? {
        ...require('@modelcontextprotocol/sdk/client/index.js'),
        ...require('@modelcontextprotocol/sdk/client/streamableHttp.js'),
      }
    : require('@modelcontextprotocol/client');

const client = new Client({ name: 'session', version: '1.0.0' });
const requestInit = { headers: { Authorization: `Bearer ${token}` } };
await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }));
console.log(JSON.stringify((await client.listTools()).tools.map((tool) => tool.name)));
for await (const line of createInterface({ input: process.stdin })) {
  const { content } = await client.callTool(JSON.parse(line));
  console.log(JSON.stringify(content[0].text));
}
await client.close();
