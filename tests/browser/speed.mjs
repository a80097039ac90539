// How fast the page is: `node tests/browser/speed.mjs OSTLER [FOLDER]`, where FOLDER holds `node_modules`. Prints a
// table.

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
const off = {
  RATE_LIMIT_API: 'off',
  RATE_LIMIT_TOOL_EXECUTE: 'off',
  RATE_LIMIT_SERVER_CREATE: 'off',
  RATE_LIMIT_CHANGE: 'off',
};
const env = {
  ...process.env,
  ...off,
  OSTLER_PORT: '0',
  OSTLER_DATA_DIR: join(home, 'data'),
  MCP_SERVERS_DIR: home,
  OSTLER_ADMIN_PASSWORD: password,
};
const ostler = spawn(program, ['serve'], { env, stdio: ['ignore', 'pipe', 'ignore'] });
process.on('exit', () => ostler.kill());
const [url] = await new Promise((said) =>
  createInterface({ input: ostler.stdout }).once('line', (line) => said(line.match(/http:\S+/))),
);

process.argv = [
  process.argv[0],
  process.argv[1],
  folder,
  JSON.stringify({ chromium: '/usr/bin/chromium', url, pictures: home, password }),
];
const { beforeLogin, browser, go, logIn, newPage } = await import('./stage.mjs');

const rows = [];
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

/** Loads the page with nothing in the browser's cache. */
async function firstPaint(what, path, state) {
  const times = [];
  for (let count = 0; count < LOADS; count += 1) {
    const page = await newPage({ mayFail: beforeLogin, storageState: state });
    await page.goto(url + path);
    await page.locator('h1').first().waitFor();
    await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint').length);
    times.push(await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0].startTime));
    await page.context().close();
  }
  rows.push([
    `${what}: first paint with content, median and worst of ${LOADS}`,
    `${Math.round(median(times))} ms, ${Math.round(Math.max(...times))} ms`,
    'under 300 ms',
  ]);
}

/**
 * What keeps the page from answering while `act` goes on: the longest task of each round, none where all are under
 * 50 ms.
 */
async function busy(page, what, rounds, act) {
  const longest = [];
  for (let round = 0; round < rounds; round += 1) {
    await page.evaluate(() => {
      window.tasks = [];
      window.watcher?.disconnect();
      window.watcher = new PerformanceObserver((list) =>
        window.tasks.push(...list.getEntries().map(({ duration }) => duration)),
      );
      window.watcher.observe({ type: 'longtask' });
    });
    await act();
    await page.waitForTimeout(300);
    longest.push(await page.evaluate(() => Math.max(0, ...window.tasks)));
  }
  const said = (time) => (time ? `${Math.round(time)} ms` : 'under 50 ms');
  const all = rounds > 1 ? `${said(median(longest))}, ${said(Math.max(...longest))}` : said(longest[0]);
  rows.push([`${what}: longest task${rounds > 1 ? `, median and worst of ${rounds}` : ''}`, all, 'under 100 ms']);
}

try {
  const admin = await caller(url, 'admin@localhost', password);
  await firstPaint('login', '/');
  for (let count = 0; count < SERVERS; count += 1) {
    await admin('/api/mcp', {
      name: `server ${count}`,
      description: `one of ${SERVERS}`,
      command: '/proc/self/exe',
      args: ['demo-server'],
      enabled: false,
    });
  }
  const { id: flood } = await admin('/api/mcp', {
    name: 'flood',
    command: 'node',
    args: [here('flood-server.mjs')],
    enabled: true,
  });

  const page = await newPage({ mayFail: beforeLogin });
  await logIn(page);
  const state = await page.context().storageState();
  await firstPaint(`overview of ${SERVERS} servers`, '/', state);

  const search = page.getByLabel('Search servers');
  await busy(page, `${SERVERS} servers: opening the list`, LOADS, async () => {
    await go(page, '/keys');
    await go(page, '/servers');
    await page.getByText('server 499').or(page.getByText('server 100')).first().waitFor();
  });
  await busy(page, `${SERVERS} servers: searching, sorting, showing all`, 1, async () => {
    await search.pressSequentially('server 4', { delay: 60 });
    await search.fill('');
    for (const column of ['Restarts', 'Name', 'State', 'Name'])
      await page.getByRole('columnheader', { name: column }).getByRole('button').click();
    const more = page.getByRole('button', { name: /^Show .* more$/ });
    while (await more.count()) await more.click();
  });
  await busy(page, `${SERVERS} servers, all shown: 20 of them start and stop`, 1, async () => {
    const { items } = await admin('/api/mcp?limit=20');
    const each = (act) =>
      Promise.all(items.filter((item) => item.id !== flood).map(({ id }) => admin(`/api/mcp/${id}/${act}`, {})));
    await each('start');
    await each('stop');
  });

  await go(page, `/servers/${flood}/output`);
  await page.locator('.output-seen').waitFor();
  await page.waitForTimeout(3_000);
  await busy(page, '10,000 log lines a second: following for 15 s, searching in them', 1, async () => {
    const seen = () =>
      page.evaluate(() =>
        Math.max(
          0,
          ...[...document.querySelectorAll('.output-seen .foreign')].map((line) =>
            Number(line.textContent.match(/^line (\d+)/)?.[1] ?? 0),
          ),
        ),
      );
    const [from, at] = [await seen(), Date.now()];
    await page.waitForTimeout(10_000);
    await page.getByLabel('Search these lines').pressSequentially('stall 7', { delay: 100 });
    await page.waitForTimeout(4_000);
    rows.push([
      '10,000 log lines a second: lines that reached the page',
      `${Math.round(((await seen()) - from) / ((Date.now() - at) / 1000))} a second`,
      '',
    ]);
  });

  console.log(`| measured | figure | aim |\n|---|---|---|\n${rows.map((row) => `| ${row.join(' | ')} |`).join('\n')}`);
} finally {
  await browser.close();
  ostler.kill();
  await new Promise((ended) => ostler.once('exit', ended));
  rmSync(home, { recursive: true, force: true });
}
process.exit();
