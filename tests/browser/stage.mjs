// What every part of the story stands on: one Chromium, pages that are watched, axe, pictures, and a word with the
// test.
//
// A part is started with the folder that holds `node_modules`, and what it is told as JSON:
// `{chromium, url, pictures, …}`. It says `ask …` on standard output where the test has to do something, and reads
// `done`.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const [, , folder, words] = process.argv;
const require = createRequire(`${folder}/package.json`);
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

export const told = JSON.parse(words);
mkdirSync(told.pictures, { recursive: true });

/** How long anything may take that has no deadline of its own. */
const PATIENCE = 20_000;
const DESK = { width: 1280, height: 860 };
const PHONE = { width: 375, height: 812 };

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Lets the test do something that a page cannot. */
export async function ask(what) {
  console.log(`ask ${what}`);
  const { value } = await answers.next();
  assert.equal(value, 'done', `the test did not ${what}`);
}

export const browser = await chromium.launch({
  executablePath: told.chromium,
  args: [
    // No name is looked up, so that nothing can leave this machine unseen.
    '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
    '--disable-dev-shm-usage',
  ],
});

/** What a page did that it should not have done; asked for at the end of every part. */
const faults = [];
/** Moments of requests to the API. */
const asked = [];

/**
 * A page in a browser that knows nobody. `mayFail` says which failed requests are part of what is shown: they are the
 * only errors its console may have.
 */
export async function newPage({ mayFail = () => false, ...options } = {}) {
  const context = await browser.newContext({ viewport: DESK, reducedMotion: 'reduce', ...options });
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) =>
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`),
    );
  });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.on('console', (message) => {
    const { url } = message.location();
    if (message.type() !== 'error' || (/^Failed to load resource/.test(message.text()) && mayFail(url, message.text())))
      return;
    faults.push(`console: ${message.text()} (${url})`);
  });
  page.on('pageerror', (error) => faults.push(`uncaught: ${error.stack}`));
  page.on('dialog', (dialog) => {
    faults.push(`a dialog opened: ${dialog.message()}`);
    void dialog.dismiss();
  });
  context.on('request', (request) => {
    const url = new URL(request.url());
    if (/^https?:$|^wss?:$/.test(url.protocol) && url.origin !== told.url) faults.push(`asked elsewhere: ${url}`);
    if (/^\/(api|mcp)\b/.test(url.pathname)) asked.push(Date.now());
  });
  context.on('response', (response) => {
    if (response.status() === 429) faults.push(`over the limit of requests: ${response.url()}`);
  });
  return page;
}

/** Before somebody logs in, the page asks who is there; browsers write the answer into their console. */
export const beforeLogin = (url, text) => url.endsWith('/api/auth/me') && text.includes('401');

export async function logIn(page, { email = 'admin@localhost', password = told.password } = {}) {
  await page.goto(told.url);
  await page.getByLabel('E-mail address').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('navigation', { name: 'Work' }).waitFor();
}

/** Goes to a page by its address, and waits until it shows what it has. */
export async function go(page, path) {
  await page.goto(`${told.url}/#${path}`);
  await settled(page);
}

export async function settled(page) {
  await page.locator('h1').first().waitFor();
  await page.waitForFunction(() => !document.querySelector('.loading'));
}

/** Pictures of a page in both themes; axe looks at both, and at the page on a phone. */
export async function look(page, name) {
  const found = [];
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: `${told.pictures}/${name}-${colorScheme}.png`, fullPage: true });
    found.push(...(await violations(page, `${name} ${colorScheme}`)));
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize(PHONE);
  // Where the bar at the top covers nothing.
  await page.evaluate(() => scrollTo(0, 0));
  // Its colours are those of the desk.
  found.push(...(await violations(page, `${name} phone`, { 'color-contrast': { enabled: false } })));
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (wide > 0) found.push(`${name} phone: it is ${wide} pixels wider than the phone`);
  await page.setViewportSize(DESK);
  faults.push(...found);
}

async function violations(page, where, rules = {}) {
  if (!(await page.evaluate(() => !!window.axe))) await page.evaluate(axe);
  // Of WCAG 2.2; axe has it off unless asked.
  const options = { resultTypes: ['violations'], rules: { 'target-size': { enabled: true }, ...rules } };
  const { violations: found } = await page.evaluate((options) => window.axe.run(document, options), options);
  return found.map(
    ({ id, help, nodes: [{ target, failureSummary }, ...more] }) =>
      `${where}: ${id}, ${help}: ${target} and ${more.length} more: ${failureSummary}`,
  );
}

/** The most requests to the API within any minute. */
export function busiestMinute() {
  return Math.max(0, ...asked.map((from) => asked.filter((at) => at >= from && at < from + 60_000).length));
}

export const requests = () => asked.length;

/** Runs a part: what it finds out goes to the test, with a picture where it ended badly. */
export async function part(run) {
  try {
    await run();
    assert.deepEqual(faults, []);
  } catch (error) {
    const pages = browser.contexts().flatMap((context) => context.pages());
    for (const [index, page] of pages.entries()) {
      const path = `${told.pictures}/failed-${index}.png`;
      await page.screenshot({ path, fullPage: true }).catch(() => {});
      console.error(`${page.url()}, see ${path}\n${await page.locator('body').innerText().catch(() => '')}`);
    }
    console.error(faults.join('\n'));
    console.error(error);
    process.exitCode = 1;
  } finally {
    await browser.close();
    // Connections that are kept open for more requests would keep this program, too.
    process.exit();
  }
}
