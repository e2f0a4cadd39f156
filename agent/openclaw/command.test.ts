import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { takeProcessLock } from '@opencrane/kit/process-lock.ts';
import { processIdentity } from '../launcher/process-identity.ts';
import { runOpenClaw } from './command.ts';
import { openclawEntry } from './environment.ts';

const runtimeDirectory = mkdtempSync(join(tmpdir(), 'oc-command-'));
const folder = join(runtimeDirectory, 'work');
const environment = { PATH: process.env['PATH'] ?? '' };
after(() => rmSync(runtimeDirectory, { recursive: true }));

/** Makes a runtime whose `openclaw` does this. */
function openclaw(program: string): void {
  const entry = openclawEntry(runtimeDirectory);
  mkdirSync(dirname(entry), { recursive: true });
  writeFileSync(entry, program);
}

function run(args: string[], more: { timeoutMillis?: number; signal?: AbortSignal } = {}) {
  return runOpenClaw({ runtimeDirectory, arguments: args, environment, folder, ...more });
}

test('its output, its exit code and its arguments are passed on as they are', async () => {
  openclaw(`console.log(JSON.stringify(process.argv.slice(2))); console.error('no'); process.exitCode = 78;`);
  const { code, stdout, stderr } = await run(['config', 'with spaces', '--json']);
  assert.deepEqual([code, stderr], [78, 'no\n']);
  assert.deepEqual(JSON.parse(stdout), ['config', 'with spaces', '--json']);
});

test('it gets the environment it is given and nothing of ours', async () => {
  openclaw('console.log(Object.keys(process.env).join())');
  assert.equal((await run([])).stdout.trim(), 'PATH');
});

test('one that takes too long is ended, with everything it started', async () => {
  const note = join(runtimeDirectory, 'child');
  openclaw(`
    import { spawn } from 'node:child_process';
    import { writeFileSync } from 'node:fs';
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' });
    writeFileSync(${JSON.stringify(note)}, String(child.pid));
    console.error('still at it');
  `);
  const running = run(['doctor'], { timeoutMillis: 500 });
  await assert.rejects(running, { code: 'deadline_exceeded', message: /openclaw doctor: .*still at it/ });
  const pid = Number(readFileSync(note, 'utf8'));
  assert.equal(processIdentity(pid), undefined, 'its child is gone too');
});

test('a caller that gives up ends it', async () => {
  openclaw('setInterval(() => {}, 1000)');
  const stop = new AbortController();
  const running = run([], { signal: stop.signal });
  stop.abort();
  await assert.rejects(running, { name: 'AbortError' });
  await assert.rejects(run([], { signal: stop.signal }), { name: 'AbortError' }, 'and starts none after it');
});

test('one that changes the state does not run beside an OpenClaw that has it', async () => {
  openclaw("console.log('ran')");
  const stateLock = join(runtimeDirectory, 'gateway.lock');
  const having = takeProcessLock(stateLock, 'OpenClaw');
  const refused = await runOpenClaw({ runtimeDirectory, arguments: ['doctor'], environment, folder, stateLock });
  assert.deepEqual([refused.code, refused.stdout], [75, '']);
  having.release();
  const done = await runOpenClaw({ runtimeDirectory, arguments: ['doctor'], environment, folder, stateLock });
  assert.deepEqual([done.code, done.stdout], [0, 'ran\n']);
});

test('endless output does not fill our memory; its end is kept', async () => {
  openclaw(
    `for (let i = 0; i < 200; i += 1) process.stdout.write('x'.repeat(65536)); process.stdout.write('the end');`,
  );
  const { stdout } = await run([]);
  assert.ok(stdout.length <= 4 * 1024 * 1024);
  assert.ok(stdout.endsWith('the end'));
});
