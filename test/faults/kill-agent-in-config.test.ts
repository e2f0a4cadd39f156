/** kill -9 of the agent at each step of applying a configuration: the next agent converges, nothing half serves. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { valueAt } from '@opencrane/agent/config/paths.ts';
import type { JsonObject } from '@opencrane/kit/canonical-json.ts';
import { digestOfJson } from '@opencrane/kit/digest.ts';
import { configAgent } from '../fixtures/config-agent.ts';
import { LauncherHome } from '../fixtures/launcher-process.ts';
import { openclawRuntime } from '../fixtures/openclaw-runtime.ts';
import { versions } from '../fixtures/runtime-seed.ts';

let home: LauncherHome;
let launcher: ChildProcess;
const program = join(import.meta.dirname, '../fixtures/config-agent.ts');

before(async () => {
  home = await LauncherHome.make(await openclawRuntime(versions.current), versions.current);
  launcher = await home.launcher();
});

after(async () => {
  await home.client.stop('the end of the test', 10_000);
  launcher.kill('SIGTERM');
  await new Promise((resolve) => launcher.once('exit', resolve));
  await home.remove();
});

/** Applies a document in a process of its own, which dies at `step`. */
async function killedAt(step: string, document: JsonObject): Promise<void> {
  const once = join(home.folders.data, `killed-${count}-${step.replace(':', '-')}`);
  const { folders, port, runtimeDirectory, version } = home;
  const child = spawn(
    process.execPath,
    [program, folders.data, String(port), runtimeDirectory, version, JSON.stringify(document)],
    {
      env: { ...process.env, OPENCRANE_FAULT_AT: step, OPENCRANE_FAULT_ONCE: once },
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  const signal = await new Promise((resolve) => child.once('exit', (_code, by) => resolve(by)));
  assert.equal(signal, 'SIGKILL', `killed at ${step}`);
  assert.ok(existsSync(once));
}

const withTimeout = (seconds: number, more: JsonObject = {}): JsonObject => ({
  agents: { defaults: { timeoutSeconds: seconds } },
  ...more,
});
const withPath = (basePath: string) => ({ gateway: { controlUi: { basePath } } });

/** What every kill must leave: a file that is one of the two whole documents. */
function assertWhole(before: JsonObject, wanted: JsonObject): void {
  const seen = keysOf(JSON.parse(readFileSync(join(home.folders.state, 'openclaw.json'), 'utf8')));
  const either = [keysOf(before), keysOf(wanted)];
  assert.ok(either.includes(seen), `${seen} is one of ${either.join(' and ')}`);
}

/** The two keys that these tests change. */
function keysOf(document: JsonObject): string {
  return ['agents.defaults.timeoutSeconds', 'gateway.controlUi.basePath']
    .map((path) => JSON.stringify(valueAt(document, path.split('.'))))
    .join();
}

let applied: JsonObject = {};
let count = 0;

async function converges(step: string, next: JsonObject): Promise<void> {
  await killedAt(step, next);
  assertWhole(applied, next);
  const agent = configAgent(home); // the next agent
  const outcome = await agent.apply(next);
  assert.equal(outcome.state, 'applied', JSON.stringify(outcome));
  if (!(await agent.openclaw.running())) await agent.start();
  const gateway = await home.gateway();
  const { parsed, appliedConfigHash, configRevisionHash } = await gateway.configGet();
  await gateway.close();
  assert.equal(appliedConfigHash, configRevisionHash, 'OpenClaw serves the file');
  const inEffect = parsed as { agents?: { defaults?: { timeoutSeconds?: number } } };
  assert.equal(inEffect.agents?.defaults?.timeoutSeconds, count);
  assert.deepEqual(await agent.applier.seen(), { drift: [], effectiveDigest: digestOfJson(next) });
  assert.equal(existsSync(join(home.folders.inState, 'attempt.json')), false);
  applied = next;
}

for (const step of ['config:render', 'config:written', 'config:last-good', 'config:recorded']) {
  test(`killed at ${step}, with OpenClaw stopped`, async () => {
    await home.client.stop('the test', 10_000);
    count += 1;
    await converges(step, withTimeout(count));
  });
}

for (const step of ['config:begin', 'config:patch', 'config:patched', 'config:last-good', 'config:recorded']) {
  test(`killed at ${step}, in a hot push`, async () => {
    const before = (await home.client.status()).pid;
    count += 1;
    await converges(step, withTimeout(count));
    assert.equal((await home.client.status()).pid, before, 'the same OpenClaw');
  });
}

for (const step of [
  'config:validated',
  'config:attempt-noted',
  'config:stopped',
  'config:written',
  'config:restarted',
  'config:recorded',
]) {
  test(`killed at ${step}, in a restart`, async () => {
    count += 1;
    await converges(step, withTimeout(count, withPath(`/path-${count}`)));
  });
}

test('killed with a configuration written that does not start: the one before comes back and the offer fails', async () => {
  const tls = { enabled: true, autoGenerate: false, certPath: '/nowhere/cert.pem', keyPath: '/nowhere/key.pem' };
  const bad: JsonObject = { ...applied, gateway: { controlUi: { basePath: `/path-${count}` }, tls } };
  count += 1;
  await killedAt('config:written', bad);
  const agent = configAgent(home);
  const outcome = await agent.apply(bad);
  assert.equal(outcome.state === 'failed' && outcome.reason, 'config_start_failed', JSON.stringify(outcome));
  const gateway = await home.gateway();
  await gateway.close();
  assert.deepEqual(await agent.applier.seen(), { drift: [], effectiveDigest: digestOfJson(applied) });
});
