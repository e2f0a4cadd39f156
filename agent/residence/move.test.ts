/** What the agent remembers goes with the state: to an empty disk, to one that had the tenant before, and back in time. */
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import type { JsonObject } from '@opencrane/kit/canonical-json.ts';
import { digestOf, digestOfJson } from '@opencrane/kit/digest.ts';
import { OfferSchema } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { begin } from '../runtime/upgrade.ts';
import { TestAgent, TestDisk } from './testing-home.ts';

const never = new AbortController().signal;
const NOTHING_BY_AGE = 'all=0h,hourly=0h,daily=0d';

function runtime(version: string) {
  const pin = { by: '', at: '', reason: '' };
  return { revision: 3n, digest: digestOf(version), version, bundleDigest: digestOf(version), bundleBytes: 7, pin };
}

const managed = (offered: JsonObject) => ({
  digest: digestOfJson(offered),
  offered,
  document: { ...offered, gateway: { port: 1 } },
  respelled: [],
});

/** OpenClaw starts on a version with a configuration, and a snapshot is taken. */
async function serve(agent: TestAgent, version: string, offered: JsonObject): Promise<void> {
  await agent.config.writeManaged(managed(offered));
  const config = { revision: 5n, digest: digestOfJson(offered) };
  await agent.serving.update({ runtime: runtime(version), config });
  await agent.start();
  await agent.take();
}

async function end(...things: readonly (TestAgent | TestDisk)[]): Promise<void> {
  for (const thing of things) await ('stop' in thing ? thing.stop() : thing.remove());
}

test('an empty disk knows what served, what was refused, what is managed and how to go back', async () => {
  const disk = new TestDisk();
  disk.write('state/openclaw.sqlite', 'of 2026.8.2');
  const agent = await TestAgent.on(disk);
  await agent.boot();
  const refused = { runtime: { digest: digestOf('bad'), nonce: 'n' } };
  await agent.serving.update({ refused, drained: true });
  await serve(agent, '2026.8.2', { a: 1 });
  await agent.kept.keep({ id: 'upgrade-1', version: '2026.8.2', atMillis: 1 }, never);
  disk.write('state/openclaw.sqlite', 'of 2026.9.6');
  await serve(agent, '2026.9.6', { a: 2 });
  const knew = { serving: agent.serving.current, kept: await agent.kept.list() };
  await agent.stop();

  const other = new TestDisk(disk.bucket);
  const next = await TestAgent.on(other, 2);
  await next.boot();
  assert.deepEqual(next.serving.current, knew.serving);
  assert.equal(next.serving.current.config?.revision, 5n, 'not revision 0');
  assert.equal(next.serving.current.previousBundle, digestOf('2026.8.2'));
  assert.deepEqual(await next.config.readManaged(), managed({ a: 2 }));
  assert.deepEqual(await next.config.readBaseline(), managed({ a: 2 }), 'a key that is unset later goes');
  assert.deepEqual(await next.kept.list(), knew.kept);

  await next.order({ case: 'prune', value: { retention: NOTHING_BY_AGE } });
  const [way] = await next.kept.list();
  assert.ok(way);
  other.write('state/openclaw.sqlite', 'of a version that is left');
  await next.kept.restore(way.id, other.state, never);
  assert.equal(other.read('state/openclaw.sqlite'), 'of 2026.8.2', 'the way back is there at any age');
  await end(next, disk, other);
});

test('a disk that had the tenant before another one believes the state, and goes on with no upgrade of its own', async () => {
  const [first, second] = [new TestDisk()].flatMap((disk) => [disk, new TestDisk(disk.bucket)]);
  assert.ok(first && second);
  first.write('who', 'first');
  const before = await TestAgent.on(first);
  await before.boot();
  await serve(before, '2026.8.2', { a: 1, old: true });
  await before.config.writeAttempt({ digest: digestOf('attempt'), previous: '{"of":"the first"}' });
  writeFileSync(first.at('config/attempt.json'), JSON.stringify({ digest: digestOf('attempt'), previous: null }));
  const plan = { id: 'cut-off', from: ofVersion('2026.8.2'), to: ofVersion('2026.8.3'), restoreId: null };
  const entry = { upgrade: begin(plan), offer: create(OfferSchema, {}), stoppedAtMillis: null, readyAtMillis: null };
  await before.journal.write(entry);
  before.die(); // with its machine, which comes back

  const meanwhile = await TestAgent.on(second, 2);
  await meanwhile.boot();
  await meanwhile.config.removeAttempt();
  second.write('who', 'second');
  await serve(meanwhile, '2026.9.6', { a: 2 });
  await meanwhile.stop();

  const back = await TestAgent.on(first, 3);
  assert.equal(back.serving.current.runtime?.version, '2026.8.2');
  assert.notEqual(back.journal.entry, undefined);
  await back.boot();
  assert.equal(first.read('who'), 'second');
  assert.equal(back.serving.current.runtime?.version, '2026.9.6', 'an older version would not open that state');
  assert.equal(back.journal.entry, undefined, 'going back would undo what was said on the other disk');
  assert.deepEqual(await back.config.readManaged(), managed({ a: 2 }));
  assert.equal(await back.config.readAttempt(), undefined, 'the file of the other disk stays');
  await end(back, first, second);
  await before.bury();
});

