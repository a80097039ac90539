// Somebody with a token: from the empty page to a called tool of a server that needs it, in five clicks.

import assert from 'node:assert/strict';
import { beforeLogin, logIn, look, newPage, part } from './stage.mjs';

const isRefused = (url, text) => url.endsWith('/api/catalogue/mysql/install') && text.includes('422');
const page = await newPage({ mayFail: (url, text) => beforeLogin(url, text) || isRefused(url, text) });

await part(async () => {
  await logIn(page);
  await page.getByText('Four ways to start').waitFor();
  await page.evaluate(() => {
    window.clicks = 0;
    document.addEventListener('click', (event) => (window.clicks += event.detail > 0 ? 1 : 0), true);
  });
  await page.getByRole('link', { name: 'Pick from the catalogue' }).click();
  const entries = page.getByRole('list', { name: 'Servers of the catalogue' });
  await entries.getByRole('link', { name: 'GitHub', exact: false }).first().click();
  await page.getByLabel('GITHUB_PERSONAL_ACCESS_TOKEN').waitFor();
  // The field has the focus already.
  await page.keyboard.type('ghp-a-token-of-the-test');
  await page.getByRole('button', { name: 'Add GitHub' }).click();
  const echo = page.locator('.list > li').filter({ has: page.getByText('echo', { exact: true }) });
  await echo.getByRole('link', { name: 'Run' }).click();
  await page.getByLabel('text', { exact: true }).fill('hay');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.locator('.card').filter({ hasText: 'Result' }).getByText('hay').first().waitFor();
  const clicks = await page.evaluate(() => window.clicks);
  assert.ok(clicks <= 5, `${clicks} clicks`);

  await byKeyboard();
  await look(page, 'catalogue-found');
});

/** Searches and picks without a mouse; what is missing is said at its field. */
async function byKeyboard() {
  await page.locator('#side').getByRole('link', { name: 'Servers', exact: true }).click();
  await page.getByRole('link', { name: 'Add a server', exact: true }).press('Enter');
  await page.getByRole('searchbox', { name: 'Search the catalogue' }).waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('mysql');
  const entries = page.getByRole('list', { name: 'Servers of the catalogue' });
  await page.waitForFunction(() => document.querySelectorAll('.entries > li').length < 5);
  await entries.getByRole('link', { name: 'MySQL' }).press('Enter');
  await page.getByLabel('MYSQL_PASSWORD').fill('s3cret');
  await page.getByText('More options').press('Enter');
  await page.getByLabel('MYSQL_PORT').fill('many');
  await page.getByRole('button', { name: 'Preview' }).press('Enter');
  await page.getByText('must be a number').first().waitFor();
}
