import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Component, ComponentState } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { healthTree, type Observations } from './health-tree.ts';

const healthy: Observations = {
  agentVersion: '1',
  doing: '',
  process: { state: 'running', pid: 7, sinceAt: 1, failures: 0, nextTryAt: 0 },
  trouble: '',
  readyMillis: 180_000,
  probes: { live: true, started: true, ready: true, version: '2026.9.6', failing: [] },
  drift: [],
  disk: { freeBytes: 5e10, totalBytes: 1e11 },
  drained: false,
  vault: { state: 'kept', unsavedMillis: 0, overdueMillis: 0, trouble: '', unread: [], slow: [], pruneTrouble: '' },
};

const gone = { pid: 0, sinceAt: 1, failures: 0, nextTryAt: 0 } as const;
const { HEALTHY, STARTING, DEGRADED, FAILED, STOPPED } = ComponentState;

const cases: readonly {
  reason: string;
  change: Partial<Observations>;
  root: ComponentState;
  openclaw: ComponentState;
  says?: string;
}[] = [
  { reason: 'all that was observed is well', change: {}, root: HEALTHY, openclaw: HEALTHY },
  {
    reason: 'a process that runs is not yet a gateway that answers',
    change: { probes: { ...healthy.probes, live: true, started: false, ready: false, version: '', failing: [] } },
    root: STARTING,
    openclaw: STARTING,
  },
  {
    reason: 'a broken channel degrades, with OpenClaw’s own word for it',
    change: { probes: { live: true, started: true, ready: false, version: '2026.9.6', failing: ['telegram'] } },
    root: DEGRADED,
    openclaw: DEGRADED,
    says: 'not ready: telegram',
  },
  {
    reason: 'a launcher that gave up is a failure, with the last words of the process',
    change: {
      process: { ...gone, state: 'failed', failures: 2, exit: { code: 78, signal: '', output: 'unknown key "x"' } },
    },
    root: FAILED,
    openclaw: FAILED,
    says: 'exited with code 78, 2 times in a row; last words: unknown key "x"; it is not started again by itself',
  },
  {
    reason: 'a drained OpenClaw is stopped, not broken',
    change: { drained: true, process: { ...gone, state: 'idle' } },
    root: STOPPED,
    openclaw: STOPPED,
  },
  {
    reason: 'what fails again and again is not on its way up',
    change: { trouble: 'start failed', process: { ...gone, state: 'idle' } },
    root: DEGRADED,
    openclaw: DEGRADED,
    says: 'start failed',
  },
  {
    reason: 'what is on its way after an order is not degraded',
    change: { doing: 'start', process: { ...gone, state: 'restarting' } },
    root: STARTING,
    openclaw: STARTING,
    says: '',
  },
  {
    reason: 'drift shows at the top though OpenClaw serves',
    change: { drift: ['gateway.port'] },
    root: DEGRADED,
    openclaw: HEALTHY,
  },
  {
    reason: 'changes that wait too long for the bucket show, with how long and why',
    change: {
      vault: {
        state: 'kept',
        unsavedMillis: 184_000,
        overdueMillis: 184_000,
        trouble: 'the bucket answers 503',
        unread: [],
        slow: [],
        pruneTrouble: '',
      },
    },
    root: DEGRADED,
    openclaw: HEALTHY,
  },
  {
    reason: 'one slow snapshot is no complaint',
    change: {
      vault: {
        state: 'kept',
        unsavedMillis: 9_000,
        overdueMillis: 9_000,
        trouble: '',
        unread: [],
        slow: [],
        pruneTrouble: '',
      },
    },
    root: HEALTHY,
    openclaw: HEALTHY,
  },
  {
    reason: 'a file that could not be read shows: what is in the bucket is not all',
    change: {
      vault: {
        state: 'kept',
        unsavedMillis: 0,
        overdueMillis: 0,
        trouble: '',
        unread: [{ path: 'workspace/a', why: 'it may not be read' }],
        slow: [],
        pruneTrouble: '',
      },
    },
    root: DEGRADED,
    openclaw: HEALTHY,
  },
  {
    reason: 'little disk shows before an upgrade fails for it',
    change: { disk: { freeBytes: 1, totalBytes: 2 } },
    root: DEGRADED,
    openclaw: HEALTHY,
  },
];

for (const { reason, change, root, openclaw, says } of cases) {
  test(reason, () => {
    const tree = healthTree({ ...healthy, ...change }, undefined, 5);
    assert.equal(tree.state, root);
    assert.equal(part(tree, 'openclaw').state, openclaw);
    if (says !== undefined) assert.equal(part(tree, 'openclaw').message, says);
  });
}

test('since-when moves only when the state does', () => {
  const first = healthTree(healthy, undefined, 100);
  const second = healthTree({ ...healthy, drift: ['a'] }, first, 200);
  assert.equal(part(second, 'openclaw').sinceMillis, 100n);
  assert.equal(second.sinceMillis, 200n);
});

test('what was not looked at is never healthy', () => {
  const { agentVersion, doing, trouble, drift, drained, readyMillis } = healthy;
  const vault = { state: 'waiting', why: 'the bucket has not answered yet' } as const;
  const tree = healthTree({ agentVersion, doing, trouble, drift, drained, readyMillis, vault }, undefined, 1);
  assert.equal(tree.state, STARTING);
  for (const name of ['disk', 'vault']) assert.equal(part(tree, name).state, STARTING);
});

function part(tree: Component, name: string): Component {
  const found = tree.parts.find((each) => each.name === name);
  assert.ok(found, `there is a component ${name}`);
  return found;
}
