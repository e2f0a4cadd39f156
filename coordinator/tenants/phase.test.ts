import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  ComponentSchema,
  ComponentState,
  ProgressSchema,
  ReceiptSchema,
  ReceiptState,
} from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { Phase } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import { type PhaseInput, phaseOf } from './phase.ts';

const { STARTING, HEALTHY, DEGRADED, FAILED, STOPPED } = ComponentState;

function tree(state: ComponentState, message = '', parts: MessageInitShape<typeof ComponentSchema>[] = []) {
  return create(ComponentSchema, { name: 'agent', state, message, parts });
}

const connected: PhaseInput = { deleting: false, platformProblem: '', heard: true, connected: true, receipts: [] };
const refused = create(ReceiptSchema, {
  state: ReceiptState.FAILED,
  revision: 5n,
  servingRevision: 4n,
  path: 'gateway.port',
  message: 'must be a number\nand more',
});
const refusedLine = 'revision 5 was refused: gateway.port: must be a number; revision 4 serves on';

const cases: { reason: string; seen: Partial<PhaseInput>; phase: Phase; message: string }[] = [
  {
    reason: 'nobody was ever heard',
    seen: { heard: false, connected: false },
    phase: Phase.PENDING,
    message: 'no agent has reported yet',
  },
  {
    reason: 'before an agent is there, the build of its bundle is the progress',
    seen: { heard: false, connected: false, progress: create(ProgressSchema, { message: 'building 2026.9.6' }) },
    phase: Phase.PENDING,
    message: 'building 2026.9.6',
  },
  {
    reason: 'the platform says why there is no agent',
    seen: { heard: false, connected: false, platformProblem: 'cannot be started: x' },
    phase: Phase.DEGRADED,
    message: 'cannot be started: x',
  },
  {
    reason: 'an agent that was here and cannot start again says why it is gone',
    seen: { connected: false, health: tree(HEALTHY), platformProblem: 'its agent exited with code 2' },
    phase: Phase.DISCONNECTED,
    message: 'its agent exited with code 2',
  },
  {
    reason: 'a launcher that cannot start is why nothing does, though the agent is well',
    seen: {
      health: tree(STARTING, 'the launcher does not answer yet'),
      platformProblem: 'its launcher exited with code 1',
    },
    phase: Phase.DEGRADED,
    message: 'its launcher exited with code 1',
  },
  {
    reason: 'an OpenClaw that serves is not hidden by a launcher that was restarted',
    seen: { health: tree(HEALTHY), platformProblem: 'its launcher was ended by SIGKILL' },
    phase: Phase.READY,
    message: '',
  },
  {
    reason: 'a healthy report of an agent that is gone is no READY',
    seen: { connected: false, health: tree(HEALTHY) },
    phase: Phase.DISCONNECTED,
    message: 'its agent is not connected; what is shown is what it reported last',
  },
  { reason: 'a connection alone says nothing of OpenClaw', seen: {}, phase: Phase.STARTING, message: '' },
  {
    reason: 'while it starts, progress is the message',
    seen: {
      health: tree(STARTING),
      progress: create(ProgressSchema, { step: 'unpack', message: 'unpacking 2026.9.6' }),
    },
    phase: Phase.STARTING,
    message: 'unpacking 2026.9.6',
  },
  {
    reason: 'without progress, what is waited for',
    seen: { health: tree(STARTING, 'waits for a runtime') },
    phase: Phase.STARTING,
    message: 'agent: waits for a runtime',
  },
  { reason: 'healthy and connected', seen: { health: tree(HEALTHY) }, phase: Phase.READY, message: '' },
  {
    reason: 'a refused offer does not take READY away, but is said',
    seen: { health: tree(HEALTHY), receipts: [refused] },
    phase: Phase.READY,
    message: refusedLine,
  },
  {
    reason: 'the part that knows why speaks',
    seen: {
      health: tree(DEGRADED, 'something', [
        { name: 'disk', state: HEALTHY },
        { name: 'openclaw', state: DEGRADED, parts: [{ name: 'config', state: DEGRADED, message: 'drift: a.b' }] },
      ]),
    },
    phase: Phase.DEGRADED,
    message: 'config: drift: a.b',
  },
  {
    reason: 'what an agent is doing is no complaint while a part of a part says what is wrong',
    seen: {
      health: tree(DEGRADED, 'start', [
        { name: 'openclaw', state: HEALTHY, parts: [{ name: 'config', state: DEGRADED, message: 'drift: a.b' }] },
        { name: 'disk', state: DEGRADED, message: 'low' },
      ]),
    },
    phase: Phase.DEGRADED,
    message: 'config: drift: a.b',
  },
  {
    reason: 'a milder part does not speak for a failure',
    seen: { health: tree(FAILED, 'OpenClaw ended', [{ name: 'disk', state: DEGRADED, message: 'low' }]) },
    phase: Phase.DEGRADED,
    message: 'agent: OpenClaw ended',
  },
  {
    reason: 'stopped on purpose is not READY',
    seen: { health: tree(STOPPED) },
    phase: Phase.DEGRADED,
    message: 'OpenClaw is stopped on purpose',
  },
  {
    reason: 'a delete outweighs everything',
    seen: { deleting: true, health: tree(HEALTHY) },
    phase: Phase.DELETING,
    message: 'it is being deleted',
  },
];

for (const { reason, seen, phase, message } of cases) {
  test(reason, () => assert.deepEqual(phaseOf({ ...connected, ...seen }), { phase, message }));
}

test('what an agent that is not connected said is never READY', () => {
  for (const state of [ComponentState.UNSPECIFIED, STARTING, HEALTHY, DEGRADED, FAILED, STOPPED]) {
    assert.notEqual(phaseOf({ ...connected, connected: false, health: tree(state) }).phase, Phase.READY);
  }
});
