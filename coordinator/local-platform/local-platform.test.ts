import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { systemClock } from '@opencrane/kit/clock.ts';
import { takeProcessLock } from '@opencrane/kit/process-lock.ts';
import { isLocked } from './alive.ts';
import { tenantLayout } from './layout.ts';
import { leanEnvironment } from './lean-process.ts';
import { eventually, isThere, notYetUp, pidOf, secrets, standInPlatform } from './testing.ts';

const root = await mkdtemp(join(tmpdir(), 'opencrane-platform-'));
after(() => rm(root, { recursive: true, force: true }));
const patient = new AbortController().signal;
const nothingLeft = { retainedAt: '', retainedBucket: '', retainedKey: '' };
const host = fileURLToPath(new URL('./stand-in-host.ts', import.meta.url));

let homes = 0;
function newHome(): string {
  homes += 1;
  return join(root, `home-${homes}`);
}

/** Both stand-ins, once each holds its lock and has written its pid. */
async function bothUp(home: string, tenant: string): Promise<{ agent: number; launcher: number }> {
  const layout = tenantLayout(home, tenant);
  const up = (program: 'agent' | 'launcher') =>
    eventually(
      `the ${program} of ${tenant} runs`,
      () => isLocked(layout[program].lock) && pidOf(home, tenant, program),
    );
  return { agent: await up('agent'), launcher: await up('launcher') };
}

/** One that is not our child may take a moment from letting go of its lock to being gone. */
async function assertNothingRuns(home: string, tenant: string): Promise<void> {
  await eventually('the agent is gone', () => pidOf(home, tenant, 'agent') === 0);
  await eventually('the launcher is gone', () => pidOf(home, tenant, 'launcher') === 0);
}

test('a tenant gets private folders, secrets, a token, a port and two processes, and a stop leaves no process', async () => {
  const home = newHome();
  const platform = standInPlatform(home);
  await platform.ensure('jente');
  const layout = tenantLayout(home, 'jente');
  const first = await bothUp(home, 'jente');
  await platform.ensure('jente');
  assert.deepEqual(await bothUp(home, 'jente'), first, 'a second call changes nothing');
  assert.equal(statSync(layout.data).mode & 0o777, 0o700);
  for (const file of [layout.gatewayToken, layout.agentToken]) assert.equal(statSync(file).mode & 0o777, 0o600, file);
  assert.match(readFileSync(layout.agentToken, 'utf8'), /^token of jente /);
  assert.equal(readFileSync(layout.log('agent'), 'utf8'), 'agent of 127.0.0.1:1\n');
  const access = await platform.access('jente');
  assert.equal(access.token, readFileSync(layout.gatewayToken, 'utf8').trim());
  assert.match(access.url, new RegExp(`^http://127\\.0\\.0\\.1:\\d+/#token=${access.token}$`));
  assert.ok(access.shellEnvironment['PATH']?.startsWith(`${layout.bin}:`));
  await platform.stop(patient);
  await assertNothingRuns(home, 'jente');
  assert.match(readFileSync(layout.log('launcher'), 'utf8'), /ended\n$/, 'it was told, not killed');
});

test('agents are told where their tenant lives, and which snapshots to keep', {
  skip: process.platform === 'linux' ? false : 'only Linux tells the environment of a process',
}, async () => {
  const home = newHome();
  const settings = { buckets: 'gs://acme-{tenant}', retention: 'all=2d,hourly=7d,daily=90d' };
  const platform = standInPlatform(home, undefined, undefined, settings);
  await platform.ensure('jente');
  const { agent } = await bothUp(home, 'jente');
  const environment = readFileSync(`/proc/${agent}/environ`, 'utf8').split('\0');
  assert.ok(environment.includes('OPENCRANE_BUCKET=gs://acme-jente'));
  assert.ok(environment.includes('OPENCRANE_RETENTION=all=2d,hourly=7d,daily=90d'));
  await platform.stop(patient);
  await assertNothingRuns(home, 'jente');
});

test('agents are told to keep little memory; launchers, whose environment OpenClaw gets, are not', {
  skip: process.platform === 'linux' ? false : 'only Linux tells the environment of a process',
}, async () => {
  const home = newHome();
  const platform = standInPlatform(home);
  await platform.ensure('jente');
  const { agent, launcher } = await bothUp(home, 'jente');
  const environment = (pid: number) => readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  for (const [name, value] of Object.entries(leanEnvironment)) {
    assert.ok(environment(agent).includes(`${name}=${value}`), name);
    assert.ok(!environment(launcher).includes(`${name}=${value}`), name);
  }
  await platform.stop(patient);
});

test('a tenant keeps its port and its gateway token from start to start', async () => {
  const home = newHome();
  const access = async () => {
    const platform = standInPlatform(home);
    await platform.ensure('jente');
    const { url } = await platform.access('jente');
    await platform.stop(patient);
    return url;
  };
  assert.equal(await access(), await access());
});

