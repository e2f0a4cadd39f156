/** `opencrane vault list`. */

import { toJson } from '@bufbuild/protobuf';
import { SnapshotListSchema } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import { z } from 'zod';
import { command } from '../../command.ts';
import { int64 } from '../../int64.ts';
import { reportNotStored } from '../../vault/not-stored-lines.ts';
import { openVault } from '../../vault/open-vault.ts';
import { snapshotRow, snapshotTitles, wrongClocks } from '../../vault/snapshot-rows.ts';
import { readWay, wayOptions, wayShape, wayWords } from '../../vault/way.ts';

/** The command. */
export const vaultList = command({
  noun: 'vault',
  verb: 'list',
  summary: "a tenant's snapshots, newest first",
  arguments: [],
  options: [
    ...wayOptions,
    { flags: '--limit <number>', summary: 'most snapshots (default: 100)' },
    { flags: '--before <number>', summary: 'only those before this one; for the next page' },
  ],
  examples: [
    {
      command: 'opencrane vault list --tenant jente',
      shows: 'the newest 100, why each was taken, and what of the tenant is not in them',
    },
    {
      command: 'opencrane vault list --bucket gs://acme-jente --key-file tenant.key --json',
      shows: 'with only the bucket and its key, for a program',
    },
  ],
  input: z.object({
    ...wayShape,
    limit: z.coerce.number().int().min(1).max(1000).default(100),
    before: int64(0n).default(0n),
  }),
  async run(context, { limit, before, ...typed }) {
    const { output, clock } = context;
    const way = readWay(typed);
    const vault = await openVault(context, way);
    const list = await vault.list({ limit, beforeSequence: before });
    const rows = list.snapshots.map((snapshot) => snapshotRow(snapshot, clock.now()));
    output.table(snapshotTitles, rows, 'no snapshots');
    const clocks = wrongClocks(list.snapshots);
    if (clocks !== '') output.line(output.style('yellow', clocks));
    reportNotStored(output, list.notStored);
    const oldest = list.snapshots.at(-1);
    if (list.more && oldest) {
      output.line(output.style('dim', `older ones: opencrane vault list ${wayWords(way)} --before ${oldest.sequence}`));
    }
    output.document(toJson(SnapshotListSchema, list));
  },
});
