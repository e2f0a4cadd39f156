/** A state and two versions: the newer migrates it, the older then refuses it. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import { versions } from '../fixtures/runtime-seed.ts';
import type { Subject } from './subject.ts';

const { previous, current } = versions;
const database = 'state/openclaw.sqlite';

/** What `database preflight` of a version says about a copy of the state's database. */
export async function preflight(subject: Subject, version: string, copy: string) {
  const source = new DatabaseSync(join(subject.folders.state, database), { readOnly: true });
  const file = join(subject.folders.tmp, copy);
  await backup(source, file);
  source.close();
  const { code, stdout } = await subject.command(['database', 'preflight', file, '--json'], { version });
  const { status, targetVersion, foundVersion } = JSON.parse(stdout);
  return { code, status, targetVersion, foundVersion };
}

/** The state of a version that ran and was told to end. */
export async function makeOlderState(subject: Subject): Promise<void> {
  subject.write(subject.configuration());
  const gateway = await subject.started(previous);
  gateway.kill('SIGTERM');
  assert.deepEqual(await gateway.ended, { code: 0, signal: null });
  assert.equal(schemaOf(subject), 17);
}

/** The older version refuses a state of the newer. */
export async function assertRefusedByOlder(subject: Subject): Promise<void> {
  assert.deepEqual(await preflight(subject, previous, 'newer.sqlite'), {
    code: 1,
    status: 'incompatible',
    targetVersion: 17,
    foundVersion: 18,
  });
  const { meta, ...unstamped } = subject.read();
  subject.write(unstamped);
  const byDatabase = subject.start(previous);
  assert.deepEqual(await byDatabase.ended, { code: 78, signal: null }, byDatabase.output().slice(-1_000));
  assert.match(byDatabase.output(), /newer schema version 18|newer than this build.*uses schema 18/);
  subject.write({ ...unstamped, meta: { ...(meta as object), lastTouchedVersion: current } });
  const byConfiguration = subject.start(previous);
  assert.deepEqual(await byConfiguration.ended, { code: 1, signal: null }, byConfiguration.output().slice(-1_000));
  assert.match(
    byConfiguration.output(),
    /config was written by version 2026\.9\.6, but this command is running 2026\.9\.5/,
  );
}

/** The newer version has migrated it, and kept a copy from before. */
export function assertMigrated(subject: Subject): void {
  assert.equal(schemaOf(subject), 18);
  const kept = readdirSync(join(subject.folders.state, 'state')).filter((name) =>
    /pre-startup-migration.*\.bak$/.test(name),
  );
  assert.equal(kept.length, 1);
}

function schemaOf(subject: Subject): unknown {
  return subject.look(database, (open) => open.prepare('PRAGMA user_version').get()?.['user_version']);
}
