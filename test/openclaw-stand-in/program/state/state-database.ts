/** `state/openclaw.sqlite`: OpenClaw's own database, with the parts of it that others see something of. */
import { randomUUID } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Build } from '../build.ts';

/** How long a hand-over is good for, from OpenClaw's own `expiresAt`. */
const HANDOFF_MILLIS = 60_000;
/** How long a gateway's lease is good for without a heartbeat. */
const LEASE_MILLIS = 300_000;
const BUSY_MILLIS = 5_000;

const tables = `
  CREATE TABLE IF NOT EXISTS schema_meta (
    meta_key TEXT NOT NULL PRIMARY KEY, role TEXT NOT NULL, schema_version INTEGER NOT NULL, agent_id TEXT,
    app_version TEXT, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS state_leases (
    scope TEXT NOT NULL, lease_key TEXT NOT NULL, owner TEXT NOT NULL, expires_at INTEGER, heartbeat_at INTEGER,
    payload_json TEXT, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, PRIMARY KEY (scope, lease_key)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS gateway_restart_handoff (
    id INTEGER PRIMARY KEY CHECK (id = 1), pid INTEGER NOT NULL, reason TEXT NOT NULL, created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS cron_jobs (
    id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, schedule TEXT NOT NULL, payload_json TEXT NOT NULL,
    created_at INTEGER NOT NULL
  ) STRICT;
`;

/** A database of a later OpenClaw. */
export class NewerSchemaError extends Error {}

/** A row of cron_jobs. */
export type CronJob = { readonly id: string; readonly name: string; readonly schedule: string };

/** The schema that a database has. */
export function schemaOfDatabase(file: string): number {
  const database = new DatabaseSync(file, { readOnly: true, timeout: BUSY_MILLIS });
  try {
    return schemaVersion(database);
  } finally {
    database.close();
  }
}

/** The database, open. */
export class StateDatabase {
  readonly #database: DatabaseSync;

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Opens it and brings it to the build's schema; throws NewerSchemaError when a later build has written it. */
  static open(state: string, { version, stateSchema }: Build): StateDatabase {
    const folder = join(state, 'state');
    const file = join(folder, 'openclaw.sqlite');
    const isNew = !existsSync(file);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (!isNew) stage(file, join(state, 'home', '.cache', 'openclaw'));
    const database = new DatabaseSync(file, { timeout: BUSY_MILLIS });
    const found = schemaVersion(database);
    if (found > stateSchema) {
      database.close();
      throw new NewerSchemaError(
        `OpenClaw state database ${file} uses newer schema version ${found}; this OpenClaw build supports version ${stateSchema}.`,
      );
    }
    database.exec('PRAGMA journal_mode = WAL');
    if (!isNew && found < stateSchema) {
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      copyFileSync(file, `${file}.pre-startup-migration-${randomUUID()}.bak`);
    }
    if (found !== stateSchema) {
      const now = Date.now();
      database.exec(`BEGIN IMMEDIATE; ${tables}`);
      database
        .prepare(
          `INSERT INTO schema_meta VALUES ('primary', 'global', ?, NULL, ?, ?, ?)
           ON CONFLICT (meta_key) DO UPDATE SET schema_version = excluded.schema_version,
             app_version = excluded.app_version, updated_at = excluded.updated_at`,
        )
        .run(stateSchema, version, now, now);
      database.exec(`PRAGMA user_version = ${stateSchema}; COMMIT`);
    }
    return new StateDatabase(database);
  }

  /** Says which process has the state and that it lives. All that an idle OpenClaw ever writes. */
  heartbeat(owner: string, port: number): void {
    const now = Date.now();
    const payload = { owner: { pid: process.pid, host: hostname() }, port, mode: 'supervised' };
    this.#database
      .prepare(
        `INSERT INTO state_leases VALUES ('gateway-owner', 'global', ?, ?, ?, ?, ?, ?)
         ON CONFLICT (scope, lease_key) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at,
           heartbeat_at = excluded.heartbeat_at, payload_json = excluded.payload_json, updated_at = excluded.updated_at`,
      )
      .run(owner, now + LEASE_MILLIS, now, JSON.stringify(payload), now, now);
  }

  /** Takes the lease away, at an orderly end. */
  release(): void {
    this.#database.exec("DELETE FROM state_leases WHERE scope = 'gateway-owner'");
  }

  /** Asks whoever owns this process to start another in its place. */
  handOver(reason: string): void {
    const now = Date.now();
    this.#database
      .prepare('INSERT OR REPLACE INTO gateway_restart_handoff VALUES (1, ?, ?, ?, ?)')
      .run(process.pid, reason, now, now + HANDOFF_MILLIS);
  }

  /** Takes the request of a process away; undefined when there is none, and `expired` when it came too late. */
  takeHandOver(pid: number): { readonly reason: string } | 'expired' | 'other-process' | undefined {
    const row = this.#database.prepare('SELECT * FROM gateway_restart_handoff').get();
    if (row === undefined) return undefined;
    if (row['pid'] !== pid) return 'other-process';
    this.#database.exec('DELETE FROM gateway_restart_handoff');
    return Number(row['expires_at']) < Date.now() ? 'expired' : { reason: String(row['reason']) };
  }

  addCronJob(name: string, schedule: string, payload: object): string {
    const id = randomUUID();
    this.#database
      .prepare('INSERT INTO cron_jobs VALUES (?, ?, ?, ?, ?)')
      .run(id, name, schedule, JSON.stringify(payload), Date.now());
    return id;
  }

  cronJobs(): CronJob[] {
    const rows = this.#database.prepare('SELECT id, name, schedule FROM cron_jobs ORDER BY created_at').all();
    return rows.map(({ id, name, schedule }) => ({ id: String(id), name: String(name), schedule: String(schedule) }));
  }

  close(): void {
    this.#database.close();
  }
}

/** The real one looks at a copy first; where there is no room for it, it does not start. */
function stage(file: string, folder: string): void {
  const copy = join(folder, `${randomUUID()}.sqlite`);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    copyFileSync(file, copy);
  } finally {
    rmSync(copy, { force: true });
  }
}

function schemaVersion(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
}
