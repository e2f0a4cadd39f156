/** Shows how far a call to a vault is. */
import type { Context } from '../command.ts';
import { ProgressView } from '../progress/progress-view.ts';
import type { Heard } from '../progress/steps.ts';

/** Does the work, and shows what it hears meanwhile. `name` stands before each line; it may be empty. */
export async function showProgress<T>(
  { output, clock }: Pick<Context, 'output' | 'clock'>,
  name: string,
  work: (heard: (progress: Heard) => void) => Promise<T>,
): Promise<T> {
  const view = new ProgressView(output, clock);
  try {
    const result = await work((progress) => {
      // What failed before its first step is told as the error of the call, and only there.
      if (progress.error === '' || view.isRunning(name)) view.heard(name, progress);
    });
    view.settle(name);
    return result;
  } finally {
    view.close();
  }
}
