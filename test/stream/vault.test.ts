/** The vault from a caller of the admin port to the agent's link and back, over real connections. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { create } from '@bufbuild/protobuf';
import { Code, createClient, type Interceptor, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { served } from '@opencrane/coordinator/admin/admin-server.ts';
import { startAdminServer } from '@opencrane/coordinator/admin/testing.ts';
import { Store } from '@opencrane/coordinator/store/store.ts';
import { silent } from '@opencrane/coordinator/store/testing.ts';
import { assemble } from '@opencrane/coordinator/tenants/testing.ts';
import { vaultService } from '@opencrane/coordinator/vault/vault-service.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { fromConnectError } from '@opencrane/kit/grpc/status.ts';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import type { Command } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { type VaultResult, VaultResultSchema, VaultService } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import { connected, type TestLink, withLink } from './linked.ts';

const quick = { everyMillis: 5 };
const MEGABYTE = 1024 * 1024;
const newest = { choice: { case: 'newest', value: true } } as const;

const withToken: Interceptor = (next) => (request) => {
  request.header.set('authorization', 'Bearer good');
  return next(request);
};

/** The CLI speaks the first: it gets the long archive. */
const transports: readonly {
  readonly name: string;
  readonly megabytes: number;
  readonly make: (baseUrl: string) => Transport;
}[] = [
  {
    name: 'Connect over HTTP/1.1',
    megabytes: 200,
    make: (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '1.1', interceptors: [withToken] }),
  },
  {
    name: 'Connect over HTTP/2',
    megabytes: 32,
    make: (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '2', interceptors: [withToken] }),
  },
  { name: 'gRPC', megabytes: 32, make: (baseUrl) => createGrpcTransport({ baseUrl, interceptors: [withToken] }) },
];

type OnCommand = (command: Command, link: TestLink) => Promise<VaultResult>;

/** A caller, the coordinator's two ports, and an agent that does what a test says. */
async function withVault(
  t: TestContext,
  make: (baseUrl: string) => Transport,
  onCommand: OnCommand,
  work: (client: ReturnType<typeof clientOf>, link: TestLink) => Promise<void>,
) {
  const store = await Store.open(':memory:', silent);
  t.after(() => store.close());
  const inside = await assemble(store);
  await inside.addTenant('jente');
  await withLink(async ({ world, startLink }) => {
    const service = vaultService({ ...inside, agents: world.plane, log: silent });
    const { url, server } = await startAdminServer(t, [served(VaultService, service, { compressed: false })]);
    const link: TestLink = startLink({ onCommand: (command) => onCommand(command, link) });
    await connected(link);
    try {
      await work(clientOf(make(url)), link);
    } finally {
      await server.stop?.(AbortSignal.abort());
    }
  });
}

function clientOf(transport: Transport) {
  return createClient(VaultService, transport);
}

/** A state to export: bytes that compress badly, made as they are asked for. */
function archiveOf(total: number, size = 64 * 1024) {
  const state = { produced: 0, ended: false, hash: createHash('sha256') };
  const noise = Buffer.alloc(size);
  let seed = 1;
  for (let at = 0; at < size; at += 4) {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    noise.writeUInt32LE(seed, at);
  }
  async function* pieces(): AsyncGenerator<Uint8Array> {
    try {
      while (state.produced < total) {
        const piece = Buffer.from(noise);
        piece.writeUInt32LE(state.produced / size);
        state.hash.update(piece);
        state.produced += size;
        yield piece;
      }
    } finally {
      state.ended = true;
    }
  }
  return { state, pieces };
}

