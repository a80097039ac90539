// A template: written, answered, changed, applied to the server made of it; and one made of a server.

import assert from 'node:assert/strict';
import { beforeLogin, go, logIn, look, newPage, part } from './stage.mjs';

/** Time to start, beside other tests. */
const STARTED = { timeout: 60_000 };

const template = (level) => ({
  name: 'demo', description: 'The demo of a team', shared: true,
  parameters: { team: { isRequired: true, description: 'Name of the team' }, TOKEN: { isSecret: true } },
  server: {
    name: 'Demo of {team}', command: '/proc/self/exe', args: ['demo-server'],
    env: { TEAM: '{team}', LEVEL: level, TOKEN: '{TOKEN}' },
  },
});

const isRefused = (url, text) => url.includes('/api/templates') && text.includes('422');
const page = await newPage({ mayFail: (url, text) => beforeLogin(url, text) || isRefused(url, text) });
const button = (name) => page.getByRole('button', { name, exact: true });
const text = page.getByLabel('Template', { exact: true });

await part(async () => {
  await logIn(page);
  await go(page, '/servers/new/template');
  await page.getByText('No templates yet').waitFor();
  await page.getByRole('link', { name: 'New template' }).click();
  await text.fill(JSON.stringify({ ...template('low'), parameters: {} }).replace('demo-server', '${secret:A}'));
  await button('Save the template').click();
  await page.getByText('/server/args/0').first().waitFor();
  await text.fill(JSON.stringify(template('low')));
  await button('Save the template').press('Enter');

  await page.getByLabel('team').fill('blue');
  await page.getByText('More options').click();
  await page.getByLabel('TOKEN').fill('a-token-of-the-test');
  await look(page, 'template');
  await page.getByRole('button', { name: 'Add demo' }).click();
  await page.getByRole('heading', { name: 'Demo of blue' }).waitFor(STARTED);

  await go(page, '/servers/new/template');
  await page.getByRole('list', { name: 'Templates' }).getByRole('link', { name: 'demo' }).click();
  await text.fill(JSON.stringify(template('high')));
  await button('Save the template').click();
  await button('Preview changes').click();
  await page.getByText('will change').waitFor();
  await look(page, 'template-roll');
  await button('Apply to these servers').click();
  await page.getByText('changed', { exact: true }).waitFor(STARTED);

  const place = page.url();
  const servers = page.getByRole('list', { name: 'Servers of this template' });
  await servers.getByRole('link', { name: 'Demo of blue' }).click();
  await page.getByRole('link', { name: 'Configuration' }).click();
  await page.getByRole('link', { name: 'Save as template' }).click();
  const made = JSON.parse(await text.inputValue());
  assert.equal(made.server.env.TOKEN, '{TOKEN}');
  assert.deepEqual(made.parameters.TOKEN, { isRequired: true, isSecret: true });

  await page.goto(place);
  await button('Remove the template').click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove', exact: true }).click();
  await page.getByRole('log', { name: 'Messages' }).getByText('The template was removed').waitFor();
});
