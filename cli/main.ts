/** The `opencrane` program. */
import { join } from 'node:path';
import { systemClock } from '@opencrane/kit/clock.ts';
import { exitCodes, toOpenCraneError } from '@opencrane/kit/errors.ts';
import { callThisMachineDirectly } from '@opencrane/kit/proxy.ts';
import { askAtTerminal } from './ask.ts';
import { connect } from './connection/connect.ts';
import { listenForInterrupts } from './interrupts.ts';
import { Output } from './output/output.ts';
import { printError } from './output/print-error.ts';
import { run } from './run.ts';

callThisMachineDirectly();
const interrupts = listenForInterrupts();
for (const stream of [process.stdout, process.stderr]) stream.on('error', interrupts.end); // who read it is gone
process.on('uncaughtException', (thrown) => {
  // A defect of ours that no command can tell any more. What it quotes may be anybody's text, so it is told as any error is.
  const [out, errors, json] = [process.stdout, process.stderr, process.argv.includes('--json')];
  printError(new Output({ json, out, errors, colours: false }), toOpenCraneError(thrown, 'running opencrane'));
  process.exit(exitCodes.internal);
});
const exitCode = await run(process.argv.slice(2), {
  environment: process.env,
  folder: process.cwd(),
  out: process.stdout,
  errors: process.stderr,
  interrupts,
  clock: systemClock,
  ask: askAtTerminal(interrupts.signal),
  offlineVault: [process.execPath, join(import.meta.dirname, '../agent/vault/offline/main.ts')],
  connect,
});
// What was written to a pipe may still be on its way.
await Promise.all([process.stdout, process.stderr].map((stream) => new Promise((done) => stream.write('', done))));
process.exit(exitCode);
