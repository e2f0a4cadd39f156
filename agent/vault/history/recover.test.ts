import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adoptHead, checkedHead } from '../format/head.ts';
import type { ManifestRef } from '../format/object-ids.ts';
import { History, never } from '../testing-history.ts';
import { verify } from '../verify/verify.ts';
import { lastEpoch, recover } from './recover.ts';

const HEAD = 'vault/head';

/** A tenant with so many snapshots, each of which rewrites most of it. */
async function tenantWith(count: number): Promise<History> {
  const history = await History.inMemory();
  for (let number = 1; number <= count; number += 1) {
    for (let file = 0; file < 20; file += 1) history.write(`file-${file}`, `${number} ${file}`);
    history.write(`only-${number}`, `${number}`.repeat(20_000));
    await history.snapshot('change');
  }
  return history;
}

const packOf = (history: History, { sequence }: ManifestRef) => {
  const prefix = `vault/packs/${sequence.toString(16).padStart(12, '0')}`;
  return history.bucket.names(prefix)[0] ?? assert.fail(`${prefix} is there`);
};

const cases: { reason: string; spoil: (history: History) => void; good: number; isCopied: boolean }[] = [
  { reason: 'a head that is missing', spoil: ({ bucket }) => bucket.objects.delete(HEAD), good: 4, isCopied: false },
  {
    reason: 'a head that is damaged',
    spoil: ({ bucket }) => bucket.put(HEAD, Buffer.alloc(100, 7)),
    good: 4,
    isCopied: false,
  },
  {
    reason: 'a newest manifest that is damaged',
    spoil: ({ bucket, taken }) => bucket.put(taken[3]?.ref.name ?? '', Buffer.alloc(100, 7)),
    good: 3,
    isCopied: true,
  },
  {
    reason: 'a pack that is missing, with all that needs it',
    spoil: (history) => history.bucket.objects.delete(packOf(history, history.taken[1]?.ref ?? assert.fail())),
    good: 1,
    isCopied: true,
  },
];

for (const { reason, spoil, good, isCopied } of cases) {
  test(`${reason}: the newest good snapshot becomes the newest, and nothing is removed or overwritten`, async () => {
    const history = await tenantWith(4);
    spoil(history);
    const before = new Map(history.bucket.objects);
    const { vault, clock } = history;
    const epoch = (await lastEpoch(vault, never)) + 1;
    const steps: string[] = [];
    const ports = { epoch, assertHeld: () => {}, onStep: (step: string) => void steps.push(step), clock };
    const { of, newest, changed } = await recover(vault, undefined, ports, never);
    assert.deepEqual([of.sequence, changed, newest.name !== of.name], [good, true, isCopied]);
    assert.deepEqual(steps, ['recover:manifest', 'recover:done']);
    for (const [name, object] of before)
      if (name !== HEAD) assert.equal(history.bucket.objects.get(name), object, name);
    assert.equal((await checkedHead(vault))?.newest?.name, newest.name);
    const { tree } = history.taken[good - 1] ?? assert.fail();
    history.taken.push({ ref: newest, tree });
    await history.assertRestores(newest);
    assert.deepEqual((await verify(vault, newest, () => {}, never)).damaged, []);
    // Calling it again finds nothing to do, and the tenant goes on from there.
    assert.equal((await recover(vault, undefined, ports, never)).changed, false);
    assert.equal((await adoptHead(vault, epoch + 1)).newest?.name, newest.name);
    history.end();
  });
}

test('killed before the head is moved, it is ended by calling it again', async () => {
  const history = await tenantWith(3);
  history.bucket.put(history.taken[2]?.ref.name ?? '', Buffer.alloc(100, 7));
  const { vault, clock } = history;
  const die = () => {
    throw new Error('killed');
  };
  const ports = { epoch: 2, assertHeld: () => {}, onStep: die, clock };
  await assert.rejects(recover(vault, undefined, ports, never), { message: 'killed' });
  const { newest } = await recover(vault, undefined, { ...ports, onStep: () => {} }, never);
  const { tree } = history.taken[1] ?? assert.fail();
  history.taken.push({ ref: newest, tree });
  await history.assertRestores(newest);
  history.end();
});

test('a person may say which; one that is not good is refused, and nothing is written', async () => {
  const history = await tenantWith(3);
  const { vault, clock, bucket } = history;
  const ports = { epoch: 2, assertHeld: () => {}, onStep: () => {}, clock };
  const before = bucket.names('');
  await assert.rejects(recover(vault, 9, ports, never), { reason: 'no_good_snapshot' });
  assert.deepEqual(bucket.names(''), before);
  const { of, newest } = await recover(vault, 2, ports, never);
  assert.deepEqual([of.sequence, newest.sequence], [2, 4]);
  const { tree } = history.taken[1] ?? assert.fail();
  history.taken.push({ ref: newest, tree });
  await history.assertRestores(newest);
  history.end();
});

test('who lost the lease writes nothing', async () => {
  const history = await tenantWith(2);
  history.bucket.objects.delete(HEAD);
  const before = history.bucket.names('');
  const assertHeld = () => {
    throw new Error('lost');
  };
  const ports = { epoch: 2, assertHeld, onStep: () => {}, clock: history.clock };
  await assert.rejects(recover(history.vault, undefined, ports, never), { message: 'lost' });
  assert.deepEqual(history.bucket.names(''), before);
  history.end();
});
