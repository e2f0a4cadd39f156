/** The one place of the CLI that listens to signals. */
import { exitCodes } from '@opencrane/kit/errors.ts';

/** What the person at the keyboard wants to end. */
export interface Interrupts {
  /** Fires on the first SIGINT, SIGTERM or SIGHUP. */
  readonly signal: AbortSignal;
  /** Takes what a second one does; without it the program ends at once. */
  onAgain(action: () => void): void;
}

/** npm passes a terminal's Ctrl-C on to a child that has had it already; two within this time are one. */
const ECHO_MILLIS = 400;

/** Listens until the process ends. */
export function listenForInterrupts(): Interrupts & { /** As if a signal had come. */ readonly end: () => void } {
  const controller = new AbortController();
  let again: () => void = () => process.exit(exitCodes.interrupted);
  let last = Number.NEGATIVE_INFINITY;
  const onSignal = () => {
    const now = performance.now();
    const echo = now - last < ECHO_MILLIS;
    last = now;
    if (!controller.signal.aborted) controller.abort();
    else if (!echo) again();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  return {
    signal: controller.signal,
    end: () => controller.abort(),
    onAgain(action) {
      again = action;
    },
  };
}
