/** Runs one test file in a process of its own, with a time limit: a file that hangs is ended and fails, and the others go on. */
import { run } from 'node:test';
import { spec, type TestEvent } from 'node:test/reporters';

/** What to run, and under which conditions. */
export type FileRun = {
  readonly file: string;
  /** The whole file, its hooks included. */
  readonly limitMillis: number;
  readonly environment: Readonly<Record<string, string>>;
};

/** How a file ended. */
export type FileResult = {
  readonly passed: boolean;
  readonly counts: { readonly passed: number; readonly failed: number; readonly skipped: number };
  readonly millis: number;
  /** Everything the file reported; worth reading when it failed. */
  readonly report: string;
  /** What passing tests told of themselves: figures, seeds, and why one was skipped. */
  readonly notes: readonly string[];
};

/** Runs it to its end, or to its limit. */
export async function runFile({ file, limitMillis, environment }: FileRun): Promise<FileResult> {
  const began = performance.now();
  const limit = AbortSignal.timeout(limitMillis);
  const reporter = spec();
  let report = '';
  reporter.setEncoding('utf8').on('data', (text: string) => {
    report += text;
  });
  const tally = new Tally();
  for await (const event of run({ files: [file], signal: limit, env: { ...process.env, ...environment } })) {
    reporter.write(event);
    tally.take(event);
  }
  reporter.end();
  if (limit.aborted) {
    tally.counts.failed += 1;
    report += `\n${file} was not done after ${limitMillis / 1000} s and was ended\n`;
  }
  const { counts, notes } = tally;
  return { passed: counts.failed === 0, counts, millis: performance.now() - began, report, notes };
}

/** Counts tests, not the suites around them. */
class Tally {
  readonly counts = { passed: 0, failed: 0, skipped: 0 };
  readonly notes: string[] = [];

  take({ type, data }: TestEvent): void {
    if (type === 'test:diagnostic' && data.file !== undefined) this.notes.push(data.message);
    if ((type !== 'test:pass' && type !== 'test:fail') || data.details.type === 'suite') return;
    if (data.skip !== undefined) {
      this.counts.skipped += 1;
      this.notes.push(`skipped: ${data.name}: ${data.skip === true ? 'no reason given' : data.skip}`);
    } else this.counts[type === 'test:pass' ? 'passed' : 'failed'] += 1;
  }
}
