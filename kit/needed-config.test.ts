import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from './canonical-json.ts';
import { contradictions, neededConfig } from './needed-config.ts';

const rows: { reason: string; offered: JsonObject; paths: readonly string[] }[] = [
  { reason: 'nothing is said against it', offered: {}, paths: [] },
  { reason: 'the same may be said', offered: { gateway: { bind: 'loopback', port: 5 } }, paths: [] },
  {
    reason: 'each contradiction is told, not only the first',
    offered: { gateway: { port: 6, auth: { mode: 'none' } } },
    paths: ['gateway.port', 'gateway.auth.mode'],
  },
  {
    reason: 'a value in the place of a section contradicts all that is needed below it',
    offered: { gateway: { auth: true } },
    paths: ['gateway.auth.mode', 'gateway.auth.token'],
  },
  { reason: 'what is inherited is not said', offered: JSON.parse('{"toString": {"gateway": 1}}'), paths: [] },
];

for (const { reason, offered, paths } of rows) {
  test(reason, () => {
    assert.deepEqual(
      contradictions(offered, neededConfig(5)).map((path) => path.join('.')),
      paths,
    );
  });
}
