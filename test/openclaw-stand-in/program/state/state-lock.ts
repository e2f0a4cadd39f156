/** One gateway has a state: an exclusive lock of SQLite's that ends with its process, and beside it who that is. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** A state that another gateway has. */
export class StateHeldError extends Error {}

/** A lock that is held; it goes with the process too. */
export type StateLock = { readonly release: () => void };

/** Takes it; throws StateHeldError when another has it. */
export function lockState(state: string): StateLock {
  const folder = join(state, 'tmp', `openclaw-${process.getuid?.() ?? 0}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const owner = join(folder, 'gateway.state.lock');
  const database = new DatabaseSync(`${owner}.sqlite`, { timeout: 0 });
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch {
    database.close();
    throw new StateHeldError(
      `Another gateway (pid ${ownerOf(owner)}) already owns this state directory; refusing to run automatic startup migrations or report the gateway ready. Stop it with "openclaw gateway stop" (or select a different OPENCLAW_STATE_DIR), then retry startup.`,
    );
  }
  writeFileSync(owner, JSON.stringify({ pid: process.pid }), { mode: 0o600 });
  return {
    release() {
      rmSync(owner, { force: true });
      database.close();
    },
  };
}

function ownerOf(file: string): string {
  try {
    return String(JSON.parse(readFileSync(file, 'utf8')).pid);
  } catch {
    return 'unknown';
  }
}
