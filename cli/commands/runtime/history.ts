/** `opencrane runtime history`. */
import { toJson } from '@bufbuild/protobuf';
import { ListRuntimeHistoryResponseSchema, type RuntimeRevision } from '@opencrane/proto/opencrane/v1/runtime_pb.ts';
import { z } from 'zod';
import { command } from '../../command.ts';
import { historyRows, historyTitles } from '../../receipts/history.ts';

/** The command. */
export const runtimeHistory = command({
  noun: 'runtime',
  verb: 'history',
  summary: 'which versions were wanted for a tenant, and what became of each; rolled back ones too',
  arguments: [{ name: 'tenant', summary: 'the tenant' }],
  options: [{ flags: '--limit <number>', summary: 'most entries (default: 50)' }],
  examples: [
    { command: 'opencrane runtime history jente', shows: 'each wish and each answer, newest first' },
    { command: 'opencrane runtime history jente --limit 5 --json', shows: 'the newest, for a program' },
  ],
  input: z.object({ tenant: z.string(), limit: z.coerce.number().int().min(1).max(1000).default(50) }),
  async run({ connect, output }, { tenant, limit }) {
    const history = await (await connect()).runtimes.listRuntimeHistory({ tenant, limit });
    const revisions = history.revisions.map((each) => ({ ...each, what: whatOf(each) }));
    output.table(historyTitles, historyRows(revisions, history.receipts, output), 'no version was ever wanted');
    output.document(toJson(ListRuntimeHistoryResponseSchema, history));
  },
});

function whatOf({ version, pinned, restoreKeptState }: RuntimeRevision): string {
  if (version === '') return 'pin taken away';
  return `${pinned ? 'pin' : 'version'} ${version}${restoreKeptState ? ' with the kept state' : ''}`;
}
