/** A bucket whose tenant goes. */
import assert from 'node:assert/strict';
import type { Bucket, ErasableBucket } from '../bucket.ts';
import { names, nothingIn, type On, text, written } from './stage.ts';

/** What goes, and what stays. */
export function erasing(on: On): void {
  const erasable = (bucket: Bucket) => {
    assert.ok('erase' in bucket, 'it can be erased');
    return bucket as ErasableBucket; // it has the one method that a bucket has not
  };

  on('all goes but what is spared, and then that', async (bucket) => {
    const all = [
      'runtime/x.tar.zst',
      'uploads/a',
      'vault/head',
      'vault/keys/1.json',
      'vault/keys/2.json',
      'vault/lease',
    ];
    for (const each of all) await written(bucket, each, text('1234'));
    const spared = ['vault/keys/', 'vault/lease'];
    assert.equal(await erasable(bucket).isEmpty(), false);
    assert.deepEqual(await erasable(bucket).erase(spared), { objects: 3, bytes: 12 });
    assert.deepEqual(await names(bucket, ''), all.slice(3));
    assert.equal((await erasable(bucket).erase([])).objects, 3);
    await nothingIn(bucket);
    assert.equal(await erasable(bucket).isEmpty(), true);
    assert.deepEqual(await erasable(bucket).erase([]), { objects: 0, bytes: 0 });
    await written(bucket, 'vault/head', text('the next one of this name'));
  });

  on('a removal that is told to end ends, and the next one goes on', async (bucket) => {
    for (const each of ['a', 'b']) await written(bucket, each, text(each));
    await assert.rejects(erasable(bucket).erase([], AbortSignal.abort()), { code: 'cancelled' });
    assert.deepEqual(await names(bucket, ''), ['a', 'b']);
    await erasable(bucket).erase([]);
    await nothingIn(bucket);
  });
}
