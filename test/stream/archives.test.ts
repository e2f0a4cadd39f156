/** Archives from the agent's link to whoever asked the agent plane for them, over real connections. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import type { CoordinatorLink } from '@opencrane/agent/stream/coordinator-link.ts';
import { messageOf, OpenCraneError } from '@opencrane/kit/errors.ts';
import { grpcMethod } from '@opencrane/kit/grpc/service-definition.ts';
import { fromGrpcError } from '@opencrane/kit/grpc/status.ts';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import { AgentService, type Command, SendArchiveRequestSchema } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { type VaultResult, VaultResultSchema } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import { configOffer, type TestPlane } from './fakes.ts';
import { connected, type LinkWorld, type TestLink, withLink } from './linked.ts';
import { RawAgent } from './raw-agent.ts';

const quick = { everyMillis: 5 };
const files = { snapshot: { choice: { case: 'newest', value: true } }, path: 'agents/main' } as const;
const never = new AbortController().signal;

/** Starts a link that answers every order of an archive with these pieces, and keeps what sending them came to. */
async function sendingLink({ startLink }: LinkWorld, pieces: () => AsyncIterable<Uint8Array>) {
  const outcomes: string[] = [];
  const link: TestLink = startLink({ onCommand: (command) => answer(link.link, command, pieces(), outcomes) });
  await connected(link);
  return { link, outcomes };
}

async function answer(
  link: CoordinatorLink,
  { commandId, command }: Command,
  pieces: AsyncIterable<Uint8Array>,
  outcomes: string[],
): Promise<VaultResult> {
  assert.equal(command.case === 'vault' && command.value.command.case, 'export');
  let bytes = 0;
  const counted = (async function* () {
    for await (const piece of pieces) {
      bytes += piece.byteLength;
      yield piece;
    }
  })();
  try {
    await link.sendArchive(commandId, counted);
    outcomes.push('taken');
  } catch (cause) {
    outcomes.push(cause instanceof OpenCraneError ? cause.reason : messageOf(cause));
    throw cause;
  }
  return create(VaultResultSchema, { result: { case: 'exported', value: { files: 3n, bytes: BigInt(bytes) } } });
}

/** Takes an archive to its end. */
async function takeAll({ plane }: TestPlane, signal = never) {
  const archive = plane.exportFiles('jente', files, signal);
  const pieces: Uint8Array[] = [];
  for (;;) {
    const { value, done } = await archive.next();
    if (done) return { pieces, bytes: Buffer.concat(pieces), result: value };
    pieces.push(value);
  }
}

function bytesOf(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 31) % 251);
}

async function* of(...pieces: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

/** Pieces without end, which tell when they are no longer wanted. */
function endless(size = 64 * 1024) {
  const state = { produced: 0, ended: false };
  async function* pieces(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        state.produced += size;
        yield new Uint8Array(size);
      }
    } finally {
      state.ended = true;
    }
  }
  return { state, pieces };
}

const shapes: readonly { readonly reason: string; readonly sizes: readonly number[] }[] = [
  { reason: 'an archive of no bytes at all', sizes: [] },
  { reason: 'one byte', sizes: [1] },
  { reason: 'empty pieces between others', sizes: [0, 5, 0, 7, 0] },
  { reason: 'a piece of exactly the most that a message holds', sizes: [256 * 1024] },
  { reason: 'pieces larger than a message', sizes: [256 * 1024 + 1, 700_001, 3] },
  { reason: 'many small pieces', sizes: Array.from({ length: 300 }, (_, index) => index) },
];

for (const { reason, sizes } of shapes) {
  test(`${reason} arrives as it was sent, in pieces of at most 256 KiB, and then what it was`, () =>
    withLink(async (it) => {
      const pieces = sizes.map(bytesOf);
      const { outcomes } = await sendingLink(it, () => of(...pieces));
      const taken = await takeAll(it.world);
      assert.ok(taken.bytes.equals(Buffer.concat(pieces)));
      assert.ok(taken.pieces.every(({ byteLength }) => byteLength > 0 && byteLength <= 256 * 1024));
      assert.deepEqual(taken.result.result.value, {
        $typeName: 'opencrane.v1.FilesExported',
        files: 3n,
        bytes: BigInt(taken.bytes.length),
      });
      assert.deepEqual(outcomes, ['taken']);
    }));
}

test('several archives of one tenant at a time do not mix', () =>
  withLink(async (it) => {
    let which = 0;
    await sendingLink(it, () => {
      which += 1;
      return of(new Uint8Array(400_000).fill(which), new Uint8Array(400_000).fill(which));
    });
    const taken = await Promise.all([takeAll(it.world), takeAll(it.world), takeAll(it.world)]);
    const marks = taken.map(({ bytes }) => {
      assert.equal(bytes.length, 800_000);
      return [...new Set(bytes)];
    });
    assert.deepEqual(
      marks.toSorted((one, other) => Number(one) - Number(other)),
      [[1], [2], [3]],
    );
  }));

