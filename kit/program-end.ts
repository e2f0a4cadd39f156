/** How a program ended, in words: the same for OpenClaw, which the launcher starts, and for the platform's programs. */
import { lastWordsOf } from './last-words.ts';

/** What is known of an end, and of what comes next. */
export type ProgramEnd = {
  /** Exit code; -1 when a signal ended it, or it could not be started; undefined for a process whose end nobody is told. */
  readonly code: number | undefined;
  /** Signal that ended it; empty when none did. */
  readonly signal: string;
  /** What it wrote last. */
  readonly output: string;
  /** How many ends in a row this was, none of them after a time that counts as up. */
  readonly inARow: number;
  /** When it is started again, in milliseconds since the epoch; undefined when no start is planned. */
  readonly nextTryAt: number | undefined;
};

/** Such as `exited with code 1, 3 times in a row; next try at 05:12:33 UTC; last words: the port is in use`. */
export function describeEnd(end: ProgramEnd): string {
  const { inARow, nextTryAt } = end;
  const words = lastWordsOf(end.output);
  return [
    `${howItEnded(end)}${inARow > 1 ? `, ${inARow} times in a row` : ''}`,
    nextTryAt === undefined ? '' : `next try at ${timeOfDay(nextTryAt)}`,
    words === '' ? '' : `last words: ${words}`,
  ]
    .filter((part) => part !== '')
    .join('; ');
}

/** Code or signal, in words. */
function howItEnded({ code, signal }: Pick<ProgramEnd, 'code' | 'signal'>): string {
  if (code === undefined) return 'ended';
  if (signal !== '') return `was ended by ${signal}`;
  return code === -1 ? 'could not be started' : `exited with code ${code}`;
}

/** A moment for a status: it stays the same while time goes on, so that the status does, too. */
export function timeOfDay(atMillis: number): string {
  return `${new Date(atMillis).toISOString().slice(11, 19)} UTC`;
}
