/** How much a tree holds, for telling whether most of it went. */
import { type Entry, isFile } from '../tree/entries.ts';

/** What counts. Empty files count for nothing: what was cut to nothing is gone. */
export type Content = {
  readonly files: number;
  readonly databases: number;
  /** Whether OpenClaw's own database is there. */
  readonly openclaw: boolean;
};

const OPENCLAW_DATABASE = 'state/openclaw.sqlite';

/** Folders of what a tool makes or fetches again. People remove them, and they often are most of the files. */
const MADE_AGAIN = ['node_modules/', '.venv/', '__pycache__/', '.git/'];

/** Counts it. */
export function contentOf(entries: Iterable<readonly [string, Entry]>): Content {
  let [files, databases, openclaw] = [0, 0, false];
  for (const [path, entry] of entries) {
    if (!isFile(entry) || entry.size === 0 || MADE_AGAIN.some((folder) => path.includes(folder))) continue;
    files += 1;
    if (entry.kind === 'database') databases += 1;
    if (path === OPENCLAW_DATABASE) openclaw = true;
  }
  return { files, databases, openclaw };
}
