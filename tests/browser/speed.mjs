// How fast the page is: `node tests/browser/speed.mjs OSTLER [FOLDER]`, where FOLDER holds `node_modules`. Prints a table.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { caller } from './api.mjs';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const [, , program, folder = here('.')] = process.argv;
const SERVERS = 500;
const LOADS = 10;

const home = mkdtempSync(join(tmpdir(), 'ostler-page-'));
const password = 'a password for this run';
const off = { RATE_LIMIT_API: 'off', RATE_LIMIT_TOOL_EXECUTE: 'off', RATE_LIMIT_SERVER_CREATE: 'off' };
const env = { ...process.env, ...off, OSTLER_PORT: '0', OSTLER_DATA_DIR: join(home, 'data'), MCP_SERVERS_DIR: home, OSTLER_ADMIN_PASSWORD: password };
const ostler = spawn(program, ['serve'], { env, stdio: ['ignore', 'pipe', 'ignore'] });
process.on('exit', () => ostler.kill());
const [url] = await new Promise((said) => createInterface({ input: ostler.stdout }).once('line', (line) => said(line.match(/http:\S+/))));

process.argv = [process.argv[0], process.argv[1], folder, JSON.stringify({ chromium: '/usr/bin/chromium', url, pictures: home, password })];
const { beforeLogin, browser, go, logIn, newPage } = await import('./stage.mjs');

const rows = [];
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

/** Loads the page with nothing in the browser's cache. */
async function firstPaint(what, path, state) {
  const paints = [];
  for (let count = 0; count < LOADS; count += 1) {
    const page = await newPage({ mayFail: beforeLogin, storageState: state });
    await page.goto(url + path);
    await page.locator('h1').first().waitFor();
    const entries = await page.evaluate(() => performance.getEntriesByType('paint').map(({ name, startTime }) => [name, startTime]));
    paints.push(Object.fromEntries(entries));
    await page.context().close();
  }
  for (const [word, name] of [['first paint', 'first-paint'], ['first content', 'first-contentful-paint']]) {
    const times = paints.map((paint) => paint[name]);
    rows.push([`${what}: ${word}, median and worst of ${LOADS}`, `${Math.round(median(times))} ms, ${Math.round(Math.max(...times))} ms`, word === 'first paint' ? 'under 300 ms' : '']);
  }
}

/** What keeps the page from answering while `act` goes on. */
async function busy(page, what, act) {
  await page.evaluate(() => {
    window.long = [];
    window.watcher?.disconnect();
    window.watcher = new PerformanceObserver((list) => window.long.push(...list.getEntries().map(({ duration }) => duration)));
    window.watcher.observe({ type: 'longtask' });
  });
  const more = await act();
  await page.waitForTimeout(300);
  const long = await page.evaluate(() => window.long);
  const worst = long.length ? `${Math.round(Math.max(...long))} ms (${long.length} over 50 ms)` : 'none over 50 ms';
  rows.push([`${what}: longest task`, worst, 'under 100 ms']);
  if (more) rows.push(more);
}

try {
  const admin = await caller(url, 'admin@localhost', password);
  await firstPaint('login', '/');
  for (let count = 0; count < SERVERS; count += 1) {
    await admin('/api/mcp', { name: `server ${count}`, description: `one of ${SERVERS}`, command: '/proc/self/exe', args: ['demo-server'], enabled: false });
  }
  const { id: flood } = await admin('/api/mcp', { name: 'flood', command: 'node', args: [here('flood-server.mjs')], enabled: true });

  const page = await newPage({ mayFail: beforeLogin });
  await logIn(page);
  const state = await page.context().storageState();
  await firstPaint(`overview of ${SERVERS} servers`, '/', state);

  const search = page.getByLabel('Search servers');
  await busy(page, `${SERVERS} servers: opening the list`, async () => {
    await go(page, '/servers');
    await page.getByText('server 499').or(page.getByText('server 100')).first().waitFor();
  });
  await busy(page, `${SERVERS} servers: searching, sorting, showing all`, async () => {
    await search.pressSequentially('server 4', { delay: 60 });
    await search.fill('');
    for (const column of ['Restarts', 'Name', 'State', 'Name']) await page.getByRole('columnheader', { name: column }).getByRole('button').click();
    const more = page.getByRole('button', { name: /^Show .* more$/ });
    while (await more.count()) await more.click();
  });
  await busy(page, `${SERVERS} servers, all shown: 20 of them start and stop`, async () => {
    const { items } = await admin('/api/mcp?limit=20');
    const each = (act) => Promise.all(items.filter((item) => item.id !== flood).map(({ id }) => admin(`/api/mcp/${id}/${act}`, {})));
    await each('start');
    await each('stop');
  });

  await go(page, `/servers/${flood}/output`);
  await page.locator('.output-seen').waitFor();
  await page.waitForTimeout(3_000);
  await busy(page, '10,000 log lines a second: following for 15 s, searching in them', async () => {
    const seen = () => page.evaluate(() => Math.max(0, ...[...document.querySelectorAll('.output-seen .foreign')].map((line) => Number(line.textContent.match(/^line (\d+)/)?.[1] ?? 0))));
    const [from, at] = [await seen(), Date.now()];
    await page.waitForTimeout(10_000);
    await page.getByLabel('Search these lines').pressSequentially('stall 7', { delay: 100 });
    await page.waitForTimeout(4_000);
    return ['10,000 log lines a second: lines that reached the page', `${Math.round(((await seen()) - from) / ((Date.now() - at) / 1000))} a second`, ''];
  });

  console.log(`| measured | figure | aim |\n|---|---|---|\n${rows.map((row) => `| ${row.join(' | ')} |`).join('\n')}`);
} finally {
  await browser.close();
  ostler.kill();
  await new Promise((ended) => ostler.once('exit', ended));
  rmSync(home, { recursive: true, force: true });
}
process.exit();
