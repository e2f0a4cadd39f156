/** `opencrane tenant create`. */
import { toJson } from '@bufbuild/protobuf';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { Retention, TenantSchema } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import { z } from 'zod';
import { awaitReady } from '../../tenants/await-ready.ts';
import { command } from '../command.ts';

/** The command. */
export const tenantCreate = command({
  noun: 'tenant',
  verb: 'create',
  summary: 'create a tenant: an OpenClaw of its own',
  arguments: [{ name: 'name', summary: 'name, a DNS label such as "jente"' }],
  options: [
    { flags: '--display-name <text>', summary: 'name for people' },
    { flags: '--team <team>', summary: 'team it belongs to' },
    { flags: '--retention <what>', summary: 'its data after a delete: retain or delete (default: retain)' },
    { flags: '--wait', summary: 'stay until it is ready, and show how far it is' },
    { flags: '--timeout <seconds>', summary: 'with --wait: at most this long (default: 900)' },
  ],
  examples: [
    { command: 'opencrane tenant create mira --team research --wait', shows: 'creates it and shows its first boot' },
    { command: 'opencrane tenant create trial --retention delete', shows: 'its data goes when it is deleted' },
  ],
  input: z.object({
    name: z.string(),
    displayName: z.string().default(''),
    team: z.string().default(''),
    retention: z.enum(['retain', 'delete']).default('retain'),
    wait: z.boolean().default(false),
    timeout: z.coerce.number().positive().max(86_400).default(900),
  }),
  async run(context, { name, displayName, team, retention, wait, timeout }) {
    const { output } = context;
    const clients = await context.connect();
    const kept = retention === 'delete' ? Retention.DELETE : Retention.RETAIN;
    const created = await clients.tenants.createTenant({ name, displayName, team, retention: kept });
    if (created.tenant === undefined) throw new OpenCraneError('internal', 'no_tenant', 'the answer holds no tenant');
    const tenant = wait ? await awaitReady(context, clients, name, timeout * 1000) : created.tenant;
    output.document(toJson(TenantSchema, tenant));
    if (wait)
      output.line(`${name} is ready: ${tenant.status?.gatewayUrl ?? ''}; sign in with "opencrane tenant open ${name}"`);
    else output.line(`${name} is created; see it become ready with "opencrane tenant watch ${name}"`);
  },
});
