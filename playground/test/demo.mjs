// Starts the real binary's demo on ports of the system's choice, and stops it by its handle.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const binary = process.env.WEFT ?? fileURLToPath(new URL('../../target/debug/weft', import.meta.url));

/**
 * Starts `weft demo` and waits until it has said where the playground is.
 * @returns {Promise<{url: string, stop: () => Promise<void>}>} `url`: the gateway's origin
 * @throws when it ends or says nothing of the kind within 60 s; the message has its output
 */
export async function startDemo() {
  assert.ok(existsSync(binary), `${binary} is missing: run "cargo build" first, or name the binary in WEFT`);
  const child = spawn(binary, ['demo', '--listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0', '--ports', '0,0,0'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  let output = '';
  const url = await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`the demo did not start within 60 s:\n${output}`)), 60_000);
    const read = (chunk) => {
      output += chunk;
      const found = /(http:\/\/127\.0\.0\.1:\d+)\/playground/.exec(output);
      if (found) {
        clearTimeout(late);
        resolve(found[1]);
      }
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    ended.then((code) => {
      clearTimeout(late);
      reject(new Error(`the demo ended with ${code}:\n${output}`));
    });
  }).catch((error) => {
    child.kill('SIGKILL');
    throw error;
  });
  return {
    url,
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
