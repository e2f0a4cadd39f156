/** Large bodies, streams, and calls that end early. */
import assert from 'node:assert/strict';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { collected, digest, inPieces, name, names, noise, nothingIn, type On, text, written } from './stage.ts';

const LARGE = 20 * 1024 * 1024;

/** What does not come at once. */
export function streams(on: On): void {
  on(
    'a large body that comes in pieces of any size arrives whole, and is streamed back from anywhere',
    async (bucket) => {
      const content = noise(LARGE);
      await written(bucket, 'runtime/large', inPieces(content));
      assert.equal((await bucket.info(name('runtime/large')))?.bytes, LARGE);
      assert.equal(digest(await collected(await bucket.stream(name('runtime/large')))), digest(content));
      for (const start of [1, 12_345_678, LARGE - 1, LARGE, LARGE + 5]) {
        const rest = await collected(await bucket.stream(name('runtime/large'), start));
        assert.equal(digest(rest), digest(content.subarray(start)), `from ${start}`);
      }
      const part = await bucket.read(name('runtime/large'), { start: 5_000_000, end: 5_000_000 + 524_288 });
      assert.equal(digest(part?.bytes ?? new Uint8Array()), digest(content.subarray(5_000_000, 5_524_288)));
      assert.equal(await bucket.create(name('runtime/large'), inPieces(text('another'))), 'exists');
    },
  );

  on('a large body in memory arrives whole', async (bucket) => {
    const content = noise(LARGE);
    await written(bucket, 'runtime/large', content);
    assert.equal(digest((await bucket.read(name('runtime/large')))?.bytes ?? new Uint8Array()), digest(content));
  });

  on('who stops reading a stream early leaves nothing hanging', async (bucket) => {
    await written(bucket, 'a', noise(LARGE));
    for await (const piece of (await bucket.stream(name('a'))) ?? []) {
      assert.ok(piece.length > 0);
      break;
    }
    assert.equal((await bucket.info(name('a')))?.bytes, LARGE);
  });

  on('a body that fails leaves nothing, and its own error is what the writer gets', async (bucket, another) => {
    const failure = new Error('the source broke');
    async function* broken() {
      yield noise(3_000_000);
      throw failure;
    }
    await assert.rejects(bucket.create(name('vault/packs/aa'), broken()), (thrown) => thrown === failure);
    await nothingIn(another());
    await written(bucket, 'vault/packs/aa', text('whole'));
  });

  on('a body that is cancelled leaves nothing, even while its source gives nothing', async (bucket, another) => {
    const controller = new AbortController();
    async function* hanging() {
      yield noise(3_000_000);
      controller.abort();
      await new Promise(() => undefined); // never
    }
    await assert.rejects(bucket.create(name('vault/packs/aa'), hanging(), controller.signal), { code: 'cancelled' });
    await nothingIn(another());
    await written(bucket, 'vault/packs/aa', text('whole'));
  });

  on('a signal that has fired ends any call', async (bucket) => {
    const generation = await written(bucket, 'a', text('x'));
    const fired = AbortSignal.abort();
    const calls: Readonly<Record<string, () => Promise<unknown>>> = {
      create: () => bucket.create(name('b'), text('x'), fired),
      replace: () => bucket.replace(name('a'), text('y'), generation, fired),
      read: () => bucket.read(name('a'), undefined, fired),
      stream: () => bucket.stream(name('a'), 0, fired),
      info: () => bucket.info(name('a'), fired),
      list: () => Array.fromAsync(bucket.list('', fired)),
      delete: () => bucket.delete(name('a'), fired),
    };
    for (const [what, call] of Object.entries(calls)) {
      await assert.rejects(call(), (thrown) => thrown instanceof OpenCraneError && thrown.code === 'cancelled', what);
    }
    assert.deepEqual(await names(bucket, ''), ['a']);
    assert.deepEqual((await bucket.read(name('a')))?.bytes, Buffer.from('x'));
  });
}
