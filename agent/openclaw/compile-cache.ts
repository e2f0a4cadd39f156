/**
 * What Node compiled of OpenClaw is kept beside the runtimes of this machine, for all tenants and starts (ADR 0005): on an
 * empty cache a start takes half as long again. Each tenant's temporary folder leads there.
 */
import { existsSync, lstatSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Where `module.enableCompileCache()`, which OpenClaw calls, puts it below the temporary folder. */
const FOLDER = 'node-compile-cache';

/** The cache of a folder of runtimes; whoever unpacks runtimes makes it. */
export function compileCacheOf(runtimes: string): string {
  return join(runtimes, 'compile-cache');
}

/** Leads the compile cache of what is started from a runtime, with this temporary folder, to the one of its machine. */
export function shareCompileCache(runtimeDirectory: string, temporaryFolder: string): void {
  const shared = compileCacheOf(dirname(runtimeDirectory));
  const link = join(temporaryFolder, FOLDER);
  try {
    if (!existsSync(shared) || leadsTo(link, shared)) return;
    rmSync(link, { recursive: true, force: true });
    symlinkSync(shared, link);
  } catch {
    // Without it the start takes longer, and that is all: the disk may be full.
  }
}

function leadsTo(link: string, folder: string): boolean {
  const found = lstatSync(link, { throwIfNoEntry: false });
  return found?.isSymbolicLink() === true && readlinkSync(link) === folder;
}
