/** The audit log over Connect. */
import type { ServiceImpl } from '@connectrpc/connect';
import type { AuditService } from '@opencrane/proto/opencrane/v1/audit_pb.ts';
import type { AuditLog } from './audit-log.ts';

/** Serves the log. */
export function auditService(log: AuditLog): ServiceImpl<typeof AuditService> {
  return {
    async listAudit({ target, beforeId, limit }) {
      const entries = await log.list({ target, beforeId: Number(beforeId), limit: limit || 50 });
      return {
        entries: entries.map(({ id, at, revision, ...texts }) => ({
          ...texts,
          id: BigInt(id),
          atMillis: BigInt(at),
          revision: BigInt(revision),
        })),
      };
    },
  };
}
