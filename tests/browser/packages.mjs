// What a person decides about the package of a server: another version, with its tools, and the way back.

import { caller } from './api.mjs';
import { ask, beforeLogin, go, logIn, look, newPage, part, told } from './stage.mjs';

/** Time to install and to start, beside other tests. */
const INSTALLED = { timeout: 120_000 };

await part(async () => {
  const admin = await caller(told.url, 'admin@localhost', told.password);
  const body = { name: 'witness', command: 'npx', args: ['-y', 'witness-server'], launcher: 'replace', enabled: false };
  const { id } = await admin('/api/mcp', body);
  await admin(`/api/mcp/${id}/start`, {});

  const page = await newPage({ mayFail: beforeLogin });
  const button = (name) => page.getByRole('button', { name, exact: true });
  const said = (text) => page.getByRole('log', { name: 'Messages' }).getByText(text).first().waitFor(INSTALLED);
  await logIn(page);
  await go(page, `/servers/${id}`);
  await page.locator('dd', { hasText: 'witness-server 1.0.0' }).waitFor();
  await admin(`/api/mcp/${id}/execute`, { toolName: 'same', parameters: {} });
  await button('Look for an update').click();
  await said('There are no other versions');

  await ask('publish');
  await button('Look for an update').click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('1.0.0 → 2.0.0').first().waitFor(INSTALLED);
  await dialog.getByText('"of 2"').waitFor();
  await dialog.getByText('same, called as it was before, succeeds').waitFor();
  await dialog.getByText('only-in-1').waitFor();
  await look(page, 'package-update');
  await dialog.getByRole('button', { name: 'Update, and accept its tools' }).click();
  await said('It runs witness-server 2.0.0');
  await dialog.waitFor({ state: 'detached' });
  await page.locator('dd', { hasText: 'witness-server 2.0.0' }).waitFor();

  await button('Roll back').click();
  await page.getByRole('dialog').getByRole('button', { name: 'Roll back' }).click();
  await said('It runs witness-server 1.0.0');
  await page.locator('dd', { hasText: 'witness-server 1.0.0' }).waitFor();
});
