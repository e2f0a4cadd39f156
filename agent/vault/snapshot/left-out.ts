/**
 * What snapshots leave out: what is made anew or fetched again, and what belongs to a process that is gone.
 *
 * A rule goes by the path at which OpenClaw, Git or we put such a thing, never by a name alone: `yarn.lock`, `tmp/` and
 * `letter.draft` may be the person's own wherever they lie, and a file too many costs a few bytes.
 */

/** A rule, as people are told of it: `vault list` shows them all. */
export type LeftOutRule = {
  /** The paths, as a pattern of the shell below the state folder. */
  readonly paths: string;
  readonly why: string;
};

type Rule = LeftOutRule & { readonly isFor: (path: string) => boolean };

const matches = (pattern: RegExp) => (path: string) => pattern.test(path);

/** What OpenClaw keeps with a lock beside it: indexes and logs of sessions, its databases, its configuration. */
const LOCKED = String.raw`[^/]+\.(json|jsonl|sqlite)`;

const rules: readonly Rule[] = [
  {
    paths: '{cache,tmp,node-compile-cache}/',
    why: 'OpenClaw makes its caches and temporary files anew', // 55 MB of Control UI assets, the compile cache
    isFor: matches(/^(cache|tmp|node-compile-cache)$/),
  },
  {
    // In the home that OpenClaw and what it runs see (agent/openclaw/environment.ts). XDG's cache folder: pip, uv, Playwright.
    paths: 'home/{.cache,.npm}/',
    why: 'npm and others fetch again what their caches lack',
    isFor: matches(/^home\/\.(cache|npm)$/),
  },
  {
    paths: 'gateway.*.lock{,.sqlite}',
    why: 'a lock of an OpenClaw that is gone',
    isFor: matches(/^gateway\.[^/]+\.lock(\.sqlite)?(-wal|-shm|-journal)?$/),
  },
  {
    // The sidecar of @openclaw/fs-safe: the name of what is locked, and `.lock`.
    paths: '*.{json,jsonl,sqlite}.lock, openclaw.json.*.lock, agents/**/*.{json,jsonl,sqlite}.lock',
    why: 'a lock of an OpenClaw that is gone',
    isFor: matches(new RegExp(String.raw`^(agents/(.+/)?)?${LOCKED}\.lock$|^openclaw\.json\.[^/]+\.lock$`)),
  },
  {
    paths: '**/.git/**/*.lock',
    why: 'a lock that Git left behind keeps Git from working', // nothing else of Git is named so
    isFor: matches(/(^|\/)\.git\/(.+\/)?[^/]+\.lock$/),
  },
  {
    // Of atomic-file.ts, in the folders that we write to.
    paths: '{,.opencrane/}*.HEX12.draft',
    why: 'a file that OpenCrane was writing',
    isFor: matches(/^(\.opencrane\/)?[^/]+\.[0-9a-f]{12}\.draft$/),
  },
];

/** The rules, and what can be told of no path. */
export const leftOutRules: readonly LeftOutRule[] = [
  ...rules.map(({ paths, why }) => ({ paths, why })),
  { paths: 'sockets, pipes and devices', why: 'they mean nothing without the process that made them' },
];

/** Whether what is at this path, relative to the state folder, is left out with all that is below it. */
export function isLeftOut(path: string): boolean {
  return rules.some(({ isFor }) => isFor(path));
}

/** What SQLite keeps beside a database; the content is folded into the captured image. */
const besides = /-(wal|shm|journal)$/;

/** The path of the database that a file belongs to, going by its name; undefined when it has no such name. */
export function databaseBeside(path: string): string | undefined {
  return besides.test(path) ? path.replace(besides, '') : undefined;
}
