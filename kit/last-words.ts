/**
 * What a program said last, on one line: for a status, where one line is all there is.
 *
 * The line that names the error comes first in most programs, and its stack trace after it; so frames of stack traces, and
 * records of a log, are left out while there is anything else.
 */

/** Enough for an error and what mends it; a status is a line, the whole is in the log. */
const MOST_LINES = 3;
const MOST_CHARACTERS = 300;

/** The newest lines of an output that a person can use, joined by ` | `; empty when it said nothing. */
export function lastWordsOf(output: string): string {
  const lines = output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const telling = lines.filter((line) => !isFrame(line) && !isRecord(line));
  const chosen = telling.length > 0 ? telling : lines.map(messageOfRecord);
  return shortened(chosen.slice(-MOST_LINES).join(' | '));
}

/** A frame of a stack trace, or what Node writes below one. */
function isFrame(line: string): boolean {
  return /^(at |\^+$|[{}]+,?$|Node\.js v\d)/.test(line);
}

/** A record of our own logs is JSON. */
function isRecord(line: string): boolean {
  return line.startsWith('{"');
}

function messageOfRecord(line: string): string {
  try {
    const record: unknown = JSON.parse(line);
    const message = typeof record === 'object' && record !== null && 'msg' in record ? record.msg : undefined;
    return typeof message === 'string' ? message : line;
  } catch {
    return line; // cut off, or of another program
  }
}

function shortened(text: string): string {
  return text.length <= MOST_CHARACTERS ? text : `${text.slice(0, MOST_CHARACTERS - 1)}…`;
}
