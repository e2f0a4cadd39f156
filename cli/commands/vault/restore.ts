/** `opencrane vault restore`. */
import { isAbsolute, resolve } from 'node:path';
import { toJson } from '@bufbuild/protobuf';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { type SnapshotRestored, SnapshotRestoredSchema } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import { z } from 'zod';
import { type Context, command } from '../../command.ts';
import type { Output } from '../../output/output.ts';
import { formatBytes, formatMillis } from '../../output/units.ts';
import { type Choice, choiceOptions, choiceShape, newest, ofSequence, readChoice } from '../../vault/choice.ts';
import { openVault } from '../../vault/open-vault.ts';
import { snapshotText } from '../../vault/snapshot-rows.ts';
import type { Vault } from '../../vault/vault.ts';
import { readWay, type Way, wayOptions, wayShape, wayWords } from '../../vault/way.ts';
import { findSnapshot, lastMinutes } from '../../vault/what-is-lost.ts';
import { confirmByName } from '../confirm.ts';

/** The command. */
export const vaultRestore = command({
  noun: 'vault',
  verb: 'restore',
  summary: "bring a snapshot back: in the place of a tenant's state, drained, or into a folder beside it",
  arguments: [],
  options: [
    ...wayOptions,
    ...choiceOptions,
    { flags: '--path <path>', summary: 'only what is at this path of the state, such as agents/main' },
    {
      flags: '--into <folder>',
      summary: "into this folder, which must not exist; with --tenant it is on the agent's machine",
    },
    { flags: '--yes', summary: 'do not ask before the state is replaced' },
  ],
  examples: [
    {
      command: 'opencrane vault restore --tenant jente --at 2026-09-12T14:00',
      shows: 'replaces the state; says first how many minutes are lost, and asks',
    },
    {
      command: 'opencrane vault restore --tenant jente --snapshot 41 --path agents/main --into /tmp/main',
      shows: "one agent's part into a folder; OpenClaw runs on",
    },
    {
      command: 'opencrane vault restore --bucket gs://acme-jente --key-file tenant.key --into ./state',
      shows: 'the newest, with only the bucket and its key',
    },
  ],
  input: z.object({
    ...wayShape,
    ...choiceShape,
    path: z.string().default(''),
    into: z.string().default(''),
    yes: z.boolean().default(false),
  }),
  async run(context, { path, into, yes, ...typed }) {
    const { output, folder } = context;
    const way = readWay(typed);
    refuseInto(way, into);
    let snapshot = readChoice(typed, output) ?? newest;
    const vault = await openVault(context, way);
    if (way.kind === 'tenant' && into === '') snapshot = await agree(context, vault, way, { snapshot, path, yes });
    const restored = await vault.restore({ snapshot, path, into: into === '' ? '' : resolve(folder, into) });
    report(output, restored, way);
    output.document(toJson(SnapshotRestoredSchema, restored));
  },
});

type Replacing = { readonly snapshot: Choice; readonly path: string; readonly yes: boolean };

/** Says what is lost, and has it confirmed. The answer names the very snapshot that was agreed on. */
async function agree(
  context: Context,
  vault: Vault,
  way: Extract<Way, { readonly kind: 'tenant' }>,
  { snapshot: choice, path, yes }: Replacing,
): Promise<Choice> {
  const { output, clock } = context;
  const found = await findSnapshot(vault, choice, way);
  const what = path === '' ? `the state of ${way.tenant}` : `${path} of the state of ${way.tenant}`;
  const lost = lastMinutes(clock.now() - Number(found.takenAtMillis));
  const means = `${what} is replaced with ${snapshotText(found)}: ${lost} are lost to it.`;
  if (yes) output.line(means);
  else await confirmByName(context, { doing: `replacing ${what}`, means, name: way.tenant });
  return ofSequence(found.sequence);
}

function report(output: Output, restored: SnapshotRestored, way: Way): void {
  const { snapshot, folder, files, bytes, notes, downtimeMillis, before } = restored;
  const downtime = downtimeMillis > 0n ? `; OpenClaw was not ready for ${formatMillis(downtimeMillis)}` : '';
  const size = `${files} files, ${formatBytes(bytes)}`;
  output.line(`${output.style('green', '✔')} ${snapshotText(snapshot)} is in ${folder}: ${size}${downtime}`);
  for (const note of notes) output.line(`${output.style('yellow', '!')} ${note}`);
  if (before === undefined) return;
  output.line(`what it replaced is ${snapshotText(before)}; to go back:`);
  output.line(`  opencrane vault restore ${wayWords(way)} --snapshot ${before.sequence}`);
}

/** Offline there is no state to replace; through an agent the folder is the agent's, and "here" means nothing to it. */
function refuseInto({ kind }: Way, into: string): void {
  if (kind === 'bucket' && into === '') {
    const what = 'without its agent a state cannot be replaced: nobody would stop OpenClaw meanwhile';
    const mend = 'say --into FOLDER, or --tenant NAME';
    throw new OpenCraneError('invalid_argument', 'into_missing', what, { field: 'into', mend });
  }
  if (kind === 'tenant' && into !== '' && !isAbsolute(into)) {
    const what = `${into} is a folder of this machine, and the agent may be on another`;
    const mend = 'write the whole path, as it is there';
    throw new OpenCraneError('invalid_argument', 'into_relative', what, { field: 'into', mend });
  }
}
