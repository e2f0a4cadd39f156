import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '@opencrane/kit/digest.ts';
import type { Revision } from '../revisions/revision-store.ts';
import type { Scope } from '../revisions/scope.ts';
import { decideRuntime } from './runtime-revision.ts';

const organisation: Scope = { kind: 'organisation' };
const team: Scope = { kind: 'team', name: 'research' };
const tenant: Scope = { kind: 'tenant', name: 'jente' };

const says = (scope: Scope, number: number, version: string, pinned: boolean): Revision => ({
  number,
  scope,
  kind: 'runtime',
  digest: digestOf(version),
  payload: { version, pinned, restoreKeptState: false },
  actor: 'admin',
  reason: '',
  createdAt: 0,
});

const cases: readonly { reason: string; newest: Revision[]; version: string | undefined; revision?: number }[] = [
  { reason: 'nothing said, nothing wanted', newest: [], version: undefined },
  {
    reason: 'the tenant’s own choice holds where nobody pins',
    newest: [says(tenant, 3, 'a', false)],
    version: 'a',
    revision: 3,
  },
  {
    reason: 'a pin of the organisation beats the tenant’s own choice',
    newest: [says(organisation, 5, 'b', true), says(tenant, 9, 'a', false)],
    version: 'b',
    revision: 9,
  },
  {
    reason: 'the nearest pin wins',
    newest: [says(organisation, 7, 'b', true), says(team, 2, 'c', true), says(tenant, 1, 'a', false)],
    version: 'c',
    revision: 7,
  },
  {
    reason: 'a pin that was taken away no longer says anything, but its number still counts',
    newest: [says(organisation, 8, '', false), says(tenant, 1, 'a', false)],
    version: 'a',
    revision: 8,
  },
];
for (const { reason, newest, version, revision } of cases) {
  test(reason, () => {
    const decided = decideRuntime(newest);
    assert.equal(decided?.wish.version, version);
    if (revision !== undefined) assert.equal(decided?.revision, revision);
  });
}
