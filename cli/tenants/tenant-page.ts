/** Everything that is known of a tenant, as lines. */
import { enumName } from '@opencrane/kit/enum-name.ts';
import type { Style } from '@opencrane/kit/terminal-text.ts';
import {
  type Component,
  ComponentState,
  ComponentStateSchema,
  KindSchema,
} from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { type KindStatus, Retention, type Tenant } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import type { Output } from '../output/output.ts';
import { formatAgo, formatTime } from '../output/units.ts';
import { outcomeOf } from '../receipts/outcome.ts';
import { effectOf, refusalOf } from '../receipts/report-outcomes.ts';
import { phaseText } from './tenant-row.ts';

const LABEL_WIDTH = 11;

const states: Readonly<Record<number, Style>> = {
  [ComponentState.HEALTHY]: 'green',
  [ComponentState.STARTING]: 'yellow',
  [ComponentState.DEGRADED]: 'red',
  [ComponentState.FAILED]: 'red',
};

/** The lines. `now` is the wall clock's time. */
export function tenantPage(tenant: Tenant, output: Output, now: number): readonly string[] {
  const { status } = tenant;
  const line = (label: string, text: string) => (text === '' ? [] : [`${label.padEnd(LABEL_WIDTH)} ${text}`]);
  return [
    output.style('bold', tenant.name),
    ...line('phase', [phaseText(tenant, output), status?.message].filter(Boolean).join(': ')),
    ...line('name', tenant.displayName),
    ...line('team', tenant.team),
    ...line('OpenClaw', status?.openclawVersion ?? ''),
    ...line('gateway', gatewayText(tenant)),
    ...line('agent', agentText(tenant, now)),
    ...(status?.kinds ?? []).flatMap((kind) =>
      line(enumName(KindSchema, kind.kind).toLowerCase(), kindText(tenant, kind)),
    ),
    ...line('drift', (status?.drift ?? []).join(', ')),
    ...line('created', formatTime(tenant.createdAtMillis)),
    ...line('data', tenant.retention === Retention.DELETE ? 'removed after a delete' : 'kept after a delete'),
    ...(status?.health ? ['', ...componentLines(status.health, output, now, 0)] : []),
  ];
}

function gatewayText({ status }: Tenant): string {
  if (!status?.gatewayUrl) return '';
  return status.gatewayPid > 0n ? `${status.gatewayUrl} (process ${status.gatewayPid})` : status.gatewayUrl;
}

function agentText({ status }: Tenant, now: number): string {
  const heard = `heard ${formatAgo(status?.lastSeenMillis ?? 0n, now)}`;
  return status?.connected ? `connected, ${heard}` : `not connected, ${heard}`;
}

function kindText(tenant: Tenant, { kind, desiredRevision }: KindStatus): string {
  const outcome = outcomeOf(tenant, kind, desiredRevision);
  const revision = `revision ${desiredRevision}`;
  if (outcome.state === 'applied') return `${revision}, in effect (${effectOf(outcome.receipt)})`;
  if (outcome.state !== 'refused') return `${revision}, not answered yet`;
  return `${revision}, refused: ${refusalOf(outcome.receipt)}; revision ${outcome.receipt.servingRevision} serves on`;
}

function componentLines(component: Component, output: Output, now: number, depth: number): readonly string[] {
  const { name, state, message, version, sinceMillis, parts } = component;
  const word = enumName(ComponentStateSchema, state).toLowerCase();
  const cells = [
    `${'  '.repeat(depth)}${name}`.padEnd(LABEL_WIDTH + 4),
    output.style(states[state] ?? 'dim', word.padEnd(9)),
    `since ${formatAgo(sinceMillis, now)}`.replace(/ ago$/, ''),
    version,
    message,
  ];
  return [cells.filter(Boolean).join('  '), ...parts.flatMap((part) => componentLines(part, output, now, depth + 1))];
}
