/**
 * A process that captures a database again and again, each time into a file that is whole or absent, and goes on from the
 * newest of them: `node testing-capturer.ts DATABASE FOLDER`. It is there to be killed.
 */
import { closeSync, openSync, readdirSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { openCapture } from './testing.ts';

const [, , path = '', folder = ''] = process.argv;
process.on('disconnect', () => process.exit());
const capture = await openCapture(folder);
const newest = Math.max(0, ...readdirSync(folder).map(Number).filter(Number.isInteger));
let since = newest === 0 ? undefined : JSON.parse(readFileSync(join(folder, `${newest}.json`), 'utf8')).position;

for (let number = newest + 1; ; number += 1) {
  const captured = await capture.capture(path, since);
  if (!captured) throw new Error(`there is no database at ${path}`);
  const { position, pages, pageBytes, whole } = captured;
  const runs: { page: number; length: number }[] = [];
  const draft = openSync(join(folder, 'draft'), 'w');
  for await (const { page, bytes } of captured.changes()) {
    writeSync(draft, bytes);
    runs.push({ page, length: bytes.length });
  }
  closeSync(draft);
  const description = openSync(join(folder, `${number}.json`), 'w');
  writeSync(description, JSON.stringify({ position, pages, pageBytes, whole, runs }));
  closeSync(description);
  renameSync(join(folder, 'draft'), join(folder, String(number)));
  await captured.release(true);
  since = position;
  process.send?.(number);
  await setTimeout(5);
}
