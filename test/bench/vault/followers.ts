/** Who keeps a copy of a database that is written all the time: our agent, and Litestream. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseObjectName } from '@opencrane/agent/bucket/layout.ts';
import { manifestRef } from '@opencrane/agent/vault/format/object-ids.ts';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import { findProgram } from '../../fixtures/gcs/tools.ts';
import { AgentProcess } from './agent-process.ts';

/** One that keeps up. */
export type Follower = {
  readonly name: string;
  readonly pid: number;
  /** Resolves when the first copy is there. */
  caughtUp(): Promise<void>;
  /** Of which moment the newest copy is, by the wall clock. */
  newestMillis(): number;
  /** Everything that was written to the copy's place, also what is gone again by now. */
  writtenBytes(): number;
  end(): Promise<void>;
};

/** Our agent, which takes snapshots by itself. */
export function followByAgent(root: string, folder: string, compileCache: string, flags: readonly string[]): Follower {
  const [bucket, besides] = [join(folder, 'bucket'), join(folder, 'besides')];
  for (const made of [bucket, besides]) mkdirSync(made, { recursive: true });
  const agent = new AgentProcess({ bucket, root, besides }, compileCache, flags);
  const written = new WrittenFiles(bucket);
  return {
    name: 'OpenCrane',
    pid: agent.pid,
    async caughtUp() {
      await agent.tell({ do: 'follow' });
      await awaitFact('the first snapshot is taken', () => newestSnapshot(bucket) > 0);
    },
    newestMillis: () => newestSnapshot(bucket),
    writtenBytes: () => written.bytes(),
    end: () => agent.end(),
  };
}

/** The moment that a snapshot stands for is in its name. */
function newestSnapshot(bucket: string): number {
  const names = entriesOf(join(bucket, 'vault', 'manifests'));
  return Math.max(0, ...names.map((name) => manifestRef(parseObjectName(`vault/manifests/${name}`))?.clockMillis ?? 0));
}

/** Litestream with what it chooses by itself, to a folder. */
export function followByLitestream(path: string, folder: string): Follower | { readonly skip: string } {
  const program = findProgram('litestream', process.env['OPENCRANE_TEST_TOOLS']);
  if (program === undefined) {
    return { skip: 'no litestream: get a release from litestream.io, and name its folder by OPENCRANE_TEST_TOOLS' };
  }
  const replica = join(folder, 'replica');
  mkdirSync(replica, { recursive: true });
  const settings = join(folder, 'litestream.yml');
  writeFileSync(settings, JSON.stringify({ dbs: [{ path, replica: { type: 'file', path: replica } }] })); // JSON is YAML
  const child = spawn(program, ['replicate', '-config', settings], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  const written = new WrittenFiles(replica);
  return {
    name: 'Litestream',
    pid: child.pid ?? 0,
    async caughtUp() {
      const { size } = statSync(path);
      // What it writes is packed: a copy of less than a tenth is none.
      await awaitFact('the first copy is there', () => written.bytes() > size / 10, { withinMillis: 300_000 });
      let before = 0;
      const rests = () => {
        const [now, then] = [written.bytes(), before];
        before = now;
        return now === then;
      };
      await awaitFact('nothing more is written', rests, { everyMillis: 5_000, withinMillis: 300_000 });
    },
    newestMillis: () => written.newestMillis(),
    writtenBytes: () => written.bytes(),
    async end() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Files that were seen below a folder. One that is replaced is another one. */
class WrittenFiles {
  readonly #folder: string;
  readonly #seen = new Map<string, { bytes: number; modifiedMillis: number }>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  bytes(): number {
    this.#look();
    return this.#seen.values().reduce((sum, { bytes }) => sum + bytes, 0);
  }

  newestMillis(): number {
    this.#look();
    return this.#seen.values().reduce((newest, { modifiedMillis }) => Math.max(newest, modifiedMillis), 0);
  }

  #look(): void {
    for (const path of entriesOf(this.#folder, true)) {
      const stats = statSync(join(this.#folder, path), { throwIfNoEntry: false });
      if (stats?.isFile()) this.#seen.set(`${path} ${stats.ino}`, { bytes: stats.size, modifiedMillis: stats.mtimeMs });
    }
  }
}

/** Names in a folder; none while it is not there. */
function entriesOf(folder: string, recursive = false): string[] {
  try {
    return readdirSync(folder, { recursive, encoding: 'utf8' });
  } catch {
    return [];
  }
}