test('a tenant’s key is made once and never again', async () => {
  const home = newHome();
  const layout = tenantLayout(home, 'jente');
  const start = async () => {
    const platform = standInPlatform(home);
    await platform.ensure('jente');
    await platform.stop(patient);
    return readFileSync(layout.key, 'utf8');
  };
  const key = await start();
  assert.match(key, /^[0-9a-f]{64}\n$/);
  assert.equal(statSync(layout.key).mode & 0o777, 0o600);
  assert.equal(await start(), key);
  writeFileSync(layout.key, '');
  await assert.rejects(start(), { reason: 'secret_empty' });
  assert.equal(readFileSync(layout.key, 'utf8'), '', 'what cannot be read is not replaced');
});

test('tenants that are made at one moment get different ports', async () => {
  const home = newHome();
  const platform = standInPlatform(home);
  const names = ['a', 'b', 'c'];
  await Promise.all(names.map((name) => platform.ensure(name)));
  const urls = await Promise.all(names.map(async (name) => new URL((await platform.access(name)).url).port));
  assert.equal(new Set(urls).size, names.length, String(urls));
  await platform.stop(patient);
  for (const name of names) await assertNothingRuns(home, name);
});

test('a program that is killed comes back by itself; the other one is left alone', async () => {
  const home = newHome();
  const platform = standInPlatform(home);
  await platform.ensure('jente');
  const before = await bothUp(home, 'jente');
  process.kill(before.agent, 'SIGKILL');
  await eventually(
    'another agent',
    () => pidOf(home, 'jente', 'agent') !== before.agent && pidOf(home, 'jente', 'agent'),
  );
  assert.equal((await bothUp(home, 'jente')).launcher, before.launcher);
  await platform.stop(patient);
  await assertNothingRuns(home, 'jente');
});

test('a coordinator that does not get as far as being up leaves what it has found running, and ends what it has started', async () => {
  const home = newHome();
  await runHost(home, 'found', async (child) => {
    const before = await bothUp(home, 'found');
    child.kill('SIGKILL');
    await once(child, 'exit');
    const fails = notYetUp(home);
    for (const tenant of ['found', 'started']) await fails.ensure(tenant);
    await bothUp(home, 'started');
    await fails.stop(patient);
    assert.deepEqual(await bothUp(home, 'found'), before);
    await assertNothingRuns(home, 'started');
    const platform = standInPlatform(home);
    await platform.ensure('found');
    await platform.stop(patient);
    await assertNothingRuns(home, 'found');
  });
});

test('a platform that is killed leaves its tenants running, and the next one finds them', async () => {
  const home = newHome();
  await runHost(home, 'jente', async (child) => {
    const before = await bothUp(home, 'jente');
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.deepEqual(await bothUp(home, 'jente'), before, 'they serve on');
    const platform = standInPlatform(home);
    await platform.ensure('jente');
    assert.deepEqual(await bothUp(home, 'jente'), before, 'adopted, not started again');
    process.kill(before.launcher, 'SIGKILL');
    const launcher = () => pidOf(home, 'jente', 'launcher');
    await eventually('an adopted one is kept, too', () => launcher() !== before.launcher && launcher());
    await bothUp(home, 'jente');
    await platform.stop(patient);
    await assertNothingRuns(home, 'jente');
  });
});

const changes = [
  { reason: 'another address to dial', address: '127.0.0.1:2', settings: {} },
  { reason: 'another database that vouches', address: undefined, settings: { witnessId: 'a restored one' } },
  { reason: 'another bucket', address: undefined, settings: { buckets: 'gs://acme-{tenant}' } },
  { reason: 'another retention', address: undefined, settings: { retention: 'all=2d,hourly=7d,daily=90d' } },
];

for (const { reason, address, settings } of changes) {
  test(`after a crash, ${reason}: the agent is replaced; the launcher, and OpenClaw with it, stays`, async () => {
    const home = newHome();
    await runHost(home, 'jente', async (child) => {
      const before = await bothUp(home, 'jente');
      child.kill('SIGKILL');
      await once(child, 'exit');
      const platform = standInPlatform(home, address, undefined, settings);
      await platform.ensure('jente');
      const now = await bothUp(home, 'jente');
      assert.notEqual(now.agent, before.agent);
      assert.equal(now.launcher, before.launcher);
      await platform.stop(patient);
      await assertNothingRuns(home, 'jente');
    });
  });
}

test('a delete that a crash cut off stops what still runs before it takes the data away', async () => {
  const home = newHome();
  await runHost(home, 'jente', async (child) => {
    await bothUp(home, 'jente');
    child.kill('SIGKILL');
    await once(child, 'exit');
    const platform = standInPlatform(home); // it was never told to ensure the tenant
    const { agent, launcher } = await bothUp(home, 'jente');
    assert.deepEqual(await platform.remove('jente', 'delete', patient), nothingLeft);
    assert.equal(existsSync(tenantLayout(home, 'jente').data), false);
    await eventually('both are gone', () => !isThere(agent) && !isThere(launcher));
  });
});

