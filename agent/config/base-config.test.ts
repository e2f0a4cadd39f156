import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@opencrane/kit/canonical-json.ts';
import { composeManaged } from './base-config.ts';
import { formatPath, valueAt } from './paths.ts';

const rows: { reason: string; offered: JsonObject; conflict?: string; at?: string[]; is?: unknown }[] = [
  { reason: 'nothing offered still makes a gateway that we reach', offered: {}, at: ['gateway', 'port'], is: 18_789 },
  {
    reason: 'a default of ours is an admin’s to change',
    offered: { update: { checkOnStart: true } },
    at: ['update', 'checkOnStart'],
    is: true,
  },
  {
    reason: 'another port would make OpenClaw listen where nobody asks',
    offered: { gateway: { port: 1 } },
    conflict: 'gateway.port',
  },
  {
    reason: 'what we need anyway may be said by an admin too',
    offered: { gateway: { bind: 'loopback' } },
    at: ['gateway', 'bind'],
    is: 'loopback',
  },
  { reason: 'a value in the place of a section is in the way', offered: { gateway: 5 }, conflict: 'gateway.mode' },
  {
    reason: 'a token in the configuration would be one that nobody else knows',
    offered: { gateway: { auth: { token: 'mine' } } },
    conflict: 'gateway.auth.token',
  },
  {
    reason: 'what is beside our needs is the admin’s',
    offered: { gateway: { controlUi: { basePath: '/x' } } },
    at: ['gateway', 'controlUi', 'basePath'],
    is: '/x',
  },
];

for (const { reason, offered, conflict, at, is } of rows) {
  test(reason, () => {
    const composed = composeManaged(offered, 18_789);
    if ('conflict' in composed) assert.equal(formatPath(composed.conflict), conflict);
    else assert.deepEqual(valueAt(composed.document, at ?? []), is);
    assert.equal('conflict' in composed, conflict !== undefined);
  });
}
