/** Builds a version's bundle and shows how far it is. */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { Runtime } from '@opencrane/proto/opencrane/v1/runtime_pb.ts';
import type { Context } from '../command.ts';
import type { Clients } from '../connection/clients.ts';
import { ProgressView } from '../progress/progress-view.ts';

/** Resolves with the bundle. A build that others wait for goes on when this one stops waiting. */
export async function buildRuntime(
  { output, clock, interrupts }: Pick<Context, 'output' | 'clock' | 'interrupts'>,
  clients: Clients,
  version: string,
): Promise<Runtime> {
  const view = new ProgressView(output, clock);
  let built: Runtime | undefined;
  try {
    for await (const { progress, runtime } of clients.runtimes.buildRuntime(
      { version },
      { signal: interrupts.signal },
    )) {
      if (progress) view.heard('', progress);
      built = runtime ?? built;
    }
    view.settle('');
  } finally {
    view.close();
  }
  if (built) return built;
  throw new OpenCraneError('internal', 'build_without_bundle', `building ${version}: it ended without a bundle`);
}
