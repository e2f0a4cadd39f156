import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemClock as clock } from '@opencrane/kit/clock.ts';
import { createLogger } from '@opencrane/kit/logging.ts';
import { objectAt } from '../../bucket/layout.ts';
import { openBucket } from '../../bucket/open-bucket.ts';
import { holderIdOf } from '../../fence/lease-record.ts';
import { termsOf } from '../../fence/terms.ts';
import { bootClock } from '../../launcher/boot-clock.ts';
import { assertSameTree, listTree, tenantKey } from '../testing.ts';
import { parseOrder } from './order.ts';
import { runOrder } from './run-order.ts';
import { OfflineTenant } from './testing.ts';

const ours = await OfflineTenant.make();
after(() => ours.end());

/** Runs an order as main.ts does. */
async function run(words: readonly string[], ttlMillis = 30_000) {
  const order = parseOrder(words);
  const claimant = { holder: holderIdOf(randomUUID()), instance: randomUUID(), host: 'offline' };
  const steps: string[] = [];
  const result = await runOrder(
    order,
    {
      bucket: openBucket(order.bucket, { clock, random: Math.random, newId: randomUUID }),
      lease: {
        name: objectAt({ kind: 'lease' }),
        claimant,
        terms: termsOf(ttlMillis),
        clock: bootClock,
        random: Math.random,
        log: createLogger({ program: 'test', level: 'silent' }),
      },
      report: (step, message) => void steps.push(`${step}: ${message}`),
      onStep: () => {},
      newId: randomUUID,
      randomBytes,
      clock,
    },
    new AbortController().signal,
  );
  return { result: Object(result), steps };
}

function command(of: OfflineTenant, json: object, ...more: readonly string[]) {
  return run(['--bucket', of.folder, '--key-file', of.keyFile(), '--command', JSON.stringify(json), ...more]);
}

test('a snapshot is restored into a folder that is not there yet', async () => {
  const into = ours.path('back');
  const { result, steps } = await command(ours, { restore: { snapshot: { sequence: '1' }, into } });
  assert.equal(result.restored.folder, into);
  assertSameTree(listTree(into), ours.history.taken[0]?.tree ?? new Map());
  assert.ok(steps.includes(`restore: restoring into ${into}`));
  const again = command(ours, { restore: { snapshot: { newest: true }, into } });
  await assert.rejects(again, { reason: 'target_occupied' });
});

test('reading everything back finds what is damaged, and writes nothing', async () => {
  assert.equal((await command(ours, { verify: {} })).result.verified.damaged, undefined);
  const packs = join(ours.folder, 'vault/packs');
  const [first = ''] = readdirSync(packs);
  const intact = readFileSync(join(packs, first));
  writeFileSync(join(packs, first), intact.subarray(0, 100));
  const before = ours.objects();
  const [damaged] = (await command(ours, { verify: {} })).result.verified.damaged;
  const { name, reason, sequences } = damaged;
  assert.deepEqual([name, reason, sequences], [`vault/packs/${first}`, 'object_short', ['1', '2']]);
  assert.deepEqual(ours.objects(), before);
  writeFileSync(join(packs, first), intact);
});

test('two snapshots are compared', async () => {
  const { result } = await command(ours, { compare: { from: { sequence: '1' }, to: { newest: true } } });
  const [entry, ...others] = result.difference.entries;
  assert.deepEqual(entry, { path: 'agents/main/file', change: 'changed', fromBytes: '3', toBytes: '10' });
  assert.deepEqual(others, []);
});

test('an export goes to a file that is not there yet, whole or not at all', async () => {
  const order = { export: { snapshot: { newest: true }, path: 'agents' } };
  const path = ours.path('agents.tar');
  const { result } = await command(ours, order, '--output', path);
  const archive = readFileSync(path);
  assert.equal(result.exported.bytes, String(archive.length));
  assert.match(spawnSync('tar', ['-t'], { input: archive, encoding: 'utf8' }).stdout, /^main\/file$/m);
  await assert.rejects(command(ours, order, '--output', path), { code: 'already_exists', reason: 'output_unwritable' });
  assert.ok(readFileSync(path).equals(archive));
  const nothing = { export: { snapshot: { newest: true }, path: 'nothing' } };
  await assert.rejects(command(ours, nothing, '--output', ours.path('nothing.tar')), { reason: 'path_not_found' });
  await assert.rejects(command(ours, order, '--output', ours.path('none/x.tar')), { reason: 'output_unwritable' });
  assert.equal(existsSync(ours.path('nothing.tar')), false);
  assert.deepEqual(
    readdirSync(ours.path('')).filter((name) => name.includes('draft')),
    [],
  );
});

const refusals: { reason: string; words: (of: OfflineTenant) => string[]; error: object }[] = [
  {
    reason: 'a snapshot cannot be taken without a state',
    words: (of) => ['--bucket', of.folder, '--key-file', of.keyFile(), '--command', '{"take":{}}'],
    error: { code: 'failed_precondition', reason: 'no_state' },
  },
  {
    reason: 'a restore needs a folder',
    words: (of) => [
      '--bucket',
      of.folder,
      '--key-file',
      of.keyFile(),
      '--command',
      '{"restore":{"snapshot":{"newest":true}}}',
    ],
    error: { code: 'invalid_argument', reason: 'into_missing' },
  },
  {
    reason: 'a folder that is not there is no empty bucket',
    words: (of) => ['--bucket', of.path('none'), '--key-file', of.keyFile(), '--command', '{"list":{}}'],
    error: { code: 'not_found', reason: 'bucket_missing' },
  },
  {
    reason: 'a bucket without a vault gets none',
    words: (of) => ['--bucket', emptyFolder(of), '--key-file', of.keyFile(), '--command', '{"prune":{}}'],
    error: { code: 'not_found', reason: 'vault_missing' },
  },
  {
    reason: 'a rotation by a wrong key is denied',
    words: (of) => ['--bucket', of.folder, '--key-file', of.keyFile('wrong'), '--rotate-to', of.keyFile('new')],
    error: { code: 'permission_denied', reason: 'wrong_key', message: new RegExp(tenantKey('wrong').id) },
  },
  {
    reason: 'a rotation to a key that is not there is refused',
    words: (of) => ['--bucket', of.folder, '--key-file', of.keyFile(), '--rotate-to', of.path('none')],
    error: { reason: 'key_unreadable' },
  },
];

