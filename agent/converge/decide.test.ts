import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Digest, digestOf } from '@opencrane/kit/digest.ts';
import fc from 'fast-check';
import { type AppliedKind, decide, type Offered, type Serving, type Situation, type Step } from './decide.ts';

const [a, b] = [digestOf('a'), digestOf('b')];
const serves = (digest: Digest, revision = 1n): Serving => ({ digest, revision });
const offer = (digest: Digest, revision = 1n, nonce = 'n1'): Offered => ({ digest, revision, nonce });

const atRest: Situation = {
  upgradeCutOff: false,
  serving: { runtime: serves(a), config: serves(a) },
  offered: {},
  refused: {},
  unproven: false,
  openclaw: 'running',
  everStarted: true,
  wantedRunning: true,
  restartRequested: false,
  exchangeRequested: false,
};

const cases: readonly { reason: string; change: Partial<Situation>; step: Step }[] = [
  { reason: 'nothing to do is said, not spun on', change: {}, step: { do: 'wait', for: 'a change' } },
  {
    reason: 'an upgrade that was cut off comes before any offer, or two would interleave',
    change: { upgradeCutOff: true, offered: { config: offer(b) } },
    step: { do: 'resume-upgrade' },
  },
  {
    reason: 'a launcher that is away is waited for, not called again and again',
    change: { openclaw: 'unknown', upgradeCutOff: true, restartRequested: true, offered: { config: offer(b) } },
    step: { do: 'wait', for: 'the launcher' },
  },
  {
    reason: 'a first runtime is staged while the launcher is still on its way',
    change: { serving: {}, openclaw: 'unknown', offered: { runtime: offer(a) } },
    step: { do: 'apply', kind: 'runtime' },
  },
  {
    reason: 'a first boot waits for a runtime rather than starting nothing',
    change: { serving: {}, openclaw: 'stopped' },
    step: { do: 'wait', for: 'the coordinator to offer a runtime' },
  },
  {
    reason: 'a first boot takes the runtime before the config, which only that runtime can check',
    change: { serving: {}, openclaw: 'stopped', offered: { runtime: offer(a), config: offer(b) } },
    step: { do: 'apply', kind: 'runtime' },
  },
  {
    reason: 'a config that waits while OpenClaw is down comes with the start, not in a second one',
    change: { openclaw: 'stopped', offered: { config: offer(b) } },
    step: { do: 'apply', kind: 'config' },
  },
  { reason: 'last-good starts with no coordinator in reach', change: { openclaw: 'stopped' }, step: { do: 'start' } },
  {
    reason: 'a new runtime may mend an OpenClaw that cannot start',
    change: { openclaw: 'failed', offered: { runtime: offer(b) } },
    step: { do: 'apply', kind: 'runtime' },
  },
  {
    reason: 'a failed OpenClaw is not started again and again with what failed',
    change: { openclaw: 'failed' },
    step: { do: 'wait', for: 'an offer that mends OpenClaw' },
  },
  {
    reason: 'the same digest under a new revision touches nothing',
    change: { offered: { runtime: offer(a, 2n) } },
    step: { do: 'note', kind: 'runtime' },
  },
  {
    reason: 'a refused digest is not tried again by itself',
    change: { offered: { config: offer(b) }, refused: { config: { digest: b, nonce: 'n1' } } },
    step: { do: 'wait', for: 'a change' },
  },
  {
    reason: 'a refused digest under a new nonce is an order to try again',
    change: { offered: { config: offer(b, 2n, 'n2') }, refused: { config: { digest: b, nonce: 'n1' } } },
    step: { do: 'apply', kind: 'config' },
  },
  {
    reason: 'what was refused by the version that serves is not tried again by itself',
    change: { offered: { config: offer(b) }, refused: { config: { digest: b, nonce: 'n1', under: a } } },
    step: { do: 'wait', for: 'a change' },
  },
  {
    reason: 'what another version refused is tried again: a broken one refuses everything',
    change: { offered: { config: offer(b) }, refused: { config: { digest: b, nonce: 'n1', under: b } } },
    step: { do: 'apply', kind: 'config' },
  },
  {
    reason: 'a first start does not happen without the configuration that is wanted',
    change: {
      openclaw: 'stopped',
      everStarted: false,
      serving: { runtime: serves(a) },
      offered: { config: offer(b) },
      refused: { config: { digest: b, nonce: 'n1', under: a } },
    },
    step: { do: 'wait', for: 'another configuration: the offered one was refused' },
  },
  {
    reason: 'nor does it after the agent died and the coordinator is away',
    change: {
      openclaw: 'stopped',
      everStarted: false,
      serving: { runtime: serves(a) },
      refused: { config: { digest: b, nonce: 'n1', under: a } },
    },
    step: { do: 'wait', for: 'another configuration: the offered one was refused' },
  },
  {
    reason: 'a tenant that ran for months before anybody managed anything of it starts, whatever was refused since',
    change: {
      openclaw: 'stopped',
      serving: { runtime: serves(a) },
      refused: { config: { digest: b, nonce: 'n1', under: a } },
    },
    step: { do: 'start' },
  },
  {
    reason: 'a tenant that served before starts with what served, whatever was refused since',
    change: { openclaw: 'stopped', refused: { config: { digest: b, nonce: 'n1', under: a } } },
    step: { do: 'start' },
  },
  {
    reason: 'a first start whose agent was killed is awaited, or its receipt would never come',
    change: { unproven: true, offered: { config: offer(b) } },
    step: { do: 'start' },
  },
  { reason: 'a drain stops what runs', change: { wantedRunning: false }, step: { do: 'stop' } },
  {
    reason: 'a drained OpenClaw stays down',
    change: { wantedRunning: false, openclaw: 'stopped' },
    step: { do: 'wait', for: 'a restart, after the drain' },
  },
  {
    reason: 'a config for a drained OpenClaw waits, or the start that proves it would undo the drain',
    change: { wantedRunning: false, openclaw: 'stopped', offered: { config: offer(b) } },
    step: { do: 'wait', for: 'a restart, after the drain' },
  },
  {
    reason: 'a restart is one step, not a stop and a start that a crash could part',
    change: { restartRequested: true },
    step: { do: 'restart' },
  },
  {
    reason: 'an exchange of the state comes before what would be done on the old one',
    change: { exchangeRequested: true, restartRequested: true, offered: { config: offer(b) } },
    step: { do: 'exchange' },
  },
  {
    reason: 'an upgrade that was cut off has the state in its hands',
    change: { exchangeRequested: true, upgradeCutOff: true },
    step: { do: 'resume-upgrade' },
  },
];

