/**
 * `npm run bench:kills`: what a machine's death costs, over many deaths. Several machines die beside each other, each as in
 * test/end-to-end/residence.test.ts: a real OpenClaw under steady writes, `kill -9` of everything at a random moment, the
 * disk gone, a boot from bucket and key alone.
 *
 *   npm run bench:kills                                200 deaths on 3 machines
 *   npm run bench:kills -- --kills 20 --machines 1     a quicker look
 *   npm run bench:kills -- --seed 7                    the deaths of a run before
 *
 * Exits with 1 when more than the last 5 s were lost.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    machines: { type: 'string', default: '3' },
    seed: { type: 'string', default: String(Date.now() % 1e9) },
  },
});
const [kills, machines, seed] = [Number(values.kills), Number(values.machines), Number(values.seed)];
const suite = join(import.meta.dirname, '../../end-to-end/residence.test.ts');
/** What the suite says about each death, and at its end. */
const telling = /^# (?<words>death .*|seed .*|the oldest turn .*)$/;

print(`${kills} deaths on ${machines} machines, seed ${seed}`);
const share = Math.ceil(kills / machines);
const ends = await Promise.all(Array.from({ length: machines }, (_, machine) => dies(machine)));
print(ends.every((code) => code === 0) ? `ok   at most 5 s lost in ${share * machines} deaths` : 'MISS see above');
process.exitCode = ends.every((code) => code === 0) ? 0 : 1;

/** One machine, which dies its share of the times. */
async function dies(machine: number): Promise<number | null> {
  const child = spawn(process.execPath, ['--test', '--test-reporter=tap', suite], {
    env: {
      ...process.env,
      OPENCRANE_TEST_OPENCLAW: 'real',
      OPENCRANE_KILLS: String(share),
      OPENCRANE_TEST_SEED: String(seed + machine),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const words = telling.exec(line)?.groups?.['words'] ?? (/^\s*(not ok|error:)/.test(line) ? line.trim() : undefined);
    if (words !== undefined) print(`machine ${machine}: ${words}`);
  }
  return child.exitCode ?? new Promise((resolve) => child.once('exit', resolve));
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
