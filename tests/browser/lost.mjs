// A page that loses its Ostler says so, and heals; one that nobody looks at is quiet.

import assert from 'node:assert/strict';
import { caller } from './api.mjs';
import { ask, beforeLogin, go, logIn, newPage, part, requests, told } from './stage.mjs';

let gone = false;
const page = await newPage({ mayFail: (url, text) => gone || beforeLogin(url, text) });
const says = (word) => page.locator('.live').getByText(word, { exact: true }).waitFor();

/** As if the tab were put behind another one, or taken to the front. */
async function hide(hidden) {
  await page.evaluate((hidden) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
    Object.defineProperty(document, 'visibilityState', {
      configurable: true,
      get: () => (hidden ? 'hidden' : 'visible'),
    });
    document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
  }, hidden);
}

async function register(name) {
  const admin = await caller(told.url, 'admin@localhost', told.password);
  await admin('/api/mcp', { name, command: '/proc/self/exe', args: ['demo-server'], enabled: true });
}

await part(async () => {
  await page.clock.install();
  await logIn(page);
  await says('Live');
  await page.evaluate(() => (window.stayed = true));

  gone = true;
  await ask('kill');
  await says('Connection lost');
  const warning = page.getByText('Ostler cannot be reached since');
  await warning.waitFor();
  // Another try does not hide it, nor does another page, which says why it is empty.
  await page.clock.runFor(5_000);
  assert.ok(await warning.isVisible());
  await page.locator('#side').getByRole('link', { name: 'Calls', exact: true }).click();
  await page.clock.runFor(10_000);
  await warning.waitFor();
  await page.getByText('Ostler cannot be reached', { exact: true }).first().waitFor();
  await page.locator('#side').getByRole('link', { name: 'Overview', exact: true }).click();
  await ask('start');
  await page.clock.runFor(20_000);
  await says('Live');
  await warning.waitFor({ state: 'detached' });
  gone = false;
  await register('came later');
  await page.clock.runFor(6_000);
  await page.getByText('came later').first().waitFor();

  await go(page, '/gateway');
  let before = requests();
  await page.clock.runFor(25_000);
  await page.waitForTimeout(200);
  assert.ok(requests() > before, 'somebody who looks sees figures that move');
  await hide(true);
  await page.clock.runFor(11_000);
  await says('Paused');
  await register('came while nobody looked');
  before = requests();
  await page.clock.runFor(600_000);
  await page.waitForTimeout(200);
  assert.equal(requests(), before, 'a hidden page asks');
  await hide(false);
  await page.clock.runFor(1_000);
  await says('Live');
  await page.locator('#side').getByRole('link', { name: 'Servers', exact: true }).click();
  await page.clock.runFor(6_000);
  await page.getByText('came while nobody looked').waitFor();
  assert.ok(await page.evaluate(() => window.stayed), 'the page was loaded again');
});
