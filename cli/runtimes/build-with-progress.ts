/** Has the coordinator build a version's bundle, and shows how far it is. */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { Runtime } from '@opencrane/proto/opencrane/v1/runtime_pb.ts';
import type { Context } from '../commands/command.ts';
import type { Clients } from '../connection/clients.ts';
import { ProgressView } from '../progress/progress-view.ts';

/** Resolves with the bundle; what npm says when it cannot be built is the error. */
export async function buildWithProgress(context: Context, clients: Clients, version: string): Promise<Runtime> {
  const view = new ProgressView(context.output, context.clock);
  try {
    let built: Runtime | undefined;
    for await (const { progress, runtime } of clients.runtimes.buildRuntime(
      { version },
      { signal: context.interrupts.signal },
    )) {
      if (progress && !progress.finished) view.heard('', progress);
      built = runtime ?? built;
    }
    view.settle('');
    if (built) return built;
  } finally {
    view.close();
  }
  throw new OpenCraneError('unavailable', 'build_unfinished', 'the coordinator ended before the bundle was built', {
    mend: 'run the command again: what is built is kept',
  });
}
