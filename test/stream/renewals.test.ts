/** Streams that are renewed for their age, with a real agent's link, a real observer and a real database: nothing happens. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { Store } from '@opencrane/coordinator/store/store.ts';
import { silent } from '@opencrane/coordinator/store/testing.ts';
import { assemble } from '@opencrane/coordinator/tenants/testing.ts';
import { ManualClock } from '@opencrane/kit/clock.ts';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import { HealthSchema, type Offer } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { ComponentState, Kind, ReceiptSchema, ReceiptState } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { configOffer } from './fakes.ts';
import { type TestLink, withLink } from './linked.ts';

const quick = { everyMillis: 2 };
/** With few agents; see the plane's own `reconnectAfter`. */
const LONGEST_AWAY_MILLIS = 2_500;
const RENEWALS = 15;

/** A coordinator whose streams live for twenty seconds, with an agent that applies what it is offered. */
async function withAgent(
  t: TestContext,
  work: (
    world: Awaited<ReturnType<typeof assemble>> & {
      readonly clock: ManualClock;
      readonly link: TestLink;
      readonly plane: Parameters<Parameters<typeof withLink>[0]>[0]['world'];
      /** The agent's process, as its next hello says. */
      readonly process: { instanceId: string };
      /** Lets time pass until something is so. */
      readonly until: (what: string, fact: () => boolean) => Promise<void>;
      /** Lets as much time pass as the agent was told to stay away, and waits without more of it until it is back. */
      readonly back: () => Promise<void>;
    },
  ) => Promise<void>,
): Promise<void> {
  const store = await Store.open(':memory:', silent);
  t.after(() => store.close());
  const inside = await assemble(store);
  await inside.addTenant('jente');
  const clock = new ManualClock(Date.now());
  const process = { instanceId: 'instance-1' };
  let serving: Pick<Offer, 'revision' | 'digest'> = { revision: 0n, digest: '' };
  await withLink(
    async ({ world, startLink }) => {
      const apply = (offer: Offer) => {
        serving = offer;
        const { kind, revision, digest, nonce } = offer;
        const state = ReceiptState.APPLIED;
        const serves = { servingRevision: revision, servingDigest: digest, receiptId: `r${revision}` };
        link.link.sendReceipt(create(ReceiptSchema, { kind, revision, digest, nonce, state, ...serves }));
      };
      const link = startLink({
        clock,
        onOffer: (offer) => {
          link.offers.push(offer);
          apply(offer);
        },
        hello: () => ({
          tenant: 'jente',
          instanceId: process.instanceId,
          protocolVersion: 1,
          capabilities: [Kind.CONFIG],
          kinds: [{ kind: Kind.CONFIG, servingRevision: serving.revision, servingDigest: serving.digest }],
        }),
      });
      link.link.reportHealth(create(HealthSchema, { root: { name: 'agent', state: ComponentState.HEALTHY } }));
      const until = async (what: string, fact: () => boolean) => {
        await awaitFact(
          what,
          () => {
            if (fact()) return true;
            clock.advance(1_000);
            return false;
          },
          quick,
        );
      };
      const back = async () => {
        await new Promise(setImmediate); // the agent has begun to wait
        clock.advance(LONGEST_AWAY_MILLIS);
        const isBack = () => link.link.connected && link.receiptLog.pending().length === 0;
        await awaitFact('the agent is back', () => isBack() && world.plane.openStreams === 1, quick);
      };
      await work({ ...inside, clock, link, plane: world, process, until, back });
    },
    { clock, limits: { maxAgeMillis: 20_000 }, observer: inside.observer },
  );
}

const atFirst = ['AgentConnected', 'TenantStarting', 'TenantReady', 'ConfigApplied'];

test('renewed again and again: no event, no change of phase, every offer arrives, every receipt is kept once', (t) =>
  withAgent(t, async ({ link, plane, until, back, reasons, directory, receipts, store }) => {
    const settled = () => link.link.connected && link.receiptLog.pending().length === 0;
    await until('the agent has applied its first', () => link.offers.length === 1 && settled());
    await awaitFact('it is ready', async () => (await reasons('jente')).length === atFirst.length, quick);
    assert.deepEqual((await reasons('jente')).toSorted(), atFirst.toSorted());
    const observations = await store.db.selectFrom('observations').selectAll().execute();

    const stop = new AbortController();
    const changed: string[] = [];
    const watch = directory.watch('jente');
    const watching = (async () => {
      for await (const name of watch.changes(stop.signal)) changed.push(name);
    })();
    const sessions = new Set<string>();
    for (let renewal = 1; renewal <= RENEWALS; renewal += 1) {
      sessions.add(directory.get('jente').observed.session);
      await until('the stream has ended', () => !link.link.connected);
      assert.notEqual(directory.get('jente').observed.session, '', 'it is not shown as gone');
      if (renewal % 3 === 0) plane.desired.set('jente', configOffer(BigInt(renewal), `{"a":${renewal}}`));
      await back();
      const newest = BigInt(renewal - (renewal % 3) || 1);
      await awaitFact('it has what is wanted', () => link.offers.at(-1)?.revision === newest && settled(), quick);
    }
    stop.abort();
    await watching;
    watch.stop();

    assert.ok(sessions.size >= RENEWALS, `${sessions.size} sessions`);
    const wanted = [1n, ...Array.from({ length: RENEWALS / 3 }, (_, index) => BigInt(3 * index + 3))];
    assert.deepEqual(
      link.offers.map(({ revision }) => revision),
      wanted,
      'each offer once',
    );
    const kept = await receipts.list('jente', Kind.CONFIG, 100);
    assert.deepEqual(kept.map(({ revision }) => revision).reverse(), wanted, 'each receipt once');
    const since = (await reasons('jente')).filter((reason) => reason !== 'ConfigApplied');
    assert.deepEqual(since.toSorted(), atFirst.filter((reason) => reason !== 'ConfigApplied').toSorted());
    assert.equal(changed.length, new Set(wanted).size - 1, 'watchers hear of the receipts and of nothing else');
    assert.deepEqual(await store.db.selectFrom('observations').selectAll().execute(), observations);
  }));

test('an agent that does not come back is told as gone, and one of another process as another', (t) =>
  withAgent(t, async ({ link, process, until, back, reasons, directory }) => {
    await until('it is connected', () => link.link.connected && directory.get('jente').observed.health !== undefined);
    await until('the stream has ended', () => !link.link.connected);
    process.instanceId = 'instance-2';
    await back();
    await awaitFact(
      'both are told',
      async () => (await reasons('jente')).filter((one) => one === 'AgentConnected').length === 2,
      quick,
    );
    assert.ok((await reasons('jente')).includes('AgentDisconnected'));

    await until('the stream has ended again', () => !link.link.connected);
    await link.link.stop();
    assert.notEqual(directory.get('jente').observed.session, '');
    await until('it is told as gone', () => directory.get('jente').observed.session === '');
  }));

test('an order in the middle of a renewal waits for it', (t) =>
  withAgent(t, async ({ link, until, plane, directory }) => {
    await until('it is connected', () => link.link.connected && directory.get('jente').observed.health !== undefined);
    await until('the stream has ended', () => !link.link.connected);
    let done = false;
    const restarted = plane.plane.restart('jente').then(() => {
      done = true;
    });
    await until('it was carried out', () => done);
    await restarted;
  }));
