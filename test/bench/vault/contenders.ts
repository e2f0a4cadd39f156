/** Who is measured: our agent, restic and borgbackup, each on a repository in a folder of its own and on the same tree. */
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../../fixtures/gcs/tools.ts';
import { AgentProcess } from './agent-process.ts';
import { type Measured, runMeasured } from './measured.ts';

/** One that is measured. */
export type Contender = {
  readonly name: string;
  /** Stores the tree as it is now. */
  snapshot(): Promise<Measured>;
  /** The same where what the process before knew is gone; undefined where there is no such process. */
  readonly snapshotAfterRestart: (() => Promise<Measured>) | undefined;
  /** Brings the newest snapshot back into a folder that is not there yet, and has it on the disk. */
  restore(target: string): Promise<Measured>;
  /** Reads every byte of the repository back. */
  verify(): Promise<Measured>;
  storedBytes(): number;
  end(): Promise<void>;
};

/** Our agent. */
export function openCrane(root: string, folder: string, compileCache: string, flags: readonly string[]): Contender {
  const [bucket, besides] = [join(folder, 'bucket'), join(folder, 'besides')];
  for (const made of [bucket, besides]) mkdirSync(made, { recursive: true });
  const setting = { bucket, root, besides };
  let agent: AgentProcess | undefined;
  const start = () => new AgentProcess(setting, compileCache, flags); // it is measured from its start on
  const inFreshProcess = async (order: Parameters<AgentProcess['measure']>[0]) => {
    const other = new AgentProcess({ ...setting, besides: join(folder, 'besides-of-another') }, compileCache, flags);
    const measured = await other.measure(order);
    await other.end();
    return measured;
  };
  return {
    name: 'OpenCrane',
    snapshot() {
      agent ??= start();
      return agent.measure({ do: 'snapshot' });
    },
    async snapshotAfterRestart() {
      await agent?.end();
      agent = start();
      return agent.measure({ do: 'snapshot' });
    },
    restore: (target) => inFreshProcess({ do: 'restore', target }),
    verify: () => inFreshProcess({ do: 'verify' }),
    storedBytes: () => bytesBelow(bucket),
    end: async () => agent?.end(),
  };
}

/** restic with what it chooses by itself, its cache in a folder of its own. */
export async function restic(root: string, folder: string): Promise<Contender | { readonly skip: string }> {
  const program = findProgram('restic');
  if (program === undefined) return { skip: 'no restic: install the package restic (apt-get install restic)' };
  const repository = join(folder, 'repository');
  const env = { RESTIC_REPOSITORY: repository, RESTIC_PASSWORD: 'bench', RESTIC_CACHE_DIR: join(folder, 'cache') };
  const run = (args: readonly string[], more: { readonly cwd?: string; readonly afterwards?: string } = {}) =>
    runMeasured([program, ...args], { env, ...more });
  mkdirSync(folder, { recursive: true });
  await run(['init']);
  return {
    name: 'restic',
    snapshot: () => run(['backup', '--quiet', '.'], { cwd: root }),
    snapshotAfterRestart: undefined,
    restore: (target) =>
      run(['restore', 'latest', '--quiet', '--target', target], { afterwards: `sync -f '${target}'` }),
    verify: () => run(['check', '--quiet', '--read-data']),
    storedBytes: () => bytesBelow(repository),
    async end() {},
  };
}

/** borgbackup with what it chooses by itself; of its ways to encrypt the one that it advises where SHA-2 is slow. */
export async function borg(root: string, folder: string): Promise<Contender | { readonly skip: string }> {
  const program = findProgram('borg');
  if (program === undefined) return { skip: 'no borg: install the package borgbackup (apt-get install borgbackup)' };
  const repository = join(folder, 'repository');
  const env = { BORG_REPO: repository, BORG_PASSPHRASE: 'bench', BORG_BASE_DIR: join(folder, 'base') };
  const run = (args: readonly string[], more: { readonly cwd?: string; readonly afterwards?: string } = {}) =>
    runMeasured([program, ...args], { env, ...more });
  mkdirSync(folder, { recursive: true });
  await run(['init', '--encryption', 'repokey-blake2']);
  let count = 0;
  return {
    name: 'borgbackup',
    snapshot() {
      count += 1;
      return run(['create', `::${count}`, '.'], { cwd: root });
    },
    snapshotAfterRestart: undefined,
    restore(target) {
      mkdirSync(target);
      return run(['extract', `::${count}`], { cwd: target, afterwards: 'sync -f .' });
    },
    verify: () => run(['check', '--verify-data']),
    storedBytes: () => bytesBelow(repository),
    async end() {},
  };
}

/** Length of all files below a folder. */
function bytesBelow(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}
