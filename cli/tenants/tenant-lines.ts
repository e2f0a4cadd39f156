/** Tenants for people: a row of a table, and everything about one. */
import { enumName } from '@opencrane/kit/enum-name.ts';
import {
  type Component,
  ComponentState,
  ComponentStateSchema,
  KindSchema,
  ReceiptState,
} from '@opencrane/proto/opencrane/v1/common_pb.ts';
import {
  type KindStatus,
  Phase,
  PhaseSchema,
  RetentionSchema,
  type Tenant,
} from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import type { Output, Style } from '../output/output.ts';
import { formatAgo, formatTime } from '../output/units.ts';
import { effectOf, refusalOf } from '../receipts/report-outcomes.ts';

/** Titles of a table of tenants. */
export const tenantTitles = ['TENANT', 'TEAM', 'PHASE', 'OPENCLAW', 'URL', 'MESSAGE'] as const;

/** A row of such a table. */
export function tenantRow({ name, team, status }: Tenant, output: Output): string[] {
  return [
    name,
    team || '-',
    phaseText(status?.phase ?? Phase.UNSPECIFIED, output),
    status?.openclawVersion || '-',
    status?.gatewayUrl || '-',
    status?.progress?.message || status?.message || '',
  ];
}

/** A tenant in a line, for those who read what changes. */
export function tenantLine({ name, status }: Tenant, output: Output): string {
  const version = status?.openclawVersion ? ` OpenClaw ${status.openclawVersion}` : '';
  const message = status?.progress?.message || status?.message || '';
  return `${name} ${phaseText(status?.phase ?? Phase.UNSPECIFIED, output)}${version}${message && `: ${message}`}`;
}

/** The phase in lower case, coloured by how good it is. */
export function phaseText(phase: Phase, output: Output): string {
  return output.style(phaseStyles[phase] ?? 'yellow', enumName(PhaseSchema, phase).toLowerCase());
}

/** Everything about a tenant. */
export function tenantDetails(tenant: Tenant, output: Output, now: number): string[] {
  const { status } = tenant;
  const facts: [string, string][] = [
    [
      'Phase',
      `${phaseText(status?.phase ?? Phase.UNSPECIFIED, output)}${status?.message ? `: ${status.message}` : ''}`,
    ],
    ['Name', tenant.displayName || tenant.name],
    ['Team', tenant.team || '-'],
    ['OpenClaw', status?.openclawVersion || '-'],
    ['URL', status?.gatewayUrl || '-'],
    ['Process', status?.gatewayPid ? String(status.gatewayPid) : '-'],
    [
      'Agent',
      status?.connected ? 'connected' : `not connected, last heard ${formatAgo(status?.lastSeenMillis ?? 0n, now)}`,
    ],
    ['Created', formatTime(tenant.createdAtMillis)],
    ['After delete', `data: ${enumName(RetentionSchema, tenant.retention).toLowerCase()}`],
    ...(status?.kinds ?? []).map((kind): [string, string] => [titleOf(kind), kindText(kind)]),
    ['Drift', status?.drift.length ? output.style('yellow', status.drift.join(', ')) : 'none'],
  ];
  const width = Math.max(...facts.map(([title]) => title.length));
  return [
    output.style('bold', tenant.name),
    ...facts.map(([title, value]) => `  ${title.padEnd(width)}  ${value}`),
    ...(status?.health ? ['  Health', ...healthLines(status.health, output, '    ')] : []),
  ];
}

function titleOf({ kind }: KindStatus): string {
  const name = enumName(KindSchema, kind).toLowerCase();
  return name.charAt(0).toUpperCase() + name.slice(1);
}

function kindText({ desiredRevision, receipt }: KindStatus): string {
  const wanted = `revision ${desiredRevision} wanted`;
  switch (receipt?.state) {
    case ReceiptState.APPLIED:
      return `${wanted}, ${receipt.revision} applied (${effectOf(receipt)})`;
    case ReceiptState.FAILED:
      return `${wanted}, ${receipt.revision} refused: ${refusalOf(receipt)}`;
    case ReceiptState.APPLYING:
      return `${wanted}, ${receipt.revision} being applied`;
    default:
      return `${wanted}, no answer yet`;
  }
}

function healthLines(component: Component, output: Output, indent: string): string[] {
  const { name, state, message, version, parts } = component;
  const word = output.style(stateStyles[state] ?? 'yellow', enumName(ComponentStateSchema, state).toLowerCase());
  const line = `${indent}${name}${version && ` ${version}`}: ${word}${message && `, ${message}`}`;
  return [line, ...parts.flatMap((part) => healthLines(part, output, `${indent}  `))];
}

const phaseStyles: Partial<Record<Phase, Style>> = { [Phase.READY]: 'green', [Phase.DEGRADED]: 'red' };

const stateStyles: Partial<Record<ComponentState, Style>> = {
  [ComponentState.HEALTHY]: 'green',
  [ComponentState.FAILED]: 'red',
};
