/** A tenant of which only what the vault knows is there: a state, a bucket that is a folder, and a key; for kill-vault.test.ts. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { StateArbiter } from '@opencrane/agent/arbiter/state-arbiter.ts';
import { DirectoryBucket } from '@opencrane/agent/bucket/directory-bucket.ts';
import { epochOf } from '@opencrane/agent/fence/lease-record.ts';
import { writeLineage } from '@opencrane/agent/residence/lineage.ts';
import { Residence } from '@opencrane/agent/residence/residence.ts';
import type { BlobReader } from '@opencrane/agent/runtime/ports.ts';
import { readTenantKey } from '@opencrane/agent/vault/keys/tenant-key.ts';
import { type SnapshotPorts, Snapshotter } from '@opencrane/agent/vault/snapshot/snapshotter.ts';
import { SqliteCapture } from '@opencrane/agent/vault/sqlite/sqlite-capture.ts';
import { openVault, type Vault } from '@opencrane/agent/vault/vault.ts';
import { type Clock, systemClock } from '@opencrane/kit/clock.ts';
import { createLogger } from '@opencrane/kit/logging.ts';

/** A signal that never fires. */
export const never = new AbortController().signal;
export const log = createLogger({ program: 'test', level: 'silent' });

/** Keeps nothing that it may let go. */
export const keepNothing = { allMillis: 0, hourlyMillis: 0, dailyMillis: 0 };

/** Where OpenClaw's database is in the state. */
const DATABASE = 'agents/main/agent/openclaw-agent.sqlite';

type OnStep = (step: string) => void;

/** The tenant in a folder. */
export class VaultWorld {
  readonly folder: string;
  readonly bucket: DirectoryBucket;

  constructor(folder: string) {
    this.folder = folder;
    this.bucket = new DirectoryBucket(this.at('bucket'), { clock: systemClock, random: Math.random });
  }

  at(...names: string[]): string {
    return join(this.folder, ...names);
  }

  get state(): string {
    return this.at('state');
  }

  get database(): string {
    return join(this.state, DATABASE);
  }

  /** The vault as a key opens it: `tenant`, or `new`. */
  async vault(key = 'tenant'): Promise<Vault> {
    const vault = await openVault(this.bucket, await readTenantKey(this.keyFile(key)), randomBytes);
    return vault ?? assert.fail('there is a vault');
  }

  keyFile(key = 'tenant'): string {
    return this.at(`${key}.key`);
  }

  capture(): Promise<SqliteCapture> {
    return SqliteCapture.open({ clock: systemClock, log, copies: this.at('copies') });
  }

  async snapshotter(
    vault: Vault,
    capture: SnapshotPorts['capture'],
    epoch: number,
    onStep: OnStep,
    clock: Clock = systemClock,
  ): Promise<Snapshotter> {
    const ports = { vault, root: this.state, seenLog: this.at('seen.jsonl'), capture, clock, onStep, log };
    return Snapshotter.open(ports, epoch, never);
  }

  /** Writes down that this disk has the live state, under an epoch, as an agent does before it takes the head. */
  remember(vault: Vault, epoch: number, restoring: boolean): Promise<void> {
    return writeLineage(this.#lineage, { vault: vault.keys.vaultId, epoch, restoring });
  }

  get #lineage(): string {
    return this.at('lineage.json');
  }

  /** The tenant as an agent that starts now under this epoch lives with it. No snapshot is taken that is not asked for. */
  residence(capture: SqliteCapture, epoch: number, onStep: OnStep, key = 'tenant'): Residence {
    const held = {
      whenHeld: async () => epochOf(epoch),
      assertHeld() {},
      doubtBucket() {},
      release: async () => {},
      outage: undefined,
      whyNotYet: '',
      onChange: () => () => {},
    };
    return new Residence({
      tenant: 'jente',
      bucket: this.bucket,
      keyFile: this.keyFile(key),
      fence: held,
      capture,
      folders: { state: this.state, lineage: this.#lineage, seenLog: this.at('seen.jsonl') },
      lockOpenClawOut: () => ({ release() {} }),
      openclawVersion: () => '2026.9.6',
      arbiter: new StateArbiter({ seen: () => ['starting'], clock: systemClock }),
      records: { forget: async () => {}, takeOver: async () => {} },
      pruneTrouble: () => '',
      onChange() {},
      report: Object.assign(() => {}, { finish() {} }),
      onStep,
      clock: systemClock,
      random: Math.random,
      randomBytes,
      log,
    });
  }

  /** A bundle of the coordinator's, in the file `bundle`. */
  coordinator(): BlobReader {
    const bytes = readFileSync(this.at('bundle'));
    return {
      async *read(_, offset) {
        for (let at = offset; at < bytes.length; at += 65_536)
          yield { data: bytes.subarray(at, at + 65_536), totalBytes: bytes.length };
      },
    };
  }
}

/**
 * What a state is, in one digest: kinds, modes and contents, of databases their rows. What SQLite keeps beside a database counts
 * by what it makes of the rows.
 */
export function fingerprint(root: string): string {
  const hash = createHash('sha256');
  for (const line of linesOf(root, '')) hash.update(`${line}\n`);
  return hash.digest('hex');
}

function* linesOf(root: string, path: string): Generator<string> {
  const full = join(root, path);
  const stats = lstatSync(full);
  const mode = (stats.mode & 0o7777).toString(8);
  if (stats.isDirectory()) {
    yield `${path} folder ${mode}`;
    for (const name of readdirSync(full).sort()) if (!/-(wal|shm)$/.test(name)) yield* linesOf(root, join(path, name));
  } else if (stats.isSymbolicLink()) yield `${path} link ${readlinkSync(full)}`;
  else if (path.endsWith('.sqlite')) yield `${path} database ${mode} ${rowsOf(full)}`;
  else yield `${path} file ${mode} ${createHash('sha256').update(readFileSync(full)).digest('hex')}`;
}

function rowsOf(path: string): string {
  const database = new DatabaseSync(path);
  try {
    assert.equal(database.prepare('PRAGMA integrity_check').get()?.['integrity_check'], 'ok');
    const hash = createHash('sha256');
    for (const row of database.prepare('SELECT id, text FROM turns ORDER BY id').iterate())
      hash.update(JSON.stringify(row));
    return hash.digest('hex');
  } finally {
    database.close();
  }
}
