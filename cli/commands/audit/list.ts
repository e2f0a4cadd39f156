/** `opencrane audit list`. */
import { toJson } from '@bufbuild/protobuf';
import { ListAuditResponseSchema } from '@opencrane/proto/opencrane/v1/audit_pb.ts';
import { z } from 'zod';
import { formatTime } from '../../output/units.ts';
import { command } from '../command.ts';

/** The command. */
export const auditList = command({
  noun: 'audit',
  verb: 'list',
  summary: 'list who changed what, newest first',
  arguments: [],
  options: [
    { flags: '--target <target>', summary: 'only changes of this, such as tenant/jente or organisation' },
    { flags: '--before <id>', summary: 'only entries before this one, for the next page' },
    { flags: '--limit <number>', summary: 'most entries (default: 50)' },
  ],
  examples: [
    {
      command: 'opencrane audit list --target tenant/jente',
      shows: 'what was done to it, and who was given its token',
    },
    { command: 'opencrane audit list --limit 1000 --json', shows: 'for an archive' },
  ],
  input: z.object({
    target: z.string().default(''),
    before: z.coerce.bigint().positive().optional(),
    limit: z.coerce.number().int().min(1).max(1000).default(50),
  }),
  async run({ connect, output }, { target, before, limit }) {
    const response = await (await connect()).audit.listAudit({ target, beforeId: before ?? 0n, limit });
    output.table(
      ['ID', 'WHEN', 'WHO', 'ACTION', 'TARGET', 'SUMMARY'],
      response.entries.map(({ id, atMillis, actor, action, target: changed, summary }) => [
        id,
        formatTime(atMillis),
        actor,
        action,
        changed,
        summary,
      ]),
      'nothing was changed yet',
    );
    output.document(toJson(ListAuditResponseSchema, response));
  },
});