for (const { reason, change, step } of cases)
  test(reason, () => assert.deepEqual(decide({ ...atRest, ...change }), step));

test('whatever the situation, carrying out the steps comes to rest with the offers served or refused', () => {
  const digest = fc.constantFrom(a, b);
  const revision = fc.bigInt({ min: 1n, max: 3n });
  const nonce = fc.constantFrom('n1', 'n2');
  const each = <T>(value: fc.Arbitrary<T>) => fc.record({ runtime: value, config: value }, { requiredKeys: [] });
  const situations = fc.record({
    upgradeCutOff: fc.boolean(),
    serving: each(fc.record({ digest, revision })),
    offered: each(fc.record({ digest, revision, nonce })),
    refused: each(fc.record({ digest, nonce, under: fc.option(digest, { nil: undefined }) })),
    unproven: fc.boolean(),
    openclaw: fc.constantFrom('unknown', 'stopped', 'running', 'failed'),
    everStarted: fc.boolean(),
    wantedRunning: fc.boolean(),
    restartRequested: fc.boolean(),
    exchangeRequested: fc.boolean(),
  }) as fc.Arbitrary<Situation>; // absent and undefined differ only under exactOptionalPropertyTypes
  fc.assert(
    fc.property(situations, fc.infiniteStream(fc.boolean()), (start, outcomes) => {
      let now = start;
      for (let steps = 0; steps < 12; steps += 1) {
        const step = decide(now);
        if (step.do === 'wait') return;
        now = carryOut(now, step, outcomes.next().value ?? true);
      }
      assert.fail('did not come to rest');
    }),
  );
});

/** The situation after a step, with `succeeds` deciding how an attempt ends. */
function carryOut(now: Situation, step: Step, succeeds: boolean): Situation {
  switch (step.do) {
    case 'resume-upgrade':
      return { ...now, upgradeCutOff: false };
    case 'start':
    case 'restart':
      return {
        ...now,
        openclaw: succeeds ? 'running' : 'failed',
        unproven: now.unproven && !succeeds,
        restartRequested: false,
      };
    case 'exchange':
      return { ...now, exchangeRequested: false, openclaw: succeeds ? now.openclaw : 'stopped' };
    case 'stop':
      return { ...now, openclaw: 'stopped' };
    case 'note':
    case 'apply':
      return answered(now, step.kind, succeeds || step.do === 'note');
    case 'wait':
      return now;
  }
}

function answered(now: Situation, kind: AppliedKind, succeeds: boolean): Situation {
  const offer = now.offered[kind];
  assert.ok(offer, 'only what is offered is applied');
  if (succeeds) return { ...now, serving: { ...now.serving, [kind]: offer } };
  const under = kind === 'config' ? now.serving.runtime?.digest : undefined;
  return { ...now, refused: { ...now.refused, [kind]: { ...offer, under } } };
}
