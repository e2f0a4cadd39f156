/** `opencrane tenant logs`. */
import { LogSource } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import { z } from 'zod';
import { command } from '../../command.ts';
import { isCancelled } from '../../connection/call-error.ts';
import { nameArgument, nameShape } from './name-argument.ts';

const sources = { openclaw: LogSource.OPENCLAW, agent: LogSource.AGENT, launcher: LogSource.LAUNCHER } as const;

/** The command. */
export const tenantLogs = command({
  noun: 'tenant',
  verb: 'logs',
  summary: "a tenant's log lines, and with --follow those to come",
  arguments: [nameArgument],
  options: [
    { flags: '--source <program>', summary: 'openclaw (default), agent or launcher' },
    { flags: '--tail <lines>', summary: 'newest lines to begin with (default: 100)' },
    { flags: '--follow', summary: 'stay, until Ctrl-C' },
  ],
  examples: [
    { command: 'opencrane tenant logs jente --follow', shows: "OpenClaw's own output as it comes" },
    { command: 'opencrane tenant logs jente --source agent --tail 20', shows: 'what its agent did last' },
  ],
  input: z.object({
    ...nameShape,
    source: z.enum(['openclaw', 'agent', 'launcher']).default('openclaw'),
    tail: z.coerce.number().int().min(1).max(100_000).default(100),
    follow: z.boolean().default(false),
  }),
  async run({ connect, output, interrupts: { signal } }, { name, source, tail, follow }) {
    const clients = await connect();
    try {
      const request = { name, source: sources[source], tail, follow };
      for await (const { lines } of clients.tenants.readTenantLogs(request, { signal })) {
        for (const line of lines) {
          output.line(line);
          output.jsonLine({ line });
        }
      }
    } catch (thrown) {
      if (!(follow && signal.aborted && isCancelled(thrown))) throw thrown;
    }
  },
});
