/** `opencrane vault prune`. */
import { toJson } from '@bufbuild/protobuf';
import { SnapshotsPrunedSchema } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import { z } from 'zod';
import { command } from '../../command.ts';
import { formatBytes } from '../../output/units.ts';
import { openVault } from '../../vault/open-vault.ts';
import { readWay, wayOptions, wayShape } from '../../vault/way.ts';

/** The command. */
export const vaultPrune = command({
  noun: 'vault',
  verb: 'prune',
  summary: 'remove the snapshots that the retention no longer keeps, and what uploads that were cut off left behind',
  arguments: [],
  options: [
    ...wayOptions,
    {
      flags: '--retention <ages>',
      summary:
        "up to which ages every snapshot, the last of each hour and the last of each day are kept (default: the agent's, else all=1d,hourly=7d,daily=30d)",
    },
    { flags: '--dry-run', summary: 'only tell what would be removed' },
  ],
  examples: [
    { command: 'opencrane vault prune --tenant jente --dry-run', shows: 'what would go, and what would stay' },
    { command: 'opencrane vault prune --tenant jente', shows: 'removes it; a snapshot that is kept stays whole' },
    {
      command: 'opencrane vault prune --tenant jente --retention all=6h,hourly=2d,daily=14d',
      shows: 'keeps less, this once; the newest snapshot and the ways back from upgrades stay at any age',
    },
  ],
  input: z.object({ ...wayShape, retention: z.string().default(''), dryRun: z.boolean().default(false) }),
  async run(context, { retention, dryRun, ...typed }) {
    const { output } = context;
    const vault = await openVault(context, readWay(typed));
    const pruned = await vault.prune({ dryRun, retention });
    const { snapshots, objects, bytes, keptSnapshots, notes } = pruned;
    const what = `${snapshots} snapshots, ${objects} objects, ${formatBytes(bytes)}`;
    const did = dryRun ? 'would remove' : `${output.style('green', '✔')} removed`;
    output.line(`${did} ${what}; ${keptSnapshots} snapshots stay`);
    for (const note of notes) output.line(output.style('yellow', note));
    output.document(toJson(SnapshotsPrunedSchema, pruned));
  },
});
