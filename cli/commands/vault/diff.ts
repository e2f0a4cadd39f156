/** `opencrane vault diff`. */
import { toJson } from '@bufbuild/protobuf';
import { exitCodes } from '@opencrane/kit/errors.ts';
import type { Style } from '@opencrane/kit/terminal-text.ts';
import { type EntryDifference, SnapshotDifferenceSchema } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import { z } from 'zod';
import { command } from '../../command.ts';
import type { Output } from '../../output/output.ts';
import { formatBytes } from '../../output/units.ts';
import { choiceSchema } from '../../vault/choice.ts';
import { openVault } from '../../vault/open-vault.ts';
import { snapshotText } from '../../vault/snapshot-rows.ts';
import { readWay, wayOptions, wayShape } from '../../vault/way.ts';

/** The command. */
export const vaultDiff = command({
  noun: 'vault',
  verb: 'diff',
  summary: 'which files differ between two snapshots; exit code 1 when any does, as diff has it',
  arguments: [
    { name: 'from', summary: 'the older snapshot: its number, or a time; no zone means local' },
    { name: 'to', summary: 'the newer one' },
  ],
  options: wayOptions,
  examples: [
    { command: 'opencrane vault diff 12 41 --tenant jente', shows: 'what was added, removed and changed between them' },
    {
      command: 'opencrane vault diff 2026-09-12T09:00 2026-09-12T17:00 --tenant jente --json',
      shows: 'over a working day, for a program',
    },
  ],
  input: z.object({ ...wayShape, from: choiceSchema, to: choiceSchema }),
  async run(context, { from, to, ...typed }) {
    const { output } = context;
    const vault = await openVault(context, readWay(typed));
    const difference = await vault.compare({ from, to });
    output.line(`${snapshotText(difference.from)} → ${snapshotText(difference.to)}`);
    for (const entry of difference.entries) output.line(lineOf(entry, output));
    if (difference.entries.length === 0) output.line('no difference');
    if (difference.more) output.line(output.style('dim', '… and more'));
    output.document(toJson(SnapshotDifferenceSchema, difference));
    return difference.entries.length === 0 ? exitCodes.ok : exitCodes.failed;
  },
});

const marks: Readonly<Record<string, readonly [mark: string, style: Style]>> = {
  added: ['+', 'green'],
  removed: ['-', 'red'],
};

function lineOf({ path, change, fromBytes, toBytes }: EntryDifference, output: Output): string {
  const [mark, style] = marks[change] ?? ['~', 'yellow'];
  const sizes = { added: formatBytes(toBytes), removed: formatBytes(fromBytes) };
  const size = change === 'added' || change === 'removed' ? sizes[change] : between(fromBytes, toBytes);
  return output.style(style, `${mark} ${path}  ${size}`);
}

function between(from: bigint, to: bigint): string {
  return from === to ? formatBytes(to) : `${formatBytes(from)} → ${formatBytes(to)}`;
}
