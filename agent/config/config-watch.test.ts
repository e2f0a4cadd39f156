import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { ManualClock } from '@opencrane/kit/clock.ts';
import { digestOf } from '@opencrane/kit/digest.ts';
import { createLogger } from '@opencrane/kit/logging.ts';
import type { ConfigSeen } from './config-applier.ts';
import { ConfigWatch } from './config-watch.ts';

/** A configuration whose drift the test sets, and the watch of it. */
function watched(context: TestContext, { mayImpose = true, mends = true } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'config-watch-'));
  const file = join(folder, 'openclaw.json');
  const clock = new ManualClock();
  const state = { drift: [] as string[], imposed: 0, told: [] as string[][] };
  const watch = new ConfigWatch({
    file,
    config: {
      seen: async (): Promise<ConfigSeen> => ({ drift: state.drift, effectiveDigest: digestOf(state.drift.join()) }),
      async impose() {
        state.imposed += 1;
        if (mends) state.drift = [];
        return { state: 'applied', effect: 'hot', downtimeMillis: 0 };
      },
    },
    mayImpose: async () => mayImpose,
    report: async ({ drift }) => void state.told.push([...drift]),
    clock,
    log: createLogger({ program: 'test', level: 'silent' }),
  });
  const edit = (...drift: string[]) => {
    state.drift = drift;
    writeFileSync(file, drift.join());
  };
  /** Lets what is ready happen, moving time on in small steps, until a fact holds. */
  const until = async (fact: string, holds: () => boolean, stepMillis = 50) => {
    for (let step = 0; !holds(); step += 1) {
      assert.ok(step < 5_000, `never: ${fact}`);
      await turn();
      clock.advance(stepMillis);
    }
  };
  context.after(async () => {
    await watch.stop();
    rmSync(folder, { recursive: true });
    assert.equal(clock.sleeping, 0, 'no sleeper is left');
  });
  return { watch, state, clock, edit, until };
}

test('drift is told, put back, and told to be gone, in this order', async (context) => {
  const { watch, state, edit, until } = watched(context);
  watch.start();
  await until('the first look', () => state.told.length === 1);
  edit('logging.level');
  await until('drift came and went', () => state.told.length === 3);
  assert.deepEqual(state.told, [[], ['logging.level'], []]);
  assert.equal(state.imposed, 1);
});

test('drift of a stopped OpenClaw is told and left to its boot', async (context) => {
  const { watch, state, edit, until } = watched(context, { mayImpose: false });
  watch.start();
  await until('the first look', () => state.told.length === 1);
  edit('logging.level');
  await until('drift is told', () => state.told.length === 2);
  assert.equal(state.imposed, 0);
});

test('a change that no event tells of is found within half a minute', async (context) => {
  const { watch, state, clock, until } = watched(context);
  watch.start();
  await until('the first look', () => state.told.length === 1);
  state.drift = ['agents.defaults.model'];
  const before = clock.monotonic();
  await until('it is found', () => state.imposed === 1);
  assert.ok(clock.monotonic() - before <= 31_000);
});

test('who edits again and again waits longer and longer', async (context) => {
  const { watch, state, clock, edit, until } = watched(context);
  watch.start();
  await until('the first look', () => state.told.length === 1);
  const waits: number[] = [];
  for (let repair = 1; repair <= 5; repair += 1) {
    edit('logging.level');
    await until('the edit is told', () => state.told.length >= 2 * repair);
    const before = clock.monotonic();
    await until('it is put back', () => state.told.length >= 2 * repair + 1, 10);
    waits.push(clock.monotonic() - before);
  }
  assert.ok((waits[0] ?? 0) < 1_000, 'the first is put back at once');
  assert.ok((waits[4] ?? 0) >= 7_000, `the fifth waits: ${waits.join()}`);
});

test('a repair that does not help is not repeated at full speed', async (context) => {
  const { watch, state, clock, edit, until } = watched(context, { mends: false });
  watch.start();
  await until('the first look', () => state.told.length === 1);
  edit('logging.level');
  await until('ten minutes passed', () => clock.monotonic() > 600_000, 500);
  assert.ok(state.imposed >= 3 && state.imposed <= 21, `imposed ${state.imposed} times`);
});
