// The public audits of GraphQL over HTTP, against the real binary.
// Catches: a status, a media type or a parameter check that departs from the specification.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { serverAudits } from 'graphql-http';

import { startDemo } from './demo.mjs';

let demo;
before(async () => {
  demo = await startDemo();
});
after(() => demo?.stop());

const audits = serverAudits({ url: () => `${demo.url}/graphql` });

test('there are 61 audits, so that none is lost unseen', () => {
  assert.equal(audits.length, 61);
});

for (const audit of audits) {
  test(`${audit.id} ${audit.name}`, async () => {
    const result = await audit.fn();
    if (result.status === 'ok') return;
    const body = await result.response?.text().catch(() => '');
    assert.fail(`${result.status}: ${result.reason}\n${result.response?.status} ${body}`);
  });
}
