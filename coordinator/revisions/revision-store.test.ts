import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@opencrane/kit/clock.ts';
import { digestOfJson } from '@opencrane/kit/digest.ts';
import { onEachDatabase } from '../store/testing.ts';
import { type NewRevision, RevisionStore } from './revision-store.ts';
import { type Scope, scopesOf, scopeText } from './scope.ts';

const organisation: Scope = { kind: 'organisation' };
const team: Scope = { kind: 'team', name: 'crew' };
const jente: Scope = { kind: 'tenant', name: 'jente' };

function config(scope: Scope, payload: NewRevision['payload']): NewRevision {
  return { scope, kind: 'config', payload, actor: 'admin', reason: 'because' };
}

onEachDatabase((database) => {
  test('one counter numbers the revisions of all scopes and kinds', async (t) => {
    const store = await database.store(t);
    const revisions = new RevisionStore(store, new ManualClock(7));
    const told: number[] = [];
    const stop = revisions.onAppended(({ number }) => told.push(number));
    for (const revision of [config(organisation, { a: 1 }), config(jente, { a: 2 }), config(organisation, { a: 3 })]) {
      await store.transaction((change) => revisions.append(change, revision));
    }
    await store.transaction((change) => revisions.append(change, { ...config(jente, { v: '1' }), kind: 'runtime' }));
    stop();
    await store.transaction((change) => revisions.append(change, config(team, {})));
    assert.deepEqual(told, [1, 2, 3, 4], 'told once each, and no more after stopping');
    assert.equal((await revisions.latest(organisation, 'config'))?.number, 3);
    assert.deepEqual(await revisions.latest(jente, 'config'), {
      number: 2,
      scope: jente,
      kind: 'config',
      digest: digestOfJson({ a: 2 }),
      payload: { a: 2 },
      actor: 'admin',
      reason: 'because',
      createdAt: 7,
    });
    assert.deepEqual(await revisions.heads('runtime'), [
      { number: 4, scope: jente, kind: 'runtime', digest: digestOfJson({ v: '1' }) },
    ]);
    assert.equal(await revisions.latest({ kind: 'team', name: 'other' }, 'config'), undefined);
    const newest = await revisions.latestOfEveryScope('config');
    assert.deepEqual(
      newest.map(({ number, scope }) => [number, scopeText(scope)]),
      [
        [5, 'team/crew'],
        [3, 'organisation'],
        [2, 'tenant/jente'],
      ],
    );
  });

  test('the history of a tenant is that of its scopes and no others', async (t) => {
    const store = await database.store(t);
    const revisions = new RevisionStore(store, new ManualClock());
    const other: Scope = { kind: 'tenant', name: 'crew' }; // a tenant that is called like a team
    for (const scope of [organisation, team, jente, other, jente]) {
      await store.transaction((change) => revisions.append(change, config(scope, {})));
    }
    const numbers = async (limit: number) =>
      (await revisions.list(scopesOf({ name: 'jente', team: 'crew' }), 'config', limit)).map(({ number }) => number);
    assert.deepEqual(await numbers(10), [5, 3, 2, 1]);
    assert.deepEqual(await numbers(2), [5, 3]);
    assert.deepEqual(scopesOf({ name: 'jente', team: '' }), [organisation, jente]);
  });

  test('changes that depend on the newest revision see each other', async (t) => {
    const store = await database.store(t);
    const revisions = new RevisionStore(store, new ManualClock());
    const increment = () =>
      store.transaction(async (change) => {
        const count = (await revisions.latestToReplace(change, jente, 'config'))?.payload['count'];
        await revisions.append(change, config(jente, { count: (typeof count === 'number' ? count : 0) + 1 }));
      });
    await Promise.all(Array.from({ length: 8 }, increment));
    assert.deepEqual((await revisions.latest(jente, 'config'))?.payload, { count: 8 });
  });

  test('a revision that is taken back is told to nobody and leaves no gap', async (t) => {
    const store = await database.store(t);
    const revisions = new RevisionStore(store, new ManualClock());
    const told: number[] = [];
    revisions.onAppended(({ number }) => told.push(number));
    const failing = store.transaction(async (change) => {
      await revisions.append(change, config(jente, {}));
      throw new Error('on purpose');
    });
    await assert.rejects(failing);
    await store.transaction((change) => revisions.append(change, config(jente, {})));
    assert.deepEqual(told, [1]);
  });

  test('what was wanted of a deleted tenant is gone, what was wanted of others is not', async (t) => {
    const store = await database.store(t);
    const revisions = new RevisionStore(store, new ManualClock());
    for (const scope of [organisation, { kind: 'team', name: 'jente' } as const, jente]) {
      await store.transaction((change) => revisions.append(change, config(scope, {})));
    }
    await store.transaction((change) => revisions.removeTenant(change, 'jente'));
    assert.equal(await revisions.latest(jente, 'config'), undefined);
    assert.equal((await revisions.latestOfEveryScope('config')).length, 2);
  });
});
