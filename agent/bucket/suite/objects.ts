/** Reading, creating, replacing and removing, one at a time. */
import assert from 'node:assert/strict';
import type { Generation } from '../bucket.ts';
import { absent, collected, name, type On, text, written } from './stage.ts';

/** What is read. */
export function reading(on: On): void {
  on('what was written is read, by another too, with the generation the writer was given', async (bucket, another) => {
    const generation = await written(bucket, 'vault/head', text('one'));
    for (const reader of [bucket, another()]) {
      assert.deepEqual(await reader.read(name('vault/head')), { bytes: Buffer.from('one'), generation });
      const { serverMillis: _, ...info } = (await reader.info(name('vault/head'))) ?? assert.fail('it is there');
      assert.deepEqual(info, { name: 'vault/head', bytes: 3, generation });
    }
  });

  on('what is not there is undefined, however it is asked for', async (bucket) => {
    await written(bucket, 'vault/packs/aa', text('x'));
    for (const missing of ['vault/packs/bb', 'vault/packs', 'nothing/at/all']) {
      assert.equal(await bucket.read(name(missing)), undefined);
      assert.equal(await bucket.read(name(missing), { start: 0, end: 1 }), undefined);
      assert.equal(await bucket.info(name(missing)), undefined);
      assert.equal(await bucket.stream(name(missing)), undefined);
    }
  });

  on('parts of an object', async (bucket) => {
    await written(bucket, 'a', text('0123456789'));
    const part = async (start: number, end: number) =>
      Buffer.from((await bucket.read(name('a'), { start, end }))?.bytes ?? 'none').toString();
    assert.equal(await part(0, 10), '0123456789');
    assert.equal(await part(3, 5), '34');
    assert.equal(await part(9, 10), '9');
    assert.equal(await part(7, 1000), '789', 'a range that ends past the object gives what is there');
    assert.equal(await part(10, 20), '', 'at its end there is nothing');
    assert.equal(await part(500, 600), '', 'nor past it');
    assert.equal(await part(4, 4), '', 'an empty part is empty');
    for (const [start, end] of [
      [-1, 2],
      [3, 2],
      [0.5, 2],
      [0, Number.NaN],
    ] as const) {
      await assert.rejects(bucket.read(name('a'), { start, end }), { reason: 'range_invalid' });
    }
  });

  on('an empty object is an object', async (bucket) => {
    const generation = await written(bucket, 'empty', new Uint8Array());
    assert.deepEqual(await bucket.read(name('empty')), { bytes: Buffer.alloc(0), generation });
    assert.deepEqual((await bucket.read(name('empty'), { start: 0, end: 5 }))?.bytes.length, 0);
    assert.equal((await bucket.info(name('empty')))?.bytes, 0);
    assert.equal((await collected(await bucket.stream(name('empty')))).length, 0);
    assert.equal(await bucket.create(name('empty'), text('x')), 'exists');
  });
}

/** What is written. */
export function writing(on: On): void {
  on('an object is created once', async (bucket, another) => {
    await written(bucket, 'vault/lease', text('mine'));
    assert.equal(await bucket.create(name('vault/lease'), text('mine')), 'exists', 'the same content is no excuse');
    assert.equal(await another().create(name('vault/lease'), text('theirs')), 'exists');
    assert.deepEqual((await bucket.read(name('vault/lease')))?.bytes, Buffer.from('mine'));
  });

  on('an object is replaced only by who knows its generation', async (bucket, another) => {
    const first = await written(bucket, 'vault/head', text('one'));
    const second = await bucket.replace(name('vault/head'), text('two'), first);
    assert.notEqual(second, 'conflict');
    assert.equal(await another().replace(name('vault/head'), text('three'), first), 'conflict');
    assert.equal(await bucket.replace(name('vault/head'), text('three'), absent), 'conflict');
    const read = await another().read(name('vault/head'));
    assert.deepEqual(read, { bytes: Buffer.from('two'), generation: second });
  });

  on('what is not there is not replaced', async (bucket) => {
    const generation = await written(bucket, 'a', text('one'));
    assert.equal(await bucket.replace(name('b'), text('x'), generation), 'conflict');
    await bucket.delete(name('a'));
    assert.equal(await bucket.replace(name('a'), text('x'), generation), 'conflict');
    assert.equal(await bucket.info(name('a')), undefined);
    assert.equal(await bucket.info(name('b')), undefined);
  });

  on('no two writings of a name have one generation, even of the same content at once', async (bucket) => {
    const seen: Generation[] = [];
    let generation = await written(bucket, 'a', text('same'));
    for (let i = 0; i < 12; i += 1) {
      seen.push(generation);
      if (i % 4 === 3) {
        await bucket.delete(name('a'));
        generation = await written(bucket, 'a', text('same'));
      } else {
        const replaced = await bucket.replace(name('a'), text('same'), generation);
        assert.ok(replaced !== 'conflict', 'the generation that the last writing gave is the one that is there');
        generation = replaced;
      }
    }
    assert.equal(new Set(seen).size, seen.length);
  });

  on('what is removed is gone, and may be removed again and created anew', async (bucket, another) => {
    await written(bucket, 'vault/packs/aa', text('one'));
    await bucket.delete(name('vault/packs/aa'));
    assert.equal(await another().read(name('vault/packs/aa')), undefined);
    await bucket.delete(name('vault/packs/aa'));
    await another().delete(name('vault/packs/never'));
    await another().delete(name('never/was/there'));
    await written(another(), 'vault/packs/aa', text('two'));
    assert.deepEqual((await bucket.read(name('vault/packs/aa')))?.bytes, Buffer.from('two'));
  });
}
