/**
 * The agent's part of a run: an agent's process as far as its vault goes, which does what it is told (agent-process.ts). It
 * has loaded what an agent loads, so that its memory is an agent's.
 */
import { nothingSeen, StateArbiter } from '@opencrane/agent/arbiter/state-arbiter.ts';
import '@opencrane/agent/launcher/client.ts';
import '@opencrane/agent/residence/compose.ts';
import '@opencrane/agent/stream/coordinator-link.ts';
import { randomBytes } from 'node:crypto';
import { openBucket } from '@opencrane/agent/bucket/open-bucket.ts';
import { checkedHead } from '@opencrane/agent/vault/format/head.ts';
import { parseTenantKey } from '@opencrane/agent/vault/keys/tenant-key.ts';
import { restore } from '@opencrane/agent/vault/restore/restore.ts';
import { SnapshotLoop } from '@opencrane/agent/vault/schedule/snapshot-loop.ts';
import { Snapshotter } from '@opencrane/agent/vault/snapshot/snapshotter.ts';
import { SqliteCapture } from '@opencrane/agent/vault/sqlite/sqlite-capture.ts';
import { createVault, type Vault } from '@opencrane/agent/vault/vault.ts';
import { verify } from '@opencrane/agent/vault/verify/verify.ts';
import { parseBucketAddress } from '@opencrane/kit/bucket-address.ts';
import { systemClock as clock } from '@opencrane/kit/clock.ts';
import { createLogger } from '@opencrane/kit/logging.ts';
import { type AgentAnswer, type AgentOrder, type AgentSetting, TENANT_KEY } from './orders.ts';

const never = new AbortController().signal;
const log = createLogger({ program: 'bench', level: 'warn' });
// The parent made it.
const { bucket: address, root, besides } = JSON.parse(process.argv[2] ?? '') as AgentSetting;
const bucket = openBucket(parseBucketAddress(address, 'bucket'), {
  clock,
  random: Math.random,
  newId: () => randomBytes(8).toString('hex'),
});

let opened: ReturnType<typeof open> | undefined;
let loop: SnapshotLoop | undefined;

process.on('disconnect', () => process.exit());
process.on('message', (order) => {
  carryOut(order as AgentOrder).then(answer, (cause: unknown) => answer({ failure: String(cause) })); // of our parent
});

function answer(answer: AgentAnswer): void {
  process.send?.(answer);
}

async function carryOut(order: AgentOrder): Promise<AgentAnswer> {
  switch (order.do) {
    case 'snapshot': {
      opened ??= open();
      const { snapshotter } = await opened;
      const taken = await snapshotter.snapshot({ reason: 'change', openclawVersion: null }, never);
      if (taken && taken.unread.length > 0) return { failure: JSON.stringify(taken.unread) };
      return taken ? { changedBytes: taken.changedBytes } : {};
    }
    case 'restore': {
      const vault = await openVault();
      const snapshot = (await checkedHead(vault, never))?.newest;
      if (!snapshot) return { failure: 'there is no snapshot' };
      const ports = { clock, onStep: () => {}, onProgress: () => {} };
      await restore(vault, { snapshot, target: order.target }, ports, never);
      return {};
    }
    case 'verify': {
      const { damaged } = await verify(await openVault(), undefined, () => {}, never);
      return damaged.length > 0 ? { failure: JSON.stringify(damaged) } : {};
    }
    case 'follow': {
      opened ??= open();
      const { snapshotter } = await opened;
      loop = new SnapshotLoop({
        take: (request, signal) => snapshotter.snapshot(request, signal),
        unread: () => snapshotter.unread,
        slow: () => snapshotter.slow,
        isBehind: () => snapshotter.isBehind,
        root,
        openclawVersion: () => null,
        arbiter: new StateArbiter({ seen: nothingSeen, clock }),
        onStanding() {},
        clock,
        random: Math.random,
        log,
      });
      loop.start();
      return {};
    }
    case 'end':
      await loop?.stop();
      await (await opened)?.capture.close();
      return {};
  }
}

function openVault(): Promise<Vault> {
  return createVault(bucket, parseTenantKey(TENANT_KEY, 'bench'), randomBytes);
}

async function open() {
  const vault = await openVault();
  const capture = await SqliteCapture.open({ clock, log, copies: `${besides}/copies` });
  const ports = { vault, root, seenLog: `${besides}/seen.jsonl`, capture, clock, onStep: () => {}, log };
  return { vault, capture, snapshotter: await Snapshotter.open(ports, 1, never) };
}
