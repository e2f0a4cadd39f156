/** What an idle tenant costs: nothing is written for it but its lease. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { ManualClock } from '@opencrane/kit/clock.ts';
import { createLogger } from '@opencrane/kit/logging.ts';
import { nothingSeen, StateArbiter } from '../arbiter/state-arbiter.ts';
import { objectAt } from '../bucket/layout.ts';
import { Fence } from '../fence/fence.ts';
import { epochOf, holderIdOf } from '../fence/lease-record.ts';
import { DEFAULT_TTL_MILLIS, termsOf } from '../fence/terms.ts';
import { SqliteCapture } from '../vault/sqlite/sqlite-capture.ts';
import { MemoryBucket, temporaryFolder } from '../vault/testing.ts';
import { Residence } from './residence.ts';

const lease = objectAt({ kind: 'lease' });
const log = createLogger({ program: 'test', level: 'silent' });
/** Longer than the loop waits until it looks at everything, whether or not it heard of a change: several times. */
const IDLE_MILLIS = 30 * 60_000;

test('an idle tenant writes nothing but its lease, with a database open and files looked at again and again', async () => {
  const folder = temporaryFolder();
  const state = join(folder.path, 'state');
  mkdirSync(join(state, 'agents'), { recursive: true });
  writeFileSync(join(state, 'openclaw.json'), '{}');
  const database = new DatabaseSync(join(state, 'agents', 'main.sqlite'));
  database.exec('PRAGMA journal_mode = WAL; CREATE TABLE message (body); INSERT INTO message VALUES (1)');
  const keyFile = join(folder.path, 'key');
  writeFileSync(keyFile, '5a'.repeat(32));

  const clock = new ManualClock(Date.now());
  const bucket = new MemoryBucket();
  const looks: string[] = [];
  const capture = await SqliteCapture.open({ clock, log, copies: join(folder.path, 'copies') });
  const fence = new Fence({
    bucket,
    name: lease,
    claimant: { holder: holderIdOf('disk'), instance: 'instance', host: 'host' },
    terms: termsOf(DEFAULT_TTL_MILLIS),
    witness: undefined,
    epochOfHead: async () => epochOf(0),
    launcher: { hold: async () => {} },
    forgetHolder: async () => {},
    onLost: assert.fail,
    clock,
    random: () => 0.5,
    log,
  });
  const residence = new Residence({
    tenant: 'jente',
    bucket,
    keyFile,
    fence,
    capture,
    folders: { state, lineage: join(folder.path, 'lineage.json'), seenLog: join(folder.path, 'seen.jsonl') },
    lockOpenClawOut: () => assert.fail('OpenClaw serves on'),
    openclawVersion: () => '2026.9.6',
    arbiter: new StateArbiter({ seen: nothingSeen, clock }),
    records: { forget: async () => {}, takeOver: async () => {} },
    pruneTrouble: () => '',
    onChange() {},
    report: Object.assign(() => {}, { finish() {} }),
    onStep(step) {
      if (step === 'snapshot:scanned') looks.push(step);
    },
    clock,
    random: () => 0.5,
    randomBytes,
    log,
  });
  const written = () => bucket.calls.filter((call) => !/^(read|info|list) /.test(call));
  const of = (prefix: string) => written().filter((call) => call.includes(prefix));
  /** Lets time go by, a tenth of a second at a time, and everybody do their work in between. */
  const until = async (isSo: () => boolean) => {
    for (let steps = 0; !isSo(); steps += 1) {
      assert.ok(steps < 100_000, 'it never comes');
      clock.advance(100);
      for (let turn = 0; turn < 3; turn += 1) await setImmediate();
    }
  };

  fence.start();
  residence.start();
  try {
    await until(() => of('vault/manifests/').length > 0 && residence.seen.state === 'kept');
    await until(() => looks.length > 2); // what was found when it was new is looked at again when it is old enough
    const [before, looked, began] = [written().length, looks.length, clock.monotonic()];
    await until(() => clock.monotonic() - began > IDLE_MILLIS);
    const since = written().slice(before);
    assert.ok(looks.length - looked >= 10, `everything was looked at ${looks.length - looked} times`);
    assert.ok(since.length >= IDLE_MILLIS / DEFAULT_TTL_MILLIS, `the lease was renewed ${since.length} times`);
    assert.deepEqual([...new Set(since)], [`replace ${lease}`]);

    const manifests = of('vault/manifests/').length;
    database.exec('INSERT INTO message VALUES (2)');
    await until(() => of('vault/manifests/').length > manifests); // it would have written, had there been anything
  } finally {
    await fence.stop();
    const stopping = residence.stop(AbortSignal.abort());
    clock.advance(1);
    await stopping.catch(() => {});
    database.close();
    const closing = capture.close();
    clock.advance(10_000);
    await closing;
    folder.remove();
  }
});
