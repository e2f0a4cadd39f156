/** The program as a process: what is told when no command can tell it any more. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { exitCodes } from '@opencrane/kit/errors.ts';

const main = join(import.meta.dirname, 'main.ts');
/** A coordinator that never answers, so that the command is at it when the defect shows. */
const silent = createServer(() => {});
let url = '';

before(async () => {
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const address = silent.address();
  assert.ok(typeof address === 'object' && address !== null);
  url = `http://127.0.0.1:${address.port}`;
});
after(() => silent.close());

/** Throws where nobody catches it, as soon as the program listens for that, or after a while. */
const defect = `let tries = 0;
const again = setInterval(() => {
  tries += 1;
  if (process.listenerCount('uncaughtException') === 0 && tries < 5000) return;
  clearInterval(again);
  throw new Error('heron\\u001b[2J\\u009b31m\\nerror: FAKED');
}, 1);`;

async function fail(...more: string[]): Promise<{ readonly code: unknown; readonly said: string }> {
  const words = ['--import', `data:text/javascript,${encodeURIComponent(defect)}`, main, 'tenant', 'list', ...more];
  const child = spawn(process.execPath, words, {
    env: { ...process.env, OPENCRANE_SERVER: url, OPENCRANE_TOKEN: 'x' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  return { code, said };
}

test('a defect is told as any error is, and what it quotes is text', async () => {
  const { code, said } = await fail();
  assert.equal(code, exitCodes.internal, said);
  assert.match(said, /^error: .*heron\\x1b\[2J\\x9b31m$/m);
  assert.doesNotMatch(said, /^error: FAKED/m);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what is looked for
  assert.doesNotMatch(said, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
});

test('… to a program as JSON', async () => {
  const { code, said } = await fail('--json');
  assert.equal(code, exitCodes.internal, said);
  assert.match(JSON.parse(said).error.message, /heron/);
});
