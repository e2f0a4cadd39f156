/** What became of a layer between two of its revisions. */
import { exitCodes, OpenCraneError } from '@opencrane/kit/errors.ts';
import type { ConfigRevision } from '@opencrane/proto/opencrane/v1/config_pb.ts';
import type { Clients } from '../connection/clients.ts';
import type { Output } from '../output/output.ts';
import { scopeText } from '../scope.ts';
import { differences } from './difference.ts';
import { valueText } from './typed-value.ts';

type Compared = { readonly tenant: string; readonly from: bigint; readonly to?: bigint | undefined };

/** As many as the coordinator gives in one answer. */
const LIMIT = 1000;

/** Prints the difference; the exit code is 1 where there is one, as diff has it. */
export async function compareRevisions(
  clients: Clients,
  output: Output,
  { tenant, from, to }: Compared,
): Promise<number> {
  const scope = { scope: { case: 'tenant', value: tenant } } as const;
  const { revisions } = await clients.config.listConfigHistory({ scope, limit: LIMIT });
  const before = find(revisions, tenant, from);
  const layer = scopeText(before.scope);
  const ofLayer = revisions.filter((revision) => scopeText(revision.scope) === layer);
  const after = to === undefined ? (ofLayer[0] ?? before) : find(revisions, tenant, to);
  if (scopeText(after.scope) !== layer) throw otherLayer(before, after);
  const changes = differences(before.document ?? {}, after.document ?? {});
  output.line(`${layer}, revision ${before.revision} → ${after.revision}`);
  for (const change of changes) {
    if (change.before !== undefined) output.line(output.style('red', `- ${change.path} = ${valueText(change.before)}`));
    if (change.after !== undefined) output.line(output.style('green', `+ ${change.path} = ${valueText(change.after)}`));
  }
  if (changes.length === 0) output.line('no difference');
  output.document({
    layer,
    from: String(before.revision),
    to: String(after.revision),
    changes: changes.map((each) => ({ ...each })),
  });
  return changes.length === 0 ? exitCodes.ok : exitCodes.failed;
}

function find(revisions: readonly ConfigRevision[], tenant: string, number: bigint): ConfigRevision {
  const found = revisions.find(({ revision }) => revision === number);
  if (found) return found;
  throw new OpenCraneError('not_found', 'revision_not_found', `no revision ${number} concerns ${tenant}`, {
    field: String(number),
    mend: `see "opencrane config history --tenant ${tenant}"`,
  });
}

function otherLayer(before: ConfigRevision, after: ConfigRevision): OpenCraneError {
  const layers = `revision ${before.revision} is of ${scopeText(before.scope)}, ${after.revision} of ${scopeText(after.scope)}`;
  return new OpenCraneError('invalid_argument', 'layers_differ', `comparing two revisions: ${layers}`, {
    field: 'to',
    mend: 'name two revisions of one layer',
  });
}
