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
import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

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
  const passed = await run(stage);
  failed ||= !passed;
}
process.exitCode = failed ? 1 : 0;

function run({ files, concurrency }: Stage): Promise<boolean> {
  const flags = ['--test', `--test-concurrency=${concurrency}`, '--test-reporter=spec'];
  // The longest come last by name, and must not begin last.
  const child = spawn(process.execPath, [...flags, ...files.toSorted().toReversed()], { cwd: root, stdio: 'inherit' });
  return new Promise((resolve) => child.once('exit', (code) => resolve(code === 0)));
}
