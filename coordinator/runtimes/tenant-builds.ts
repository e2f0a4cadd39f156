/** Builds that a tenant waits for: whoever watches it sees how far they are. */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { Clock } from '@opencrane/kit/clock.ts';
import { messageOf } from '@opencrane/kit/errors.ts';
import { type Progress, ProgressSchema } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import type { BuildProgress } from './builder.ts';
import type { BuiltRuntime } from './catalogue.ts';

/** What it takes. */
export type TenantBuildsParts = {
  /** Makes sure that a version's bundle is here; `''` is `latest`. */
  readonly builder: { ensure(version: string, progress?: BuildProgress): Promise<BuiltRuntime> };
  readonly clock: Clock;
  /** Tells those who watch the tenant how far the build of its bundle is. */
  readonly progress: (tenant: string, progress: Progress) => void;
};

/** Makes sure that a version's bundle is here, and tells those who watch the tenant. Throws like the builder. */
export async function buildForTenant(parts: TenantBuildsParts, tenant: string, version: string): Promise<BuiltRuntime> {
  const { builder, clock, progress } = parts;
  const began = clock.monotonic();
  const tell = (part: MessageInitShape<typeof ProgressSchema>) => {
    const elapsedMillis = BigInt(Math.round(clock.monotonic() - began));
    progress(tenant, create(ProgressSchema, { operation: 'build', elapsedMillis, ...part }));
  };
  let last = { step: 'resolve', message: '' };
  try {
    const built = await builder.ensure(version, (step, message, doneBytes, totalBytes) => {
      last = { step, message };
      tell({ ...last, doneBytes: BigInt(doneBytes), totalBytes: BigInt(totalBytes) });
    });
    tell({ ...last, finished: true });
    return built;
  } catch (cause) {
    tell({ ...last, finished: true, error: messageOf(cause) });
    throw cause;
  }
}
