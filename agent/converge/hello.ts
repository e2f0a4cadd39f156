/** What the agent says first on every stream: who it is, and what it serves. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { HelloSchema, KindStateSchema } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { type AppliedKind, standsUnder } from './decide.ts';
import type { ServingRecord } from './serving-record.ts';

/** The version of the protocol that this agent speaks. */
const PROTOCOL = 1;

const kinds: Record<AppliedKind, Kind> = { runtime: Kind.RUNTIME, config: Kind.CONFIG };

/** Makes the hello of an agent. `instanceId` is random and new at each start of the agent. */
export function helloOf(
  tenant: string,
  instanceId: string,
  agentVersion: string,
  record: ServingRecord,
): MessageInitShape<typeof HelloSchema> {
  return {
    tenant,
    instanceId,
    agentVersion,
    protocolVersion: PROTOCOL,
    capabilities: Object.values(kinds),
    kinds: [kindState('runtime', record), kindState('config', record)],
    platform: { nodeVersion: process.versions.node, os: process.platform, arch: process.arch },
  };
}

/** A config that another runtime refused is to be offered again. */
function standingRefusal({ refused: { config }, runtime }: ServingRecord) {
  return config && standsUnder(config, runtime) ? config : undefined;
}

function kindState(kind: AppliedKind, record: ServingRecord): MessageInitShape<typeof KindStateSchema> {
  const serving = record[kind];
  const refused = kind === 'config' ? standingRefusal(record) : record.refused[kind];
  return {
    kind: kinds[kind],
    servingRevision: serving?.revision ?? 0n,
    servingDigest: serving?.digest ?? '',
    failedDigest: refused?.digest ?? '',
    failedNonce: refused?.nonce ?? '',
  };
}
