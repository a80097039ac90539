// An Ostler with a life: servers that run, that rest and that fail, calls of several users, a service, keys.

import { createServer } from 'node:http';
import { caller, until } from './api.mjs';
import { told } from './stage.mjs';

const NIGHT_OWL = 'ada@example.org';
const demo = { command: '/proc/self/exe', args: ['demo-server'] };

/** A service that answers on a port of its own for as long as this program runs. */
export async function instance() {
  const server = createServer((_, response) => response.end(`${server.address().port}`));
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  server.unref();
  return server.address().port;
}

/** Sets the scene; gives the ids of what is in it. */
export async function set() {
  const admin = await caller(told.url, 'admin@localhost', told.password);
  const register = async (body) => (await admin('/api/mcp', { enabled: true, ...body })).id;
  await admin('/api/auth/users', { email: NIGHT_OWL, name: 'Ada', role: 'developer', password: 'a long enough password' });
  const ids = {
    demo: await register({ name: 'demo', description: 'The MCP server that is built into Ostler', ...demo }),
    everything: await register({ name: 'everything', command: told.node, args: [told.everything, 'stdio'], isolation: 'per-session' }),
    files: await register({ name: 'files', description: 'Notes of the stable', command: told.node, args: [told.filesystem, told.files] }),
    resting: await register({ name: 'resting', ...demo, enabled: false }),
    broken: await register({ name: 'broken', description: 'Misses a module', command: told.node, args: ['-e', 'console.error("Error: Cannot find module \'oats\'"); process.exit(1)'] }),
  };
  const call = (id, toolName, parameters, status) => admin(`/api/mcp/${id}/execute`, { toolName, parameters }, status && { status });
  await until(async () => (await admin(`/api/mcp/${ids.broken}`)).runtimeStatus.status === 'failed', 'the broken server is given up');
  for (let count = 0; count < 12; count += 1) await call(ids.demo, 'add', { a: count, b: 1 });
  await call(ids.demo, 'stderr', { text: 'the oats are running low' });
  await call(ids.demo, 'crash', {}, 503);
  await call(ids.demo, 'sleep', { ms: 120 });
  await call(ids.files, 'list_allowed_directories', {});
  const answered = await call(ids.everything, 'get-structured-content', { location: 'Chicago' });
  await admin(`/api/mcp/${ids.files}/shares`, { userId: (await admin('/api/auth/users')).items.find(({ email }) => email === NIGHT_OWL).id, permissions: ['mcp:read'] });
  await admin('/api/auth/keys', { name: 'laptop', permissions: ['mcp:read', 'mcp:execute'] });
  const instances = [{ host: '127.0.0.1', port: await instance() }, { host: '127.0.0.1', port: await instance(), draining: true }];
  await admin('/api/gateway/services', { name: 'hay', instances, basePath: '/api/hay', authentication: false });
  for (let count = 0; count < 20; count += 1) await fetch(`${told.url}/api/hay`);
  await admin('/api/gateway/health/hay/check', {});
  const { items } = await admin('/api/calls');
  return { ...ids, call: items[0].id, answered };
}
