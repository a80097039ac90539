// The API as a script uses it, for what a part needs to be there before it looks.

import assert from 'node:assert/strict';

/** Somebody who is logged in: asks for a path, and gives the JSON of the answer. */
export async function caller(url, email, password) {
  const ask = async (path, body, { method = body ? 'POST' : 'GET', status, token } = {}) => {
    const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
    const answer = await fetch(url + path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    const text = await answer.text();
    assert.ok(status ? answer.status === status : answer.ok, `${method} ${path}: ${answer.status} ${text}`);
    return text && JSON.parse(text);
  };
  const { token } = await ask('/api/auth/login', { email, password });
  return (path, body, more) => ask(path, body, { token, ...more });
}

/** Asks until the answer is as wanted. */
export async function until(probe, what) {
  for (const end = Date.now() + 20_000; Date.now() < end; await new Promise((soon) => setTimeout(soon, 50))) {
    const found = await probe();
    if (found) return found;
  }
  assert.fail(`it never came to pass: ${what}`);
}
