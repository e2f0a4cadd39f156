/** `opencrane tenant show`. */
import { toJson } from '@bufbuild/protobuf';
import { TenantSchema } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import { z } from 'zod';
import { tenantDetails } from '../../tenants/tenant-lines.ts';
import { command } from '../command.ts';

/** The command. */
export const tenantShow = command({
  noun: 'tenant',
  verb: 'show',
  summary: 'show a tenant: its health, what is wanted of it and what it serves',
  arguments: [{ name: 'name', summary: "the tenant's name" }],
  options: [],
  examples: [
    { command: 'opencrane tenant show jente', shows: 'everything that is known of it' },
    { command: 'opencrane tenant show jente --json | jq .status.health', shows: 'its health tree' },
  ],
  input: z.object({ name: z.string() }),
  async run({ clock, connect, output }, { name }) {
    const { tenant } = await (await connect()).tenants.getTenant({ name });
    if (tenant === undefined) return;
    for (const line of tenantDetails(tenant, output, clock.now())) output.line(line);
    output.document(toJson(TenantSchema, tenant));
  },
});
