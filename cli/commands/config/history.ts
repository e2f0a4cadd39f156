/** `opencrane config history`. */
import { toJson } from '@bufbuild/protobuf';
import { ListConfigHistoryResponseSchema } from '@opencrane/proto/opencrane/v1/config_pb.ts';
import { z } from 'zod';
import { command } from '../../command.ts';
import { historyRows, historyTitles } from '../../receipts/history.ts';
import { readScope, scopeOptions, scopeShape } from '../../scope.ts';

/** The command. */
export const configHistory = command({
  noun: 'config',
  verb: 'history',
  summary: 'who changed what and what the agent answered, newest first; refused attempts too',
  arguments: [{ name: 'name', summary: 'a tenant; the same as --tenant', optional: true }],
  options: [...scopeOptions, { flags: '--limit <number>', summary: 'most entries (default: 50)' }],
  examples: [
    { command: 'opencrane config history jente', shows: 'every revision that concerns jente, and each answer' },
    { command: 'opencrane config history --org --json', shows: "the organisation's revisions with their documents" },
  ],
  input: z.object({
    ...scopeShape,
    name: z.string().optional(),
    limit: z.coerce.number().int().min(1).max(1000).default(50),
  }),
  async run({ connect, output }, { name, limit, ...typed }) {
    const scope = readScope(name === undefined ? typed : { ...typed, tenant: name });
    const history = await (await connect()).config.listConfigHistory({ scope, limit });
    const revisions = history.revisions.map((each) => ({ ...each, what: 'configuration' }));
    output.table(historyTitles, historyRows(revisions, history.receipts, output), 'nothing was ever set here');
    output.document(toJson(ListConfigHistoryResponseSchema, history));
  },
});
