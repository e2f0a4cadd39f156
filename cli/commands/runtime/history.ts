/** `opencrane runtime history`. */
import { toJson } from '@bufbuild/protobuf';
import { ListRuntimeHistoryResponseSchema, type RuntimeRevision } from '@opencrane/proto/opencrane/v1/runtime_pb.ts';
import { z } from 'zod';
import { historyRows, historyTitles } from '../../receipts/history-rows.ts';
import { command } from '../command.ts';

/** The command. */
export const runtimeHistory = command({
  noun: 'runtime',
  verb: 'history',
  summary: "show a tenant's versions and every answer of its agent; what was rolled back too, and why",
  arguments: [{ name: 'name', summary: "the tenant's name" }],
  options: [{ flags: '--limit <number>', summary: 'most entries (default: 50)' }],
  examples: [{ command: 'opencrane runtime history jente', shows: 'who wanted which version, and what became of it' }],
  input: z.object({ name: z.string(), limit: z.coerce.number().int().min(1).max(1000).default(50) }),
  async run({ connect, output }, { name, limit }) {
    const response = await (await connect()).runtimes.listRuntimeHistory({ tenant: name, limit });
    const rows = historyRows(response.revisions, response.receipts, what, output);
    output.table(historyTitles, rows, `no version was ever wanted of ${name}`);
    output.document(toJson(ListRuntimeHistoryResponseSchema, response));
  },
});

function what({ version, pinned, reason, restoreKeptState }: RuntimeRevision): string {
  const wish = version === '' ? 'pin taken away' : `${version}${pinned ? ', pinned' : ''}`;
  return `${wish}${restoreKeptState ? ', kept state may come back' : ''}${reason && `: ${reason}`}`;
}
