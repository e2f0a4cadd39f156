/** `opencrane vault recover`. */
import { z } from 'zod';
import { command } from '../../command.ts';
import { formatTime } from '../../output/units.ts';
import { recover } from '../../vault/offline-orders.ts';
import { bucketOptions, bucketShape } from '../../vault/way.ts';

/** The command. */
export const vaultRecover = command({
  noun: 'vault',
  verb: 'recover',
  summary:
    "make the newest good snapshot the newest again, when the vault's head or what it names is damaged and the agent cannot go on",
  arguments: [],
  options: [...bucketOptions, { flags: '--snapshot <number>', summary: 'this one in place of the newest good one' }],
  examples: [
    {
      command: 'opencrane vault recover --bucket gs://acme-jente --key-file tenant.key',
      shows: 'writes nothing when all is well; removes nothing ever; refused while an agent has the tenant',
    },
    {
      command: 'opencrane vault recover --bucket ./bucket --key-file tenant.key --snapshot 41 --json',
      shows: 'a snapshot by its number, for a script',
    },
  ],
  input: z.object({ ...bucketShape, snapshot: z.coerce.number().int().min(1).optional() }),
  async run(context, { snapshot, ...way }) {
    const { output } = context;
    const recovered = await recover(context, way, snapshot);
    const { of, newest, changed } = recovered;
    const named = `snapshot ${of.sequence} of ${formatTime(of.takenAtMillis)}`;
    const copied = newest.sequence === of.sequence ? '' : `, as ${newest.sequence}`;
    if (!changed) output.line(`${output.style('green', '✔')} nothing to mend: the newest is ${named}, and it is good`);
    else {
      output.line(`${output.style('green', '✔')} the newest is now ${named}${copied}`);
      output.line('the agent brings it back when it starts; what is on its disk is kept beside, as state.left-behind');
    }
    output.document(recovered);
  },
});
