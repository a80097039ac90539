// Every page in both themes and on a phone: a picture of each for people, and a look by axe.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { caller } from './api.mjs';
import { beforeLogin, go, logIn, look, newPage, part, settled, told } from './stage.mjs';
import { set } from './scene.mjs';

/** What is chosen on a page is in its address: after Back, after a reload, and in a link. */
async function addresses(page) {
  const search = page.getByRole('searchbox', { name: 'Search servers' });
  const hash = (text) => page.waitForFunction((text) => location.hash === text, text);
  await go(page, '/servers');
  await page.keyboard.press('/');
  await page.keyboard.type('demo');
  await page.getByRole('button', { name: 'Calls', exact: true }).click();
  await hash('#/servers?search=demo&sort=calls');
  await page.getByRole('link', { name: 'demo', exact: true }).click();
  await page.getByRole('heading', { name: 'demo', exact: true }).waitFor();
  await page.goBack();
  await page.waitForFunction(() => document.querySelector('input[type=search]')?.value === 'demo');
  assert.equal(await page.locator('th[aria-sort]').innerText(), 'Calls');
  await page.locator('#side').getByRole('link', { name: 'Servers', exact: true }).click();
  await page.waitForFunction(() => document.querySelector('input[type=search]')?.value === '');
  await go(page, '/calls?success=false&span=7d&toolName=crash');
  await page.reload();
  await settled(page);
  assert.equal(await page.getByLabel('Tool', { exact: true }).inputValue(), 'crash');
  assert.deepEqual(await page.locator('.choices [aria-pressed=true]').allInnerTexts(), ['Failed', '7 d']);
  await go(page, '/audit?outcome=denied&span=never');
  assert.deepEqual(await page.locator('.choices [aria-pressed=true]').allInnerTexts(), ['7 d', 'Denied']);
}

await part(async () => {
  let scene;
  const isBroken = (url) => url.endsWith(`/${scene?.broken}/tools`);
  const page = await newPage({ mayFail: (url, text) => beforeLogin(url, text) || isBroken(url) });
  await page.goto(told.url);
  await page.getByLabel('Password').waitFor();
  await look(page, 'login');
  await logIn(page);
  await page.getByText('Four ways to start').waitFor();
  await look(page, 'empty');
  scene = await set();
  const server = (tab, id = scene.demo) => `/servers/${id}/${tab}`;
  const pages = {
    overview: '/',
    servers: '/servers',
    'new-catalogue': '/servers/new',
    'new-entry': '/servers/new/catalogue/mysql',
    'new-form': '/servers/new/form',
    'new-paste': '/servers/new/paste',
    'new-demo': '/servers/new/demo',
    state: server(''),
    'state-broken': server('', scene.broken),
    tools: server('tools', scene.everything),
    output: server('output'),
    'server-calls': server('calls'),
    timeline: server('timeline'),
    resources: server('resources', scene.everything),
    prompts: server('prompts', scene.everything),
    usage: server('usage'),
    configuration: server('configuration'),
    shares: server('shares', scene.files),
    run: server('run/edit_file', scene.files),
    calls: '/calls',
    call: `/calls/${scene.call}`,
    connect: '/connect',
    keys: '/keys',
    gateway: '/gateway',
    audit: '/audit',
    users: '/users',
    system: '/system',
    lost: '/no-such-page',
  };
  for (const [name, path] of Object.entries(pages)) {
    await go(page, path);
    await look(page, name);
  }
  await addresses(page);
  // Every bar is beside the numbers at the left, and within the chart.
  await go(page, '/');
  const [chart, bars] = await page.locator('.chart svg').evaluate((svg) => {
    const axis = svg.querySelector('.scale line').getBoundingClientRect();
    return [axis, svg.querySelector('.bars').getBoundingClientRect()].map(({ left, right }) => ({ left, right }));
  });
  assert.ok(bars.left >= chart.left && bars.right <= chart.right, JSON.stringify({ chart, bars }));
  // One that failed says why, and leads on to what may mend it.
  await go(page, server('', scene.broken));
  const why = page.getByRole('alert').filter({ hasText: 'It exited with code 1 before it was ready.' });
  await why.getByRole('link', { name: 'configuration' }).waitFor();
  // A call of it may be run again from the list of calls.
  await go(page, server('run/oats', scene.broken));
  await page.getByRole('heading', { name: 'oats' }).waitFor();
  await page.getByText('the server is unavailable: it exited with code 1').waitFor();
  // Of what was too long to be recorded whole: the beginning, the length, and the digest of all of it.
  const admin = await caller(told.url, 'admin@localhost', told.password);
  const parameters = { text: 'o'.repeat(100_000) };
  await admin(`/api/mcp/${scene.demo}/execute`, { toolName: 'echo', parameters });
  await go(page, '/calls');
  await page.getByRole('link', { name: 'echo', exact: true }).first().click();
  const digest = createHash('sha256').update(JSON.stringify(parameters)).digest('hex');
  await page.getByText(`The first 66 kB of 100 kB. SHA-256 of the full text: ${digest}`).waitFor();
  await page.getByLabel('Arguments', { exact: true }).getByText('{"text":"ooo').waitFor();
  await look(page, 'call-long');
  // What opens over a page, or comes up on it.
  const dialogs = {
    key: ['/keys', 'Create a key'],
    service: ['/gateway', 'Register a service'],
    user: ['/users', 'Add a user'],
    export: ['/servers', 'Export'],
    account: ['/', /^Admin/],
    warning: [server('run/edit_file', scene.files), 'Run'],
    removal: [server(''), 'Remove this server'],
  };
  for (const [name, [path, button]] of Object.entries(dialogs)) {
    await go(page, path);
    await page.getByRole('button', { name: button, exact: true }).click();
    await page.getByRole('dialog').waitFor();
    await settled(page);
    await look(page, `dialog-${name}`);
    await page.keyboard.press('Escape');
  }
  for (const [tool, title] of [['get-tiny-image', 'Succeeded'], ['trigger-elicitation-request', 'Input required']]) {
    await go(page, server(`run/${tool}`, scene.everything));
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await page.locator('.card-head').getByText(title).waitFor();
    await look(page, tool);
  }
});
