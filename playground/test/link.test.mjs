import assert from 'node:assert/strict';
import { test } from 'node:test';

import { linked } from '../src/link.js';

test('a link carries a query, variables and headers, and nothing else', () => {
  const search = `?query=${encodeURIComponent('{ a(b: "c&d") }')}&variables=%7B%7D&headers=%7B%22x%22%3A1%7D&__proto__=x`;
  assert.deepEqual(linked(search), { query: '{ a(b: "c&d") }', variables: '{}', headers: '{"x":1}' });
});

test('what is empty or missing is left to the defaults', () => {
  assert.deepEqual(linked('?query='), {});
  assert.deepEqual(linked(''), {});
});
