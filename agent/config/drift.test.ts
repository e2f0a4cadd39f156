import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@opencrane/kit/canonical-json.ts';
import { digestOfJson } from '@opencrane/kit/digest.ts';
import { answers, driftOf, project, type Respelled } from './drift.ts';
import { formatPath } from './paths.ts';
import { mergeThreeWays } from './three-way-merge.ts';

const managed: JsonObject = {
  agents: { defaults: { model: 'Anthropic/x', skills: ['a', 'b'] } },
  models: { providers: { 'my.provider': { apiKey: 'secret' } } },
  channels: {},
};
const user: JsonObject = { agents: { defaults: { maxConcurrent: 3 } }, messages: { ackReaction: 'x' } };
const live = mergeThreeWays({}, managed, user);

const rows: {
  reason: string;
  live: JsonObject;
  respelled?: readonly Respelled[];
  drift: string[];
}[] = [
  { reason: 'a user’s keys beside managed ones are no drift', live, drift: [] },
  {
    reason: 'another value is drift',
    live: mergeThreeWays({}, { agents: { defaults: { model: 'other' } } }, live),
    drift: ['agents.defaults.model'],
  },
  {
    reason: 'another order of a list is drift: OpenClaw’s lists are ordered',
    live: mergeThreeWays({}, { agents: { defaults: { skills: ['b', 'a'] } } }, live),
    drift: ['agents.defaults.skills'],
  },
  {
    reason: 'a missing value is drift, and a key with a dot is told from two keys',
    live: { ...live, models: {} },
    drift: ['models.providers["my.provider"].apiKey'],
  },
  {
    reason: 'a managed empty section that became a value is drift',
    live: { ...live, channels: 'none' },
    drift: ['channels'],
  },
  {
    reason: 'OpenClaw’s own spelling of a managed value is no drift',
    live: mergeThreeWays({}, { agents: { defaults: { model: 'anthropic/x' } } }, live),
    respelled: [{ path: ['agents', 'defaults', 'model'], value: 'anthropic/x' }],
    drift: [],
  },
];

for (const { reason, live: document, respelled = [], drift } of rows) {
  test(reason, () => {
    assert.deepEqual(driftOf(managed, document, respelled).map(formatPath), drift);
    const effective = digestOfJson(project(managed, document, respelled));
    assert.equal(effective === digestOfJson(managed), drift.length === 0, 'the digest says the same');
  });
}

test('an answer of OpenClaw hides secrets: they are believed, all else is compared', () => {
  const redacted = { models: { providers: { 'my.provider': { apiKey: '__OPENCLAW_REDACTED__' } } } };
  assert.ok(answers(managed, mergeThreeWays({}, redacted, live), []));
  const wrong = mergeThreeWays({}, { agents: { defaults: { model: 'other' } } }, mergeThreeWays({}, redacted, live));
  assert.ok(!answers(managed, wrong, []));
  assert.ok(!answers(managed, { agents: live['agents'] ?? {} }, []), 'a missing secret is not a hidden one');
});
