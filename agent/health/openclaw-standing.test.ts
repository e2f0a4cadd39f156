import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ComponentState } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { gatewayStanding, type OpenClawSeen, openclawStanding, processStanding } from './openclaw-standing.ts';

const { HEALTHY, STARTING, DEGRADED, FAILED, STOPPED } = ComponentState;
const at = (time: string) => Date.parse(`2026-12-01T${time}Z`);

const probes = { live: true, started: true, ready: true, version: '2026.9.6', failing: [] } as const;
const process = { state: 'running', pid: 7, sinceAt: at('10:00:00'), failures: 0, nextTryAt: 0 } as const;
const seen: OpenClawSeen = { process, probes, drained: false, readyMillis: 180_000, now: at('12:00:00') };
const down = { ...process, pid: 0 };
const silent = { process, drained: false, readyMillis: 180_000, now: at('12:00:00') } as const;
const exit = {
  code: 1,
  signal: '',
  output: 'Error: listen EADDRINUSE 127.0.0.1:18800\n    at Server.listen (node:net:1)\n',
};

const cases: readonly { reason: string; seen: OpenClawSeen; state: ComponentState; says: string }[] = [
  { reason: 'it answers and is ready', seen, state: HEALTHY, says: '' },
  {
    reason: 'it answered and does not any more: stopped by a signal, or in an endless loop',
    seen: { ...silent, silentSince: at('11:59:52') },
    state: DEGRADED,
    says: 'has not answered since 11:59:52 UTC',
  },
  {
    reason: 'one that has just begun may take its time',
    seen: { ...silent, process: { ...process, sinceAt: at('11:59:00') } },
    state: STARTING,
    says: 'no answer yet',
  },
  {
    reason: 'one that never answers, such as when its port is taken, is not for ever on its way up',
    seen: silent,
    state: DEGRADED,
    says: 'has not answered since its process began at 10:00:00 UTC',
  },
  {
    reason: 'one that answers and never starts is not, either',
    seen: { ...seen, probes: { ...probes, started: false, ready: false } },
    state: DEGRADED,
    says: 'answers, and has not started since its process began at 10:00:00 UTC',
  },
  {
    reason: 'an exit has its code, its last words without the stack trace, and when the next try is',
    seen: { ...silent, process: { ...down, state: 'restarting', failures: 3, exit, nextTryAt: at('12:00:04') } },
    state: DEGRADED,
    says: 'exited with code 1, 3 times in a row; next try at 12:00:04 UTC; last words: Error: listen EADDRINUSE 127.0.0.1:18800',
  },
  {
    reason: 'a crash without a word is not an empty message',
    seen: {
      ...silent,
      process: { ...down, state: 'restarting', failures: 1, exit: { code: -1, signal: 'SIGKILL', output: '' } },
    },
    state: DEGRADED,
    says: 'was ended by SIGKILL',
  },
  {
    reason: 'between two crashes it is no better than it was',
    seen: { ...silent, process: { ...process, sinceAt: at('11:59:58'), failures: 2, exit } },
    state: DEGRADED,
    says: 'was started again; before that it exited with code 1, 2 times in a row; last words: Error: listen EADDRINUSE 127.0.0.1:18800',
  },
  {
    reason: 'one that answers for some seconds between crashes is in a crash loop all the same',
    seen: { ...seen, process: { ...process, sinceAt: at('11:59:58'), failures: 2, exit } },
    state: DEGRADED,
    says: 'was started again; before that it exited with code 1, 2 times in a row; last words: Error: listen EADDRINUSE 127.0.0.1:18800',
  },
  {
    reason: 'after a minute it has proven itself',
    seen: { ...seen, process: { ...process, failures: 2, exit } },
    state: HEALTHY,
    says: '',
  },
  {
    reason: 'a restart that was asked for is no crash',
    seen: { ...silent, process: { ...process, sinceAt: at('11:59:58'), exit: { ...exit, code: 0 } } },
    state: STARTING,
    says: 'no answer yet',
  },
  {
    reason: 'a first start is none either: between the order and the process there is nothing that ended',
    seen: { ...silent, process: { ...down, state: 'restarting' } },
    state: STARTING,
    says: '',
  },
  {
    reason: 'one that was stopped to be started again did not fail by ending',
    seen: { ...silent, process: { ...down, state: 'restarting', exit: { code: 0, signal: '', output: 'bye' } } },
    state: STARTING,
    says: '',
  },
  {
    reason: 'what could not be started at all says why',
    seen: {
      ...silent,
      process: { ...down, state: 'failed', failures: 1, exit: { code: -1, signal: '', output: 'there is no runtime' } },
    },
    state: FAILED,
    says: 'could not be started; last words: there is no runtime; it is not started again by itself',
  },
  {
    reason: 'a drain is one',
    seen: { ...silent, process: { ...process, state: 'stopping' } },
    state: STOPPED,
    says: 'draining',
  },
  {
    reason: 'drained on purpose',
    seen: { ...silent, drained: true, process: { ...down, state: 'idle' } },
    state: STOPPED,
    says: '',
  },
  { reason: 'not started yet', seen: { ...silent, process: { ...down, state: 'idle' } }, state: STARTING, says: '' },
  {
    reason: 'without the launcher nothing is known',
    seen: { drained: false, readyMillis: 1, now: 1 },
    state: STARTING,
    says: 'the launcher does not answer yet',
  },
];

for (const { reason, seen, state, says } of cases) {
  test(reason, () => assert.deepEqual(openclawStanding(seen), { state, message: says }));
}

test('the part that is at fault says so, and the other does not', () => {
  const hung = { ...silent, silentSince: at('11:59:52') };
  assert.equal(processStanding(hung).state, HEALTHY);
  assert.equal(gatewayStanding(hung).state, DEGRADED);
});
