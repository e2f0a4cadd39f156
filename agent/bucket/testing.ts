/** Other processes that write to a folder, for tests of what a race or a kill leaves. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const bucketModule = import.meta.resolve('./directory-bucket.ts');
const clockModule = import.meta.resolve('@opencrane/kit/clock.ts');

/** A process with a bucket of its own in a folder. */
export class OtherProcess {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  /** `program` is JavaScript with `bucket`, `said()` for the next line of the test's, and `say(line)`. */
  constructor(folder: string, program: string) {
    const code = `
      import { createInterface } from 'node:readline';
      import { DirectoryBucket } from ${JSON.stringify(bucketModule)};
      import { systemClock } from ${JSON.stringify(clockModule)};
      const bucket = new DirectoryBucket(${JSON.stringify(folder)}, { clock: systemClock, random: Math.random });
      const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
      const said = async () => (await lines.next()).value;
      const say = (line) => console.log(line);
      ${program}
      process.exit();
    `;
    const flags = ['--input-type=module', '--eval', code];
    this.#child = spawn(process.execPath, flags, { stdio: ['pipe', 'pipe', 'inherit'] });
    assert.ok(this.#child.stdout);
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** The next line that it says. */
  async heard(): Promise<string> {
    const { value, done } = await this.#lines.next();
    assert.ok(!done, 'the other process ended without a word');
    return value;
  }

  say(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
  }
}

/** How large the objects of `writer` are. */
export const WRITTEN_BYTES = 2_000_000;

/** A process that creates `many/0`, `many/1`, … of 20 pieces each, and says the number of each before and after. */
export function writer(folder: string): OtherProcess {
  return new OtherProcess(
    folder,
    `
      async function* pieces() {
        for (let i = 0; i < 20; i += 1) yield Buffer.alloc(${WRITTEN_BYTES / 20}, i);
      }
      for (let i = 0; ; i += 1) {
        say('begins ' + i);
        await bucket.create('many/' + i, pieces());
        say('ends ' + i);
      }
    `,
  );
}

/** A process that stands still in the middle of creating `half`, and says so. */
export function hangingWriter(folder: string): OtherProcess {
  return new OtherProcess(
    folder,
    `
      async function* pieces() {
        yield Buffer.alloc(3_000_000, 1);
        say('in the middle');
        await said();
      }
      await bucket.create('half', pieces());
    `,
  );
}
