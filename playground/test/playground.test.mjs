// The page as a person uses it, in headless Chromium: type a query, run it, read the answer.
// Catches: a bundle that does not start, a policy that blocks the editor, a request to any other host.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';

import { chromium } from 'playwright-core';

import { startDemo } from './demo.mjs';

const pictures = fileURLToPath(new URL('../pictures/', import.meta.url));
const asked = '{ currentProfile { name allVideosRated(first: 3) { title thumbRating } } }';

function findBrowser() {
  for (const name of [process.env.CHROMIUM, 'chromium', 'chromium-browser', 'google-chrome']) {
    if (!name) continue;
    try {
      return execFileSync('which', [name], { encoding: 'utf8' }).trim();
    } catch {
      // The next name may be there.
    }
  }
  throw new Error('chromium is missing: install it, or name one in CHROMIUM');
}

let demo;
let browser;
before(async () => {
  demo = await startDemo();
  browser = await chromium.launch({ executablePath: findBrowser(), args: ['--no-sandbox'] });
});
after(async () => {
  await browser?.close();
  await demo?.stop();
});

/** Opens an address of the gateway in a new page, and collects what went wrong and where it went. */
async function open(path) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  const problems = [];
  const elsewhere = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (!['data:', 'blob:'].includes(url.protocol) && url.origin !== demo.url) elsewhere.push(request.url());
  });
  await page.goto(demo.url + path, { waitUntil: 'networkidle' });
  return { page, problems, elsewhere };
}

/** The text of the answer's editor; it draws no-break spaces for indentation. */
async function answer(page) {
  const text = await page.locator('.result-window .view-lines').innerText();
  return text.replaceAll('\u00a0', ' ');
}

test('a query is typed, run and answered, and no other host is asked', async () => {
  const { page, problems, elsewhere } = await open('/');
  assert.equal(new URL(page.url()).pathname, '/playground');
  const editor = page.locator('.graphiql-query-editor .monaco-editor').first();
  await editor.waitFor();
  await editor.click();
  await page.keyboard.press('Control+A');
  await page.keyboard.press('Delete');
  // Key by key, as a person does: the editor closes braces by itself and lets them be typed over.
  await page.keyboard.type(asked);
  await page.keyboard.press('Control+Enter');
  await page.waitForFunction(() => document.querySelector('.result-window .view-lines')?.innerText.includes('thumbRating'));
  assert.match(await answer(page), /"name": "Paul"/);
  assert.match(await answer(page), /"thumbRating": "THUMBS_/);
  // The picture shows the query as the editor's own button formats it.
  await page.getByRole('button', { name: /Prettify/ }).click();
  await page.waitForFunction(() => document.querySelectorAll('.graphiql-query-editor .view-line').length > 5);
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: `${pictures}playground.png` });
  assert.deepEqual(elsewhere, []);
  assert.deepEqual(problems, []);
  await page.close();
});

test('a link brings its query along, and the schema can be read', async () => {
  const { page, problems } = await open(`/playground?query=${encodeURIComponent(asked)}`);
  await page.waitForFunction(() => document.querySelector('.graphiql-query-editor')?.innerText.includes('currentProfile'));
  await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
  await page.getByRole('link', { name: 'Query', exact: true }).first().click();
  await page.getByText('currentProfile').first().waitFor();
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: `${pictures}documentation.png` });
  assert.deepEqual(problems, []);
  await page.close();
});
