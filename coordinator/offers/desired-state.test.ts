import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { digestOf, digestOfJson } from '@opencrane/kit/digest.ts';
import { ConnectResponseSchema } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import type { NewRevision } from '../revisions/revision-store.ts';
import type { Scope } from '../revisions/scope.ts';
import { Store } from '../store/store.ts';
import { silent } from '../store/testing.ts';
import { assemble } from '../tenants/testing.ts';
import type { PreparedOffer } from './offer.ts';
import type { RuntimeOfTenant } from './ports.ts';

const organisation: Scope = { kind: 'organisation' };
const crew: Scope = { kind: 'team', name: 'crew' };
const jente: Scope = { kind: 'tenant', name: 'jente' };

async function start(t: TestContext) {
  const store = await Store.open(':memory:', silent);
  t.after(() => store.close());
  const inside = await assemble(store);
  for (const [name, team] of [
    ['jente', 'crew'],
    ['noor', 'crew'],
    ['sam', ''],
  ] as const)
    await inside.addTenant(name, team);
  const changes: ('all' | readonly string[])[] = [];
  inside.desired.onChange((tenants) => changes.push(tenants));
  const write = (scope: Scope, payload: NewRevision['payload'], kind: NewRevision['kind'] = 'config') =>
    store.transaction((change) =>
      inside.revisions.append(change, { scope, kind, payload, actor: 'admin', reason: '' }),
    );
  const config = async (tenant: string) =>
    (await inside.desired.offersFor(tenant)).find(({ kind }) => kind === Kind.CONFIG);
  return { ...inside, changes, write, config };
}

function documentOf(offer: PreparedOffer | undefined): unknown {
  assert.ok(offer);
  const { message } = fromBinary(ConnectResponseSchema, offer.message.bytes);
  assert.ok(message.case === 'offer' && message.value.payload.case === 'config');
  assert.deepEqual(
    [message.value.digest, message.value.revision, message.value.nonce],
    [offer.digest, offer.revision, offer.nonce],
  );
  assert.equal(digestOf(message.value.payload.value.document), offer.digest);
  return JSON.parse(Buffer.from(message.value.payload.value.document).toString());
}

test('nothing was ever written: nothing is offered', async (t) => {
  const { desired } = await start(t);
  assert.deepEqual(await desired.offersFor('jente'), []);
  await assert.rejects(desired.offersFor('nobody'), { code: 'not_found' });
});

test('each tenant is offered its own merge, at the highest revision of its scopes', async (t) => {
  const { write, config, changes } = await start(t);
  await write(organisation, { a: 1, b: 1 });
  await write(crew, { b: 2 });
  await write(jente, { c: 3, a: null });
  assert.deepEqual(changes, ['all', ['jente', 'noor'], ['jente']]);
  assert.deepEqual(documentOf(await config('jente')), { b: 2, c: 3 });
  assert.deepEqual(documentOf(await config('noor')), { a: 1, b: 2 });
  assert.deepEqual(documentOf(await config('sam')), { a: 1, b: 1 });
  const numbers = await Promise.all(['jente', 'noor', 'sam'].map(async (name) => (await config(name))?.revision));
  assert.deepEqual(numbers, [3n, 2n, 1n]);
});

test('tenants with the same layers share one encoded offer, worked out once', async (t) => {
  const { write, config, addTenant } = await start(t);
  await write(organisation, { a: 1 });
  await addTenant('kim', 'crew');
  const offers = await Promise.all(['jente', 'noor', 'sam', 'kim'].map((name) => config(name)));
  assert.equal(new Set(offers).size, 1);
  assert.equal(await config('sam'), offers[0], 'and it stays the same while nothing changes');
});