test('a reader that stands still makes the agent stand still', () =>
  withLink(async (it) => {
    const { state, pieces } = endless();
    await sendingLink(it, pieces);
    const archive = it.world.plane.exportFiles('jente', files, never);
    await archive.next();
    await awaitFact('the agent produces no more', async () => {
      const before = state.produced;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return state.produced === before;
    });
    const ahead = state.produced;
    assert.ok(ahead < 24 * 1024 * 1024, `${ahead} bytes were produced for one piece that was taken`);
    for (let taken = 0; taken < 64; taken += 1) await archive.next();
    await awaitFact('the agent goes on', () => state.produced > ahead, quick);
    await archive.return?.(create(VaultResultSchema));
  }));

const departures: readonly {
  readonly reason: string;
  readonly leave: (archive: AsyncGenerator<Uint8Array, VaultResult>, gone: AbortController) => Promise<unknown>;
}[] = [
  { reason: 'stops reading', leave: (archive) => archive.return(create(VaultResultSchema)) },
  {
    reason: 'goes away while it waits for a piece',
    leave: async (archive, gone) => {
      const next = archive.next().then(() => archive.next());
      gone.abort(new Error('the caller has gone'));
      await assert.rejects(next, /the caller has gone/);
    },
  },
  {
    reason: 'goes away while it stands still, and never asks again',
    leave: async (_archive, gone) => gone.abort(new Error('the caller has gone')),
  },
];

for (const { reason, leave } of departures) {
  test(`a caller that ${reason} ends the agent's call`, () =>
    withLink(async (it) => {
      const { state, pieces } = endless();
      const { outcomes } = await sendingLink(it, pieces);
      const gone = new AbortController();
      const archive = it.world.plane.exportFiles('jente', files, gone.signal);
      await archive.next();
      await leave(archive, gone);
      await awaitFact('the agent is told', () => outcomes.length === 1, quick);
      assert.deepEqual([outcomes, state.ended], [['archive_not_wanted'], true]);
    }));
}

test('an agent that waits for its own next piece is told as well that nobody waits', () =>
  withLink(async (it) => {
    const next = Promise.withResolvers<void>();
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield bytesOf(10);
      await next.promise;
      yield bytesOf(10);
      yield bytesOf(10);
    }
    const { outcomes } = await sendingLink(it, slow);
    const archive = it.world.plane.exportFiles('jente', files, never);
    await archive.next();
    await archive.return(create(VaultResultSchema));
    next.resolve();
    await awaitFact('the agent is told', () => outcomes.length === 1, quick);
    assert.deepEqual(outcomes, ['archive_not_wanted']);
  }));

test('what goes wrong at the agent in the middle reaches the caller in the agent’s words', () =>
  withLink(async (it) => {
    async function* damaged(): AsyncGenerator<Uint8Array> {
      yield bytesOf(300_000);
      throw new OpenCraneError('data_loss', 'object_damaged', 'vault/packs/1 is damaged', { mend: 'bring it back' });
    }
    await sendingLink(it, damaged);
    await assert.rejects(takeAll(it.world), {
      code: 'data_loss',
      reason: 'object_damaged',
      message: 'the agent of jente says: vault/packs/1 is damaged',
      mend: 'bring it back',
    });
  }));

test('an agent that stops in the middle makes the caller’s call unavailable', () =>
  withLink(async (it) => {
    const { state, pieces } = endless();
    const { link, outcomes } = await sendingLink(it, pieces);
    const archive = it.world.plane.exportFiles('jente', files, never);
    await archive.next();
    const rest = assert.rejects(
      (async () => {
        while (!(await archive.next()).done);
      })(),
      { code: 'unavailable', reason: 'agent_not_connected' },
    );
    await link.link.stop();
    await rest;
    await awaitFact('its pieces are ended', () => state.ended, quick);
    assert.deepEqual(outcomes, ['cancelled']);
  }));

test('an agent that says it is done and has sent nothing is not believed', () =>
  withLink(async ({ world, startLink }) => {
    const exported = create(VaultResultSchema, { result: { case: 'exported', value: { bytes: 10n } } });
    await connected(startLink({ onCommand: async () => exported }));
    await assert.rejects(takeAll(world), { code: 'data_loss', reason: 'archive_not_sent' });
  }));

test('an agent that does not know how to export says so', () =>
  withLink(async ({ world, startLink }) => {
    const onCommand = () => {
      throw new OpenCraneError('unimplemented', 'command_unknown', 'this agent does not know the command');
    };
    await connected(startLink({ onCommand }));
    await assert.rejects(takeAll(world), { code: 'unimplemented', reason: 'command_unknown' });
  }));

test('without an agent there is nothing to wait for', () =>
  withLink(async ({ world }) => {
    await assert.rejects(takeAll(world), { code: 'unavailable', reason: 'agent_not_connected' });
    await assert.rejects(takeAll(world, AbortSignal.abort(new Error('gone'))), { reason: 'agent_not_connected' });
  }));

