/**
 * A tenant lives in its bucket, on the real OpenClaw: its machine dies under steady writes, with its disk, and it is back
 * from bucket and key alone with all but the last seconds; after a drain nothing is missing.
 *
 * `OPENCRANE_KILLS` says how often it dies (10), `OPENCRANE_SEED` when; the seed is printed.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { Phase } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import { conversation, signedIn, takeTurn } from '../fixtures/conversation.ts';
import { type CoordinatorProcess, startCoordinator } from '../fixtures/coordinator-process.ts';
import { killEverything, loseDisk } from '../fixtures/lost-disk.ts';
import { ModelStandIn } from '../fixtures/model-stand-in/model-stand-in.ts';
import { gatewaysOf, processesOf } from '../fixtures/processes.ts';
import { removeHome, seededHome } from '../fixtures/seeded-home.ts';
import { awaitTenant, readyTenant, set, settled, tenantScope } from '../fixtures/tenants.ts';

/** What a machine's death may cost (DESIGN §5). */
const RPO_MILLIS = 5_000;
const kills = Number(process.env['OPENCRANE_KILLS'] ?? 10);
const seed = Number(process.env['OPENCRANE_SEED'] ?? Date.now() % 1e9);
const random = mulberry(seed);

// The holder of a lease that died is waited for; a short lease makes that short. What it costs is no part of this test.
const environment = { OPENCRANE_LEASE_TTL_MS: '3000' };
let coordinator: CoordinatorProcess;
let model: ModelStandIn;
let said = 0;

before(async () => {
  model = await ModelStandIn.listen();
  coordinator = await startCoordinator(await seededHome(), environment);
  await readyTenant(coordinator, 'jente');
  const revision = await set(coordinator.clients, tenantScope('jente'), model.configuration());
  await settled(coordinator.clients, 'jente', Kind.CONFIG, revision);
  const uploads = join(coordinator.home, 'tenants', 'jente', 'state', 'workspace', 'uploads');
  mkdirSync(uploads, { recursive: true });
  writeFileSync(join(uploads, 'photo.bin'), Buffer.alloc(3_000_000, 'photo'));
});

after(async () => {
  await coordinator.stop();
  await model.close();
  assert.deepEqual(processesOf(coordinator.home), []);
  removeHome(coordinator.home);
});

/** The machine is replaced: a new one with the coordinator's database, the bucket and the key. */
async function anotherMachine(): Promise<void> {
  loseDisk(coordinator.home, 'jente');
  coordinator = await startCoordinator(coordinator.home, environment);
  await awaitTenant(coordinator.clients, 'jente', 'back', ({ status }) => status?.phase === Phase.READY);
}

/** Numbers that are in the conversation. */
async function numbersThere(): Promise<Set<number>> {
  const text = await signedIn(coordinator.clients, 'jente', conversation);
  return new Set([...text.matchAll(/number (\d+)\./g)].map((match) => Number(match[1])));
}

test('what was said before a drain is all there on an empty disk, and so are uploads', async () => {
  await signedIn(coordinator.clients, 'jente', async (gateway) => {
    for (let turn = 0; turn < 3; turn += 1) await takeTurn(gateway, `number ${++said}.`);
  });
  assert.equal(await coordinator.stop(), 0);
  await anotherMachine();
  assert.deepEqual(await numbersThere(), new Set([1, 2, 3]));
  const photo = join(coordinator.home, 'tenants', 'jente', 'state', 'workspace', 'uploads', 'photo.bin');
  assert.ok(existsSync(photo));
  assert.deepEqual(readFileSync(photo), Buffer.alloc(3_000_000, 'photo'));
});

test(`the machine dies ${kills} times under steady writes: at most 5 s of them are lost`, async (t) => {
  t.diagnostic(`seed ${seed}`);
  let worst = 0;
  for (let kill = 0; kill < kills; kill += 1) {
    const writing = new AbortController();
    const answered = new Map<number, number>();
    const warm = Promise.withResolvers<void>(); // the first turn after a boot takes seconds
    const writer = signedIn(coordinator.clients, 'jente', async (gateway) => {
      for (; !writing.signal.aborted; warm.resolve()) {
        const number = ++said;
        await takeTurn(gateway, `number ${number}.`);
        answered.set(number, performance.now());
      }
    }).catch(() => {}); // the gateway dies under it
    await Promise.race([warm.promise, writer]);
    await wait(3_000 + random() * 5_000);
    const diedAt = performance.now();
    await killEverything(coordinator.home);
    writing.abort();
    await writer;
    await anotherMachine();
    const there = await numbersThere();
    for (const [number, at] of answered) {
      if (there.has(number)) continue;
      worst = Math.max(worst, diedAt - at);
      assert.ok(
        diedAt - at <= RPO_MILLIS,
        `number ${number} was answered ${Math.round(diedAt - at)} ms before and is lost`,
      );
    }
    assert.ok(answered.size > 3, `${answered.size} turns before death ${kill}: nothing would be proven`);
    assert.equal(gatewaysOf(coordinator.home).length, 1);
  }
  t.diagnostic(`the oldest turn that was lost had been answered ${Math.round(worst)} ms before`);
});

/** A small generator of random numbers in [0, 1) from a seed (mulberry32). */
function mulberry(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
