/** `opencrane vault delete`. */
import { z } from 'zod';
import { command } from '../../command.ts';
import { formatBytes } from '../../output/units.ts';
import { removeVault } from '../../vault/offline-orders.ts';
import { bucketOptions, bucketShape } from '../../vault/way.ts';
import { confirmByName } from '../confirm.ts';

/** The command. */
export const vaultDelete = command({
  noun: 'vault',
  verb: 'delete',
  summary:
    'remove everything in the bucket of a tenant that is gone, for good: every snapshot, and whatever else is in it',
  arguments: [],
  options: [...bucketOptions, { flags: '--yes', summary: 'do not ask' }],
  examples: [
    {
      command: 'opencrane vault delete --bucket gs://acme-jente --key-file tenant.key',
      shows:
        'asks for the address first; refused while an agent has the tenant, and with a key that is not the vault’s',
    },
    {
      command: 'opencrane vault delete --bucket ./bucket --key-file tenant.key --yes --json',
      shows: 'for a script: how much was removed; called again after a crash it goes on',
    },
  ],
  input: z.object({ ...bucketShape, yes: z.boolean().default(false) }),
  async run(context, { yes, ...way }) {
    const { output } = context;
    const { bucket } = way;
    const means = `Everything in ${bucket} is removed for good, every snapshot of its tenant with it.`;
    if (!yes) await confirmByName(context, { doing: `deleting the vault in ${bucket}`, means, name: bucket });
    const removed = await removeVault(context, way);
    const { objects, bytes, left } = removed;
    output.line(`${output.style('green', '✔')} removed ${objects} objects, ${formatBytes(bytes)}, from ${bucket}`);
    if (left) output.line('what is still in it was not put there by an agent, and is kept');
    output.document(removed);
  },
});
