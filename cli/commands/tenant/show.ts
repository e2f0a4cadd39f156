/** `opencrane tenant show`. */
import { toJson } from '@bufbuild/protobuf';
import { TenantSchema } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import { z } from 'zod';
import { command } from '../../command.ts';
import { tenantPage } from '../../tenants/tenant-page.ts';
import { nameArgument, nameShape } from './name-argument.ts';

/** The command. */
export const tenantShow = command({
  noun: 'tenant',
  verb: 'show',
  summary: 'everything that is known of a tenant: phase, versions, what was answered, health',
  arguments: [nameArgument],
  options: [],
  examples: [
    { command: 'opencrane tenant show jente', shows: 'what is wanted, what serves, and its health tree' },
    { command: 'opencrane tenant show jente --json', shows: 'the same for a program' },
  ],
  input: z.object(nameShape),
  async run({ connect, output, clock }, { name }) {
    const { tenant } = await (await connect()).tenants.getTenant({ name });
    if (tenant === undefined) return;
    for (const line of tenantPage(tenant, output, clock.now())) output.line(line);
    output.document(toJson(TenantSchema, tenant));
  },
});
