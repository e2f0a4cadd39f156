/**
 * Stands in for the program that opens a vault without a coordinator: it says what a test has told it to, in the file STAND_IN.
 */
import { appendFileSync, createWriteStream, readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';

const script = z
  .object({
    /** Lines, as they are. */
    say: z.array(z.string()),
    /** Pieces of the archive, in base64. */
    archive: z.array(z.string()).default([]),
    complain: z.string().default(''),
    exitCode: z.number().default(0),
    /** Say the lines, then stay until a signal, which is confirmed. */
    stay: z.boolean().default(false),
    /** Where the arguments and the folder are noted. */
    note: z.string(),
  })
  .parse(JSON.parse(readFileSync(process.env['STAND_IN'] ?? '', 'utf8')));

writeFileSync(script.note, JSON.stringify({ pid: process.pid, words: process.argv.slice(2), folder: process.cwd() }));
const archives = process.argv.includes('--output');
const words = archives ? createWriteStream('', { fd: 3 }) : process.stdout;
for (const line of script.say.slice(0, script.stay ? undefined : -1)) words.write(`${line}\n`);
if (archives) for (const piece of script.archive) process.stdout.write(Buffer.from(piece, 'base64'));
if (script.complain) process.stderr.write(script.complain);
if (script.stay) {
  const keep = setInterval(() => {}, 60_000);
  process.once('SIGTERM', () => {
    clearInterval(keep);
    appendFileSync(script.note, ' ended by SIGTERM');
    process.exit(130);
  });
  words.write('{"progress":{"operation":"vault","step":"waiting"}}\n');
} else {
  words.write(`${script.say.at(-1) ?? ''}\n`);
  process.exitCode = script.exitCode;
}
