/**
 * Has everything that was written to a file system on the disk, by one syncfs(2) in place of 50,000 fsync(2). Node has no call
 * for it; the program `sync` has (coreutils, BusyBox; that of macOS syncs every file system).
 */
import { spawn } from 'node:child_process';
import { systemCode } from '@opencrane/kit/errors.ts';

/** Whether there is such a program. Without one, each file has to be synced by itself. */
export async function canSyncFileSystem(): Promise<boolean> {
  return (await run('--version')) !== undefined;
}

/** Syncs the file system that a folder is on; throws when that went wrong. */
export async function syncFileSystem(folder: string): Promise<void> {
  if ((await run('-f', folder)) === 0) return;
  const code = await run(); // one that knows no option syncs all of them
  if (code !== 0) throw new Error(`sync ended with ${code}`);
}

/** The exit code; undefined when there is no such program. */
async function run(...args: readonly string[]): Promise<number | null | undefined> {
  const child = spawn('sync', args, { stdio: 'ignore' });
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => (systemCode(cause) === 'ENOENT' ? resolve(undefined) : reject(cause)));
    child.once('close', resolve);
  });
}
