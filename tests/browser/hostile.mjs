// Whatever a server, its tools and its log say, and however people are called: on the page it is text, and nothing
// else.

import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { caller, until } from './api.mjs';
import { nasty } from './hostile-server.mjs';
import { beforeLogin, go, logIn, newPage, part, told } from './stage.mjs';

/** What terminals and layout obey must be gone, and what is markup must be there as text. */
async function isInert(page, where) {
  const { pwned, text, elements } = await page.evaluate(() => ({
    pwned: window.pwned,
    // What is pointed at is shown, too.
    text:
      document.body.innerText +
      document.title +
      [...document.querySelectorAll('[title]')].map((one) => one.title).join(''),
    elements: document.querySelectorAll(
      'main script, main svg[onload], main img[onerror], main a[href^="javascript:"], main a[href^="data:"]',
    ).length,
  }));
  assert.equal(pwned, undefined, `${where}: something ran`);
  assert.equal(elements, 0, `${where}: markup became elements`);
  const acting = text.match(
    /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/,
  );
  assert.equal(acting, null, `${where}: a character that acts is on the page`);
}

const isNamed = (page, times = 1) =>
  page
    .getByText('<img src=x onerror=')
    .nth(times - 1)
    .waitFor({ state: 'attached' });

/** What is left of it where Ostler itself takes no controls. */
const visible = nasty.replace(/[\u0000-\u001f\u007f-\u009f]/g, '');

await part(async () => {
  const admin = await caller(told.url, 'admin@localhost', told.password);
  const args = [fileURLToPath(new URL('hostile-server.mjs', import.meta.url)), 'serve'];
  const name = visible.slice(0, 120);
  const { id } = await admin('/api/mcp', { name, description: visible, command: told.node, args, enabled: true });
  await admin('/api/auth/users', {
    email: 'nasty@example.org',
    name,
    role: 'viewer',
    password: 'a long enough password',
  });
  await admin('/api/auth/keys', { name });
  await until(
    async () => (await admin(`/api/mcp/${id}`)).runtimeStatus.status === 'running',
    'the hostile server runs',
  );
  const page = await newPage({ mayFail: beforeLogin });
  await logIn(page);
  await page.getByText('Live', { exact: true }).waitFor();
  await admin(`/api/mcp/${id}/execute`, { toolName: 'nasty', parameters: { [visible]: visible } });
  const { items } = await admin('/api/calls');

  await isNamed(page);
  await isInert(page, 'what happens');
  const tabs = [
    '',
    'tools',
    'output',
    'timeline',
    'resources',
    'prompts',
    'configuration',
    'run/nasty',
    `run/nasty/${items[0].id}`,
  ];
  const paths = [
    '/servers',
    '/calls',
    `/calls/${items[0].id}`,
    '/connect',
    '/keys',
    '/audit',
    '/users',
    ...tabs.map((tab) => `/servers/${id}/${tab}`),
  ];
  for (const path of paths) {
    await go(page, path);
    await isNamed(page);
    await isInert(page, path);
  }
  for (const tab of ['tools', 'resources', 'prompts', 'run/odd']) {
    await go(page, `/servers/${id}/${tab}`);
    await page.getByText('odd', { exact: true }).first().waitFor();
  }
  await go(page, `/servers/${id}/run/nasty/${items[0].id}`);
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.getByText('Structured content', { exact: true }).waitFor();
  for (const folded of await page.locator('summary').all()) await folded.click();
  await isInert(page, 'the answer');
  await go(page, '/servers');
  await page.getByRole('button', { name: 'Export', exact: true }).click();
  await page.getByRole('dialog').getByText('mcpServers').waitFor();
  await isInert(page, 'the export');
  await page.keyboard.press('Escape');
  await go(page, `/servers/${id}/resources`);
  await page.getByRole('button', { name: 'Read' }).click();
  await isNamed(page, 3);
  await isInert(page, 'the resource');
  await page.getByRole('button', { name: 'Remove this server' }).click();
  await isInert(page, 'the question');
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await page.getByRole('log', { name: 'Messages' }).getByText('is stopped').waitFor();
  await isInert(page, 'the message');
});
