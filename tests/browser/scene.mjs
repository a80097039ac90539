// An Ostler with a life: servers that run, that rest and that fail, calls, an account, a key, a service.

import { createServer } from 'node:http';
import { caller, until } from './api.mjs';
import { told } from './stage.mjs';

const demo = { command: '/proc/self/exe', args: ['demo-server'] };
const broken = {
  command: told.node,
  args: ['-e', `console.error("Error: Cannot find module 'oats'"); process.exit(1)`],
};

/** The port of an instance of a service, which answers with it for as long as this program runs. */
export async function instance() {
  const server = createServer((_, response) => response.end(`${server.address().port}`));
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  server.unref();
  return server.address().port;
}

/** Sets the scene; gives the ids of its servers, and of a call. */
export async function set() {
  const admin = await caller(told.url, 'admin@localhost', told.password);
  const ids = await servers(admin);
  await people(admin, ids);
  await service(admin);
  return { ...ids, call: await calls(admin, ids) };
}

async function servers(admin) {
  const register = async (body) => (await admin('/api/mcp', { enabled: true, ...body })).id;
  return {
    demo: await register({ name: 'demo', description: 'The MCP server that is built into Ostler', ...demo }),
    everything: await register({
      name: 'everything',
      command: told.node,
      args: [told.everything, 'stdio'],
      isolation: 'per-session',
      // To clients with capabilities it lists more tools.
      tools: { changes: 'follow' },
    }),
    files: await register({
      name: 'files',
      description: 'Notes of the stable',
      command: told.node,
      args: [told.filesystem, told.files],
    }),
    resting: await register({ name: 'resting', ...demo, enabled: false }),
    broken: await register({ name: 'broken', description: 'Misses a module', ...broken }),
  };
}

async function people(admin, { files }) {
  const ada = await admin('/api/auth/users', {
    email: 'ada@example.org',
    name: 'Ada',
    role: 'developer',
    password: 'a long enough password',
  });
  await admin(`/api/mcp/${files}/shares`, { userId: ada.id, permissions: ['mcp:read'] });
  await admin('/api/auth/keys', { name: 'laptop', permissions: ['mcp:read', 'mcp:execute'] });
}

async function service(admin) {
  const instances = [
    { host: '127.0.0.1', port: await instance() },
    { host: '127.0.0.1', port: await instance(), draining: true },
  ];
  await admin('/api/gateway/services', { name: 'hay', instances, basePath: '/api/hay', authentication: false });
  for (let count = 0; count < 20; count += 1) await fetch(`${told.url}/api/hay`);
  await admin('/api/gateway/health/hay/check', {});
}

async function calls(admin, { demo, everything, files, broken }) {
  const call = (id, toolName, parameters, more) => admin(`/api/mcp/${id}/execute`, { toolName, parameters }, more);
  for (let count = 0; count < 12; count += 1) await call(demo, 'add', { a: count, b: 1 });
  await call(demo, 'stderr', { text: 'the oats are running low' });
  await call(demo, 'crash', {}, { status: 503 });
  await call(demo, 'sleep', { ms: 120 });
  await call(files, 'list_allowed_directories', {});
  await call(everything, 'get-structured-content', { location: 'Chicago' });
  await until(
    async () => (await admin(`/api/mcp/${broken}`)).runtimeStatus.status === 'failed',
    'the broken server is given up',
  );
  return (await admin('/api/calls')).items[0].id;
}
