/** `opencrane config history`. */
import { toJson } from '@bufbuild/protobuf';
import { ListConfigHistoryResponseSchema } from '@opencrane/proto/opencrane/v1/config_pb.ts';
import { z } from 'zod';
import { leavesOf } from '../../config/document.ts';
import { historyRows, historyTitles } from '../../receipts/history-rows.ts';
import { command } from '../command.ts';
import { readScope, scopeOptions, scopeShape } from '../scope.ts';

/** The command. */
export const configHistory = command({
  noun: 'config',
  verb: 'history',
  summary:
    'show every revision that concerns a scope and, for a tenant, every answer of its agent; failed attempts too',
  arguments: [],
  options: [...scopeOptions, { flags: '--limit <number>', summary: 'most entries (default: 50)' }],
  examples: [
    {
      command: 'opencrane config history --tenant jente',
      shows: "its own revisions, its team's, the organisation's, and the answers",
    },
    { command: 'opencrane config history --org --limit 5', shows: "the organisation's last five" },
  ],
  input: z.object({ limit: z.coerce.number().int().min(1).max(1000).default(50), ...scopeShape }),
  async run({ connect, output }, { limit, ...typed }) {
    const response = await (await connect()).config.listConfigHistory({ scope: readScope(typed), limit });
    const { revisions, receipts } = response;
    const rows = historyRows(
      revisions,
      receipts,
      ({ document, reason }) => `${leavesOf(document ?? {}).length} keys${reason && `: ${reason}`}`,
      output,
    );
    output.table(historyTitles, rows, 'nothing was ever set here');
    output.document(toJson(ListConfigHistoryResponseSchema, response));
  },
});
