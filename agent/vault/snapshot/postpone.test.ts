/** What a snapshot that may be postponed is asked about, with the databases as SQLite writes them. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { systemClock as clock } from '@opencrane/kit/clock.ts';
import { findSnapshot } from '../history/find-snapshot.ts';
import { SqliteCapture } from '../sqlite/sqlite-capture.ts';
import { Snapshotter } from './snapshotter.ts';
import { never, silent, TestState } from './testing.ts';
import type { TouchedPage } from './touched-pages.ts';

/** A state with a lease in OpenClaw's database, and a table that rows are added to. */
async function stateWithLease(path: string) {
  const state = await TestState.make();
  mkdirSync(join(state.root, 'state'));
  mkdirSync(join(state.root, 'workspace'));
  const database = new DatabaseSync(join(state.root, path));
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;
    CREATE TABLE state_leases (scope TEXT, owner TEXT, heartbeat_at INTEGER);
    CREATE TABLE run (id INTEGER PRIMARY KEY, said TEXT);
    INSERT INTO state_leases VALUES ('gateway', 'a-process', 1790000000000), ('cron', 'another', 1790000000000);
    INSERT INTO run (said) VALUES ('first');`);
  const capture = await SqliteCapture.open({ clock, log: silent, copies: state.beside('copies') });
  const { vault, root } = state;
  const ports = { vault, root, seenLog: state.beside('seen.jsonl'), capture, clock, onStep: () => {}, log: silent };
  const snapshotter = await Snapshotter.open(ports, 1, never);
  const asked: (readonly TouchedPage[] | undefined)[] = [];
  /** Looks, and says what was asked; `says` is the answer. */
  const look = async (says: boolean) => {
    asked.length = 0;
    const postpone = (touched: readonly TouchedPage[] | undefined) => {
      asked.push(touched);
      return says;
    };
    const taken = await snapshotter.snapshot({ reason: 'change', openclawVersion: null, postpone }, never);
    return { asked: asked.map((touched) => touched?.map(({ beats }) => beats)), taken: taken !== undefined };
  };
  let beats = 0;
  const beat = () => {
    beats += 1;
    database.exec(
      `UPDATE state_leases SET heartbeat_at = ${1_790_000_000_000 + beats * 30_000} WHERE scope = 'gateway'`,
    );
  };
  /** The newest snapshot's database has the rows that this one has. */
  const assertKept = async () => {
    const newest = await findSnapshot(vault, { by: 'newest' });
    assert.ok(newest);
    const kept = new DatabaseSync(join(await state.restore(newest.name), path));
    const rows = 'SELECT heartbeat_at AS value FROM state_leases UNION ALL SELECT said FROM run';
    assert.deepEqual(kept.prepare(rows).all(), database.prepare(rows).all());
    kept.close();
  };
  const end = async () => {
    database.close();
    await capture.close();
    state.end();
  };
  return { state, database, look, beat, assertKept, end };
}

test('a row that is overwritten again and again is told as a beat, and a row that is added beside it is not', async () => {
  const { state, database, look, beat, assertKept, end } = await stateWithLease('state/openclaw.sqlite');
  try {
    assert.equal((await look(false)).taken, true);
    for (const beats of [0, 1, 2, 3]) {
      beat();
      assert.deepEqual(await look(false), { asked: [[beats]], taken: true });
    }
    beat();
    const written = state.bucket.calls.length;
    assert.deepEqual(await look(true), { asked: [[4]], taken: false });
    assert.deepEqual(state.bucket.calls.slice(written), [], 'a look asks nothing of the bucket');
    beat();
    database.exec("INSERT INTO run (said) VALUES ('second')");
    const { asked, taken } = await look(false);
    assert.deepEqual([asked.flat().sort(), taken], [[0, 5], true]);
    await assertKept();
    database.exec("INSERT INTO run (said) VALUES ('third')");
    assert.deepEqual(await look(false), { asked: [[0]], taken: true }, 'rows that are added never become a beat');
  } finally {
    await end();
  }
});

test('what was postponed is in the next snapshot, with what came after', async () => {
  const { state, look, beat, assertKept, end } = await stateWithLease('state/openclaw.sqlite');
  try {
    await look(false);
    for (let beats = 0; beats < 4; beats += 1) {
      beat();
      assert.equal((await look(true)).taken, false);
    }
    writeFileSync(join(state.root, 'workspace', 'notes.md'), 'said meanwhile');
    assert.deepEqual(await look(false), { asked: [undefined], taken: true });
    await assertKept();
    assert.deepEqual(await look(false), { asked: [], taken: false }, 'then there is nothing to ask about');
  } finally {
    await end();
  }
});

test("a database of the user's has no beats, however it is written", async () => {
  const { look, beat, end } = await stateWithLease('workspace/counter.sqlite');
  try {
    await look(false);
    for (let beats = 0; beats < 6; beats += 1) {
      beat();
      assert.deepEqual(await look(false), { asked: [[0]], taken: true });
    }
  } finally {
    await end();
  }
});
