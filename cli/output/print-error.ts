/** An error on standard error: what went wrong, where, and how to mend it. */
import type { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { Output } from './output.ts';

/** Prints it for people or, with --json, as one line of JSON. */
export function printError(output: Output, error: OpenCraneError): void {
  const { code, reason, message, field, mend } = error;
  if (output.json) {
    output.note(JSON.stringify({ error: { code, reason, message, field, mend } }));
    return;
  }
  output.note(`${output.style('red', 'error:')} ${message}`);
  if (field !== '' && !message.includes(field)) output.note(`   at: ${field}`);
  if (mend !== '') output.note(` mend: ${mend}`);
}
