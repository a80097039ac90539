// What the forms say to the API, and what they say of its answers.

import assert from 'node:assert/strict';
import { caller, until } from './api.mjs';
import { beforeLogin, go, logIn, look, newPage, part, told } from './stage.mjs';

// A form may say what is wrong with it.
const isRefused = (text) => /status of 422/.test(text);
const page = await newPage({ mayFail: (url, text) => beforeLogin(url, text) || isRefused(text) });
const button = (name) => page.getByRole('button', { name, exact: true });
const field = (name) => page.getByLabel(name, { exact: true });
const unfold = (summary) => page.locator('summary').getByText(summary).click();

/** What of a configuration is left out, and what of it is worth a look, stands in the preview. */
async function importSaysWhatItLeavesOut() {
  await go(page, '/servers/new/paste');
  const entry = { command: told.node, args: ['./mare.js'], autoApprove: ['*'], disabled: true };
  await field('Configuration').fill(JSON.stringify({ mcpServers: { mare: entry } }));
  await button('Preview').click();
  const found = page.getByRole('list', { name: 'Servers found' });
  await found.getByText('Ignored: autoApprove').waitFor();
  await found.getByText('Note: `./mare.js` is looked for in Ostler').waitFor();
  await look(page, 'import-notes');
}

const oauth = {
  issuer: 'https://issuer.example',
  authorizationEndpoint: 'https://issuer.example/authorize',
  tokenEndpoint: 'https://issuer.example/token',
  registrationEndpoint: 'https://issuer.example/register',
  scopes: ['read', 'write'],
  resource: '',
  clientId: 'mare',
  clientSecret: 'oats and hay',
  pkce: true,
};

/** Each member of `oauth` has a field, and a secret that is kept is sent back masked. */
async function remoteServerWithOAuth(admin) {
  await go(page, '/servers/new/form');
  await field('Name').first().fill('remote');
  await button('Remote server').click();
  await field('URL').fill('https://mcp.example/mcp');
  await page.getByLabel('Enabled: starts now').uncheck();
  await unfold('Advanced: OAuth');
  await field('Issuer').fill(oauth.issuer);
  await field('Authorization endpoint').fill(oauth.authorizationEndpoint);
  await field('Token endpoint').fill(oauth.tokenEndpoint);
  await field('Registration endpoint').fill(oauth.registrationEndpoint);
  await field('Scopes').fill(oauth.scopes.join(' '));
  await field('Request tokens without a resource').check();
  await field('Client ID').fill(oauth.clientId);
  await field('Client secret').fill(oauth.clientSecret);
  await field('The authorization server does PKCE').check();
  await look(page, 'new-oauth');
  await unfold('Advanced: visible tools');
  await button('Add a tool').click();
  await field('Name of tool 1').fill('echo');
  await field('Value of echo').fill('Says what it hears.');
  await button('Add the server').click();
  await page.getByRole('heading', { name: 'remote', exact: true }).waitFor();
  const { items } = await admin('/api/mcp');
  const { id } = items.find(({ name }) => name === 'remote');
  const saved = async () => (await admin(`/api/mcp/${id}`)).server;
  assert.deepEqual((await saved()).oauth, { ...oauth, clientSecret: '***' });
  assert.deepEqual((await saved()).tools.descriptions, { echo: 'Says what it hears.' });

  await go(page, `/servers/${id}/configuration`);
  await unfold('Advanced: OAuth');
  await field('Scopes').fill('');
  await field('Request tokens without a resource').uncheck();
  await button('Review 1 change').click();
  const review = page.getByRole('dialog');
  await review.getByText('clientSecret = unchanged').waitFor();
  await review.getByText('scopes = read write').waitFor();
  await review.getByRole('button', { name: 'Save' }).click();
  const wanted = { ...oauth, scopes: null, resource: null, clientSecret: '***' };
  await until(async () => {
    const { oauth } = await saved();
    return oauth.scopes === null && assert.deepEqual(oauth, wanted) === undefined;
  }, 'the change is saved');
}

