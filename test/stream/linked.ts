/** The agent's link and the agent plane, together over real connections. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CoordinatorLink, type CoordinatorLinkOptions } from '@opencrane/agent/stream/coordinator-link.ts';
import { ReceiptLog } from '@opencrane/agent/stream/receipt-log.ts';
import { systemClock } from '@opencrane/kit/clock.ts';
import { createLogger } from '@opencrane/kit/logging.ts';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import type { Offer } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { configOffer, startPlane, type TestPlane } from './fakes.ts';

const quick = { everyMillis: 5 };

/** A link, and what it leaves behind. */
export type TestLink = {
  readonly link: CoordinatorLink;
  readonly offers: Offer[];
  readonly receiptLog: ReceiptLog;
  readonly folder: string;
};

/** A plane, and a way to make links to it. */
export type LinkWorld = {
  readonly world: TestPlane;
  /** Starts a link to an address, the plane's if none is given. */
  readonly startLink: (options?: Partial<CoordinatorLinkOptions>) => TestLink;
};

/** Runs with a plane and links of its own; afterwards no timer or connection is left. */
export async function withLink(work: (it: LinkWorld) => Promise<void>, options: Parameters<typeof startPlane>[0] = {}) {
  const before = handles().length;
  const world = await startPlane(options);
  world.desired.set('jente', configOffer(1n, '{}'));
  const links: TestLink[] = [];
  try {
    await work({
      world,
      startLink: (more) => {
        const link = makeLink(world.address, more);
        links.push(link);
        link.link.start();
        return link;
      },
    });
  } finally {
    for (const { link, receiptLog, folder } of links) {
      await link.stop();
      receiptLog.close();
      rmSync(folder, { recursive: true });
    }
    await world.stop();
  }
  await awaitFact('no socket or timer is left', () => handles().length <= before, quick);
}

function handles(): string[] {
  return process.getActiveResourcesInfo().filter((kind) => /TCP|Timeout/.test(kind));
}

/** A link that is not started yet. */
export function makeLink(address: string, more: Partial<CoordinatorLinkOptions> = {}): TestLink {
  const folder = mkdtempSync(join(tmpdir(), 'link-'));
  writeFileSync(join(folder, 'token'), 'token-of-jente\n');
  const receiptLog = ReceiptLog.open(join(folder, 'receipts'));
  const offers: Offer[] = [];
  let ids = 0;
  const link = new CoordinatorLink({
    address,
    tokenFile: join(folder, 'token'),
    hello: () => ({ tenant: 'jente', instanceId: 'instance-1', protocolVersion: 1, capabilities: [Kind.CONFIG] }),
    receiptLog,
    onOffer: (offer) => offers.push(offer),
    onCommand: async () => {},
    clock: systemClock,
    random: Math.random,
    newId: () => `id-${++ids}`,
    log: createLogger({ program: 'test', level: process.env['TEST_LOG'] ?? 'silent' }),
    ...more,
  });
  return { link, offers, receiptLog, folder };
}

/** Waits until the coordinator has accepted the link. */
export function connected({ link }: TestLink): Promise<boolean> {
  return awaitFact('the link is connected', () => link.connected, quick);
}
