/** Puts the `openclaw` of the tenant's shell in its place. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeSmallFile } from '@opencrane/kit/small-file.ts';
import type { TenantFolders } from '../folders.ts';
import { nodeFlags } from '../openclaw/environment.ts';

const main = join(import.meta.dirname, 'main.ts');

/** Writes `bin/openclaw`; at every start of the agent, because it names where this OpenCrane and its Node are. */
export async function writeShim(folders: TenantFolders): Promise<void> {
  await mkdir(folders.bin, { recursive: true, mode: 0o700 });
  const command = [process.execPath, ...nodeFlags, main].map(quoted).join(' ');
  const script = [
    '#!/bin/sh',
    "# Written by OpenCrane's agent: `openclaw update` goes to the agent, everything else is OpenClaw itself.",
    `OPENCRANE_DATA=${quoted(folders.data)} exec ${command} "$@"`,
    '',
  ];
  await writeSmallFile(folders.shim, script.join('\n'), 0o700);
}

/** A word that a shell reads as it is written. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
