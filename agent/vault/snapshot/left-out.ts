/**
 * What snapshots leave out: what is made anew or fetched again, and what belongs to a process that is gone. Elsewhere a name proves
 * nothing: `yarn.lock` and `tmp/` in a workspace are the person's own.
 */

/** At the top of OpenClaw's state: caches and temporary files (55 MB of Control UI assets, compile cache). */
const madeAnew = new Set(['cache', 'tmp', 'node-compile-cache']);

/**
 * Caches in the home that OpenClaw and what it runs see (agent/openclaw/environment.ts): what npm and others (XDG's cache
 * folder: pip, uv, browsers of Playwright) fetch again when they miss it.
 */
const fetchedAgain = new Set(['home/.cache', 'home/.npm']);

/** OpenClaw's names for the folders where its agents and the person work: `workspace`, and `workspace-ID` for further agents. */
const workspace = /^workspace(-[^/]+)?$/;

/** Locks of OpenClaw, as `gateway.HASH.lock` and `gateway.HASH.lock.sqlite`. */
const lock = /\.lock(\.sqlite)?(-wal|-shm|-journal)?$/;

/** A file that is being written by our own atomic-file.ts. */
const draft = /\.[0-9a-f]{12}\.draft$/;

/** Whether what is at this path, relative to the state folder, is left out with all that is below it. */
export function isLeftOut(path: string): boolean {
  const [top = '', ...below] = path.split('/');
  const name = below.at(-1) ?? top;
  if (below.length === 0 ? madeAnew.has(top) : fetchedAgain.has(path)) return true;
  if (draft.test(name)) return true;
  if (!lock.test(name)) return false;
  // In a workspace only Git's: one that is left behind keeps Git from working, and nothing else of Git is named so.
  return !workspace.test(top) || below.slice(0, -1).includes('.git');
}

/** What SQLite keeps beside a database; the content is folded into the captured image. */
const besides = /-(wal|shm|journal)$/;

/** The path of the database that a file belongs to, going by its name; undefined when it has no such name. */
export function databaseBeside(path: string): string | undefined {
  return besides.test(path) ? path.replace(besides, '') : undefined;
}
