import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Heard, hear, type Step } from './steps.ts';

function word(operation: string, step: string, elapsed: number, more: Partial<Heard> = {}): Heard {
  const rest = { message: '', doneBytes: 0n, totalBytes: 0n, finished: false, error: '' };
  return { operation, step, elapsedMillis: BigInt(elapsed), ...rest, ...more };
}

const summary = (steps: readonly Step[]) =>
  steps.map(({ name, state, began, last }) => `${name} ${state} ${began}-${last}`);

const cases = [
  {
    reason: 'a step ends when the next begins, and takes until then',
    heard: [word('boot', 'download', 100), word('boot', 'unpack', 900), word('boot', 'unpack', 1000)],
    steps: ['download done 0-900', 'unpack running 900-1000'],
  },
  {
    reason: 'the end of the operation ends its last step',
    heard: [word('boot', 'start', 0), word('boot', 'start', 50, { finished: true })],
    steps: ['start done 0-50'],
  },
  {
    reason: 'a failure stays with the step it happened in',
    heard: [word('boot', 'start', 0), word('boot', 'start', 50, { finished: true, error: 'no port' })],
    steps: ['start failed 0-50'],
  },
  {
    reason: 'an older word that comes late, from the other stream, does not bring a step back',
    heard: [word('boot', 'download', 100), word('boot', 'unpack', 900), word('boot', 'download', 800)],
    steps: ['download done 0-900', 'unpack running 900-900'],
  },
  {
    reason: 'the same word twice is one',
    heard: [word('boot', 'download', 100), word('boot', 'download', 100)],
    steps: ['download running 0-100'],
  },
  {
    reason: 'an operation that follows another begins its own steps',
    heard: [word('build', 'pack', 10), word('boot', 'download', 5)],
    steps: ['pack done 0-10', 'download running 0-5'],
  },
  {
    reason: 'the end of something that was never seen to begin is no step',
    heard: [word('config', 'config', 70, { finished: true })],
    steps: [],
  },
];

for (const { reason, heard, steps } of cases) {
  test(reason, () => assert.deepEqual(summary(heard.reduce(hear, [] as readonly Step[])), steps));
}

test('whatever is heard: no step goes away, no bytes or times go back, and only the last step runs', () => {
  const words = fc.record({
    operation: fc.constantFrom('build', 'boot'),
    step: fc.constantFrom('download', 'unpack', 'start'),
    message: fc.constant(''),
    doneBytes: fc.bigInt(0n, 1000n),
    totalBytes: fc.bigInt(0n, 1000n),
    elapsedMillis: fc.bigInt(0n, 1000n),
    finished: fc.boolean(),
    error: fc.constantFrom('', 'broken'),
  });
  fc.assert(
    fc.property(fc.array(words, { maxLength: 30 }), (heard) => {
      let steps: readonly Step[] = [];
      for (const each of heard) {
        const before = steps;
        steps = hear(before, each);
        for (const [index, { name, last, doneBytes }] of before.entries()) {
          const now = steps[index];
          assert.ok(now && now.name === name && now.last >= last && now.doneBytes >= doneBytes);
        }
        assert.ok(steps.slice(0, -1).every(({ state }) => state !== 'running'));
        for (const { began, last } of steps) assert.ok(last >= began);
      }
    }),
  );
});
