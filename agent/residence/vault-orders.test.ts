/** Orders that come while another is carried out, on the disk: whatever comes together, nothing is lost. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { VaultResult } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import { TestAgent, TestDisk } from './testing-home.ts';

/** A tenant with snapshots of `one`, `two` and `three`, which is live. */
async function tenant(): Promise<{ disk: TestDisk; agent: TestAgent; snapshots: number[] }> {
  const disk = new TestDisk();
  disk.write('who', 'one');
  const agent = await TestAgent.on(disk);
  await agent.boot();
  const snapshots = [await agent.take()];
  for (const who of ['two', 'three']) {
    disk.write('who', who);
    snapshots.push(await agent.take());
  }
  return { disk, agent, snapshots };
}

/** Lets something happen when the agent comes to a step for the first time, before it goes on. */
function at(agent: TestAgent, step: string, happens: () => Promise<void> | void): void {
  let isOver = false;
  agent.onStep = async (reached) => {
    if (reached !== step || isOver) return;
    isOver = true;
    await happens();
  };
}

/** Until the next turn of the event loop in which it is so. */
async function until(isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!isSo()) {
    assert.ok(performance.now() < deadline, 'it does not become so');
    await setImmediate();
  }
}

const beside = (disk: TestDisk) => readdirSync(disk.at('')).filter((name) => name.startsWith('state'));

/** The state is whole, live, and the newest snapshot. */
async function assertLive(disk: TestDisk, agent: TestAgent, who: string): Promise<void> {
  assert.equal(disk.read('who'), who);
  assert.ok(
    agent.started.every((seen) => seen !== undefined),
    'OpenClaw never started on an empty state',
  );
  const newest = await agent.order({
    case: 'restore',
    value: { snapshot: { choice: { case: 'newest', value: true } }, into: 'look' },
  });
  assert.ok(newest.result.case === 'restored');
  assert.equal(disk.read('../look/who'), who, 'what is live is what the bucket has');
  rmSync(disk.at('look'), { recursive: true });
  assert.equal((await disk.remembered())?.restoring, false);
}

async function end(disk: TestDisk, agent: TestAgent): Promise<void> {
  await agent.stop();
  disk.remove();
}

const whileRestoring = [
  'restore:folders',
  'replace:restored',
  'replace:stored',
  'replace:doubted',
  'replace:aside',
  'replace:exchanged',
  'replace:certain',
];

for (const step of whileRestoring) {
  test(`a second restore that comes at ${step} of the first is refused, and the first one comes to its end`, async () => {
    const { disk, agent, snapshots } = await tenant();
    const [one = 0, two = 0] = snapshots;
    let second: Promise<VaultResult> | undefined;
    at(agent, step, () => {
      second = agent.restore(two);
      second.catch(() => {});
    });
    const { result } = await agent.restore(one);
    assert.equal(result.case, 'restored');
    await assert.rejects(second ?? Promise.resolve(), {
      reason: 'state_in_use',
      message: /^another restore of this tenant is running; it began at \d\d:\d\d:\d\d UTC$/,
    });
    await assertLive(disk, agent, 'one');
    assert.deepEqual(beside(disk), ['state'], 'nothing is left beside it');
    await end(disk, agent);
  });

  test(`a snapshot that is asked for at ${step} of a restore is of the state before or after, whole`, async () => {
    const { disk, agent, snapshots } = await tenant();
    let taken: Promise<number> | undefined;
    at(agent, step, () => {
      taken = agent.take();
    });
    await agent.restore(snapshots[0] ?? 0);
    const sequence = (await taken) ?? 0;
    await agent.order({
      case: 'restore',
      value: { snapshot: { choice: { case: 'sequence', value: BigInt(sequence) } }, into: 'taken' },
    });
    assert.ok(['one', 'three'].includes(disk.read('../taken/who') ?? 'nothing'), 'not of the moment between');
    rmSync(disk.at('taken'), { recursive: true });
    await assertLive(disk, agent, 'one');
    await end(disk, agent);
  });

  for (const [name, order] of [
    ['pruning', { case: 'prune', value: { retention: 'all=0h,hourly=0h,daily=0d' } }],
    ['verification', { case: 'verify', value: {} }],
    ['export', { case: 'export', value: { snapshot: { choice: { case: 'newest', value: true } } } }],
  ] as const) {
    test(`a ${name} that comes at ${step} of a restore takes nothing from it`, async () => {
      const { disk, agent, snapshots } = await tenant();
      let other: Promise<VaultResult> | undefined;
      at(agent, step, () => {
        other = agent.order(order);
      });
      await agent.restore(snapshots[0] ?? 0);
      assert.ok((await other)?.result.case);
      await assertLive(disk, agent, 'one');
      await end(disk, agent);
    });
  }
}

test('a retry while the first restore still runs does not cost the state, and what was live is the snapshot before', async () => {
  const { disk, agent, snapshots } = await tenant();
  disk.write('who', 'said a moment ago');
  const [one = 0] = snapshots;
  let retry: Promise<VaultResult> | undefined;
  at(agent, 'replace:restored', async () => {
    retry = agent.restore(one);
    await retry.catch(() => {}); // whatever it does, it has done it when the first one goes on
    assert.ok(existsSync(disk.state), 'the state is there');
  });
  const { result } = await agent.restore(one);
  assert.ok(result.case === 'restored');
  await assert.rejects(retry ?? Promise.resolve(), { reason: 'state_in_use' });
  await assertLive(disk, agent, 'one');
  await agent.restore(Number(result.value.before?.sequence));
  await assertLive(disk, agent, 'said a moment ago');
  await end(disk, agent);
});

