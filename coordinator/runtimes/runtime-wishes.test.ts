import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Scope } from '../revisions/scope.ts';
import { onEachDatabase } from '../store/testing.ts';
import { admin, assembleRuntimes, unchecked } from './testing.ts';

const organisation: Scope = { kind: 'organisation' };
const crew: Scope = { kind: 'team', name: 'crew' };
const jente: Scope = { kind: 'tenant', name: 'jente' };

onEachDatabase((database) => {
  const pins: readonly { reason: string; scope: Scope; at: string }[] = [
    { reason: "a tenant's own pin", scope: jente, at: 'tenant/jente' },
    { reason: "its team's pin", scope: crew, at: 'team/crew' },
    { reason: "the organisation's pin", scope: organisation, at: 'organisation' },
  ];
  for (const { reason, scope, at } of pins) {
    test(`${reason}, made while an update of the tenant is built, stands, and the tenant is told of it`, async (t) => {
      const { runtimes, builder, wishes } = await assembleRuntimes(t, await database.store(t));
      builder.during = async () => {
        builder.during = async () => {};
        await wishes.pin(scope, '2026.9.5', false, { actor: 'admin', reason: 'tested' }, unchecked);
      };
      const answer = await runtimes.request('jente', '2026.9.6');
      assert.deepEqual([answer.accepted, answer.version], [false, '2026.9.5']);
      assert.match(answer.message, new RegExp(`pinned to 2026\\.9\\.5 for ${at} by admin: tested`));
      const decision = await wishes.decide('jente');
      assert.deepEqual([decision?.wish.version, decision?.wish.pinned], ['2026.9.5', true]);
    });
  }

  test('an update to what somebody has chosen meanwhile writes nothing, unless it was refused', async (t) => {
    const { runtimes, builder, wishes, refusedBy, written } = await assembleRuntimes(t, await database.store(t));
    builder.during = async () => {
      await wishes.choose('jente', '2026.9.6', admin, (found) => found === undefined);
    };
    assert.deepEqual((await runtimes.request('jente', '2026.9.6')).unchanged, true);
    assert.equal((await written(jente)).length, 1);
    refusedBy.add('jente');
    assert.deepEqual((await runtimes.request('jente', '2026.9.6')).unchanged, false);
    assert.equal((await written(jente)).length, 2);
  });

  test('a tenant that is deleted, or being deleted, while its bundle is built gets no revision', async (t) => {
    const { runtimes, builder, wishes, directory, tenants, keeper, store, written } = await assembleRuntimes(
      t,
      await database.store(t),
    );
    builder.during = async () => {
      await store.transaction((change) => tenants.markDeleting(change, 'jente'));
      directory.markDeleting('jente');
    };
    assert.match((await runtimes.request('jente', '2026.9.6')).message, /"jente" is being deleted/);
    await assert.rejects(wishes.pin(jente, '2026.9.6', false, admin, unchecked), { reason: 'tenant_deleting' });
    builder.during = async () => void (await keeper.remove('jente'));
    assert.match((await runtimes.request('jente', '2026.9.6')).message, /there is no tenant/);
    await assert.rejects(wishes.pin(jente, '2026.9.6', false, admin, unchecked), { code: 'not_found' });
    await assert.rejects(wishes.unpin(jente, admin, unchecked), { code: 'not_found' });
    assert.deepEqual(await written(jente), [], 'a later tenant of this name inherits nothing');
  });

  test('a delete at the moment of a choice leaves none of it behind', async (t) => {
    const { wishes, keeper, directory, written } = await assembleRuntimes(t, await database.store(t));
    directory.markDeleting('jente');
    await Promise.allSettled([
      keeper.remove('jente'),
      ...Array.from({ length: 5 }, () => wishes.choose('jente', '2026.9.6', admin, () => true)),
    ]);
    assert.deepEqual(await written(jente), []);
  });

  test('what an unpin takes away is the pin that stands then, and who it held is asked then', async (t) => {
    const { wishes } = await assembleRuntimes(t, await database.store(t));
    await wishes.pin(organisation, '2026.9.5', false, admin, unchecked);
    // In whichever order the three come: nobody is given the version of a pin that was not there any more.
    await Promise.all([
      wishes.pin(crew, '2026.9.4', false, admin, unchecked),
      wishes.pin(organisation, '2026.9.6', false, admin, unchecked),
      wishes.unpin(organisation, admin, unchecked),
    ]);
    const decisions = await wishes.decideEach(['jente', 'noor', 'sam', 'nobody']);
    assert.deepEqual(
      [...decisions].map(([name, decision]) => `${name} ${decision?.wish.version}`),
      ['jente 2026.9.4', 'noor 2026.9.4', 'sam 2026.9.6'],
    );
  });

  test('of two unpins at one moment the second finds no pin', async (t) => {
    const { wishes, written } = await assembleRuntimes(t, await database.store(t));
    await wishes.pin(crew, '2026.9.5', false, admin, unchecked);
    const ends = await Promise.allSettled([1, 2].map(() => wishes.unpin(crew, admin, unchecked)));
    assert.deepEqual(ends.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    assert.equal((await written(jente)).length, 1, 'a tenant is given its version once');
  });

  const expectations: readonly {
    reason: string;
    pinned: boolean;
    expected: { expectedRevision: bigint; expectUnwritten: boolean };
    refused?: RegExp;
  }[] = [
    { reason: 'no expectation is no check', pinned: true, expected: unchecked },
    {
      reason: 'the newest revision',
      pinned: true,
      expected: { expectedRevision: 1n, expectUnwritten: false },
    },
    {
      reason: 'another revision',
      pinned: true,
      expected: { expectedRevision: 7n, expectUnwritten: false },
      refused: /organisation is not at revision 7: admin made it revision 1/,
    },
    {
      reason: 'no revision where there is one',
      pinned: true,
      expected: { expectedRevision: 0n, expectUnwritten: true },
      refused: /not at revision 0: admin made it revision 1/,
    },
    { reason: 'no revision', pinned: false, expected: { expectedRevision: 0n, expectUnwritten: true } },
    {
      reason: 'a revision where there is none',
      pinned: false,
      expected: { expectedRevision: 1n, expectUnwritten: false },
      refused: /not at revision 1: it has none/,
    },
  ];
  for (const { reason, pinned, expected, refused } of expectations) {
    test(`a pin that expects: ${reason}`, async (t) => {
      const { wishes, written } = await assembleRuntimes(t, await database.store(t));
      if (pinned) await wishes.pin(organisation, '2026.9.5', false, admin, unchecked);
      const before = (await written(organisation)).length;
      const pinning = wishes.pin(organisation, '2026.9.6', false, admin, expected);
      if (refused === undefined) await pinning;
      else await assert.rejects(pinning, { code: 'aborted', reason: 'runtime_conflict', message: refused });
      assert.equal((await written(organisation)).length, refused === undefined ? before + 1 : before);
      const early = wishes.requireExpected(organisation, { expectedRevision: 99n, expectUnwritten: false });
      await assert.rejects(early, { reason: 'runtime_conflict' }, 'known before anything is built');
    });
  }

  test('an unpin that expects another revision takes nothing away', async (t) => {
    const { wishes } = await assembleRuntimes(t, await database.store(t));
    const { number } = await wishes.pin(crew, '2026.9.5', false, admin, unchecked);
    await wishes.pin(crew, '2026.9.6', false, admin, unchecked);
    const expected = { expectedRevision: BigInt(number), expectUnwritten: false };
    await assert.rejects(wishes.unpin(crew, admin, expected), { reason: 'runtime_conflict' });
    assert.equal((await wishes.decide('jente'))?.wish.pinned, true);
  });
});
