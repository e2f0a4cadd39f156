/** Asks a version whether it can open a state, on a copy of the state's database: nothing of the tenant's is touched. */
import { randomBytes } from 'node:crypto';
import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import { removeTree } from '@opencrane/kit/remove-tree.ts';
import { z } from 'zod';
import { runOpenClaw } from '../openclaw/command.ts';
import type { Preflight } from './ports.ts';

/** What the answer of `openclaw database preflight --json` (2026.8.1 and newer) has of interest. */
const answer = z.object({ status: z.string(), targetVersion: z.number(), foundVersion: z.number() });

/** What asking takes. */
export type PreflightPorts = {
  /** A folder for what is thrown away after. */
  readonly tmp: string;
  /** The environment of OpenClaw's commands; folders in it are replaced. */
  readonly environment: Readonly<Record<string, string>>;
};

/** Whether the OpenClaw in `runtimeDirectory` can open the state in `state`, which may be in use. */
export async function preflight(
  ports: PreflightPorts,
  runtimeDirectory: string,
  state: string,
  signal: AbortSignal,
): Promise<Preflight> {
  const database = join(state, 'state', 'openclaw.sqlite');
  const isThere = await access(database).then(
    () => true,
    () => false,
  );
  if (!isThere) return { verdict: 'exact', message: 'the state is empty' };
  const folder = join(ports.tmp, `preflight-${randomBytes(6).toString('hex')}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    const copy = join(folder, 'copy.sqlite');
    await copyDatabase(database, copy);
    const { stdout, stderr } = await runOpenClaw({
      runtimeDirectory,
      arguments: ['database', 'preflight', copy, '--json'],
      environment: {
        ...ports.environment,
        HOME: folder,
        TMPDIR: folder,
        OPENCLAW_STATE_DIR: join(folder, 'state'),
        OPENCLAW_CONFIG_PATH: join(folder, 'state', 'openclaw.json'),
      },
      folder,
      signal,
    });
    return readAnswer(stdout, stderr);
  } finally {
    await removeTree(folder);
  }
}

/** Reads what OpenClaw printed. What cannot be read is `unknown`: older versions do not have the command. */
export function readAnswer(stdout: string, stderr: string): Preflight {
  try {
    const { status, targetVersion, foundVersion } = answer.parse(JSON.parse(stdout));
    const message = `the state has schema ${foundVersion}, it knows ${targetVersion}`;
    if (status === 'exact') return { verdict: 'exact', message };
    return { verdict: status === 'incompatible' ? 'incompatible' : 'migrates', message };
  } catch {
    return { verdict: 'unknown', message: stderr.trim().slice(-500) || 'it gave no answer' };
  }
}

/** A consistent copy, whoever writes meanwhile. */
async function copyDatabase(from: string, to: string): Promise<void> {
  const source = new DatabaseSync(from, { readOnly: true });
  try {
    await backup(source, to);
  } finally {
    source.close();
  }
}
