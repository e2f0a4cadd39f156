/** `opencrane status`. */
import { toJson } from '@bufbuild/protobuf';
import { RuntimeSchema } from '@opencrane/proto/opencrane/v1/runtime_pb.ts';
import { Phase, TenantSchema } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import { z } from 'zod';
import { command } from '../command.ts';
import { listAllTenants } from '../tenants/list-all.ts';
import { isReady } from '../tenants/readiness.ts';
import { tenantRow, tenantTitles } from '../tenants/tenant-row.ts';

/** The command. */
export const status = command({
  noun: '',
  verb: 'status',
  summary: 'the coordinator and everything that runs, at a glance',
  arguments: [],
  options: [],
  examples: [
    { command: 'opencrane status', shows: 'where the coordinator is, its tenants, its versions' },
    { command: 'opencrane status --json', shows: 'the same for a program' },
  ],
  input: z.object({}),
  async run({ connect, output }) {
    const clients = await connect();
    const [tenants, { runtimes }] = await Promise.all([listAllTenants(clients), clients.runtimes.listRuntimes({})]);
    const ready = tenants.filter(isReady);
    const degraded = ready.filter(({ status }) => status?.phase === Phase.DEGRADED).length;
    output.line(`coordinator  ${clients.url}`);
    output.line(
      `tenants      ${tenants.length}, ${ready.length} ready${degraded > 0 ? `, ${degraded} of them degraded` : ''}`,
    );
    output.line(`versions     ${runtimes.map(({ version }) => version).join(', ') || 'none built yet'}`);
    output.line();
    const rows = tenants.map((tenant) => tenantRow(tenant, output));
    output.table(tenantTitles, rows, 'no tenants; make one: opencrane tenant create NAME');
    output.document({
      coordinator: clients.url,
      tenants: tenants.map((tenant) => toJson(TenantSchema, tenant)),
      runtimes: runtimes.map((runtime) => toJson(RuntimeSchema, runtime)),
    });
  },
});