test('a change reaches those it concerns, and is there when they are told', async (t) => {
  const { write, config, desired } = await start(t);
  await write(organisation, { a: 1 });
  for (const name of ['jente', 'noor', 'sam']) await config(name);
  const seen: unknown[] = [];
  const stop = desired.onChange((tenants) => seen.push(tenants));
  const sam = await config('sam');
  await write(crew, { a: 2 });
  assert.deepEqual(documentOf(await config('jente')), { a: 2 });
  assert.equal(await config('sam'), sam);
  await write(jente, { a: 3 });
  assert.deepEqual(documentOf(await config('jente')), { a: 3 });
  assert.deepEqual(documentOf(await config('noor')), { a: 2 });
  await write(organisation, { z: 1 });
  assert.deepEqual(documentOf(await config('noor')), { a: 2, z: 1 });
  stop();
  await write(organisation, {});
  assert.deepEqual(seen, [['jente', 'noor'], ['jente'], 'all']);
});

test('the same document written again is a new revision with another nonce: an order to try again', async (t) => {
  const { write, config } = await start(t);
  await write(jente, { a: 1 });
  const before = await config('jente');
  await write(jente, { a: 2 });
  await write(jente, { a: 1 });
  const after = await config('jente');
  assert.equal(after?.digest, before?.digest);
  assert.notEqual(after?.nonce, before?.nonce);
});

const runtime: RuntimeOfTenant = {
  revision: 4n,
  version: '2026.9.6',
  bundleDigest: digestOf('bundle'),
  bundleBytes: 119_000_000,
  pinnedBy: 'admin',
  pinnedAt: 'organisation',
  pinReason: 'tested',
  restoreKeptState: false,
};

test('a runtime is offered as the runtimes say, asked once until they say otherwise', async (t) => {
  const { desired, runtimes, write, changes } = await start(t);
  const offer = async (tenant: string) => (await desired.offersFor(tenant)).find(({ kind }) => kind === Kind.RUNTIME);
  assert.equal(await offer('jente'), undefined);
  runtimes.desired.set('jente', runtime);
  runtimes.desired.set('noor', { ...runtime });
  assert.equal(await offer('jente'), undefined, 'remembered');
  runtimes.tell(['jente', 'noor']);
  const [first, second] = [await offer('jente'), await offer('noor')];
  assert.equal(first, second, 'shared');
  assert.equal(first?.digest, digestOfJson({ version: '2026.9.6', bundleDigest: runtime.bundleDigest }));
  const { message } = fromBinary(ConnectResponseSchema, first?.message.bytes ?? Buffer.alloc(0));
  assert.ok(message.case === 'offer' && message.value.payload.case === 'runtime');
  assert.deepEqual(
    { pinnedBy: message.value.payload.value.pinnedBy, bytes: message.value.payload.value.bundleBytes },
    { pinnedBy: 'admin', bytes: 119_000_000n },
  );
  const { asked } = runtimes;
  runtimes.desired.set('jente', { ...runtime, revision: 9n, restoreKeptState: true });
  await write(jente, {}, 'runtime');
  const restored = await offer('jente');
  assert.deepEqual([restored?.revision, restored?.digest === first?.digest], [9n, false]);
  assert.equal(await offer('noor'), second);
  assert.equal(runtimes.asked, asked + 1);
  assert.deepEqual(changes, [['jente', 'noor'], ['jente']]);
});

test('a tenant of the same name as a deleted one inherits nothing', async (t) => {
  const { desired, keeper, write, config, directory, addTenant, changes } = await start(t);
  await write(jente, { secret: 1 });
  await config('jente');
  directory.markDeleting('jente');
  await keeper.remove('jente');
  assert.deepEqual(changes.at(-1), ['jente']);
  await assert.rejects(desired.offersFor('jente'), { code: 'not_found' });
  await addTenant('jente');
  assert.equal(await config('jente'), undefined);
});

test('an answer that failed is asked for again', async (t) => {
  const { desired, runtimes } = await start(t);
  const { forTenant } = runtimes;
  runtimes.forTenant = () => Promise.reject(new Error('on purpose'));
  await assert.rejects(desired.offersFor('jente'), /on purpose/);
  runtimes.forTenant = forTenant;
  assert.deepEqual(await desired.offersFor('jente'), []);
});
