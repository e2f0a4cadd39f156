/** `opencrane tenant delete`. */
import { type DeleteTenantResponse, Retention } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import { z } from 'zod';
import { command } from '../../command.ts';
import { confirmByName } from '../confirm.ts';
import { nameArgument, nameShape } from './name-argument.ts';

/** The command. */
export const tenantDelete = command({
  noun: 'tenant',
  verb: 'delete',
  summary: 'stop a tenant and remove it; its retention says whether its data is kept',
  arguments: [nameArgument],
  options: [{ flags: '--yes', summary: 'do not ask' }],
  examples: [
    { command: 'opencrane tenant delete mees', shows: "asks for the tenant's name first" },
    { command: 'opencrane tenant delete mees --yes --json', shows: 'for a script; tells where the data is kept' },
  ],
  input: z.object({ ...nameShape, yes: z.boolean().default(false) }),
  async run(context, { name, yes }) {
    const { output, interrupts } = context;
    const clients = await context.connect();
    const { tenant } = await clients.tenants.getTenant({ name });
    const data = tenant?.retention === Retention.DELETE ? 'its data is removed for good' : 'its data is kept';
    const means = `${name} is stopped and deleted; ${data}.`;
    if (!yes) await confirmByName(context, { doing: `deleting ${name}`, means, name });
    if (output.interactive) output.note(`deleting ${name}: its running turns finish first…`);
    const deleted = await clients.tenants.deleteTenant({ name }, { signal: interrupts.signal });
    output.line(`${name} is deleted; ${whatIsLeft(deleted)}`);
    const { retainedAt, retainedBucket, retainedKey } = deleted;
    if (retainedBucket && retainedKey) {
      output.line('to remove those for good, too:');
      output.line(`  opencrane vault delete --bucket ${retainedBucket} --key-file ${retainedKey}`);
    }
    output.document({ deleted: name, retainedAt, retainedBucket, retainedKey });
  },
});

/** What is still there is named: a person may pay for it, or want it gone. */
function whatIsLeft({ retainedAt, retainedBucket, retainedKey }: DeleteTenantResponse): string {
  const folder = retainedAt ? `its data is kept at ${retainedAt}` : 'its data is removed';
  if (!retainedBucket) return folder;
  if (retainedKey) return `${folder}, its snapshots in ${retainedBucket}`;
  return `${folder}; what is in ${retainedBucket} was not written by this tenant, and is kept`;
}
