import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@opencrane/kit/clock.ts';
import { Output } from '../output/output.ts';
import { ProgressView } from './progress-view.ts';
import type { Heard } from './steps.ts';

function viewOn(isTTY: boolean) {
  let written = '';
  const clock = new ManualClock();
  const sink = { isTTY, columns: 80, write: (text: string) => (written += text) };
  const output = new Output({ json: false, out: sink, errors: sink, colours: false });
  const take = () => {
    const taken = written;
    written = '';
    return taken;
  };
  return { view: new ProgressView(output, clock), clock, take };
}

function word(step: string, elapsed: number, done = 0, more: Partial<Heard> = {}): Heard {
  const total = done === 0 ? 0n : 2_000_000n;
  const rest = { message: step, finished: false, error: '' };
  return {
    operation: 'boot',
    step,
    elapsedMillis: BigInt(elapsed),
    doneBytes: BigInt(done),
    totalBytes: total,
    ...rest,
    ...more,
  };
}

test('in a pipe: a line when a step begins, one when it ends with bytes and seconds, one every five seconds between', () => {
  const { view, clock, take } = viewOn(false);
  view.heard('jente', word('download', 0, 1));
  assert.match(take(), /^jente … download +1 B of 2\.0 MB +0 ms +download\n$/);
  clock.advance(1000);
  view.heard('jente', word('download', 1000, 500_000));
  assert.equal(take(), '', 'no line for every word');
  clock.advance(4000);
  view.heard('jente', word('download', 5000, 1_000_000));
  assert.match(take(), /^jente … download +1\.0 MB of 2\.0 MB +5\.0 s +download\n$/);
  view.heard('jente', word('start', 6200));
  assert.match(take(), /^jente ✔ download +1\.0 MB +6\.2 s +download\njente … start +0 ms +start\n$/);
  view.settle('jente');
  assert.match(take(), /^jente ✔ start/);
  view.close();
  assert.equal(take(), '');
});

test('a step of which nothing is heard but its begin goes on by itself, and ends when all is settled', () => {
  const { view, clock, take } = viewOn(false);
  view.heard('jente', word('start', 3));
  take();
  clock.advance(6_000);
  view.heard('jente', word('start', 3)); // the same word again, from a stream that was cut
  assert.match(take(), /^jente … start +6\.0 s +start\n$/);
  clock.advance(2_500);
  view.settle('jente');
  assert.match(take(), /^jente ✔ start +8\.5 s +start\n$/);
  view.close();
});

test('a failed step says why', () => {
  const { view, take } = viewOn(false);
  view.heard('', word('start', 0));
  take();
  view.heard('', word('start', 10, 0, { finished: true, error: 'exit code 78' }));
  assert.match(take(), /^✘ start +10 ms +exit code 78\n$/);
  assert.equal(view.isRunning(''), false);
  view.close();
});

test('in a terminal: drawn again in its place, and what is settled stays above', () => {
  const { view, take } = viewOn(true);
  view.heard('jente', word('download', 0, 1));
  view.heard('jente', word('download', 10, 2));
  assert.ok(take().includes('\u001b[1A\r\u001b[0J'), 'one line up, and cleared');
  view.line('something else');
  assert.match(take(), /\[0Jsomething else\n.*download/);
  view.settle('jente');
  assert.match(take(), /✔ download/);
  view.close(); // a timer that was left would keep this test from ending
});
