/** Whether a tenant can be used: one that is degraded may well serve, and is then ready with a word. */
import { ComponentState } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { Phase, type Tenant } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';

/** Whether its OpenClaw was observed to answer, whatever else is the matter: a disk that is nearly full, a bucket that is away. */
export function isReady({ status }: Tenant): boolean {
  if (status?.phase === Phase.READY) return true;
  if (status?.phase !== Phase.DEGRADED) return false;
  return (
    status.health?.parts.some(({ name, state }) => name === 'openclaw' && state === ComponentState.HEALTHY) === true
  );
}

/** What a person should know beside that it is ready; empty when nothing. */
export function reservation({ status }: Tenant): string {
  return status?.message ?? '';
}
