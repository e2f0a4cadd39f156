/** `opencrane tenant logs`. */
import { LogSource } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import { z } from 'zod';
import { command } from '../command.ts';

const sources = { openclaw: LogSource.OPENCLAW, agent: LogSource.AGENT, launcher: LogSource.LAUNCHER } as const;

/** The command. */
export const tenantLogs = command({
  noun: 'tenant',
  verb: 'logs',
  summary: "read a tenant's log",
  arguments: [{ name: 'name', summary: "the tenant's name" }],
  options: [
    { flags: '--source <program>', summary: 'openclaw, agent or launcher (default: openclaw)' },
    { flags: '--tail <lines>', summary: 'newest lines to begin with (default: 100)' },
    { flags: '-f, --follow', summary: 'stay and show what follows' },
  ],
  examples: [
    { command: 'opencrane tenant logs jente --follow', shows: "OpenClaw's output as it comes" },
    { command: 'opencrane tenant logs jente --source agent --tail 20', shows: 'what its agent did last' },
  ],
  input: z.object({
    name: z.string(),
    source: z.enum(['openclaw', 'agent', 'launcher']).default('openclaw'),
    tail: z.coerce.number().int().min(1).max(100_000).default(100),
    follow: z.boolean().default(false),
  }),
  async run({ connect, interrupts, output }, { name, source, tail, follow }) {
    const clients = await connect();
    const request = { name, source: sources[source], tail, follow };
    for await (const { lines } of clients.tenants.readTenantLogs(request, { signal: interrupts.signal })) {
      for (const line of lines) {
        output.line(line);
        output.jsonLine({ line });
      }
    }
  },
});
