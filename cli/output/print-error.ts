/** An error on standard error: what went wrong, where, and how to mend it. */
import type { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { Output } from './output.ts';

/** Prints it for people or, with --json, as one line of JSON. */
export function printError(output: Output, error: OpenCraneError): void {
  const { code, reason, message, field, mend } = error;
  if (output.json) {
    output.errorDocument({ error: { code, reason, message, field, mend } });
    return;
  }
  // OpenClaw's words, or a log's, may be several lines: they stand behind a bar, so that none is taken for one of ours.
  const [first = '', ...more] = message.split('\n');
  output.note(`${output.style('red', 'error:')} ${first}`);
  for (const line of more) output.note(`     | ${line}`);
  if (field !== '' && !message.includes(field)) output.note(`   at: ${field}`);
  if (mend !== '') output.note(` mend: ${mend}`);
}
