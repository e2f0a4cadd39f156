/** Where a tenant's running OpenClaw differs from what is managed. */
import type { JsonValue } from '@bufbuild/protobuf';
import { exitCodes } from '@opencrane/kit/errors.ts';
import { Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import type { Clients } from '../connection/clients.ts';
import type { Output } from '../output/output.ts';
import { leavesAt, leavesOf } from './leaves.ts';
import { valueText } from './typed-value.ts';

/** What is wanted, what serves, and what drifted. */
export type Drift = {
  readonly tenant: string;
  readonly wantedRevision: bigint;
  /** 0 when none serves. */
  readonly servingRevision: bigint;
  readonly effectiveDigest: string;
  /** Whether an agent says so now; else it is what it said last. */
  readonly connected: boolean;
  readonly paths: readonly { readonly path: string; readonly managed: JsonValue; readonly from: string }[];
};

/** Asks. */
export async function driftOf(clients: Clients, tenant: string): Promise<Drift> {
  const scope = { scope: { case: 'tenant', value: tenant } } as const;
  const [{ tenant: found }, { merged, origins, mergedRevision }] = await Promise.all([
    clients.tenants.getTenant({ name: tenant }),
    clients.config.getConfig({ scope }),
  ]);
  const status = found?.status;
  const leaves = leavesOf(merged ?? {});
  return {
    tenant,
    wantedRevision: mergedRevision,
    servingRevision: status?.kinds.find(({ kind }) => kind === Kind.CONFIG)?.receipt?.servingRevision ?? 0n,
    effectiveDigest: status?.effectiveConfigDigest ?? '',
    connected: status?.connected ?? false,
    paths: (status?.drift ?? []).map((path) => ({
      path,
      managed: leavesAt(leaves, path)[0]?.value ?? null,
      from: origins[path] ?? '-',
    })),
  };
}

/** Prints it; the exit code is 1 where something differs, as diff has it. */
export function printDrift(output: Output, drift: Drift): number {
  const { tenant, wantedRevision, servingRevision, paths, connected } = drift;
  if (!connected)
    output.line(output.style('yellow', `the agent of ${tenant} is not connected; this is what it said last`));
  if (servingRevision !== wantedRevision) {
    output.line(`revision ${wantedRevision} is wanted, ${servingRevision || 'none'} serves`);
  }
  if (paths.length > 0) {
    const rows = paths.map(({ path, managed, from }) => [path, valueText(managed), from]);
    output.line(`changed behind our back in the running OpenClaw:`);
    output.table(['KEY', 'MANAGED VALUE', 'FROM'], rows, '');
  } else if (servingRevision === wantedRevision) {
    output.line(`what is managed is in effect, revision ${servingRevision}`);
  }
  const same = paths.length === 0 && servingRevision === wantedRevision;
  output.document({
    ...drift,
    wantedRevision: String(wantedRevision),
    servingRevision: String(servingRevision),
    paths: paths.map((each) => ({ ...each })),
    same,
  });
  return same ? exitCodes.ok : exitCodes.failed;
}
