// Somebody who never read the manual: from the first login to a call that is found and run again.

import assert from 'node:assert/strict';
import { instance } from './scene.mjs';
import { beforeLogin, busiestMinute, logIn, newPage, part, told } from './stage.mjs';

const page = await newPage({ mayFail: beforeLogin });
const button = (name) => page.getByRole('button', { name, exact: true });
const link = (name) => page.getByRole('link', { name, exact: true });
const heading = (name) => page.getByRole('heading', { name, exact: true });
const card = (title) => page.locator('.card').filter({ has: page.getByRole('heading', { name: title, exact: true }) });
const answered = (text) => card('Result').getByText(text).first().waitFor();
const menu = (name) => page.locator('#side').getByRole('link', { name, exact: true }).click();
const tab = (name) =>
  page.getByRole('navigation', { name: 'About this server' }).getByRole('link', { name, exact: true }).click();
const ready = () => page.locator('.page-head').getByText('Healthy', { exact: true }).waitFor();

const parts = {
  async 'sees four ways to begin'() {
    await logIn(page);
    // Gone if the page is ever loaded again.
    await page.evaluate(() => (window.stayed = true));
    for (const way of ['Pick from the catalogue', 'Try the built-in demo', 'Paste a configuration', 'Fill in a form']) {
      await page.getByRole('link', { name: way }).waitFor();
    }
  },

  async 'adds the demo'() {
    await page.getByRole('link', { name: 'Try the built-in demo' }).click();
    await button('Add the demo server').click();
    await heading('Demo').waitFor();
    await ready();
  },

  async 'adds a server by form'() {
    await menu('Servers');
    await link('Add a server').click();
    await link('Form').click();
    await page.getByLabel('Name', { exact: true }).fill('everything');
    await page.getByLabel('Program', { exact: true }).fill(told.node);
    await page.getByLabel('Arguments').fill(`${told.everything}\nstdio`);
    await page.getByLabel('Process isolation').selectOption({ label: 'One process per session' });
    await page.getByText('Advanced: visible tools').click();
    await page.getByLabel('Follow changes of its tools').check();
    await button('Preview').click();
    await page.getByRole('region', { name: 'What would be run' }).getByText('stdio').waitFor();
    await button('Add the server').click();
    await heading('everything').waitFor();
    await ready();
  },

  async 'adds a server from the configuration of another client'() {
    await menu('Servers');
    await link('Add a server').click();
    await link('Paste a configuration').click();
    await page.getByLabel('Configuration', { exact: true }).fill(`{
      // as Claude, Cursor and their like have it
      "mcpServers": {
        "files": {
          "command": ${JSON.stringify(told.node)},
          "args": [${JSON.stringify(told.filesystem)}, "\${FOLDER}"],
        },
      },
    }`);
    await page.getByLabel('FOLDER').fill(told.files);
    await button('Preview').click();
    await page.getByRole('list', { name: 'Servers found' }).getByText('new', { exact: true }).waitFor();
    await button('Import 1 server').click();
    await link('files').click();
    await ready();
  },

  async 'reads a file, and changes it after a warning'() {
    await runs('read_text_file', async () => page.getByLabel('path').fill(`${told.files}/notes.txt`));
    await answered('oats, hay, carrots');
    await runs('edit_file', async () => {
      await page.getByLabel('path').fill(`${told.files}/notes.txt`);
      await button('Add an item').click();
      await page.getByLabel('oldText').fill('hay');
      await page.getByLabel('newText').fill('straw');
    });
    await page.getByRole('dialog').getByRole('button', { name: 'Run it' }).click();
    await answered('+oats, straw, carrots');
  },

  async 'fills in what a schema asks for'() {
    await menu('Servers');
    await link('everything').click();
    await runs('get-structured-content', async () => page.getByLabel('location').selectOption('Chicago'));
    // The server asks for roots a moment after it started: if a call is in flight by then, its caller is asked.
    const send = card('Input required').getByRole('button', { name: 'Send' });
    await card('Result').getByText('temperature').or(send).first().waitFor();
    if (await send.isVisible()) await send.click();
    await answered('temperature');
    await runs('get-sum', async () => {
      await page.getByLabel('a', { exact: true }).fill('40');
      await page.getByLabel('b', { exact: true }).fill('2.5');
    });
    await answered('42.5');
    await runs('get-tiny-image');
    const picture = card('Result').getByRole('img').first();
    await picture.waitFor();
    assert.ok((await picture.evaluate((image) => image.decode().then(() => image.naturalWidth))) > 0);
  },

  async 'answers what a server asks'() {
    await runs('trigger-elicitation-request');
    const asks = card('Input required');
    await asks.getByLabel('name').fill('Ada');
    await asks.getByLabel('untitledSingleSelectEnum').selectOption('Joey');
    await asks.getByLabel('Drums').check();
    await asks.getByRole('button', { name: 'Send' }).click();
    await answered('Name: Ada');
    await runs('trigger-sampling-request', async () => page.getByLabel('prompt').fill('what do horses eat?'));
    await asks.getByText('what do horses eat?').waitFor();
    await asks.getByLabel('Response').fill('oats, mostly');
    await asks.getByRole('button', { name: 'Send' }).click();
    await answered('oats, mostly');
  },

  async 'sees how far a long call is, and cancels another'() {
    await runs('trigger-long-running-operation', async () => {
      await page.getByLabel('duration').fill('1');
      await page.getByLabel('steps').fill('4');
    });
    await page.getByText(/[1-4] of 4/).waitFor();
    await answered('Long running operation completed');
    await page.getByLabel('duration').fill('60');
    await button('Run').click();
    await page.getByText('1 of 4').or(page.getByRole('progressbar')).first().waitFor();
    await button('Cancel').click();
    await card('Result').getByText('Failed', { exact: true }).waitFor();
  },

  async 'sees a server crash and come back'() {
    await menu('Servers');
    await link('Demo').click();
    const pid = page.locator('dd').filter({ hasText: 'pid' }).locator('code');
    const before = await pid.innerText();
    process.kill(Number(before), 'SIGKILL');
    await heading('Last exit').waitFor();
    await page.waitForFunction((old) => {
      const now = [...document.querySelectorAll('dd code')].map((code) => code.textContent);
      return /^\d+$/.test(now[0]) && now[0] !== old;
    }, before);
    await ready();
    await runs('crash');
    await card('Result').getByText('Failed', { exact: true }).waitFor();
    await menu('Servers');
    await link('Demo').click();
    await ready();
    await card('Current state').getByText('2', { exact: true }).waitFor();
  },

  async 'finds a call on record, and runs it again'() {
    await menu('Calls');
    await page.getByLabel('Tool', { exact: true }).fill('get-sum');
    await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 1);
    await link('get-sum').click();
    await card('Result').getByText('42.5').first().waitFor();
    await link('Run again').click();
    assert.equal(await page.getByLabel('b', { exact: true }).inputValue(), '2.5');
    await button('Run').click();
    await answered('42.5');
  },

  async 'registers a service, and drains an instance of it'() {
    await menu('Gateway');
    await button('Register a service').click();
    await page.getByLabel('Name', { exact: true }).fill('hay');
    await page.getByLabel('Path', { exact: true }).fill('/api/hay');
    await button('Add an instance').click();
    for (const [index, port] of instances.entries()) {
      await page.getByLabel('Host').nth(index).fill('127.0.0.1');
      await page.getByLabel('Port').nth(index).fill(`${port}`);
    }
    await page.getByLabel('Require a token').uncheck();
    await button('Register').click();
    const row = page.getByRole('row').filter({ hasText: `:${instances[0]}` });
    await button('Check now').click();
    await row.getByText('Healthy').waitFor();
    await row.getByRole('button', { name: 'Drain' }).click();
    await row.getByText('Drained').waitFor();
    for (let count = 0; count < 4; count += 1) {
      assert.equal(await (await fetch(`${told.url}/api/hay`)).text(), `${instances[1]}`);
    }
  },

  async 'reads that the audit log is whole'() {
    await menu('Audit');
    await page.getByText(/^Verified: /).waitFor();
    await page.getByText('server.create').first().waitFor();
  },

  async 'makes an account, and a key that is shown once'() {
    await menu('Users');
    await button('Add a user').click();
    await page.getByLabel('E-mail address').fill('ada@example.org');
    await page.getByLabel('Name', { exact: true }).fill('Ada');
    await page.getByLabel('Initial password').fill('a long enough password');
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    await page.getByRole('row').filter({ hasText: 'ada@example.org' }).waitFor();
    await menu('API keys');
    await button('Create a key').click();
    await page.getByLabel('Name', { exact: true }).fill('laptop');
    await button('Create').click();
    const key = (await page.getByLabel('API key', { exact: true }).innerText()).trim();
    const asked = await fetch(`${told.url}/api/mcp`, { headers: { authorization: `Bearer ${key}` } });
    assert.equal(asked.status, 200);
    await button('I have stored it').click();
    await page.getByRole('row').filter({ hasText: 'laptop' }).waitFor();
    assert.ok(!(await page.content()).includes(key));
  },

  async 'connects a client'() {
    await menu('Connect');
    await page.getByRole('button', { name: 'Cursor' }).click();
    const text = await page.getByLabel('Configuration of Cursor', { exact: true }).innerText();
    assert.equal(JSON.parse(text).mcpServers.ostler.url, `${told.url}/mcp`);
  },

  async 'looks at the system'() {
    await menu('System');
    await card('Configuration').getByText('mcp.call_timeout_ms').waitFor();
  },
};

/** Opens the form of a tool from wherever its server is named, fills it in, and sends it. */
async function runs(tool, fill = async () => {}) {
  const back = page.locator('.crumb a').last();
  if (await page.getByRole('navigation', { name: 'About this server' }).count()) await tab('Tools');
  else await back.click();
  await page
    .locator('.list > li')
    .filter({ has: page.getByText(tool, { exact: true }) })
    .getByRole('link', { name: 'Run' })
    .click();
  await heading(tool).waitFor();
  await fill();
  await button('Run').click();
}

const instances = [await instance(), await instance()];

await part(async () => {
  for (const [name, act] of Object.entries(parts)) {
    const began = Date.now();
    console.error(`${name} …`);
    await act();
    console.error(`  ${Date.now() - began} ms`);
  }
  assert.ok(await page.evaluate(() => window.stayed), 'the page was loaded again');
  assert.ok(busiestMinute() <= 100, `${busiestMinute()} requests within a minute`);
});
