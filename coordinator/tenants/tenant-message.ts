/** A tenant as people see it. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { Retention, type TenantSchema } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import type { DesiredState } from '../agents/ports.ts';
import { type Entry, phaseOfEntry } from './directory.ts';
import type { Retention as RetentionWord } from './ports.ts';

const retentions: Record<RetentionWord, Retention> = { retain: Retention.RETAIN, delete: Retention.DELETE };

/** Writes a tenant into a response, with what is wanted of it beside what was observed. */
export async function tenantMessage(
  entry: Entry,
  desired: DesiredState,
): Promise<MessageInitShape<typeof TenantSchema>> {
  const { record, observed } = entry;
  const offers = await desired.offersFor(record.name);
  const { health } = observed;
  return {
    name: record.name,
    displayName: record.displayName,
    team: record.team,
    retention: retentions[record.retention],
    createdAtMillis: BigInt(record.createdAt),
    status: {
      ...phaseOfEntry(entry),
      health: health?.root,
      openclawVersion: health?.openclawVersion ?? '',
      gatewayUrl: health?.gatewayUrl ?? '',
      gatewayPid: health?.gatewayPid ?? 0n,
      connected: observed.session !== '',
      lastSeenMillis: BigInt(observed.lastSeen),
      kinds: offers.map(({ kind, revision, digest }) => ({
        kind,
        desiredRevision: revision,
        desiredDigest: digest,
        receipt: observed.receipts.get(kind),
      })),
      progress: observed.progress,
      drift: health?.drift ?? [],
      effectiveConfigDigest: health?.effectiveConfigDigest ?? '',
    },
  };
}
