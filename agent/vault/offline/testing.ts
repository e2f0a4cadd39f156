/** A tenant whose bucket is a folder and whose key is in a file, for tests of the offline program. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@opencrane/kit/clock.ts';
import { createLogger } from '@opencrane/kit/logging.ts';
import { DirectoryBucket } from '../../bucket/directory-bucket.ts';
import { objectAt } from '../../bucket/layout.ts';
import { Fence } from '../../fence/fence.ts';
import {
  epochOf,
  formatLeaseRecord,
  holderIdOf,
  type LeaseRecord,
  parseLeaseRecord,
} from '../../fence/lease-record.ts';
import { termsOf } from '../../fence/terms.ts';
import { bootClock } from '../../launcher/boot-clock.ts';
import { listTree, temporaryFolder, tenantKey } from '../testing.ts';
import { History } from '../testing-history.ts';

const LEASE = objectAt({ kind: 'lease' });

/** The key that `tenantKey` makes of a seed, as it is in a key file. */
export function hexOf(seed: string): string {
  return createHash('sha256').update(seed).digest('hex');
}

/** The tenant, with two snapshots. */
export class OfflineTenant {
  readonly folder: string;
  readonly history: History<DirectoryBucket>;
  readonly #scratch: ReturnType<typeof temporaryFolder>;

  static async make(): Promise<OfflineTenant> {
    const scratch = temporaryFolder();
    const folder = join(scratch.path, 'bucket');
    mkdirSync(folder);
    const bucket = new DirectoryBucket(folder, { clock: systemClock, random: Math.random });
    const history = await History.in(bucket, tenantKey('tenant'));
    history.write('agents/main/file', 'one');
    history.sql('database', 'CREATE TABLE rows (value TEXT)');
    await history.snapshot();
    history.write('agents/main/file', 'the second');
    await history.snapshot();
    return new OfflineTenant(scratch, folder, history);
  }

  private constructor(scratch: ReturnType<typeof temporaryFolder>, folder: string, history: History<DirectoryBucket>) {
    this.#scratch = scratch;
    this.folder = folder;
    this.history = history;
    this.release();
  }

  path(name: string): string {
    return join(this.#scratch.path, name);
  }

  /** A file with the key of a seed. */
  keyFile(seed = 'tenant'): string {
    const path = this.path(`${seed}.key`);
    writeFileSync(path, `${hexOf(seed)}\n`, { mode: 0o600 });
    return path;
  }

  get lease(): LeaseRecord {
    return parseLeaseRecord(readFileSync(join(this.folder, LEASE)), LEASE);
  }

  /** Whoever had the lease has handed it over. */
  release(): void {
    const record = { format: 1, epoch: epochOf(1), holder: holderIdOf('a disk'), host: 'here', instance: 'i' } as const;
    const rest = { renewal: 1, serial: 1, ttlMillis: 30_000, released: true };
    writeFileSync(join(this.folder, LEASE), formatLeaseRecord({ ...record, ...rest }));
  }

  /** An agent elsewhere that holds the lease. */
  async otherAgent(ttlMillis: number, outageMillis = 0, holder = holderIdOf('another disk')): Promise<Fence> {
    const fence = new Fence({
      bucket: this.history.bucket,
      name: LEASE,
      claimant: { holder, instance: 'an agent', host: 'the-other-machine' },
      terms: termsOf(ttlMillis, { id: 'a coordinator', outageMillis }),
      epochOfHead: async () => epochOf(1),
      launcher: { hold: async () => {} },
      witness: { vouch: async () => true, grant: async () => false },
      forgetHolder: async () => {},
      onLost: () => {},
      clock: bootClock,
      random: Math.random,
      log: createLogger({ program: 'test', level: 'silent' }),
    });
    fence.start();
    await fence.whenHeld(new AbortController().signal);
    return fence;
  }

  /** Names and contents of all objects but the lease. */
  objects(): string[] {
    const lines = [...listTree(this.folder)].map(([path, { what }]) => `${path} ${what}`);
    return lines.filter((line) => !line.includes('~') && !line.includes(LEASE) && !line.includes('folder'));
  }

  end(): void {
    this.history.end();
    this.#scratch.remove();
  }
}
