/** Lists. */
import assert from 'node:assert/strict';
import { names, nothingIn, type On, text, written } from './stage.ts';

/** What is there, and in which order. `many`: how many objects are many for this kind of bucket. */
export function lists(on: On, many: number): void {
  on('a list has what begins with the prefix, by name, as it is', async (bucket) => {
    const all = [
      'a-b',
      'a.b',
      'a/b',
      'a/c/d',
      'a/c/e',
      'a0',
      'b',
      'vault/manifests/0-a',
      'vault/manifests/1-a',
      'vault/packs/0',
    ];
    for (const each of all.toReversed()) await written(bucket, each, text(each));
    assert.deepEqual(await names(bucket, ''), all);
    assert.deepEqual(await names(bucket, 'a'), all.slice(0, 6));
    assert.deepEqual(await names(bucket, 'a/'), ['a/b', 'a/c/d', 'a/c/e']);
    assert.deepEqual(await names(bucket, 'a/c'), ['a/c/d', 'a/c/e']);
    assert.deepEqual(await names(bucket, 'vault/ma'), ['vault/manifests/0-a', 'vault/manifests/1-a']);
    assert.deepEqual(await names(bucket, 'vault/manifests/1'), ['vault/manifests/1-a']);
    assert.deepEqual(await names(bucket, 'vault/x'), []);
    assert.deepEqual(await names(bucket, 'x/y/z'), []);
    for await (const found of bucket.list('')) assert.deepEqual(found, await bucket.info(found.name));
  });

  on('an empty bucket has nothing in it', (bucket) => nothingIn(bucket));

  on(`${many} objects are listed, each once and in order`, async (bucket) => {
    const all = Array.from({ length: many }, (_, i) => `vault/packs/${String(i).padStart(8, '0')}`);
    await inParallel(32, all.toReversed(), (each) => written(bucket, each, text('x')));
    assert.deepEqual(await names(bucket, 'vault/'), all);
    assert.deepEqual(await names(bucket, 'vault/packs/0000000'), all.slice(0, 10));
  });
}

async function inParallel<T>(width: number, items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (const item of queue) await work(item);
    }),
  );
}