test('a snapshot that is asked for while OpenClaw starts waits until it has started, and says so', async () => {
  const { disk, agent } = await tenant();
  disk.write('who', 'four');
  let taken: Promise<number> | undefined;
  at(agent, 'start', async () => {
    const scans = () => agent.steps.filter((step) => step === 'snapshot:scanned').length;
    const before = scans();
    taken = agent.take();
    await agent.order({ case: 'list', value: {} }); // what needs no turn goes on, and the snapshot would have begun
    assert.equal(scans(), before, 'nothing is read of the state');
  });
  await agent.start();
  assert.equal(await taken, 4);
  assert.match(agent.said.join('\n'), /waiting for the start of OpenClaw \(since .*\) to end/);
  await end(disk, agent);
});

test('OpenClaw does not start while a snapshot on request is under way', async () => {
  const { disk, agent } = await tenant();
  disk.write('who', 'four');
  const from = agent.steps.length;
  let start: Promise<void> | undefined;
  at(agent, 'snapshot:scanned', () => {
    start = agent.start();
  });
  assert.equal(await agent.take(), 4);
  await start;
  const [begun, started] = [agent.steps.indexOf('snapshot:scanned', from), agent.steps.indexOf('start', from)];
  const ended = agent.steps.findIndex((step, index) => index > begun && /^snapshot:(done|scanned)$/.test(step));
  assert.ok(begun >= 0 && started > begun, 'OpenClaw started');
  assert.ok(ended < started || agent.steps[ended] === 'snapshot:scanned', 'not while the state was read');
  await end(disk, agent);
});

test('two restores into one folder do not clear each other’s files away', async () => {
  const { disk, agent, snapshots } = await tenant();
  const into = (sequence = 0) =>
    agent.order({
      case: 'restore',
      value: { snapshot: { choice: { case: 'sequence', value: BigInt(sequence) } }, into: 'beside' },
    });
  let second: Promise<VaultResult> | undefined;
  at(agent, 'restore:folders', async () => {
    second = into(snapshots[1]);
    await second.catch(() => {});
  });
  await into(snapshots[0]);
  await assert.rejects(second ?? Promise.resolve(), { reason: 'target_in_use' });
  assert.equal(disk.read('../beside/who'), 'one');
  await end(disk, agent);
});

for (const step of ['replace:stored', 'replace:doubted', 'replace:aside', 'replace:exchanged', 'replace:certain']) {
  test(`killed at ${step}, the next agent has a whole state, and another restore brings what was asked for`, async () => {
    const { disk, agent, snapshots } = await tenant();
    const [one = 0, two = 0] = snapshots;
    const killed = Promise.withResolvers<void>();
    at(agent, step, () => {
      agent.die();
      killed.resolve();
    });
    agent.restore(one).catch(() => {}); // it never ends
    await killed.promise;
    const next = await TestAgent.on(disk);
    await next.boot();
    assert.ok(['one', 'three'].includes(next.started[0] ?? 'nothing'), `OpenClaw started on ${next.started[0]}`);
    await next.restore(two);
    await assertLive(disk, next, 'two');
    await until(() => beside(disk).every((name) => ['state', 'state.left-behind'].includes(name)));
    await next.stop();
    disk.remove();
    await agent.bury();
  });
}

test('while it is not certain whose state is there nothing starts, nothing is stored, and an agent that starts mends it', async () => {
  const { disk, agent, snapshots } = await tenant();
  at(agent, 'replace:aside', () => {
    // Both ways are barred: what was brought back is gone, and what was there before.
    for (const name of beside(disk)) rmSync(disk.at(name), { recursive: true });
  });
  await assert.rejects(agent.restore(snapshots[0] ?? 0), { reason: 'restore_half_undone' });
  const objects = agent.steps.filter((step) => step === 'snapshot:head').length;
  await assert.rejects(agent.start(), { reason: 'state_in_doubt' });
  await assert.rejects(agent.take(), { reason: 'state_in_doubt' });
  await assert.rejects(agent.restore(snapshots[0] ?? 0), { reason: 'state_in_doubt' });
  assert.equal(existsSync(disk.state), false, 'no empty state was made');
  await agent.stop();
  assert.equal(agent.steps.filter((step) => step === 'snapshot:head').length, objects, 'not even the last snapshot');
  const next = await TestAgent.on(disk);
  await next.boot();
  await assertLive(disk, next, 'three');
  await end(disk, next);
});

test('what is beside a state that is certain is cleared away by the next agent, whoever left it', async () => {
  const { disk, agent } = await tenant();
  await agent.stop();
  const left = ['state.brought-back', 'state.brought-back-7.restoring', 'state.replaced', 'state.replaced-7-1'];
  for (const name of left) mkdirSync(disk.at(name));
  mkdirSync(disk.at('state.left-behind'));
  writeFileSync(disk.at('state.replaced-by-the-owner.txt'), 'mine');
  const next = await TestAgent.on(disk);
  await next.boot();
  await until(() => !left.some((name) => existsSync(disk.at(name))));
  await next.stop();
  assert.deepEqual(beside(disk), ['state', 'state.left-behind', 'state.replaced-by-the-owner.txt']);
  disk.remove();
});

test('a state folder that is away is not replaced by an empty one, and comes back by a restore', async () => {
  const { disk, agent } = await tenant();
  renameSync(disk.state, disk.at('away'));
  await assert.rejects(agent.start(), { reason: 'state_missing' });
  await assert.rejects(agent.take(), { reason: 'state_missing' });
  await agent.restore(3);
  await assertLive(disk, agent, 'three');
  await end(disk, agent);
});