function exported(bytes: number): VaultResult {
  return create(VaultResultSchema, { result: { case: 'exported', value: { bytes: BigInt(bytes), files: 1n } } });
}

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** What this process, which is all three of caller, coordinator and agent, holds on to. */
async function held(): Promise<number> {
  collectGarbage();
  await new Promise(setImmediate); // buffers are given back a moment later
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function standsStill(state: { readonly produced: number }): Promise<boolean> {
  return awaitFact('the agent produces no more', async () => {
    const before = state.produced;
    await new Promise((resolve) => setTimeout(resolve, 50));
    return state.produced === before;
  });
}

for (const { name, megabytes, make } of transports) {
  test(`${name}: ${megabytes} MB reach a slow reader whole, and nobody on the way holds much of it`, async (t) => {
    const total = megabytes * MEGABYTE;
    const { state, pieces } = archiveOf(total);
    const send: OnCommand = async ({ commandId }, { link }) => {
      await link.sendArchive(commandId, pieces());
      return exported(state.produced);
    };
    await withVault(t, make, send, async (client) => {
      const hash = createHash('sha256');
      const idle = await held();
      let [taken, mostAhead, mostHeld, pauseAt, last] = [0, 0, 0, MEGABYTE, 0n];
      for await (const { part } of client.exportSnapshot({ tenant: 'jente', export: { snapshot: newest } })) {
        if (part.case === 'exported') last = part.value.bytes;
        if (part.case !== 'data') continue;
        hash.update(part.value);
        taken += part.value.byteLength;
        if (taken < pauseAt) continue;
        pauseAt += total / 8;
        await standsStill(state);
        mostAhead = Math.max(mostAhead, state.produced - taken);
        mostHeld = Math.max(mostHeld, (await held()) - idle);
      }
      assert.deepEqual([taken, last, state.ended], [total, BigInt(total), true]);
      assert.equal(hash.digest('hex'), state.hash.digest('hex'));
      assert.ok(mostAhead < 32 * MEGABYTE, `${mostAhead} bytes were on their way`);
      assert.ok(mostHeld < 16 * MEGABYTE, `${mostHeld} bytes were held in memory`);
      const inMegabytes = [mostAhead, mostHeld].map((bytes) => (bytes / MEGABYTE).toFixed(1));
      t.diagnostic(`at most ${inMegabytes[0]} MB on their way, ${inMegabytes[1]} MB held in memory`);
    });
  });

  test(`${name}: a caller that goes away, reading or standing still, ends the agent's call`, async (t) => {
    const ended: string[] = [];
    const states: { readonly ended: boolean; readonly produced: number }[] = [];
    const send: OnCommand = async ({ commandId }, { link }) => {
      const { state, pieces } = archiveOf(Number.MAX_SAFE_INTEGER);
      states.push(state);
      await link.sendArchive(commandId, pieces()).catch((cause) => {
        ended.push(cause instanceof OpenCraneError ? cause.reason : String(cause));
        throw cause;
      });
      return exported(0);
    };
    await withVault(t, make, send, async (client) => {
      for (const still of [false, true]) {
        const gone = new AbortController();
        const request = { tenant: 'jente', export: { snapshot: newest } };
        const reader = client.exportSnapshot(request, { signal: gone.signal })[Symbol.asyncIterator]();
        while ((await reader.next()).value?.part.case !== 'data');
        const state = await awaitFact('the agent sends', () => states.at(-1), quick);
        if (still) await standsStill(state);
        gone.abort();
        await assert.rejects(
          (async () => {
            while (!(await reader.next()).done);
          })(),
          { code: Code.Canceled },
        );
        await awaitFact('the agent is told', () => ended.length === states.length && state.ended, quick);
      }
      assert.deepEqual(ended, ['archive_not_wanted', 'archive_not_wanted']);
    });
  });

  test(`${name}: an agent that goes away in the middle is an error with the way to go on without it`, async (t) => {
    const { state, pieces } = archiveOf(Number.MAX_SAFE_INTEGER);
    const send: OnCommand = async ({ commandId }, { link }) => {
      await link.sendArchive(commandId, pieces());
      return exported(0);
    };
    await withVault(t, make, send, async (client, { link }) => {
      const failed = assert.rejects(
        (async () => {
          for await (const { part } of client.exportSnapshot({ tenant: 'jente', export: { snapshot: newest } })) {
            if (part.case === 'data' && state.produced > MEGABYTE) void link.stop();
          }
        })(),
        (thrown: unknown) => {
          const { code, reason, mend } = fromConnectError(thrown);
          assert.deepEqual([code, reason], ['unavailable', 'agent_not_connected']);
          assert.match(mend, /vault export --bucket ADDRESS --key-file FILE/);
          return true;
        },
      );
      await failed;
      await awaitFact('its pieces are ended', () => state.ended, quick);
    });
  });
}

test('an order, its result and its error go through all of it', async (t) => {
  const send: OnCommand = async ({ command }) => {
    assert.equal(command.case, 'vault');
    const order = command.value.command;
    if (order.case !== 'verify') {
      throw new OpenCraneError('permission_denied', 'wrong_key', 'the key opens another vault', {
        field: 'vault/keys/',
        mend: 'use its own',
      });
    }
    const damaged = [{ name: 'vault/packs/7', reason: 'object_short', sequences: [3n, 4n] }];
    return create(VaultResultSchema, { result: { case: 'verified', value: { snapshots: 4n, damaged } } });
  };
  await withVault(t, createHttp2, send, async (client) => {
    const { verified } = await client.verifyVault({ tenant: 'jente', verify: { snapshot: newest } });
    assert.deepEqual([verified?.snapshots, verified?.damaged[0]?.sequences], [4n, [3n, 4n]]);
    const refused = fromConnectError(await client.takeSnapshot({ tenant: 'jente' }).catch((cause) => cause));
    const { code, reason, message, field, mend } = refused;
    assert.deepEqual(
      [code, reason, message, field, mend],
      [
        'permission_denied',
        'wrong_key',
        'the agent of jente says: the key opens another vault',
        'vault/keys/',
        'use its own',
      ],
    );
  });
});

function createHttp2(baseUrl: string): Transport {
  return createConnectTransport({ baseUrl, httpVersion: '2', interceptors: [withToken] });
}
