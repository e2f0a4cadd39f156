import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ArchivePipe } from './archive-pipe.ts';

const piece = (value: number) => new Uint8Array([value]);

/** Whether a promise is settled once everything that can go on has gone on. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let over = false;
  const done = () => {
    over = true;
  };
  promise.then(done, done);
  await new Promise(setImmediate);
  return over;
}

test('a piece counts as taken when the next one is asked for, the end when it is known', async () => {
  const pipe = new ArchivePipe();
  const reader = pipe.pieces();
  const first = pipe.put(piece(1));
  assert.equal(await settled(first), false, 'nobody has asked yet');
  assert.deepEqual((await reader.next()).value, piece(1));
  assert.equal(await settled(first), false, 'it is in the reader’s hands, who may be slow');
  const next = reader.next();
  await first;
  const end = pipe.end();
  assert.equal((await next).done, true);
  await end;
});

test('a broken pipe is broken for both sides, with the first reason, also while the reader stands still', async () => {
  const pipe = new ArchivePipe();
  const reader = pipe.pieces();
  const put = pipe.put(piece(1));
  await reader.next();
  pipe.break(new Error('the first'));
  pipe.break(new Error('the second'));
  await assert.rejects(put, /the first/);
  await assert.rejects(pipe.put(piece(2)), /the first/);
  await assert.rejects(pipe.end(), /the first/);
  await assert.rejects(reader.next(), /the first/);
  assert.match(String(pipe.broken.reason), /the first/);
});

test('an archive whose reader knows its end cannot be broken any more', async () => {
  const pipe = new ArchivePipe();
  const reader = pipe.pieces();
  const [end, last] = [pipe.end(), reader.next()];
  await Promise.all([end, last]);
  pipe.break(new Error('too late'));
  assert.equal(pipe.broken.aborted, false);
});

test('whatever the pace of both sides: all pieces in order and then the end, or those before the break', async () => {
  const pace = fc.array(fc.boolean(), { minLength: 1, maxLength: 8 });
  const property = fc.asyncProperty(
    fc.array(fc.nat(255), { maxLength: 20 }),
    fc.option(fc.nat(20)),
    pace,
    pace,
    async (values, breakAfter, writes, reads) => {
      const pipe = new ArchivePipe();
      const rest = async (waits: readonly boolean[], step: number) => {
        if (waits[step % waits.length]) await new Promise(setImmediate);
      };
      const writing = (async () => {
        for (const [step, value] of values.entries()) {
          if (step === breakAfter) pipe.break(new Error('broken'));
          await rest(writes, step);
          await pipe.put(piece(value));
        }
        await pipe.end();
      })();
      const taken: number[] = [];
      const reading = (async () => {
        for await (const bytes of pipe.pieces()) {
          taken.push(...bytes);
          await rest(reads, taken.length);
        }
      })();
      const [wrote, read] = await Promise.allSettled([writing, reading]);
      const broken = breakAfter !== null && breakAfter < values.length;
      assert.deepEqual(taken, broken ? values.slice(0, breakAfter) : values);
      assert.deepEqual([wrote.status, read.status], broken ? ['rejected', 'rejected'] : ['fulfilled', 'fulfilled']);
    },
  );
  await fc.assert(property);
});