test('a coordinator that stops ends the archives that are coming', () =>
  withLink(async (it) => {
    const { state, pieces } = endless();
    await sendingLink(it, pieces);
    const archive = it.world.plane.exportFiles('jente', files, never);
    await archive.next();
    await it.world.plane.stop(AbortSignal.abort());
    await assert.rejects(
      (async () => {
        while (!(await archive.next()).done);
      })(),
      { code: 'unavailable' },
    );
    await awaitFact('its pieces are ended', () => state.ended, quick);
  }));

type Piece = MessageInitShape<typeof SendArchiveRequestSchema>;

const refusals: readonly {
  readonly reason: string;
  readonly token?: string;
  /** What is sent; `id` is the command that waits for an archive of jente's. */
  readonly pieces: (id: string) => readonly Piece[];
  readonly ends: string;
}[] = [
  { reason: 'without a token', token: '', pieces: (commandId) => [{ commandId }], ends: 'token_missing' },
  { reason: 'an expired token', token: 'expired', pieces: (commandId) => [{ commandId }], ends: 'token_expired' },
  {
    reason: "another tenant's token",
    token: 'token-of-mallory',
    pieces: (commandId) => [{ commandId, data: bytesOf(3) }],
    ends: 'tenant_mismatch',
  },
  { reason: 'a command that nobody gave', pieces: () => [{ commandId: 'none' }], ends: 'archive_not_awaited' },
  { reason: 'no command', pieces: () => [{ data: bytesOf(3) }], ends: 'message_invalid' },
  { reason: 'no message', pieces: () => [], ends: 'archive_unnamed' },
  {
    reason: 'a piece that is too large',
    pieces: (commandId) => [{ commandId, data: bytesOf(256 * 1024 + 1) }],
    ends: 'message_invalid',
  },
];

for (const { reason, token = 'token-of-jente', pieces, ends } of refusals) {
  test(`${reason}: refused, and the archive that is awaited can still come`, () =>
    withLink(async ({ world }) => {
      const agent = await rawAgent(world);
      const taking = takeAll(world);
      const { value } = await agent.hear('command');
      assert.equal(await send(world, token, pieces(value.commandId)), ends);
      assert.equal(await send(world, 'token-of-jente', [{ commandId: value.commandId, data: bytesOf(3) }]), 'ok');
      const vault = { result: { case: 'exported', value: {} } } as const;
      agent.say({ case: 'commandResult', value: { commandId: value.commandId, vault } });
      assert.deepEqual([...(await taking).bytes], [...bytesOf(3)]);
      agent.close();
    }));
}

test('an archive comes in one call, and of one command', () =>
  withLink(async ({ world }) => {
    const agent = await rawAgent(world);
    const archives = [0, 1].map(() => world.plane.exportFiles('jente', files, never));
    const [first, second] = archives.map((archive) => archive.next());
    const ids = [(await agent.hear('command', 1)).value.commandId, (await agent.hear('command', 2)).value.commandId];
    const [one = '', other = ''] = ids;
    const open = rawCall(world, 'token-of-jente');
    open.call.write(create(SendArchiveRequestSchema, { commandId: one, data: bytesOf(3) }));
    assert.equal((await first)?.value instanceof Uint8Array, true);
    assert.equal(await send(world, 'token-of-jente', [{ commandId: one, data: bytesOf(3) }]), 'archive_sent_twice');
    open.call.write(create(SendArchiveRequestSchema, { commandId: other, data: bytesOf(3) }));
    const cut = assert.rejects(archives[0]?.next() ?? Promise.resolve(), { reason: 'archive_cut_off' });
    assert.equal(await open.ended, 'archive_mixed');
    open.client.close();
    agent.say({ case: 'commandResult', value: { commandId: one } });
    await cut;
    agent.close();
    await assert.rejects(second ?? Promise.resolve(), { code: 'unavailable' });
  }));

async function rawAgent({ address, desired }: TestPlane): Promise<RawAgent> {
  desired.set('jente', configOffer(1n, '{}'));
  const agent = new RawAgent(address);
  agent.hello();
  await agent.hear('welcome');
  return agent;
}

/** Sends pieces in a call of its own; resolves with the reason of its error, or `ok`. */
async function send(world: TestPlane, token: string, pieces: readonly Piece[]): Promise<string> {
  const { client, call, ended } = rawCall(world, token);
  for (const piece of pieces) call.write(create(SendArchiveRequestSchema, piece));
  call.end();
  const how = await ended;
  client.close();
  return how;
}

function rawCall({ address }: TestPlane, token: string) {
  const metadata = new Metadata();
  if (token !== '') metadata.set('authorization', `Bearer ${token}`);
  const client = new Client(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  const { path, requestSerialize, responseDeserialize } = grpcMethod(AgentService.method.sendArchive);
  const { promise: ended, resolve } = Promise.withResolvers<string>();
  const call = client.makeClientStreamRequest(path, requestSerialize, responseDeserialize, metadata, (cause) =>
    resolve(cause === null ? 'ok' : fromGrpcError(cause).reason),
  );
  call.on('error', () => {});
  return { client, call, ended };
}
