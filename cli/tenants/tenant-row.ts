/** A tenant as a row of a table. */
import { enumName } from '@opencrane/kit/enum-name.ts';
import type { Style } from '@opencrane/kit/terminal-text.ts';
import { Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { Phase, PhaseSchema, type Tenant } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import type { Output } from '../output/output.ts';
import type { TableCell } from '../output/table.ts';
import { isReady } from './readiness.ts';

/** The titles of `tenantRow`. */
export const tenantTitles = ['TENANT', 'TEAM', 'PHASE', 'OPENCLAW', 'CONFIG', 'URL', 'MESSAGE'] as const;

const styles: Readonly<Record<number, Style>> = {
  [Phase.READY]: 'green',
  [Phase.DEGRADED]: 'red',
  [Phase.DISCONNECTED]: 'red',
  [Phase.DELETING]: 'dim',
};

/** What is so of a tenant, at a glance. */
export function tenantRow(tenant: Tenant, output: Output): readonly TableCell[] {
  const { name, team, status } = tenant;
  return [
    name,
    team || '-',
    phaseText(tenant, output),
    status?.openclawVersion || '-',
    configText(tenant),
    status?.gatewayUrl || '-',
    status?.message ?? '',
  ];
}

/** The phase in its colour: one that is degraded and serves is no alarm. */
export function phaseText(tenant: Tenant, output: Output): string {
  const phase = tenant.status?.phase ?? Phase.UNSPECIFIED;
  const style = phase === Phase.DEGRADED && isReady(tenant) ? 'yellow' : (styles[phase] ?? 'yellow');
  return output.style(style, enumName(PhaseSchema, phase).toLowerCase());
}

/** The revision that serves, and the one that is wanted when that is another: `7`, `7→9`. */
function configText({ status }: Tenant): string {
  const config = status?.kinds.find(({ kind }) => kind === Kind.CONFIG);
  if (config === undefined) return '-';
  const serving = config.receipt?.servingRevision ?? 0n;
  return serving === config.desiredRevision ? String(serving) : `${serving || '-'}→${config.desiredRevision}`;
}
