/** The real agent plane with real sessions; only what lies behind its ports (database, tokens) answers at once. */
import { randomUUID } from 'node:crypto';
import { AgentPlane } from '@opencrane/coordinator/agents/agent-plane.ts';
import type { DesiredState } from '@opencrane/coordinator/agents/ports.ts';
import { systemClock } from '@opencrane/kit/clock.ts';
import { Encoded } from '@opencrane/kit/grpc/encoded.ts';
import { createLogger } from '@opencrane/kit/logging.ts';
import { createRegistry } from '@opencrane/kit/metrics.ts';
import { ConnectResponseSchema } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import type { BenchServer } from './bench-server.ts';
import { offerOf, pushed } from './wire.ts';

type Offers = Awaited<ReturnType<DesiredState['offersFor']>>;

/** Starts it. */
export async function startSessions(): Promise<BenchServer> {
  let offers: Offers = [];
  let changed: (tenants: 'all') => void = () => {};
  let receipts = 0;
  const plane = new AgentPlane({
    host: '127.0.0.1',
    port: 0,
    desired: {
      offersFor: async () => offers,
      onChange: (listener) => {
        changed = listener;
        return () => {};
      },
    },
    witness: { vouch: async () => true, grant: async () => false },
    observer: {
      connected: async () => {},
      renewed: () => {},
      receipt: async () => {
        receipts += 1;
      },
      health: async () => {},
      progress: () => {},
      heartbeat: () => {},
      disconnected: async () => {},
      runtimeRequest: async (_tenant, version) => ({ accepted: false, version, message: '', unchanged: true }),
    },
    verifier: {
      verify: async (token) => ({ tenant: token.slice('token-of-'.length), expiresAtMillis: Date.now() + 3_600_000 }),
    },
    blobs: { open: () => Promise.reject(new Error('no blobs here')) },
    registry: createRegistry('bench'),
    log: createLogger({ program: 'bench', level: 'warn' }),
    clock: systemClock,
    random: Math.random,
    newId: randomUUID,
    // What a session costs is measured, not how long a coordinator makes a storm wait.
    limits: { admission: { perSecond: 1e6, burst: 1e6 } },
  });
  await plane.start();
  return {
    port: Number(plane.address().split(':').at(-1)),
    push(push) {
      const { document: _, ...offer } = pushed(push);
      offers = [{ ...offer, message: Encoded.from(ConnectResponseSchema, offerOf(push)) }];
      changed('all');
    },
    receipts: () => receipts,
  };
}