for (const { reason, words, error } of refusals) {
  test(`${reason}, and nothing is written`, async () => {
    const before = ours.objects();
    await assert.rejects(run(words(ours)), error);
    assert.deepEqual(ours.objects(), before);
  });
}

test('pruning takes the lease and hands it over; a dry run does without', async () => {
  const of = await OfflineTenant.make();
  const retention = 'all=0d,hourly=0d,daily=0d';
  const dry = await command(of, { prune: { dryRun: true, retention } });
  assert.equal(of.lease.epoch, 1);
  const { result } = await command(of, { prune: { retention } });
  assert.deepEqual(result, dry.result);
  const { released, epoch, host } = of.lease;
  assert.deepEqual([released, epoch, host], [true, 2, 'offline']);
  await of.history.assertHolds(of.history.taken[1]?.ref ?? assert.fail());
  of.end();
});

test('without the agent the last snapshot of each version is taken for a way back, and stays', async () => {
  const of = await OfflineTenant.make();
  for (const version of ['2', '2', '3']) {
    for (let more = 0; more < 4; more += 1) {
      of.history.write('file', `${version} ${more} ${Math.random()}`);
      of.history.version = version;
      await of.history.snapshot();
    }
  }
  const lastOfEach = of.history.taken.filter(({ ref }) => [2, 10, 14].includes(ref.sequence)).map(({ ref }) => ref);
  assert.equal(lastOfEach.length, 3);
  await command(of, { prune: { retention: 'all=0d,hourly=0d,daily=0d' } });
  for (const ref of lastOfEach) await of.history.assertHolds(ref);
  assert.ok(of.objects().length < 30);
  of.end();
});

test('whoever holds the lease and renews it is not disturbed; when it runs out it is taken', async () => {
  const of = await OfflineTenant.make();
  const agent = await of.otherAgent(3_000);
  const before = of.objects();
  const words = ['--bucket', of.folder, '--key-file', of.keyFile(), '--command', '{"prune":{}}'];
  await assert.rejects(run(words), {
    code: 'failed_precondition',
    reason: 'lease_taken',
    message: /the-other-machine/,
  });
  await assert.rejects(run([...words.slice(0, 4), '--rotate-to', of.keyFile('new')], 3_000), { reason: 'lease_taken' });
  assert.equal(agent.heldFor(0), true);
  assert.deepEqual(of.objects(), before);
  await agent.stop(); // without a word
  const { steps } = await run(words, 3_000);
  assert.ok(steps.includes('lease: waiting whether the-other-machine still has the tenant, 3 s at most'));
  assert.equal(of.lease.epoch, 3);
  of.end();
});

test('one for whom a coordinator may vouch is waited for as long as that may be, which is told', async () => {
  const of = await OfflineTenant.make();
  const agent = await of.otherAgent(3_000, 3_500);
  await agent.stop();
  const { steps } = await run(['--bucket', of.folder, '--key-file', of.keyFile(), '--command', '{"prune":{}}'], 3_000);
  const waiting = steps.find((step) => step.includes('waiting whether')) ?? '';
  assert.match(waiting, /the-other-machine still has the tenant, 1 min at most, .* through the coordinator/);
  of.end();
});

test('a rotation that is begun again when it has ended is no error', async () => {
  const of = await OfflineTenant.make();
  const rotation = ['--bucket', of.folder, '--key-file', of.keyFile(), '--rotate-to', of.keyFile('new')];
  const wanted = { rotated: { oldKey: tenantKey('tenant').id, newKey: tenantKey('new').id, generation: 2 } };
  assert.deepEqual((await run(rotation)).result, wanted);
  assert.deepEqual((await run(rotation)).result, wanted);
  await assert.rejects(command(of, { list: {} }), { reason: 'wrong_key' });
  const verify = ['--bucket', of.folder, '--key-file', of.keyFile('new'), '--command', '{"verify":{}}'];
  assert.equal((await run(verify)).result.verified.snapshots, '2');
  of.end();
});

test('a head that is damaged is mended under the lease; the tenant’s agent then brings that snapshot back', async () => {
  const of = await OfflineTenant.make();
  writeFileSync(join(of.folder, 'vault', 'head'), 'nothing of use');
  await assert.rejects(command(of, { list: {} }), { code: 'data_loss' });
  const { result } = await run(['--bucket', of.folder, '--key-file', of.keyFile(), '--recover', 'newest']);
  const { recovered } = result;
  assert.deepEqual([recovered.changed, recovered.of.sequence, recovered.newest.sequence], [true, 2, 2]);
  const { released, epoch, host } = of.lease;
  assert.deepEqual([released, epoch, host], [true, 2, 'offline']);
  assert.equal((await command(of, { list: {} })).result.list.snapshots.length, 2);
  of.end();
});

function emptyFolder(of: OfflineTenant): string {
  mkdirSync(of.path('empty'), { recursive: true });
  return of.path('empty');
}
