/** `opencrane tenant list`. */
import { toJson } from '@bufbuild/protobuf';
import { TenantSchema } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import { z } from 'zod';
import { command } from '../../command.ts';
import { listAllTenants } from '../../tenants/list-all.ts';
import { tenantRow, tenantTitles } from '../../tenants/tenant-row.ts';

/** The command. */
export const tenantList = command({
  noun: 'tenant',
  verb: 'list',
  summary: 'the tenants, and how they are',
  arguments: [],
  options: [{ flags: '--team <team>', summary: "only this team's" }],
  examples: [
    { command: 'opencrane tenant list', shows: 'every tenant' },
    { command: 'opencrane tenant list --team research --json', shows: "a team's, as JSON" },
  ],
  input: z.object({ team: z.string().default('') }),
  async run({ connect, output }, { team }) {
    const tenants = await listAllTenants(await connect(), team);
    const rows = tenants.map((tenant) => tenantRow(tenant, output));
    output.table(tenantTitles, rows, 'no tenants; make one: opencrane tenant create NAME');
    output.document({ tenants: tenants.map((tenant) => toJson(TenantSchema, tenant)) });
  },
});
