/** `opencrane vault snapshot`. */
import { toJson } from '@bufbuild/protobuf';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { SnapshotTakenSchema } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import { z } from 'zod';
import { command } from '../../command.ts';
import { formatBytes } from '../../output/units.ts';
import { openVault } from '../../vault/open-vault.ts';
import { snapshotText } from '../../vault/snapshot-rows.ts';
import { readWay, wayOptions, wayShape } from '../../vault/way.ts';

/** The command. */
export const vaultSnapshot = command({
  noun: 'vault',
  verb: 'snapshot',
  summary: "take a snapshot of a tenant's state now, and wait until it is in the bucket",
  arguments: [],
  options: [
    ...wayOptions,
    {
      flags: '--accept-loss',
      summary: 'what is missing in it was meant to go: see the health of a tenant that lost most',
    },
  ],
  examples: [
    { command: 'opencrane vault snapshot --tenant jente', shows: 'returns when it is in the bucket' },
    { command: 'opencrane vault snapshot --tenant jente --json', shows: 'its number, for a script' },
    {
      command: 'opencrane vault snapshot --tenant jente --accept-loss',
      shows: 'most of the state was removed on purpose: says so, and the vault is healthy again',
    },
  ],
  input: z.object({ ...wayShape, acceptLoss: z.boolean().default(false) }),
  async run(context, { acceptLoss, ...typed }) {
    const { output } = context;
    const way = readWay(typed);
    if (way.kind === 'bucket') throw withoutState();
    const taken = await (await openVault(context, way)).take({ acceptLoss });
    const { snapshot, unchanged } = taken;
    const what = unchanged
      ? `nothing has changed since ${snapshotText(snapshot)}`
      : `${snapshotText(snapshot)} is in the bucket: ${formatBytes(snapshot?.addedBytes ?? 0n)} added`;
    output.line(`${output.style('green', '✔')} ${what}`);
    output.document(toJson(SnapshotTakenSchema, taken));
  },
});

function withoutState(): OpenCraneError {
  const what =
    'a snapshot is taken of a state, which only the tenant’s agent has; a bucket holds those that were taken';
  return new OpenCraneError('invalid_argument', 'no_state', what, { field: 'bucket', mend: 'say --tenant NAME' });
}
