// Has Ostler use the server that the conformance suite runs to judge clients: registers it, and calls it through Ostler
// with the official TypeScript client. The suite names the scenario, and gives the server's URL as the last argument.
// Where the server wants consent, this is the browser and the person before it: it consents to everything, a few times.

import { createRequire } from 'node:module';

const { JUDGES_FOLDER, OSTLER_PLACE, OSTLER_API_KEY, MCP_CONFORMANCE_SCENARIO, MCP_CONFORMANCE_CONTEXT } = process.env;
const require = createRequire(`${JUDGES_FOLDER}/package.json`);
const { Client, StreamableHTTPClientTransport } = require('@modelcontextprotocol/client');

const headers = { Authorization: `Bearer ${OSTLER_API_KEY}`, 'Content-Type': 'application/json' };
const modern = process.env.MCP_CONFORMANCE_PROTOCOL_VERSION === '2026-07-28';

async function ask(method, path, body) {
  const answer = await fetch(OSTLER_PLACE + path, { method, headers, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.status === 204 ? undefined : answer.json();
}

// What is called, beyond the lists.
const CALLS = {
  tools_call: [['add_numbers', { a: 5, b: 3 }]],
  'elicitation-sep1034-client-defaults': [['test_client_elicitation_defaults', {}]],
  'sse-retry': [['test_reconnection', {}]],
  'sep-2322-client-request-state': [
    ['test_mrtr_echo_state', {}],
    ['test_mrtr_unrelated', {}],
    ['test_mrtr_no_state', {}],
    ['test_mrtr_no_result_type', {}],
  ],
  'http-standard-headers': [['my-hyphenated-tool', {}]],
};

function calls(tools) {
  if (MCP_CONFORMANCE_SCENARIO === 'http-invalid-tool-headers') {
    return tools.map((tool) => [tool.name, { region: 'here', value: 'x', data: {}, items: [], nil: null, score: 1 }]);
  }
  if (MCP_CONFORMANCE_SCENARIO === 'json-schema-2020-12-preservation') {
    const focal = tools.find((tool) => tool.inputSchema.$defs);
    return [['json_schema_echo', { schema: focal.inputSchema }]];
  }
  const { toolCalls } = JSON.parse(MCP_CONFORMANCE_CONTEXT ?? '{}');
  return toolCalls?.map((call) => [call.name, call.arguments]) ?? CALLS[MCP_CONFORMANCE_SCENARIO] ?? [];
}

async function use(client) {
  const { tools } = await client.listTools();
  for (const [name, args] of calls(tools)) await client.callTool({ name, arguments: args });
  if (MCP_CONFORMANCE_SCENARIO !== 'http-standard-headers') return;
  for (const { uri } of (await client.listResources()).resources) await client.readResource({ uri });
  for (const { name } of (await client.listPrompts()).prompts) await client.getPrompt({ name });
}

// How often consent is given before that is held to be in vain.
const PATIENCE = 2;

async function consent(id) {
  const { client_id: clientId, client_secret: clientSecret } = JSON.parse(MCP_CONFORMANCE_CONTEXT ?? '{}');
  const { authorizationUrl } = await ask('POST', `/api/mcp/${id}/authorize`, { clientId, clientSecret });
  // The button of Ostler's page, which says who asks for what; its cookie is wanted on the way back.
  const page = await fetch(authorizationUrl, { method: 'POST', redirect: 'manual' });
  const cookie = page.headers.get('set-cookie')?.split(';')[0] ?? '';
  const sent = await fetch(page.headers.get('location'), { redirect: 'manual' });
  const back = sent.headers.get('location');
  if (!back?.startsWith(`${OSTLER_PLACE}/oauth/callback?`)) throw new Error(`sent to ${back}, not to Ostler`);
  const done = await fetch(back, { headers: { cookie } });
  if (!done.ok) throw new Error(`coming back: ${done.status} ${await done.text()}`);
}

// Starts the server, with as much consent as it wants.
async function start(id) {
  for (let consents = 0; ; consents += 1) {
    try {
      return await ask('POST', `/api/mcp/${id}/start`);
    } catch (error) {
      const { runtimeStatus } = await ask('GET', `/api/mcp/${id}`);
      if (runtimeStatus.status !== 'unauthorized' || consents === PATIENCE) throw error;
      await consent(id);
    }
  }
}

// Calls every tool, with more consent where a call shows that it is wanted.
async function callAll(id, client) {
  for (let consents = 0; ; consents += 1) {
    let failure;
    for (const { name } of (await client.listTools()).tools) {
      await client.callTool({ name, arguments: {} }).catch((error) => (failure = error));
    }
    const { authorization } = await ask('GET', `/api/mcp/${id}`);
    if (!failure) return;
    if (!authorization?.wanted || consents === PATIENCE) throw failure;
    await consent(id);
    await start(id);
  }
}

async function main() {
  const url = process.argv.at(-1);
  const server = { name: MCP_CONFORMANCE_SCENARIO, transport: 'streamable-http', url, isolation: 'per-session' };
  const { id } = await ask('POST', '/api/mcp', { ...server, enabled: false });
  await start(id);
  const capabilities = { elicitation: { form: { applyDefaults: true } } };
  const mode = modern ? { pin: '2026-07-28' } : 'legacy';
  const client = new Client({ name: 'upstream', version: '1.0.0' }, { capabilities, versionNegotiation: { mode } });
  client.setRequestHandler('elicitation/create', async ({ params }) => {
    const confirmed = params.requestedSchema.properties.confirmed ? { confirmed: true } : {};
    return { action: 'accept', content: confirmed };
  });
  await client.connect(
    new StreamableHTTPClientTransport(new URL(`${OSTLER_PLACE}/mcp/${id}`), { requestInit: { headers } }),
  );
  await (MCP_CONFORMANCE_SCENARIO.startsWith('auth/') ? callAll(id, client) : use(client));
  await client.close();
  await ask('DELETE', `/api/mcp/${id}`);
}

await main();
