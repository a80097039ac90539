#!/usr/bin/env node
// A server that writes down what it was started with.
const fs = require('node:fs');
const path = require('node:path');

const kind = (descriptor) => {
  const found = fs.fstatSync(descriptor);
  return found.isFIFO() ? 'pipe' : found.isSocket() ? 'socket' : 'other';
};

const witness = () => {
  const lines = fs.readFileSync('/proc/self/status', 'utf8').split('\n');
  const status = Object.fromEntries(lines.map((line) => line.split(':\t')));
  return {
    argv: [path.basename(process.argv[1]), ...process.argv.slice(2)],
    env: process.env,
    cwd: process.cwd(),
    umask: process.umask(),
    ignored: status.SigIgn,
    blocked: status.SigBlk,
    descriptors: [0, 1, 2].map(kind),
  };
};

const called = (tool, parameters) => {
  if (tool === 'exit') process.exit(parameters.code);
  if (tool === 'signal') process.kill(process.pid, parameters.signal);
  return { content: [{ type: 'text', text: JSON.stringify(witness()) }] };
};

const results = {
  initialize: () => ({
    protocolVersion: '2025-06-18',
    capabilities: { tools: {} },
    serverInfo: { name: 'witness', version: '1' },
  }),
  'tools/list': () => ({
    tools: ['witness', 'exit', 'signal'].map((name) => ({ name, inputSchema: { type: 'object' } })),
  }),
  'tools/call': (parameters) => called(parameters.name, parameters.arguments ?? {}),
  ping: () => ({}),
};

require('node:readline')
  .createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { id, method, params } = JSON.parse(line);
    if (id === undefined) return;
    const result = results[method];
    const answer = result ? { result: result(params) } : { error: { code: -32601, message: 'no such method' } };
    process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, ...answer })}\n`);
  });
