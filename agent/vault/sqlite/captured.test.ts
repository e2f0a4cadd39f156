import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@opencrane/kit/clock.ts';
import { HeldCapture } from './captured.ts';
import type { Pin } from './pins.ts';
import type { Position } from './position.ts';

const position: Position = {
  format: 1,
  file: { device: '1', inode: '1', bytes: '8192', modified: '1', changed: '1', settled: true },
  pageBytes: 4096,
  pages: 2,
  wal: null,
};

/** A capture of two runs, and what happened to its pin. */
function held() {
  const clock = new ManualClock();
  const released: boolean[] = [];
  let isHeld = true;
  const pin: Pin = {
    journal: 'wal',
    get held() {
      return isHeld;
    },
    check: async () => assert.ok(isHeld),
    release: async () => {
      isHeld = false;
    },
  };
  const runs = async function* () {
    yield { page: 0, bytes: new Uint8Array(4096) };
    yield { page: 1, bytes: new Uint8Array(4096) };
  };
  const holding = { clock, pin, runs, close: async () => {} };
  const capture = new HeldCapture({ position, whole: true }, holding, (stored) => released.push(stored));
  return { clock, capture, released, isHeld: () => isHeld };
}

test('a pin is let go of as soon as everything is read', async () => {
  const { capture, released, isHeld } = held();
  const pages: number[] = [];
  for await (const { page } of capture.changes()) pages.push(page);
  assert.deepEqual(pages, [0, 1]);
  assert.equal(isHeld(), false);
  await capture.release(true);
  assert.deepEqual(released, [true]);
});

test('a reader that stands still for long loses its pin, and is told', async () => {
  const { clock, capture, isHeld } = held();
  await assert.rejects(
    async () => {
      for await (const { page } of capture.changes()) {
        clock.advance(29_000);
        await capture.releaseIfIdle();
        assert.ok(isHeld(), 'that was not long yet');
        if (page === 0) clock.advance(2_000);
        await capture.releaseIfIdle();
      }
    },
    { reason: 'pin_lost' },
  );
  assert.equal(isHeld(), false);
});
