import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TaskQueue } from './task-queue.ts';

test('tasks run one at a time, in order, whether they fail or not, and are told of each', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ fails: fc.boolean(), turns: fc.nat(3) }), { maxLength: 12 }),
      async (plans) => {
        const log: string[] = [];
        const queue = new TaskQueue({
          done: () => log.push(`done, ${queue.length} left`),
          failed: (cause) => log.push(`failed ${String(cause)}`),
        });
        for (const [index, { fails, turns }] of plans.entries()) {
          queue.add(async () => {
            log.push(`begin ${index}`);
            for (let turn = 0; turn < turns; turn += 1) await null;
            if (fails) throw index;
            log.push(`end ${index}`);
          });
        }
        await queue.idle();
        const expected = plans.flatMap(({ fails }, index) => [
          `begin ${index}`,
          fails ? `failed ${index}` : `end ${index}`,
          `done, ${plans.length - index - 1} left`,
        ]);
        assert.deepEqual(log, expected);
      },
    ),
  );
});

test('what is added by a task, or when one is done, is done too', async () => {
  const log: string[] = [];
  const add = (name: string, then?: string) =>
    queue.add(async () => {
      log.push(name);
      if (then !== undefined) add(then);
    });
  let told = 0;
  const queue = new TaskQueue({
    failed: assert.fail,
    done() {
      told += 1;
      if (told === 2) add('third');
    },
  });
  add('first', 'second');
  await queue.idle();
  assert.deepEqual(log, ['first', 'second', 'third']);
  assert.equal(queue.length, 0);
});

test('an idle queue resolves at once', async () => {
  await new TaskQueue({ done: assert.fail, failed: assert.fail }).idle();
});