test('what is retained is moved, with everything in it; a tenant that is gone is no error', async () => {
  const home = newHome();
  const platform = standInPlatform(home);
  await platform.ensure('jente');
  await bothUp(home, 'jente');
  writeFileSync(join(tenantLayout(home, 'jente').state, 'precious'), 'kept');
  const { retainedAt } = await platform.remove('jente', 'retain', patient);
  assert.equal(readFileSync(join(retainedAt, 'state', 'precious'), 'utf8'), 'kept');
  assert.equal(existsSync(tenantLayout(home, 'jente').data), false);
  assert.deepEqual(await platform.remove('jente', 'retain', patient), nothingLeft);
  await platform.stop(patient);
});

test('when hurried, a program that does not listen is killed', async () => {
  const home = newHome();
  const platform = standInPlatform(home, '127.0.0.1:1', hasty());
  await platform.ensure('jente');
  await bothUp(home, 'jente');
  writeFileSync(join(tenantLayout(home, 'jente').data, 'stubborn'), '');
  await platform.stop(AbortSignal.abort());
  await assertNothingRuns(home, 'jente');
});

test('data is not taken away while an OpenClaw holds the state', async () => {
  const home = newHome();
  const layout = tenantLayout(home, 'jente');
  mkdirSync(layout.data, { recursive: true });
  const other = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { takeProcessLock } from ${JSON.stringify(import.meta.resolve('@opencrane/kit/process-lock.ts'))};
       takeProcessLock(${JSON.stringify(layout.gatewayLock)}, 'OpenClaw'); console.log('held'); setInterval(() => {}, 60_000);`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  try {
    await once(other.stdout, 'data');
    const platform = standInPlatform(home, '127.0.0.1:1', hasty());
    await assert.rejects(platform.remove('jente', 'delete', patient), {
      code: 'failed_precondition',
      reason: 'state_in_use',
    });
    assert.ok(existsSync(layout.data));
  } finally {
    other.kill('SIGKILL');
    await once(other, 'exit');
  }
  takeProcessLock(layout.gatewayLock, 'the test').release(); // free again
});

test('getting into a tenant that was never set up says what to wait for', async () => {
  await assert.rejects(standInPlatform(newHome()).access('jente'), {
    code: 'failed_precondition',
    reason: 'tenant_not_set_up',
  });
});

/** A clock on which a minute takes a second. */
function hasty() {
  return {
    ...systemClock,
    monotonic: () => systemClock.monotonic() * 60,
  };
}

/** Runs a platform in a process of its own, up when `body` begins and gone afterwards. */
async function runHost(home: string, tenant: string, body: (child: ChildProcess) => Promise<void>): Promise<void> {
  const child = spawn(process.execPath, [host, home, tenant], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await once(child.stdout, 'data');
    await body(child);
  } finally {
    child.kill('SIGKILL');
  }
}

test('no program of a tenant has in its environment what is not for it', {
  skip: process.platform !== 'linux' && 'the environment of a process is read from /proc',
}, async () => {
  const home = newHome();
  const platform = standInPlatform(home);
  await platform.ensure('jente');
  const pids = await bothUp(home, 'jente');
  const ours = {
    agent: /^OPENCRANE_(TENANT|DATA|RUNTIMES|COORDINATOR|TOKEN_FILE|BUCKET|KEY_FILE|WITNESS|GATEWAY_PORT|LOG_LEVEL)$/,
    launcher: /^OPENCRANE_(TENANT|DATA|LOG_LEVEL)$/,
  };
  for (const program of ['agent', 'launcher'] as const) {
    const environment = readFileSync(`/proc/${pids[program]}/environ`, 'utf8');
    assert.ok(!environment.includes('secret:') && !environment.includes(':secret@'), environment);
    const names = environment.split('\0').map((line) => line.slice(0, line.indexOf('=')));
    for (const name of Object.keys(secrets)) assert.ok(!names.includes(name), `${program} has ${name}`);
    const ofOurs = names.filter((name) => name.startsWith('OPENCRANE_'));
    assert.deepEqual(
      ofOurs.filter((name) => !ours[program].test(name)),
      [],
      program,
    );
    assert.ok(ofOurs.length >= 3 && names.includes('PATH'), 'and it has what it needs');
  }
  await platform.stop(patient);
});

test('what is no tenant among the tenants, and what is damaged of one, keeps no other from starting', async () => {
  const home = newHome();
  const platform = standInPlatform(home);
  mkdirSync(tenantLayout(home, 'broken').data, { recursive: true });
  writeFileSync(tenantLayout(home, 'broken').platform, '{"gatewayPort": "eighteen"}');
  writeFileSync(join(home, 'tenants', '.DS_Store'), 'what a file manager leaves behind');
  mkdirSync(join(home, 'tenants', 'lost+found'));
  await platform.ensure('jente');
  await bothUp(home, 'jente');
  await assert.rejects(platform.ensure('broken'), { reason: 'platform_file_damaged' }, 'its own port is not invented');
  await platform.stop(patient);
});
