/**
 * `npm test`: everything that needs no cluster, in the stages of `runner/stages.ts`.
 *
 *   npm test                     everything
 *   npm test -- unit             one stage
 *   npm test -- real upgrade     of a stage the files whose path has this in it
 *   npm run test:full            every row of every table on the real OpenClaw, and long property tests
 *
 * OPENCRANE_TEST_SEED repeats the choices of a run; it is printed first.
 */
import { randomInt } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '@opencrane/coordinator/store/testing.ts';
import { type FileResult, runFile } from './runner/run-file.ts';
import { type Stage, stages } from './runner/stages.ts';

const root = join(import.meta.dirname, '..');
const [wanted, part = ''] = process.argv.slice(2).filter((argument) => argument !== '--full');
const full = process.argv.includes('--full');
const seed = process.env['OPENCRANE_TEST_SEED'] ?? String(randomInt(2 ** 31));

type Outcome = { readonly file: string } & FileResult;

const chosen = stages(full).filter(({ name }) => wanted === undefined || name === wanted);
if (chosen.length === 0) {
  const names = stages(full).map(({ name }) => name);
  process.stderr.write(`there is no stage ${wanted}; there are ${names.join(', ')}\n`);
  process.exit(2);
}
process.stdout.write(`seed ${seed} (OPENCRANE_TEST_SEED=${seed} repeats it)\n`);
const postgres = chosen.some(({ name }) => name === 'unit') ? await startPostgres() : undefined;
const outcomes: Outcome[] = [];
try {
  for (const stage of chosen) outcomes.push(...(await runStage(stage)));
} finally {
  await postgres?.stop();
}
summarise(outcomes);

/** Runs a stage's files, so many at a time, and tells of each when it is done. */
async function runStage(stage: Stage): Promise<Outcome[]> {
  const files = stage.files.filter((file) => file.includes(part));
  const began = performance.now();
  process.stdout.write(`\n# ${stage.name}: ${files.length} files\n`);
  const environment = {
    OPENCRANE_TEST_SEED: seed,
    ...(postgres && { OPENCRANE_TEST_POSTGRES: postgres.url }),
    NODE_COMPILE_CACHE: join(tmpdir(), 'opencrane-compile-cache'), // stripping types takes a third of a short file's time
    ...stage.environment,
  };
  const waiting = [...files];
  const done: Outcome[] = [];
  const work = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const result = await runFile({ file: join(root, file), limitMillis: stage.limitMillis, environment });
      done.push({ file, ...result });
      tell(file, result);
    }
  };
  await Promise.all(Array.from({ length: stage.concurrency }, work));
  process.stdout.write(`# ${stage.name}: ${seconds(performance.now() - began)}\n`);
  return done;
}

function tell(file: string, { passed, counts, millis, report, notes }: FileResult): void {
  const count = `${counts.passed + counts.failed}`.padStart(4);
  process.stdout.write(`${passed ? 'ok  ' : 'FAIL'} ${seconds(millis).padStart(7)} ${count}  ${file}\n`);
  for (const note of notes) process.stdout.write(`                     ${note}\n`);
  if (!passed) process.stdout.write(`${report}\n`);
}

function summarise(all: readonly Outcome[]): void {
  const slowest = all.toSorted((a, b) => b.millis - a.millis).slice(0, 10);
  process.stdout.write('\n# slowest files\n');
  for (const { file, millis } of slowest) process.stdout.write(`${seconds(millis).padStart(8)}  ${file}\n`);
  const failures = all.filter(({ passed }) => !passed);
  if (failures.length > 0) process.stdout.write('\n# failed\n');
  for (const { file } of failures) process.stdout.write(`${file}\n`);
  const sum = (what: keyof FileResult['counts']) => all.reduce((total, { counts }) => total + counts[what], 0);
  process.stdout.write(`\n${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped\n`);
  process.exitCode = failures.length === 0 && sum('passed') > 0 ? 0 : 1;
}

function seconds(millis: number): string {
  return `${(millis / 1000).toFixed(1)} s`;
}
