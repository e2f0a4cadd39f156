/**
 * What `npm test` runs, in this order. A stage fails on its own; the next one runs all the same.
 *
 *   unit       the tests beside the source, and what crosses workspaces without an OpenClaw
 *   contract   what an OpenClaw does, on the real one and on the stand-in: the same results
 *   stand-in   end-to-end tests and tables of faults on the stand-in, every row
 *   real       each end-to-end line once on the real OpenClaw, and of each table a few rows chosen by the seed
 *
 * `test:full` runs all of it on the real one, every row, and the property tests for longer.
 */
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

/** Files that run under the same conditions. */
export type Stage = {
  readonly name: string;
  readonly files: readonly string[];
  readonly concurrency: number;
  /** For each file, its hooks included; several times what a slow machine takes. */
  readonly limitMillis: number;
  readonly environment: Readonly<Record<string, string>>;
};

const root = join(import.meta.dirname, '../..');
const MINUTE = 60_000;

/** They are about the registry, or about bytes of the real program: a stand-in has none of either. */
const onlyReal = ['end-to-end/first-start', 'end-to-end/runtime-builder', 'end-to-end/version-errors'];

/** Nothing of OpenClaw is in them. */
const withoutOpenClaw = ['faults/kill-vault'];

/** What each user sees of the real one, in `npm test`; `test:full` runs every file on it. */
const alsoReal = [
  ...onlyReal,
  'end-to-end/config-push',
  'end-to-end/point-in-time',
  'end-to-end/residence',
  'end-to-end/update-shim',
  'end-to-end/upgrade',
  'faults/kill-config',
  'faults/kill-upgrade',
];

/** Rows of each table, and deaths of a machine, on the real OpenClaw in `npm test`. */
const SOME_ON_REAL = { OPENCRANE_TEST_ROWS: '2', OPENCRANE_KILLS: '3' };

/** The stages of a run. */
export function stages(full: boolean): readonly Stage[] {
  const crossing = testsIn('test/{end-to-end,faults}/**');
  const standIn = without(crossing, onlyReal);
  const real = full ? without(crossing, withoutOpenClaw) : only(crossing, alsoReal);
  const realOpenClaw = { OPENCRANE_TEST_OPENCLAW: 'real' };
  return [
    {
      name: 'unit',
      files: testsIn(
        '{kit,coordinator,agent,cli,test/check,test/fixtures,test/openclaw-stand-in,test/runner,test/stream,test/bucket}/**',
      ),
      concurrency: availableParallelism(),
      limitMillis: (full ? 60 : 4) * MINUTE,
      environment: full ? { OPENCRANE_PROPERTY_RUNS: '20' } : {},
    },
    { name: 'contract', files: testsIn('test/contract/**'), concurrency: 2, limitMillis: 20 * MINUTE, environment: {} },
    {
      name: 'stand-in',
      files: standIn,
      concurrency: availableParallelism() + 1, // most of their time they wait: for a lease to end, a backoff, a drain
      limitMillis: 15 * MINUTE,
      environment: { OPENCRANE_TEST_OPENCLAW: 'stand-in' },
    },
    {
      name: 'real',
      files: real,
      concurrency: 2,
      limitMillis: (full ? 60 : 15) * MINUTE,
      environment: full ? realOpenClaw : { ...realOpenClaw, ...SOME_ON_REAL },
    },
  ];
}

function testsIn(pattern: string): string[] {
  return globSync(`${pattern}/*.test.ts`, { cwd: root, exclude: ['**/node_modules'] }).toSorted();
}

function only(files: readonly string[], names: readonly string[]): string[] {
  for (const name of names) {
    if (!files.includes(fileOf(name)))
      throw new Error(`test/runner/stages.ts names ${fileOf(name)}, which is not there`);
  }
  return files.filter((file) => names.some((name) => file === fileOf(name)));
}

function without(files: readonly string[], names: readonly string[]): string[] {
  const gone = only(files, names);
  return files.filter((file) => !gone.includes(file));
}

function fileOf(name: string): string {
  return `test/${name}.test.ts`;
}
