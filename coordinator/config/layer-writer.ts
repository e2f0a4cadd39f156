/**
 * Changes of layers. A change is checked before it becomes a revision, and a refused one changes nothing:
 *
 *   read ──▶ edited ──▶ checked (seconds, in no transaction) ──▶ still the same revision? ──▶ written, with its audit entry
 *     ▲                                                                   │ no
 *     └───────────────────────────────────────────────────────────────────┘
 */
import type { JsonObject } from '@opencrane/kit/canonical-json.ts';
import { digestOfJson } from '@opencrane/kit/digest.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Revision, RevisionStore } from '../revisions/revision-store.ts';
import { type Scope, scopeText } from '../revisions/scope.ts';
import type { Change, Store } from '../store/store.ts';
import type { TenantStore } from '../tenants/tenant-store.ts';
import type { ConfigCheck, Unchecked } from './config-check.ts';
import { checkDocument } from './document.ts';
import type { Edit } from './edit.ts';
import { refusePlainSecrets, type SecretMask } from './secret-mask.ts';

/** What writing takes. */
export type LayerWriterParts = {
  readonly store: Store;
  readonly revisions: RevisionStore;
  readonly tenants: TenantStore;
  readonly audit: AuditLog;
  readonly check: Pick<ConfigCheck, 'check'>;
  readonly secrets: SecretMask;
};

/** How a change is asked for. */
export type ChangeRequest = {
  readonly reason: string;
  /** 0 asks for no check. */
  readonly expectedRevision: bigint;
  readonly expectUnwritten: boolean;
  readonly skipCheck: boolean;
  /** Whether secrets may be kept in clear. */
  readonly plainSecrets: boolean;
};

/** What became of a change; `layer` is undefined for one that was never written. */
export type Written = {
  readonly scope: Scope;
  readonly layer: Revision | undefined;
  readonly changed: boolean;
  readonly unchecked: Unchecked;
};

/** A layer as it is, and as it would become. */
type Draft = { readonly before: Revision | undefined; readonly payload: JsonObject };

/** Another process may write while OpenClaw judges; each try begins with what the layer says then. */
const MOST_TRIES = 5;

/** Writes layers, one change at a time: what is checked for a tenant depends on the layers above and below. */
export class LayerWriter {
  readonly #parts: LayerWriterParts;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: LayerWriterParts) {
    this.#parts = parts;
  }

  /** Makes a change. Throws `aborted` on a conflict, `invalid_argument` for what is refused. */
  write(scope: Scope, request: ChangeRequest, actor: string, edit: Edit): Promise<Written> {
    const work = () => this.#write(scope, request, actor, edit);
    const turn = this.#turn.then(work, work);
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #write(scope: Scope, request: ChangeRequest, actor: string, edit: Edit): Promise<Written> {
    for (let tries = 1; tries <= MOST_TRIES; tries += 1) {
      const draft = await this.#draft(scope, request, edit);
      if (digestOfJson(draft.payload) === (draft.before?.digest ?? digestOfJson({}))) {
        return { scope, layer: draft.before, changed: false, unchecked: [] };
      }
      const unchecked = request.skipCheck ? [] : await this.#parts.check.check({ scope, after: draft.payload });
      const layer = await this.#commit(scope, request, actor, edit, draft);
      if (layer !== undefined) return { scope, layer, changed: true, unchecked };
    }
    throw new OpenCraneError('aborted', 'config_contended', `the layer of ${scopeText(scope)} keeps being changed`, {
      mend: 'try again in a moment',
    });
  }

  async #draft(scope: Scope, request: ChangeRequest, edit: Edit, change?: Change): Promise<Draft> {
    const { tenants, revisions } = this.#parts;
    if (scope.kind === 'tenant') refuseDeleting(await tenants.get(scope.name, change?.db));
    const before = await (change === undefined
      ? revisions.latest(scope, 'config')
      : revisions.latestToReplace(change, scope, 'config'));
    refuseConflict(scope, before, request);
    const layer = before?.payload ?? {};
    const payload = this.#parts.secrets.unmask(edit.apply(layer), layer);
    checkDocument(payload, 'document');
    if (!request.plainSecrets) refusePlainSecrets(layer, payload);
    return { before, payload };
  }

  /** Writes what was checked; undefined when the layer is another one by now. */
  #commit(scope: Scope, request: ChangeRequest, actor: string, edit: Edit, checked: Draft) {
    const { store, revisions, audit } = this.#parts;
    const { reason } = request;
    return store.transaction(async (change) => {
      const { before, payload } = await this.#draft(scope, request, edit, change);
      if (before?.number !== checked.before?.number) return undefined;
      const layer = await revisions.append(change, { scope, kind: 'config', payload, actor, reason });
      await audit.record(change, {
        actor,
        action: edit.action,
        target: scopeText(scope),
        summary: reason === '' ? edit.summary : `${edit.summary} (${reason})`,
        revision: layer.number,
      });
      return layer;
    });
  }
}

function refuseDeleting({ name, deleting }: { readonly name: string; readonly deleting: boolean }): void {
  if (!deleting) return;
  throw new OpenCraneError('failed_precondition', 'tenant_deleting', `tenant "${name}" is being deleted`, {
    field: 'scope.tenant',
    mend: 'create it anew when it is gone',
  });
}

function refuseConflict(
  scope: Scope,
  before: Revision | undefined,
  { expectedRevision, expectUnwritten }: ChangeRequest,
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
