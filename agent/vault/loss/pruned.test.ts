/** Pruning never takes the way back from a loss, nor from one that the next snapshot may have. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listSnapshots } from '../history/find-snapshot.ts';
import { Pruner } from '../prune/prune.ts';
import { History, never } from '../testing-history.ts';

const DAY = 24 * 3_600_000;

test('the last snapshot that was whole stays at any age, until a person says that the loss was meant', async () => {
  const history = await History.inMemory();
  const prune = () =>
    new Pruner(history.vault).prune(
      { retention: { allMillis: 0, hourlyMillis: 0, dailyMillis: 0 }, pinned: new Set(), dryRun: false },
      { assertHeld() {}, clock: history.clock, onStep() {}, report() {} },
      never,
    );
  const isThere = async (sequence: number) =>
    (await listSnapshots(history.vault, never)).some((ref) => ref.sequence === sequence);
  for (let at = 0; at < 30; at += 1) history.write(`workspace/${at}`, `file ${at}`);
  const good = await history.snapshot();
  for (let day = 0; day < 5; day += 1) {
    history.clock.millis += DAY; // each day begins a chain, so nothing stays for what descends from it
    for (let at = 1; at < 30; at += 1) if (day === 0) history.remove(`workspace/${at}`);
    history.write('after', `day ${day}`);
    await history.snapshot();
    await prune();
    assert.ok(await isThere(good.sequence), `day ${day}`);
    await history.assertHolds(good);
  }
  assert.equal((await listSnapshots(history.vault, never)).length, 2, 'and nothing else stays for it');
  history.clock.millis += DAY;
  await history.snapshot('accept');
  await prune();
  assert.equal(await isThere(good.sequence), false);
  history.end();
});
