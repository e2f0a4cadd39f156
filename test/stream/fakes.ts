/** The agent plane on a free port, with fakes of everything behind it. */
import { create } from '@bufbuild/protobuf';
import { AgentPlane, type AgentPlaneOptions } from '@opencrane/coordinator/agents/agent-plane.ts';
import type { AgentObserver, DesiredState } from '@opencrane/coordinator/agents/ports.ts';
import { type Clock, systemClock } from '@opencrane/kit/clock.ts';
import { type Digest, digestOf } from '@opencrane/kit/digest.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { Encoded } from '@opencrane/kit/grpc/encoded.ts';
import { createLogger } from '@opencrane/kit/logging.ts';
import { createRegistry } from '@opencrane/kit/metrics.ts';
import { ConnectResponseSchema } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { Kind, type Receipt } from '@opencrane/proto/opencrane/v1/common_pb.ts';

/** An offer as the coordinator prepares it. */
export type TestOffer = Awaited<ReturnType<DesiredState['offersFor']>>[number];

/** A config offer whose document is `text`. */
export function configOffer(revision: bigint, text: string, nonce = 'n'): TestOffer {
  const document = new TextEncoder().encode(text);
  const digest = digestOf(document);
  const kind = Kind.CONFIG;
  const payload = { case: 'config', value: { document } } as const;
  const offer = { kind, revision, digest, nonce, payload };
  const message = Encoded.from(
    ConnectResponseSchema,
    create(ConnectResponseSchema, { message: { case: 'offer', value: offer } }),
  );
  return { kind, revision, digest, nonce, message };
}

/** Desired state that tests set. */
class FakeDesired implements DesiredState {
  readonly #offers = new Map<string, readonly TestOffer[]>();
  #listener: (tenants: 'all' | readonly string[]) => void = () => {};
  failing = false;

  async offersFor(tenant: string): Promise<readonly TestOffer[]> {
    if (this.failing) throw new Error('the database is away');
    const offers = this.#offers.get(tenant);
    if (offers === undefined) throw new OpenCraneError('not_found', 'tenant_not_found', `no tenant ${tenant}`);
    return offers;
  }

  onChange(listener: (tenants: 'all' | readonly string[]) => void): () => void {
    this.#listener = listener;
    return () => {
      this.#listener = () => {};
    };
  }

  set(tenant: string, ...offers: readonly TestOffer[]): void {
    this.#offers.set(tenant, offers);
    this.#listener([tenant]);
  }

  remove(tenant: string): void {
    this.#offers.delete(tenant);
    this.#listener([tenant]);
  }
}

/** Writes down what agents say. */
class FakeObserver implements AgentObserver {
  readonly log: string[] = [];
  readonly receipts: Receipt[] = [];
  /** Awaited before a receipt counts as stored. */
  beforeStoring: () => Promise<void> = async () => {};
  answerRuntime: AgentObserver['runtimeRequest'] = async (_tenant, version) => ({
    accepted: true,
    version,
    message: '',
    unchanged: false,
  });

  async connected(tenant: string): Promise<void> {
    this.log.push(`connected ${tenant}`);
  }
  renewed(tenant: string): void {
    this.log.push(`renewed ${tenant}`);
  }
  async receipt(tenant: string, receipt: Receipt): Promise<void> {
    await this.beforeStoring();
    this.receipts.push(receipt);
    this.log.push(`receipt ${tenant}`);
  }
  async health(tenant: string): Promise<void> {
    this.log.push(`health ${tenant}`);
  }
  progress(tenant: string): void {
    this.log.push(`progress ${tenant}`);
  }
  heartbeat(tenant: string): void {
    this.log.push(`heartbeat ${tenant}`);
  }
  async disconnected(tenant: string, _sessionId: string, why: string): Promise<void> {
    this.log.push(`disconnected ${tenant}: ${why}`);
  }
  runtimeRequest(tenant: string, version: string) {
    this.log.push(`runtime request ${tenant} ${version}`);
    return this.answerRuntime(tenant, version);
  }
}

/** A blob that the fake source has. */
export const blob = Buffer.from(Array.from({ length: 700_001 }, (_, index) => index % 251));

/** Its digest. */
export const blobDigest: Digest = digestOf(blob);

/** A plane that runs. */
export type TestPlane = Awaited<ReturnType<typeof startPlane>>;

/** Starts a plane. Tokens are `token-of-TENANT`; `expired` has expired. */
export async function startPlane(
  options: {
    readonly clock?: Clock;
    readonly limits?: AgentPlaneOptions['limits'];
    readonly port?: number;
    readonly witness?: AgentPlaneOptions['witness'];
    /** In place of the fake one. */
    readonly observer?: AgentObserver;
  } = {},
) {
  const desired = new FakeDesired();
  const observer = new FakeObserver();
  const registry = createRegistry('test');
  let ids = 0;
  const plane = new AgentPlane({
    host: '127.0.0.1',
    port: options.port ?? 0,
    desired,
    observer: options.observer ?? observer,
    verifier: { verify: async (token) => verify(token) },
    blobs: { open: async (_tenant, digest, offset) => openBlob(digest, offset) },
    witness: options.witness ?? { vouch: async () => false, grant: async () => false },
    registry,
    log: createLogger({ program: 'test', level: process.env['TEST_LOG'] ?? 'silent' }),
    clock: options.clock ?? systemClock,
    random: Math.random,
    newId: () => `session-${++ids}`,
    ...(options.limits && { limits: options.limits }),
  });
  await plane.start();
  const stop = () => plane.stop(new AbortController().signal);
  return { plane, desired, observer, registry, address: plane.address(), stop };
}

function verify(token: string) {
  const tenant = /^token-of-(.+)$/.exec(token)?.[1];
  if (tenant !== undefined) return { tenant, expiresAtMillis: Date.now() + 3_600_000 };
  const reason = token === 'expired' ? 'token_expired' : 'token_invalid';
  throw new OpenCraneError('unauthenticated', reason, `the token is not good: ${reason}`);
}

function openBlob(digest: Digest, offset: number) {
  if (digest !== blobDigest) throw new OpenCraneError('not_found', 'blob_not_found', `there is no blob ${digest}`);
  const chunks = (async function* () {
    for (let at = offset; at < blob.length; at += 300_000) yield blob.subarray(at, at + 300_000);
  })();
  return { totalBytes: blob.length, chunks };
}
