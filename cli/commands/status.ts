/** `opencrane status`. */
import { toJson } from '@bufbuild/protobuf';
import { enumName } from '@opencrane/kit/enum-name.ts';
import { RuntimeRevisionSchema } from '@opencrane/proto/opencrane/v1/runtime_pb.ts';
import { PhaseSchema, type Tenant, TenantSchema } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import { z } from 'zod';
import { listAllTenants } from '../tenants/list-all.ts';
import { tenantRow, tenantTitles } from '../tenants/tenant-row.ts';
import { command } from './command.ts';
import { scopeText } from './scope.ts';

/** Tenants that are listed; of more, only their number per phase is told. */
const LISTED = 50;

/** The command. */
export const status = command({
  noun: '',
  verb: 'status',
  summary: 'show the coordinator, its tenants and its pins at a glance',
  arguments: [],
  options: [],
  examples: [
    { command: 'opencrane status', shows: 'where it listens, who is ready and who is not' },
    { command: 'opencrane status --json | jq .phases', shows: 'how many tenants are in which phase' },
  ],
  input: z.object({}),
  async run({ connect, output }) {
    const clients = await connect();
    const [tenants, { pins, runtimes }] = await Promise.all([
      listAllTenants(clients),
      clients.runtimes.listRuntimes({}),
    ]);
    const phases = phasesOf(tenants);
    const sum = Object.entries(phases).map(([phase, count]) => `${count} ${phase.toLowerCase()}`);
    output.line(`${output.style('bold', 'Coordinator')}  ${clients.url}`);
    output.line(
      `${output.style('bold', 'Tenants')}      ${tenants.length}${sum.length > 0 ? ` (${sum.join(', ')})` : ''}`,
    );
    output.line(
      `${output.style('bold', 'Versions')}     ${runtimes.map(({ version }) => version).join(', ') || 'none built yet'}`,
    );
    for (const { scope, version, reason } of pins)
      output.line(`  ${scopeText(scope)} is pinned to ${version}${reason && `: ${reason}`}`);
    if (tenants.length > 0 && tenants.length <= LISTED) {
      output.line();
      output.table(
        tenantTitles,
        tenants.map((tenant) => tenantRow(tenant, output)),
        '',
      );
    }
    output.document({
      coordinator: { url: clients.url },
      phases,
      tenants: tenants.map((tenant) => toJson(TenantSchema, tenant)),
      pins: pins.map((pin) => toJson(RuntimeRevisionSchema, pin)),
    });
  },
});

function phasesOf(tenants: readonly Tenant[]): Record<string, number> {
  const phases: Record<string, number> = {};
  for (const tenant of tenants) {
    const phase = enumName(PhaseSchema, tenant.status?.phase ?? 0);
    phases[phase] = (phases[phase] ?? 0) + 1;
  }
  return phases;
}
