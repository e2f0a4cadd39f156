/** `opencrane tenant delete`. */
import { createInterface } from 'node:readline/promises';
import { enumName } from '@opencrane/kit/enum-name.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { RetentionSchema } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import { z } from 'zod';
import { type Context, command } from '../command.ts';

/** The command. */
export const tenantDelete = command({
  noun: 'tenant',
  verb: 'delete',
  summary: 'stop a tenant and remove it; its data is kept or removed as its retention says',
  arguments: [{ name: 'name', summary: "the tenant's name" }],
  options: [{ flags: '--yes', summary: 'do not ask' }],
  examples: [
    { command: 'opencrane tenant delete trial', shows: 'asks for the name once more, and says where the data is kept' },
    { command: 'opencrane tenant delete trial --yes', shows: 'for scripts' },
  ],
  input: z.object({ name: z.string(), yes: z.boolean().default(false) }),
  async run(context, { name, yes }) {
    const { output } = context;
    const clients = await context.connect();
    if (!yes) {
      const { tenant } = await clients.tenants.getTenant({ name });
      await confirm(context, name, enumName(RetentionSchema, tenant?.retention ?? 0).toLowerCase());
    }
    const { retainedAt } = await clients.tenants.deleteTenant({ name });
    output.line(
      retainedAt === '' ? `${name} is deleted, with its data` : `${name} is deleted; its data is in ${retainedAt}`,
    );
    output.document({ deleted: name, retainedAt });
  },
});

async function confirm({ interrupts, output }: Context, name: string, retention: string): Promise<void> {
  if (!output.interactive || !process.stdin.isTTY) {
    throw new OpenCraneError('invalid_argument', 'not_confirmed', `deleting tenant "${name}" was not confirmed`, {
      mend: 'say --yes',
    });
  }
  const asked = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const question = `This deletes tenant "${name}" (its data: ${retention}). Type its name to go on: `;
    if ((await asked.question(question, { signal: interrupts.signal })).trim() === name) return;
  } finally {
    asked.close();
  }
  throw new OpenCraneError('cancelled', 'not_confirmed', 'nothing was deleted: the name was not repeated');
}
