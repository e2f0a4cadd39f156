/** A live view of tenants: every one of them once, then each that changes. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { WatchTenantsResponseSchema } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import type { DesiredState } from '../agents/ports.ts';
import type { TenantDirectory } from './directory.ts';
import { tenantMessage } from './tenant-message.ts';

type Response = MessageInitShape<typeof WatchTenantsResponseSchema>;

/** What is watched. */
export type Watched = { readonly directory: TenantDirectory; readonly desired: DesiredState };

/** Watches one tenant, or all when the name is empty. A slow reader gets the newest state of each, never a backlog. */
export async function* watchTenants(
  { directory, desired }: Watched,
  name: string,
  signal: AbortSignal,
): AsyncGenerator<Response> {
  const names = name === '' ? directory.names() : [directory.get(name).record.name];
  const watch = directory.watch(name); // before the first is read, so that no change falls in between
  try {
    if (names.length === 0) yield { snapshotComplete: true };
    for (const [index, one] of names.entries()) {
      yield { ...(await state(one)), snapshotComplete: index === names.length - 1 };
    }
    for await (const changed of watch.changes(signal)) yield await state(changed);
  } finally {
    watch.stop();
  }

  async function state(one: string): Promise<Response> {
    const entry = directory.find(one);
    return entry ? { tenant: await tenantMessage(entry, desired) } : { tenant: { name: one }, deleted: true };
  }
}
