/** `opencrane audit list`. */

import { toJson } from '@bufbuild/protobuf';
import { ListAuditResponseSchema } from '@opencrane/proto/opencrane/v1/audit_pb.ts';
import { z } from 'zod';
import { command } from '../../command.ts';
import { int64 } from '../../int64.ts';
import { formatTime } from '../../output/units.ts';

/** The command. */
export const auditList = command({
  noun: 'audit',
  verb: 'list',
  summary: 'who changed what, newest first',
  arguments: [],
  options: [
    { flags: '--target <target>', summary: 'only this target, such as tenant/jente' },
    { flags: '--before <id>', summary: 'only entries before this one; for the next page' },
    { flags: '--limit <number>', summary: 'most entries (default: 50)' },
  ],
  examples: [
    { command: 'opencrane audit list', shows: 'the newest 50 changes' },
    { command: 'opencrane audit list --target tenant/jente --json', shows: "a tenant's, as JSON" },
  ],
  input: z.object({
    target: z.string().default(''),
    before: int64(0n).default(0n),
    limit: z.coerce.number().int().min(1).max(1000).default(50),
  }),
  async run({ connect, output }, { target, before, limit }) {
    const response = await (await connect()).audit.listAudit({ target, beforeId: before, limit });
    const rows = response.entries.map((entry) => [
      entry.id,
      formatTime(entry.atMillis),
      entry.actor,
      entry.action,
      entry.target,
      entry.summary,
    ]);
    output.table(['ID', 'TIME', 'WHO', 'ACTION', 'TARGET', 'SUMMARY'], rows, 'nothing was changed yet');
    output.document(toJson(ListAuditResponseSchema, response));
  },
});
