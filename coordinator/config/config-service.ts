/** The configuration's layers over Connect. */
import type { JsonObject as StructObject } from '@bufbuild/protobuf';
import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import type { JsonObject } from '@opencrane/kit/canonical-json.ts';
import { digestOfJson } from '@opencrane/kit/digest.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { Kind, type Scope as ScopeMessage } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import type { ConfigService } from '@opencrane/proto/opencrane/v1/config_pb.ts';
import { actorOf } from '../admin/caller.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { ReceiptStore } from '../receipts/receipt-store.ts';
import type { Revision, RevisionStore } from '../revisions/revision-store.ts';
import { fromScopeMessage, type Scope, scopesOf, scopeText, toScopeMessage } from '../revisions/scope.ts';
import type { Change, Store } from '../store/store.ts';
import type { TenantStore } from '../tenants/tenant-store.ts';
import { checkDocument } from './document.ts';
import { type Edit, readEdit } from './edit.ts';
import { originsOf } from './managed-paths.ts';
import { mergedConfig } from './merged-config.ts';

/** What the service works on. */
export type ConfigServiceParts = {
  readonly store: Store;
  readonly revisions: RevisionStore;
  readonly receipts: ReceiptStore;
  readonly tenants: TenantStore;
  readonly audit: AuditLog;
};

/** Serves the configuration. */
export function configService(parts: ConfigServiceParts): ServiceImpl<typeof ConfigService> {
  return {
    async getConfig(request) {
      const scope = fromScopeMessage(request.scope);
      const { document, revision, layers } = await mergedConfig(parts.revisions, await scopesThatConcern(parts, scope));
      const own = layers.find((layer) => scopeText(layer.scope) === scopeText(scope));
      const origins = originsOf(
        document,
        layers.map((layer) => ({ layer: scopeText(layer.scope), document: layer.payload })),
      );
      return {
        layer: own ? toMessage(own) : { scope: toScopeMessage(scope), document: {} },
        merged: toStruct(document),
        mergedRevision: BigInt(revision),
        mergedDigest: digestOfJson(document),
        origins: Object.fromEntries(origins),
      };
    },

    updateConfig(request, context) {
      return write(parts, request, context, readEdit(request.set, request.unset));
    },

    replaceConfig(request, context) {
      const document: JsonObject = request.document ?? {};
      const edit = { apply: () => document, summary: 'replaced the whole layer', action: 'config.replace' } as const;
      checkDocument(document, 'document');
      return write(parts, request, context, edit);
    },

    async listConfigHistory(request) {
      const scope = fromScopeMessage(request.scope);
      const limit = request.limit || 50;
      const revisions = await parts.revisions.list(await scopesThatConcern(parts, scope), 'config', limit);
      const receipts = scope.kind === 'tenant' ? await parts.receipts.list(scope.name, Kind.CONFIG, limit) : [];
      return { revisions: revisions.map(toMessage), receipts };
    },
  };
}

type WriteRequest = {
  readonly scope?: ScopeMessage | undefined;
  readonly reason: string;
  readonly expectedRevision: bigint;
  readonly expectUnwritten: boolean;
};

/** One change of a layer: the revision and its audit entry, or neither. */
async function write(parts: ConfigServiceParts, request: WriteRequest, context: HandlerContext, edit: Edit) {
  const scope = fromScopeMessage(request.scope);
  const actor = actorOf(context);
  return parts.store.transaction(async (change) => {
    if (scope.kind === 'tenant') await refuseDeleting(parts, change, scope.name);
    const before = await parts.revisions.latestToReplace(change, scope, 'config');
    refuseConflict(scope, before, request);
    const payload = edit.apply(before?.payload ?? {});
    checkDocument(payload, 'document');
    if (digestOfJson(payload) === (before?.digest ?? digestOfJson({}))) {
      return { layer: before ? toMessage(before) : { scope: toScopeMessage(scope), document: {} }, changed: false };
    }
    const { reason } = request;
    const layer = await parts.revisions.append(change, { scope, kind: 'config', payload, actor, reason });
    await parts.audit.record(change, {
      actor,
      action: edit.action,
      target: scopeText(scope),
      summary: reason === '' ? edit.summary : `${edit.summary} (${reason})`,
      revision: layer.number,
    });
    return { layer: toMessage(layer), changed: true };
  });
}

async function refuseDeleting({ tenants }: ConfigServiceParts, change: Change, name: string): Promise<void> {
  const { deleting } = await tenants.get(name, change.db);
  if (!deleting) return;
  throw new OpenCraneError('failed_precondition', 'tenant_deleting', `tenant "${name}" is being deleted`, {
    field: 'scope.tenant',
    mend: 'create it anew when it is gone',
  });
}

function refuseConflict(
  scope: Scope,
  before: Revision | undefined,
  { expectedRevision, expectUnwritten }: WriteRequest,
): void {
  const actual = BigInt(before?.number ?? 0);
  const expected = expectUnwritten ? 0n : expectedRevision;
  if (expected === actual || (expected === 0n && !expectUnwritten)) return;
  const now = before ? `${before.actor} made it revision ${actual}` : 'it was never written';
  throw new OpenCraneError(
    'aborted',
    'config_conflict',
    `the layer of ${scopeText(scope)} is not at revision ${expected}: ${now}`,
    {
      field: expectUnwritten ? 'expect_unwritten' : 'expected_revision',
      mend: 'read the layer again and repeat your change on what it says now',
    },
  );
}

async function scopesThatConcern({ tenants }: ConfigServiceParts, scope: Scope): Promise<readonly Scope[]> {
  if (scope.kind === 'tenant') return scopesOf(await tenants.get(scope.name));
  return scope.kind === 'team' ? [{ kind: 'organisation' }, scope] : [scope];
}

function toMessage({ number, scope, digest, payload, actor, reason, createdAt }: Revision) {
  return {
    revision: BigInt(number),
    scope: toScopeMessage(scope),
    digest,
    document: toStruct(payload),
    actor,
    reason,
    createdAtMillis: BigInt(createdAt),
  };
}

/** Our documents are readonly, protobuf's are not; it only reads them. */
function toStruct(document: JsonObject): StructObject {
  return document as StructObject;
}
