/**
 * `npm test`: everything that needs no cluster.
 *
 * First the tests beside the source, in parallel; then those that start real OpenClaws, two files at a time: each waits
 * more than it computes, and more at once would need a larger machine than most have.
 *
 *   npm test                     everything
 *   npm test -- unit             only the tests beside the source
 *   npm test -- real             only those with a real OpenClaw
 */
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

const root = join(import.meta.dirname, '..');

type Stage = { readonly name: string; readonly files: readonly string[]; readonly concurrency: number };

const stages: readonly Stage[] = [
  {
    name: 'unit',
    files: globSync('{kit,coordinator,agent,cli,test/check,test/fixtures,test/stream,test/bucket}/**/*.test.ts', {
      cwd: root,
      exclude: ['**/node_modules'],
    }),
    concurrency: availableParallelism(),
  },
  { name: 'real', files: globSync('test/{end-to-end,faults}/**/*.test.ts', { cwd: root }), concurrency: 2 },
];

const wanted = process.argv[2];
let failed = false;
for (const stage of stages) {
  if (wanted !== undefined && wanted !== stage.name) continue;
  process.stdout.write(`\n# ${stage.name}: ${stage.files.length} files\n`);
  const passed = await runStage(stage);
  failed ||= !passed;
}
process.exitCode = failed ? 1 : 0;

/** Runs a stage's files, the longest, which come last by name, first; `node --test` would sort them. */
async function runStage({ files, concurrency }: Stage): Promise<boolean> {
  const took: { readonly file: string; readonly seconds: number }[] = [];
  let passed = false;
  const tests = run({
    cwd: root,
    files: files
      .toSorted()
      .toReversed()
      .map((file) => join(root, file)),
    concurrency,
  });
  tests.on('test:summary', ({ file, duration_ms, success }) => {
    if (file === undefined) passed = success;
    else took.push({ file: relative(root, file), seconds: duration_ms / 1000 });
  });
  await pipeline(tests, new spec(), process.stdout, { end: false });
  const slowest = took.toSorted((a, b) => b.seconds - a.seconds).slice(0, 10);
  process.stdout.write(
    `\n# slowest files\n${slowest.map(({ file, seconds }) => `${seconds.toFixed(0)} s  ${file}\n`).join('')}`,
  );
  return passed;
}
