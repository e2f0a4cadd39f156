import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '@opencrane/kit/digest.ts';
import fc from 'fast-check';
import { begin, hasEnded, onDone, onFailed, onResumed, onRetried, type Plan, type Upgrade } from './upgrade.ts';

const runtime = (version: string) => ({ version, bundleDigest: digestOf(version), directory: `/${version}` });
const plan: Plan = { id: 'kept-1', from: runtime('1'), to: runtime('2'), restoreId: null };
const failure = { reason: 'gateway_exited', message: 'it ended' };

/** The steps it takes when each but `failing` works. */
function path(from: Plan, failing?: string): string[] {
  const steps: string[] = [];
  let upgrade: Upgrade = begin(from);
  while (!hasEnded(upgrade)) {
    const name: string = `${upgrade.phase}:${upgrade.step}`;
    steps.push(name);
    upgrade = name === failing ? onFailed(upgrade, failure) : onDone(upgrade);
  }
  return [...steps, upgrade.phase];
}

const whole = ['forward:stop', 'forward:keep', 'forward:start', 'forward:gate', 'forward:soak'];
const back = ['back:stop', 'back:restore', 'back:start', 'back:gate', 'failed'];
const cases: readonly { reason: string; plan?: Plan; failing?: string; steps: readonly string[] }[] = [
  { reason: 'a good one', steps: [...whole, 'applied'] },
  {
    reason: 'a downgrade brings the kept state back after it kept the present one',
    plan: { ...plan, restoreId: 'kept-0' },
    steps: [...whole.toSpliced(2, 0, 'forward:restore'), 'applied'],
  },
  {
    reason: 'one that cannot be stopped has touched no state, so none is restored',
    failing: 'forward:stop',
    steps: ['forward:stop', ...back.filter((step) => step !== 'back:restore')],
  },
  {
    reason: 'a full disk while keeping: the state is as it was',
    failing: 'forward:keep',
    steps: ['forward:stop', 'forward:keep', ...back.filter((step) => step !== 'back:restore')],
  },
  {
    reason: 'one that was started may have written the state',
    failing: 'forward:start',
    steps: [...whole.slice(0, 3), ...back],
  },
  {
    reason: 'one that never is ready goes back, state and all',
    failing: 'forward:gate',
    steps: [...whole.slice(0, 4), ...back],
  },
  { reason: 'one that ends in the soak goes back', failing: 'forward:soak', steps: [...whole, ...back] },
];

for (const c of cases) test(c.reason, () => assert.deepEqual(path(c.plan ?? plan, c.failing), c.steps));

test('a step back that fails is tried again, not skipped; only the last look at the old version ends it', () => {
  for (const step of ['stop', 'restore', 'start'] as const) {
    const upgrade: Upgrade = { phase: 'back', step, plan, failure, stateTouched: true };
    assert.equal(onFailed(upgrade, failure), upgrade);
  }
  const last = onFailed(
    { phase: 'back', step: 'gate', plan, failure, stateTouched: true },
    { reason: 'x', message: 'nor this' },
  );
  assert.equal(last.phase, 'failed');
  assert.match(last.phase === 'failed' ? last.failure.message : '', /it ended; then 1 did not come up again: nor this/);
});

test('an agent that is killed in it again and again turns back', () => {
  let upgrade: Upgrade = begin(plan);
  for (let kill = 0; kill < 3; kill += 1) upgrade = onResumed(upgrade);
  assert.equal(upgrade.phase, 'forward');
  upgrade = onResumed(upgrade);
  assert.equal(upgrade.phase === 'back' && upgrade.failure.reason, 'upgrade_interrupted');
});

test('a launcher that is away again and again does not turn it back; what it had started is started again', () => {
  let upgrade: Upgrade = { phase: 'forward', step: 'soak', plan, resumes: 1 };
  for (let away = 0; away < 9; away += 1) upgrade = onRetried(upgrade);
  assert.deepEqual(upgrade, { phase: 'forward', step: 'start', plan, resumes: 1 });
});

test('whatever fails and whoever is killed, it ends; and it never says applied after it turned back', () => {
  const event = fc.constantFrom('done', 'done', 'done', 'failed', 'killed');
  fc.assert(
    fc.property(
      fc.array(event, { maxLength: 60 }),
      fc.option(fc.constant('kept-0'), { nil: null }),
      (events, restoreId) => {
        let upgrade: Upgrade = begin({ ...plan, restoreId });
        let turned = false;
        for (const each of [...events, ...Array(20).fill('done')]) {
          if (hasEnded(upgrade)) break;
          if (each === 'killed') upgrade = onResumed(upgrade);
          else upgrade = each === 'done' ? onDone(upgrade) : onFailed(upgrade, failure);
          turned ||= upgrade.phase === 'back';
        }
        assert.ok(hasEnded(upgrade));
        assert.equal(upgrade.phase, turned ? 'failed' : 'applied');
      },
    ),
  );
});
