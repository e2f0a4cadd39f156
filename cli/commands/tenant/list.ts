/** `opencrane tenant list`. */
import { toJson } from '@bufbuild/protobuf';
import { TenantSchema } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import { z } from 'zod';
import { listAllTenants } from '../../tenants/list-all.ts';
import { tenantRow, tenantTitles } from '../../tenants/tenant-lines.ts';
import { command } from '../command.ts';

/** The command. */
export const tenantList = command({
  noun: 'tenant',
  verb: 'list',
  summary: 'list tenants by name',
  arguments: [],
  options: [{ flags: '--team <team>', summary: "only this team's" }],
  examples: [
    { command: 'opencrane tenant list', shows: 'all of them' },
    {
      command: "opencrane tenant list --team research --json | jq -r '.tenants[].name'",
      shows: 'the names of a team, one per line',
    },
  ],
  input: z.object({ team: z.string().default('') }),
  async run({ connect, output }, { team }) {
    const tenants = await listAllTenants(await connect(), team);
    output.table(
      tenantTitles,
      tenants.map((tenant) => tenantRow(tenant, output)),
      'no tenants; create one with "opencrane tenant create NAME"',
    );
    output.document({ tenants: tenants.map((tenant) => toJson(TenantSchema, tenant)) });
  },
});