test('a disk that lost its state, and nothing else, knows more than the newest snapshot', async () => {
  const disk = new TestDisk();
  disk.write('who', 'one');
  const agent = await TestAgent.on(disk);
  await agent.boot();
  await serve(agent, '2026.8.2', { a: 1 });
  await agent.stop();
  const lost = await TestAgent.on(disk);
  await lost.serving.update({ runtime: runtime('2026.9.6') });
  rmSync(disk.state, { recursive: true });
  await lost.boot();
  assert.equal(disk.read('who'), 'one');
  assert.equal(lost.serving.current.runtime?.version, '2026.9.6');
  assert.match(
    disk.read('.opencrane/serving.json') ?? '',
    /2026\.9\.6/,
    'and the state is told before OpenClaw starts',
  );
  await end(lost, disk);
});

test('a restore in place brings back what lay in that configuration; what serves is written into it', async () => {
  const disk = new TestDisk();
  disk.write('who', 'one');
  const agent = await TestAgent.on(disk);
  await agent.boot();
  await serve(agent, '2026.8.2', { a: 1, old: true });
  const first = await agent.take();
  await serve(agent, '2026.9.6', { a: 2 });
  await agent.kept.keep({ id: 'upgrade-1', version: '2026.8.2', atMillis: 1 }, never);
  await agent.restore(first);
  assert.deepEqual(await agent.config.readManaged(), managed({ a: 2 }), 'what is to be laid over it');
  assert.deepEqual(await agent.config.readBaseline(), managed({ a: 1, old: true }), 'so `old` goes');
  assert.match(
    disk.read('.opencrane/serving.json') ?? '',
    /"version": "2026\.9\.6"/,
    'which writes that state from now on',
  );
  assert.match(disk.read('.opencrane/kept-states.json') ?? '', /upgrade-1/);
  await end(agent, disk);
});

for (const [reason, spoil] of [
  ['garbage', () => '{'],
  ['another document under the digest of an admin’s', (text: string) => text.replaceAll('"a": 1', '"a": 666')],
] as const) {
  test(`records in the state that a tenant wrote keep nobody from moving in, nor are they believed: ${reason}`, async () => {
    const disk = new TestDisk();
    disk.write('who', 'one');
    const agent = await TestAgent.on(disk);
    await agent.boot();
    await serve(agent, '2026.8.2', { a: 1 });
    for (const name of ['managed', 'kept-states', 'attempt', 'last-good'])
      disk.write(`.opencrane/${name}.json`, spoil(disk.read(`.opencrane/${name}.json`) ?? '{}'));
    await agent.take();
    await agent.stop();
    const other = new TestDisk(disk.bucket);
    const next = await TestAgent.on(other, 2);
    await next.boot();
    assert.equal(next.serving.current.config, undefined, 'the coordinator offers it again');
    assert.equal(await next.config.readManaged(), undefined);
    assert.deepEqual(await next.kept.list(), []);
    await end(next, disk, other);
  });
}

test('a file where the agent keeps its records in the state keeps OpenClaw from no start', async () => {
  const disk = new TestDisk();
  disk.write('who', 'one');
  const agent = await TestAgent.on(disk);
  await agent.boot();
  await serve(agent, '2026.8.2', { a: 1 });
  rmSync(disk.folders.inState, { recursive: true });
  disk.write('.opencrane', 'mine');
  await serve(agent, '2026.9.6', { a: 2 });
  assert.match(disk.read('.opencrane/serving.json') ?? '', /2026\.9\.6/);
  await agent.config.removeAttempt();
  await end(agent, disk);
});

function ofVersion(version: string) {
  return { version, bundleDigest: digestOf(version), directory: `/${version}` };
}
