/** Writing what the agent keeps within the tenant's state, in its folder `.opencrane/`. */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { readFileIfExists, writeFileAtomically } from '@opencrane/kit/atomic-file.ts';

/** Writes a file there, whole or not at all, and only when it would change: each writing is a change that a snapshot stores. */
export async function writeIntoState(path: string, text: string): Promise<void> {
  if (text === (await readFileIfExists(path))) return;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFileAtomically(path, text, 0o600);
}
