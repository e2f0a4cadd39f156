/** Versions over Connect. */
import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import type { Clock } from '@opencrane/kit/clock.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import {
  type BuildRuntimeResponse,
  BuildRuntimeResponseSchema,
  type RuntimeRevision,
  RuntimeRevisionSchema,
  RuntimeSchema,
  type RuntimeService,
} from '@opencrane/proto/opencrane/v1/runtime_pb.ts';
import { actorOf } from '../admin/caller.ts';
import type { ReceiptStore } from '../receipts/receipt-store.ts';
import type { Revision, RevisionStore } from '../revisions/revision-store.ts';
import { fromScopeMessage, scopesOf, toScopeMessage } from '../revisions/scope.ts';
import type { RuntimeBuilder } from './builder.ts';
import type { BuiltRuntime, RuntimeCatalogue } from './catalogue.ts';
import type { TenantDirectory } from './ports.ts';
import { readWish } from './runtime-revision.ts';
import type { RuntimeWishes } from './runtime-wishes.ts';

/** What the service works on. */
export type RuntimeServiceParts = {
  readonly builder: RuntimeBuilder;
  readonly catalogue: RuntimeCatalogue;
  readonly wishes: RuntimeWishes;
  readonly revisions: RevisionStore;
  readonly receipts: ReceiptStore;
  readonly tenants: TenantDirectory;
  readonly clock: Clock;
};

/** Serves versions. */
export function runtimeService(parts: RuntimeServiceParts): ServiceImpl<typeof RuntimeService> {
  const { builder, catalogue, wishes, revisions, receipts, tenants } = parts;
  return {
    async listRuntimes() {
      const pins = (await revisions.latestOfEveryScope('runtime')).filter((revision) => readWish(revision).pinned);
      return { runtimes: (await catalogue.list()).map(toRuntime), pins: pins.map(toRevision) };
    },

    buildRuntime: ({ version }) => build(parts, version),

    async pinRuntime({ scope, version, reason, restoreKeptState, ...expected }, context) {
      const where = fromScopeMessage(scope);
      await wishes.requireExpected(where, expected);
      // Everything that can be wrong with the version is found before anything is written.
      const built = await builder.ensure(version);
      const who = { actor: actorOf(context), reason };
      const revision = await wishes.pin(where, built.version, restoreKeptState, who, expected);
      return { revision: toRevision(revision), runtime: toRuntime(built) };
    },

    async unpinRuntime({ scope, reason, expectedRevision }, context) {
      const who = { actor: actorOf(context), reason };
      const revision = await wishes.unpin(fromScopeMessage(scope), who, { expectedRevision, expectUnwritten: false });
      return { revision: toRevision(revision) };
    },

    async listRuntimeHistory({ tenant, limit }) {
      const found = await tenants.find(tenant);
      if (found === undefined) {
        throw new OpenCraneError('not_found', 'tenant_not_found', `there is no tenant ${tenant}`, {
          field: 'tenant',
          mend: 'see `opencrane tenant list`',
        });
      }
      const most = limit || 50;
      const [wanted, answered] = await Promise.all([
        revisions.list(scopesOf(found), 'runtime', most),
        receipts.list(tenant, Kind.RUNTIME, most),
      ]);
      return { revisions: wanted.map(toRevision), receipts: answered };
    },
  };
}

/** The build's progress, newest only where the reader is slow, and the bundle at the end. */
async function* build({ builder, clock }: RuntimeServiceParts, version: string): AsyncGenerator<BuildRuntimeResponse> {
  const began = clock.monotonic();
  let newest: BuildRuntimeResponse | undefined;
  let rung = Promise.withResolvers<void>();
  let over = false;
  const done = builder
    .ensure(version, (step, message, doneBytes, totalBytes) => {
      const elapsedMillis = BigInt(Math.round(clock.monotonic() - began));
      const bytes = { doneBytes: BigInt(doneBytes), totalBytes: BigInt(totalBytes) };
      newest = create(BuildRuntimeResponseSchema, {
        progress: { operation: 'build', step, message, elapsedMillis, ...bytes },
      });
      rung.resolve();
    })
    .finally(() => {
      over = true;
      rung.resolve();
    });
  done.catch(() => {}); // thrown below, where it belongs
  while (!over) {
    await rung.promise;
    rung = Promise.withResolvers();
    if (newest !== undefined) yield newest;
    newest = undefined;
  }
  const runtime = toRuntime(await done);
  const elapsedMillis = BigInt(Math.round(clock.monotonic() - began));
  const message = `OpenClaw ${runtime.version} is built`;
  yield create(BuildRuntimeResponseSchema, {
    progress: { operation: 'build', step: 'done', message, elapsedMillis, finished: true },
    runtime,
  });
}

function toRuntime({ version, digest, bytes, nodeRange, integrity, builtAt, platform }: BuiltRuntime) {
  return create(RuntimeSchema, {
    version,
    digest,
    bytes: BigInt(bytes),
    nodeRange,
    integrity,
    builtAtMillis: BigInt(builtAt),
    platform,
  });
}

function toRevision(revision: Revision): RuntimeRevision {
  const { number, scope, actor, reason, createdAt } = revision;
  return create(RuntimeRevisionSchema, {
    ...readWish(revision),
    revision: BigInt(number),
    scope: toScopeMessage(scope),
    actor,
    reason,
    createdAtMillis: BigInt(createdAt),
  });
}
