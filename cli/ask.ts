/** Questions to the person at the keyboard. */
import { createInterface } from 'node:readline/promises';

/** Asks on the terminal; undefined when standard input or standard error is none, as in a script. */
export function askAtTerminal(signal: AbortSignal): ((question: string) => Promise<string>) | undefined {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  return async (question) => {
    const terminal = createInterface({ input: process.stdin, output: process.stderr });
    try {
      return await terminal.question(question, { signal });
    } finally {
      terminal.close();
    }
  };
}
