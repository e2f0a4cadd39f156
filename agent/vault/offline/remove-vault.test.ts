/** A tenant's vault is removed with everything beside it in the bucket, by whoever has its key and when nobody has the tenant. */
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock as clock } from '@opencrane/kit/clock.ts';
import { createLogger } from '@opencrane/kit/logging.ts';
import { objectAt } from '../../bucket/layout.ts';
import { openBucket } from '../../bucket/open-bucket.ts';
import { holderIdOf } from '../../fence/lease-record.ts';
import { termsOf } from '../../fence/terms.ts';
import { bootClock } from '../../launcher/boot-clock.ts';
import { tenantKey } from '../testing.ts';
import { parseOrder } from './order.ts';
import { runOrder } from './run-order.ts';
import { OfflineTenant } from './testing.ts';

type Steps = (step: string) => void;

/** Runs `--look` or `--remove` as main.ts does. */
async function run(of: OfflineTenant, what: string, seed = 'tenant', onStep: Steps = () => {}) {
  const order = parseOrder(['--bucket', of.folder, '--key-file', of.keyFile(seed), what]);
  const claimant = { holder: holderIdOf(randomUUID()), instance: randomUUID(), host: 'offline' };
  const lease = {
    name: objectAt({ kind: 'lease' }),
    claimant,
    terms: termsOf(30_000),
    clock: bootClock,
    random: Math.random,
    log: createLogger({ program: 'test', level: 'silent' }),
  };
  const bucket = openBucket(order.bucket, { clock, random: Math.random, newId: randomUUID });
  const ports = { bucket, lease, report: () => {}, onStep, newId: randomUUID, randomBytes, clock };
  return Object(await runOrder(order, ports, new AbortController().signal));
}

async function tenant(t: { after: (end: () => void) => void }): Promise<OfflineTenant> {
  const of = await OfflineTenant.make();
  t.after(() => of.end());
  return of;
}

test('all of it goes, whoever put it there; the next one of this name, with another key, finds an empty bucket', async (t) => {
  const of = await tenant(t);
  for (const folder of ['uploads/for me', 'runtime', 'config']) mkdirSync(join(of.folder, folder), { recursive: true });
  writeFileSync(join(of.folder, 'uploads/for me/été.pdf'), 'a person’s own');
  writeFileSync(join(of.folder, 'runtime', `${'0'.repeat(64)}.tar.zst`), 'a bundle');
  writeFileSync(join(of.folder, 'config/old'), 'of a layout that no agent writes any more');
  const { removed } = await run(of, '--remove');
  assert.ok(removed.objects >= 9 && removed.bytes > 1000, JSON.stringify(removed));
  assert.equal(removed.left, false);
  assert.deepEqual(readdirSync(of.folder), []);
  assert.deepEqual(await run(of, '--look', 'another'), { look: { vault: 'none', keys: [] } });
  assert.deepEqual(await run(of, '--remove', 'another'), { removed: { objects: 0, bytes: 0, left: false } });
});

for (const cut of ['remove:content', 'remove:slots', 'remove:released']) {
  test(`cut off after ${cut}, it is done to its end by the same key`, async (t) => {
    const of = await tenant(t);
    const cutOff = (step: string) => {
      if (step === cut) throw new Error('killed');
    };
    await assert.rejects(run(of, '--remove', 'tenant', cutOff), { message: 'killed' });
    assert.ok(of.lease.released, 'whoever goes on need not wait');
    assert.equal((await run(of, '--remove')).removed.left, false);
    assert.deepEqual(readdirSync(of.folder), []);
  });
}

test('another’s vault is not removed, and neither is one of which nobody can say whose it is', async (t) => {
  const of = await tenant(t);
  const before = of.objects();
  await assert.rejects(run(of, '--remove', 'wrong'), { reason: 'wrong_key' });
  assert.deepEqual(of.objects(), before);
  assert.deepEqual(await run(of, '--look', 'wrong'), { look: { vault: 'other', keys: [tenantKey('tenant').id] } });
  rmSync(join(of.folder, 'vault/keys'), { recursive: true });
  await assert.rejects(run(of, '--remove'), { reason: 'object_missing' });
  assert.deepEqual(await run(of, '--look'), { look: { vault: 'other', keys: [] } });
  assert.deepEqual(
    of.objects(),
    before.filter((line) => !line.includes('vault/keys')),
  );
});

test('whoever holds the lease keeps everything', async (t) => {
  const of = await tenant(t);
  const agent = await of.otherAgent(3_000);
  const before = of.objects();
  await assert.rejects(run(of, '--remove'), { reason: 'lease_taken', message: /the-other-machine/ });
  assert.deepEqual(of.objects(), before);
  await agent.stop();
});

test('a lease that nobody can read is told at once: no waiting mends it, and a person must look', async (t) => {
  const of = await tenant(t);
  const before = of.objects();
  writeFileSync(join(of.folder, 'vault/lease'), 'nothing of use');
  await assert.rejects(run(of, '--remove'), { reason: 'lease_damaged' });
  assert.deepEqual(of.objects(), before);
});

test('what is damaged goes, too', async (t) => {
  const of = await tenant(t);
  writeFileSync(join(of.folder, 'vault/head'), 'nothing of use');
  writeFileSync(join(of.folder, 'vault/keys', `${tenantKey('tenant').id}.json`), '{"nothing":"of use"}');
  assert.deepEqual(await run(of, '--look'), { look: { vault: 'ours', keys: [tenantKey('tenant').id] } });
  await run(of, '--remove');
  assert.deepEqual(readdirSync(of.folder), []);
});

test('where no agent has ever been, what lies there is not a tenant’s, and stays', async (t) => {
  const of = await tenant(t);
  rmSync(join(of.folder, 'vault'), { recursive: true });
  writeFileSync(join(of.folder, 'somebody’s'), 'precious');
  assert.deepEqual(await run(of, '--remove'), { removed: { objects: 0, bytes: 0, left: true } });
  assert.ok(readdirSync(of.folder).includes('somebody’s'));
});
