import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@opencrane/kit/canonical-json.ts';
import type { Issue } from './ports.ts';
import { issuesBrought } from './worse.ts';

const wrongType: Issue = { path: 'gateway.port', message: 'Invalid input: expected number, received string' };
const unknown = (path: string, ...keys: string[]): Issue => ({
  path,
  message: `Unrecognized key${keys.length > 1 ? 's' : ''}: ${keys.map((key) => JSON.stringify(key)).join(', ')}`,
});

type Row = {
  readonly reason: string;
  readonly before: readonly [JsonObject, ...Issue[]];
  readonly after: readonly [JsonObject, ...Issue[]];
  /** Paths of what the change is blamed for. */
  readonly brought: readonly string[];
};

const rows: readonly Row[] = [
  {
    reason: 'a bad value on a good configuration',
    before: [{}],
    after: [{ gateway: { port: 'x' } }, wrongType],
    brought: ['gateway.port'],
  },
  {
    reason: 'a bad value that was there before is not what a change elsewhere is refused for',
    before: [{ gateway: { port: 'x' } }, wrongType],
    after: [{ gateway: { port: 'x' }, logging: { level: 'debug' } }, wrongType],
    brought: [],
  },
  {
    reason: 'a bad value set anew is this change’s, though it was bad before',
    before: [{ gateway: { port: 'x' } }, wrongType],
    after: [{ gateway: { port: 'y' } }, wrongType],
    brought: ['gateway.port'],
  },
  {
    reason: 'of two unknown keys in one message one can be taken away',
    before: [{ agents: { defaults: { a: 1, b: 1 } } }, unknown('agents.defaults', 'a', 'b')],
    after: [{ agents: { defaults: { b: 1 } } }, unknown('agents.defaults', 'b')],
    brought: [],
  },
  {
    reason: 'a second unknown key beside one is refused, and only that one is named',
    before: [{ agents: { defaults: { a: 1 } } }, unknown('agents.defaults', 'a')],
    after: [{ agents: { defaults: { a: 1, b: 1 } } }, unknown('agents.defaults', 'a', 'b')],
    brought: ['agents.defaults.b'],
  },
  {
    reason: 'an unknown section is named by its own name',
    before: [{}],
    after: [{ nonsense: { x: 1 } }, unknown('', 'nonsense')],
    brought: ['nonsense'],
  },
  {
    reason: 'what only shows now that an earlier fault is gone was there all the time',
    before: [{ gateway: { port: 'x' }, agents: { list: [1] } }, wrongType],
    after: [{ agents: { list: [1] } }, { path: 'agents.list.0', message: 'expected object' }],
    brought: [],
  },
  {
    reason: 'a removal that another key depends on makes things worse',
    before: [{ models: { providers: { x: { baseUrl: 'u', models: [] } } } }],
    after: [{ models: { providers: { x: { models: [] } } } }, { path: 'models.providers.x', message: 'no baseUrl' }],
    brought: ['models.providers.x'],
  },
  {
    reason: 'an issue inside of a list that was set',
    before: [{ agents: { list: [] } }, unknown('', 'z')],
    after: [{ agents: { list: [{}] } }, unknown('', 'z'), { path: 'agents.list.0.id', message: 'required' }],
    brought: ['agents.list.0.id'],
  },
];

for (const { reason, before, after, brought } of rows) {
  test(reason, () => {
    const judged = ([document, ...issues]: Row['before']) => ({ document, issues });
    const issues = issuesBrought(judged(before), judged(after));
    assert.deepEqual(
      issues.map(({ path }) => path),
      brought,
    );
  });
}
