/** `opencrane config diff`. */

import { z } from 'zod';
import { command } from '../../command.ts';
import { compareRevisions } from '../../config/compare-revisions.ts';
import { driftOf, printDrift } from '../../config/drift.ts';
import { int64 } from '../../int64.ts';

const revision = int64(1n);

/** The command. */
export const configDiff = command({
  noun: 'config',
  verb: 'diff',
  summary: 'where the running OpenClaw differs from what is managed, or what changed between two revisions',
  arguments: [{ name: 'tenant', summary: 'the tenant' }],
  options: [
    { flags: '--from <revision>', summary: 'compare the layers as of this revision…' },
    { flags: '--to <revision>', summary: '…with this one (default: the newest of the same layer)' },
  ],
  examples: [
    {
      command: 'opencrane config diff jente',
      shows: 'keys that were changed behind our back; exit code 1 when any is',
    },
    { command: 'opencrane config diff jente --from 7 --to 9', shows: 'what became of a layer between two revisions' },
  ],
  input: z.object({ tenant: z.string(), from: revision.optional(), to: revision.optional() }),
  async run({ connect, output }, { tenant, from, to }) {
    const clients = await connect();
    if (from !== undefined) return compareRevisions(clients, output, { tenant, from, to });
    const drift = await driftOf(clients, tenant);
    return printDrift(output, drift);
  },
});
