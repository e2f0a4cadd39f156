/** `opencrane vault verify`. */
import { toJson } from '@bufbuild/protobuf';
import { exitCodes } from '@opencrane/kit/errors.ts';
import { type SnapshotVerified, SnapshotVerifiedSchema } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import { z } from 'zod';
import { command } from '../../command.ts';
import type { Output } from '../../output/output.ts';
import { formatBytes } from '../../output/units.ts';
import { choiceOptions, choiceShape, readChoice } from '../../vault/choice.ts';
import { openVault } from '../../vault/open-vault.ts';
import { snapshotText } from '../../vault/snapshot-rows.ts';
import { readWay, wayOptions, wayShape, wayWords } from '../../vault/way.ts';

/** Numbers of snapshots that fit in a cell. */
const FEW = 6;

/** The command. */
export const vaultVerify = command({
  noun: 'vault',
  verb: 'verify',
  summary: 'read every byte of a snapshot back, or of all that are kept; exit code 1 when something is damaged',
  arguments: [],
  options: [...wayOptions, ...choiceOptions],
  examples: [
    { command: 'opencrane vault verify --tenant jente', shows: 'every snapshot that is kept' },
    { command: 'opencrane vault verify --tenant jente --snapshot 41', shows: 'one' },
    {
      command: 'opencrane vault verify --bucket ./copy --key-file tenant.key --json',
      shows: 'a copy of the bucket, for a script',
    },
  ],
  input: z.object({ ...wayShape, ...choiceShape }),
  async run(context, typed) {
    const { output } = context;
    const way = readWay(typed);
    const snapshot = readChoice(typed, output);
    const vault = await openVault(context, way);
    const verified = await vault.verify(snapshot ? { snapshot } : {});
    report(output, verified, wayWords(way));
    output.document(toJson(SnapshotVerifiedSchema, verified));
    return verified.damaged.length === 0 ? exitCodes.ok : exitCodes.failed;
  },
});

function report(output: Output, verified: SnapshotVerified, way: string): void {
  const { snapshots, bytes, damaged, more } = verified;
  const read = `${snapshots} snapshots, ${formatBytes(bytes)} read back`;
  if (damaged.length === 0) output.line(`${output.style('green', '✔')} all is well: ${read}`);
  else {
    output.line(`${output.style('red', '✘')} ${damaged.length}${more ? ' or more' : ''} objects are damaged: ${read}`);
    reportDamage(output, verified, way);
  }
}

function reportDamage(output: Output, { damaged, newestWhole }: SnapshotVerified, way: string): void {
  const rows = damaged.map(({ name, reason, message, sequences }) => [name, reason, numbers(sequences), message]);
  output.table(['OBJECT', 'WHAT', 'SNAPSHOTS', 'MESSAGE'], rows, '');
  if (newestWhole === undefined) output.line('no snapshot is whole');
  else {
    output.line(`the newest that is whole is ${snapshotText(newestWhole)}:`);
    output.line(`  opencrane vault restore ${way} --snapshot ${newestWhole.sequence} --into FOLDER`);
  }
}

function numbers(sequences: readonly bigint[]): string {
  const few = sequences.slice(0, FEW).join(', ');
  return sequences.length > FEW ? `${few} and ${sequences.length - FEW} more` : few || '-';
}
