/** `opencrane tenant create`. */
import { toJson } from '@bufbuild/protobuf';
import { Retention, TenantSchema } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import { z } from 'zod';
import { command } from '../../command.ts';
import { awaitReady } from '../../tenants/await-ready.ts';
import { reservation } from '../../tenants/readiness.ts';
import { nameArgument, nameShape } from './name-argument.ts';

const retentions = { retain: Retention.RETAIN, delete: Retention.DELETE } as const;

/** The command. */
export const tenantCreate = command({
  noun: 'tenant',
  verb: 'create',
  summary: 'create a tenant and wait until its OpenClaw is ready',
  arguments: [nameArgument],
  options: [
    { flags: '--display-name <text>', summary: 'name for people' },
    { flags: '--team <team>', summary: 'its team' },
    { flags: '--retention <what>', summary: 'its data after a delete: retain (default) or delete' },
    { flags: '--no-wait', summary: 'return as soon as it is created' },
    { flags: '--timeout <seconds>', summary: 'wait at most this long (default: 900)' },
  ],
  examples: [
    { command: 'opencrane tenant create mees', shows: 'creates it and shows download, start and ready' },
    {
      command: 'opencrane tenant create mees --team research --retention delete --no-wait --json',
      shows: 'for a script: in a team, its data removed with it, the new tenant as JSON',
    },
  ],
  input: z.object({
    ...nameShape,
    displayName: z.string().default(''),
    team: z.string().default(''),
    retention: z.enum(['retain', 'delete']).default('retain'),
    wait: z.boolean().default(true),
    timeout: z.coerce.number().positive().max(86_400).default(900),
  }),
  async run(context, { name, displayName, team, retention, wait, timeout }) {
    const { output } = context;
    const clients = await context.connect();
    const { tenant } = await clients.tenants.createTenant({
      name,
      displayName,
      team,
      retention: retentions[retention],
    });
    output.line(`${output.style('bold', name)} is created`);
    const shown = wait ? await awaitReady(context, clients, name, 1000 * timeout) : tenant;
    if (wait) output.line(`${output.style('green', '✔')} ${name} is ready: opencrane tenant open ${name}`);
    if (wait && shown && reservation(shown) !== '') output.line(output.style('yellow', `  but ${reservation(shown)}`));
    if (shown) output.document(toJson(TenantSchema, shown));
  },
});