/** The containment of a server has a field for each part; one that is not contained is marked wherever it is shown. */
async function containmentInTheForm(admin) {
  await go(page, '/servers/new/form');
  await field('Name').first().fill('penned');
  await field('Program').fill('sh');
  await field('Arguments').fill('-c\nexit 1');
  await page.getByLabel('Enabled: starts now').uncheck();
  await unfold('Containment');
  await field('Level').selectOption('strict');
  await field('Files and folders to read').fill('/srv/oats\n/srv/hay');
  await field('Files and folders to change').fill('/srv/pen');
  await field('UNIX sockets').check();
  await field('Network').selectOption('hosts');
  await field('Hosts').fill('*.example.com');
  await field('Memory, in MiB').fill('8');
  await button('Add the server').click();
  await page.getByText('must be 16 to 1048576').first().waitFor();
  await field('Memory, in MiB').fill('256');
  await look(page, 'new-containment');
  await button('Add the server').click();
  await page.getByRole('heading', { name: 'penned', exact: true }).waitFor();
  await page.getByText('read and change /srv/pen').waitFor();
  const { id } = (await admin('/api/mcp')).items.find(({ name }) => name === 'penned');
  const saved = async () => (await admin(`/api/mcp/${id}`)).server;
  assert.deepEqual((await saved()).sandbox, {
    level: 'strict',
    paths: { read: ['/srv/oats', '/srv/hay'], write: ['/srv/pen'] },
    unixSockets: true,
    network: ['*.example.com'],
  });
  assert.equal((await saved()).limits.memoryMb, 256);

  await go(page, `/servers/${id}/configuration`);
  await unfold('Containment');
  await field('Level').selectOption('none');
  await field('Network').selectOption('full');
  await page.getByText('Not contained: it can do all').waitFor();
  await button('Review 1 change').click();
  const review = page.getByRole('dialog');
  await review.getByText('level none').waitFor();
  await review.getByRole('button', { name: 'Save' }).click();
  await until(async () => (await saved()).sandbox.level === 'none', 'the level is saved');
  await go(page, '/servers');
  await page.getByRole('row', { name: /penned/ }).getByText('Not contained').waitFor();
}

/** What its sandbox refused to a server is granted with one button, once a person has read what that is. */
async function refusalIsGranted(admin) {
  const line = "Error: EACCES: permission denied, open '/srv/oats/a'";
  const args = ['-c', 'printf "%s\\n" "$1" >&2; exit 1', 'sh', line];
  const { id } = await admin('/api/mcp', { name: 'refused', command: 'sh', args, enabled: false });
  await admin(`/api/mcp/${id}/start`, {}, { status: 500 });
  await go(page, `/servers/${id}`);
  await page.getByText('its sandbox does not grant /srv/oats/a').first().waitFor();
  await look(page, 'state-refused');
  await button('Allow it').click();
  const question = page.getByRole('dialog');
  await question.getByText('It may read and run this, and all in it:').waitFor();
  await question.getByText('/srv/oats/a', { exact: true }).waitFor();
  await look(page, 'dialog-grant');
  await question.getByRole('button', { name: 'Grant', exact: true }).click();
  const saved = async () => (await admin(`/api/mcp/${id}`)).server.sandbox.paths.read;
  await until(async () => (await saved()).join() === '/srv/oats/a', 'it is granted');
}

async function serviceWithEveryOption(admin) {
  await go(page, '/gateway');
  await button('Register a service').click();
  await field('Name').fill('hay');
  await field('Path').fill('/api/hay');
  await unfold('Advanced');
  await field('Idle connections kept (ms)').fill('0');
  await field('Health check path').fill('/ready');
  await look(page, 'dialog-service-advanced');
  await button('Register').click();
  await page.getByRole('heading', { name: 'hay' }).waitFor();
  const [{ keepAlive, healthCheck }] = (await admin('/api/gateway/services')).items;
  assert.deepEqual([keepAlive, healthCheck.path], [0, '/ready']);
}

await part(async () => {
  await logIn(page);
  const admin = await caller(told.url, 'admin@localhost', told.password);
  await importSaysWhatItLeavesOut();
  await remoteServerWithOAuth(admin);
  await containmentInTheForm(admin);
  await refusalIsGranted(admin);
  await serviceWithEveryOption(admin);
});
