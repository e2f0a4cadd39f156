/** Progress of an update as lines for a terminal: one when something new happens, and one for each tenth of a download. */
import type { Progress } from '@opencrane/proto/opencrane/v1/common_pb.ts';

/** Keeps what was shown, so that nothing is shown twice. */
export class ProgressLines {
  #shown = '';

  /** The line to print; undefined when it would repeat the one before it. */
  next({ step, message, doneBytes, totalBytes, elapsedMillis }: Progress): string | undefined {
    const tenth = totalBytes > 0n ? (doneBytes * 10n) / totalBytes : 0n;
    const key = `${step}\n${message}\n${tenth}`;
    if (key === this.#shown) return undefined;
    this.#shown = key;
    const bytes = totalBytes > 0n ? ` ${megabytes(doneBytes)} of ${megabytes(totalBytes)} MB` : '';
    const seconds = (Number(elapsedMillis) / 1000).toFixed(1).padStart(6);
    return `${seconds} s  ${[step, message].filter(Boolean).join(': ')}${bytes}`;
  }
}

function megabytes(bytes: bigint): string {
  return (Number(bytes) / 1e6).toFixed(0);
}
