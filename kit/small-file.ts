/** Small files that a program needs in order to start, such as its process id: a full disk must not keep it from starting. */
import { open } from 'node:fs/promises';
import { readFileIfExists, writeFileAtomically } from './atomic-file.ts';
import { systemMeaning } from './system-error.ts';

/**
 * Has a small file say this. One that says so already is left alone, which takes no room; where the disk has no room for a
 * second file, the first is written over. Only for what a reader can tell from half of it: a crash in that moment may leave that.
 */
export async function writeSmallFile(path: string, content: string, mode = 0o600): Promise<void> {
  const known = await readFileIfExists(path);
  if (known === content) return;
  try {
    await writeFileAtomically(path, content, mode);
  } catch (cause) {
    if (known === undefined || systemMeaning(cause)?.reason !== 'disk_full') throw cause;
    await writeOver(path, content);
  }
}

/** The file keeps its blocks, so that it needs no new ones. */
async function writeOver(path: string, content: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const { bytesWritten } = await file.write(content, 0);
    await file.truncate(bytesWritten);
    await file.sync();
  } finally {
    await file.close();
  }
}
