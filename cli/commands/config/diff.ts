/** `opencrane config diff`. */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { z } from 'zod';
import { type Difference, differences, valueAt } from '../../config/document.ts';
import { showValue } from '../../config/value.ts';
import type { Clients } from '../../connection/clients.ts';
import type { Output } from '../../output/output.ts';
import { command } from '../command.ts';
import { readScope, type ScopeInit, scopeOptions, scopeShape, scopeText } from '../scope.ts';

/** The longest history that the coordinator hands out at once. */
const WHOLE_HISTORY = 1000;

const revision = z.coerce.bigint().positive();

/** The command. */
export const configDiff = command({
  noun: 'config',
  verb: 'diff',
  summary: "show a tenant's drift (managed keys that differ in its OpenClaw), or how two revisions of a layer differ",
  arguments: [{ name: 'name', summary: 'the tenant whose drift to show', optional: true }],
  options: [
    ...scopeOptions,
    { flags: '--from <revision>', summary: "older revision of the scope's layer" },
    { flags: '--to <revision>', summary: 'newer revision (default: the newest)' },
  ],
  examples: [
    { command: 'opencrane config diff jente', shows: 'managed keys that someone changed behind our back' },
    { command: 'opencrane config diff --org --from 12 --to 15', shows: "what became of the organisation's layer" },
  ],
  input: z.object({ name: z.string().optional(), from: revision.optional(), to: revision.optional(), ...scopeShape }),
  async run({ connect, output }, { name, from, to, ...typed }) {
    const scope = readScope(name === undefined ? typed : { ...typed, tenant: name });
    const clients = await connect();
    if (from !== undefined) return printRevisions(output, await revisionsOf(clients, scope, from, to));
    if (scope.scope?.case === 'tenant') return printDrift(output, clients, scope.scope.value);
    throw new OpenCraneError('invalid_argument', 'usage', 'only a tenant can drift', {
      field: 'from',
      mend: 'name a tenant, or compare revisions with --from and --to',
    });
  },
});

/** What runs is not told by value, only where it differs: the values may be the tenant's own. */
async function printDrift(output: Output, clients: Clients, name: string): Promise<void> {
  const [{ tenant }, config] = await Promise.all([
    clients.tenants.getTenant({ name }),
    clients.config.getConfig({ scope: { scope: { case: 'tenant', value: name } } }),
  ]);
  const drift = (tenant?.status?.drift ?? []).map((path) => ({
    path,
    managed: valueAt(config.merged ?? {}, path) ?? null,
    setBy: config.origins[path] ?? '',
  }));
  const effectiveDigest = tenant?.status?.effectiveConfigDigest ?? '';
  output.document({ tenant: name, drift, managedDigest: config.mergedDigest, effectiveDigest });
  const rows = drift.map(({ path, managed, setBy }) => [path, showValue(managed), setBy || '-']);
  output.table(['DRIFTED KEY', 'MANAGED VALUE', 'SET BY'], rows, `${name} runs what is managed: no drift`);
}

async function revisionsOf(clients: Clients, scope: ScopeInit, from: bigint, to: bigint | undefined) {
  const { revisions } = await clients.config.listConfigHistory({ scope, limit: WHOLE_HISTORY });
  const own = revisions.filter((each) => scopeText(each.scope) === scopeText(scope));
  const find = (wanted: bigint, field: string) => {
    const found = own.find((each) => each.revision === wanted);
    if (found) return found;
    throw new OpenCraneError(
      'not_found',
      'revision_not_found',
      `${scopeText(scope)} has no configuration revision ${wanted}`,
      {
        field,
        mend: 'see its revisions with "opencrane config history"',
      },
    );
  };
  const older = find(from, 'from');
  const newer = to === undefined ? (own[0] ?? older) : find(to, 'to');
  return { from: older.revision, to: newer.revision, changes: differences(older.document ?? {}, newer.document ?? {}) };
}

function printRevisions(output: Output, compared: { from: bigint; to: bigint; changes: Difference[] }): void {
  const { from, to, changes } = compared;
  if (changes.length === 0) output.line(`revisions ${from} and ${to} say the same`);
  for (const { path, before, after } of changes) {
    if (before !== undefined) output.line(output.style('red', `- ${path} = ${JSON.stringify(before)}`));
    if (after !== undefined) output.line(output.style('green', `+ ${path} = ${JSON.stringify(after)}`));
  }
  output.document({
    from: String(from),
    to: String(to),
    changes: changes.map(({ path, before, after }) => ({
      path,
      ...(before === undefined ? {} : { before }),
      ...(after === undefined ? {} : { after }),
    })),
  });
}
