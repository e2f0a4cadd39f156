import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { ManualClock } from '@opencrane/kit/clock.ts';
import { ComponentState } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { Phase, type Tenant, TenantSchema, type TenantStatusSchema } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import { Output } from '../output/output.ts';
import { BootStory } from '../start/boot-story.ts';
import { fakeClients, runCli } from '../testing.ts';
import { isReady } from './readiness.ts';

const { DEGRADED, HEALTHY, STARTING } = ComponentState;
type StatusInit = MessageInitShape<typeof TenantStatusSchema>;

/** A tenant in this phase whose OpenClaw is in this state; by default nothing is known of it. */
function tenant(phase: Phase, openclaw?: ComponentState, message = ''): Tenant {
  const parts = openclaw === undefined ? [] : [{ name: 'openclaw', state: openclaw }];
  const status: StatusInit = { phase, message, openclawVersion: '2026.9.6', health: { name: 'agent', parts } };
  return create(TenantSchema, { name: 'jente', status });
}

const nearlyFull = tenant(Phase.DEGRADED, HEALTHY, 'disk: less than 1 GiB free');

const cases: readonly { reason: string; seen: Tenant; ready: boolean }[] = [
  { reason: 'all is well', seen: tenant(Phase.READY, HEALTHY), ready: true },
  { reason: 'OpenClaw serves, and something beside it is the matter', seen: nearlyFull, ready: true },
  { reason: 'OpenClaw itself is the matter', seen: tenant(Phase.DEGRADED, DEGRADED), ready: false },
  { reason: 'what is wrong is why OpenClaw is not up yet', seen: tenant(Phase.DEGRADED, STARTING), ready: false },
  { reason: 'nothing was ever observed', seen: tenant(Phase.DEGRADED), ready: false },
  {
    reason: 'what it was before its agent went is not what it is',
    seen: tenant(Phase.DISCONNECTED, HEALTHY),
    ready: false,
  },
  { reason: 'the phase says that it is on its way', seen: tenant(Phase.STARTING, HEALTHY), ready: false },
];

for (const { reason, seen, ready } of cases) test(reason, () => assert.equal(isReady(seen), ready));

/** Watches that send these, one after the other, and then stay open. */
function services(changes: readonly Tenant[]) {
  const open = (signal: AbortSignal) =>
    new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  return {
    tenants: {
      createTenant: () => ({ tenant: tenant(Phase.PENDING) }),
      getTenantAccess: () => ({ url: 'http://127.0.0.1:1/#token=t', token: 't' }),
      async *watchTenants(_: unknown, { signal }: { signal: AbortSignal }) {
        for (const change of changes) yield { tenant: change };
        await open(signal);
      },
    },
    events: {
      // biome-ignore lint/correctness/useYield: nothing happens.
      async *watchEvents(_: unknown, { signal }: { signal: AbortSignal }) {
        await open(signal);
      },
    },
  };
}

test('tenant create: one that serves on a disk that is nearly full is ready, with a word', {
  timeout: 10_000,
}, async () => {
  const { exitCode, out } = await runCli(['tenant', 'create', 'jente'], services([tenant(Phase.STARTING), nearlyFull]));
  assert.equal(exitCode, 0);
  assert.match(out, /jente is ready: opencrane tenant open jente\n {2}but disk: less than 1 GiB free\n$/);
});

test('tenant create: one that becomes usable while the complaint stays the same is noticed', {
  timeout: 10_000,
}, async () => {
  const before = tenant(Phase.DEGRADED, DEGRADED, nearlyFull.status?.message);
  const { exitCode } = await runCli(['tenant', 'create', 'jente'], services([before, nearlyFull]));
  assert.equal(exitCode, 0);
});

test('start: one that serves is welcomed with the word, and not again while the words change', async () => {
  let out = '';
  const sink = { write: (text: string) => (out += text) };
  const output = new Output({ json: false, out: sink, errors: sink, colours: false });
  const story = new BootStory(fakeClients(services([])), output, new ManualClock(), 0);
  await story.changed(nearlyFull, tenant(Phase.STARTING));
  assert.match(out, /jente is ready: OpenClaw 2026\.9\.6 after .*\n {2}but disk: less than 1 GiB free\n/);
  out = '';
  const full = tenant(Phase.DEGRADED, HEALTHY, 'disk: the disk is full');
  await story.changed(full, nearlyFull);
  await story.changed(tenant(Phase.READY, HEALTHY), full);
  assert.equal(out, 'jente is degraded: disk: the disk is full\njente is ready: OpenClaw 2026.9.6\n');
  story.close();
});

test('status: those that serve are counted as ready, and those of them that are degraded are told', async () => {
  const tenants = [
    tenant(Phase.READY, HEALTHY),
    { ...nearlyFull, name: 'mees' },
    { ...tenant(Phase.STARTING), name: 'noor' },
  ];
  const { out } = await runCli(['status'], {
    tenants: { listTenants: () => ({ tenants }) },
    runtimes: { listRuntimes: () => ({ runtimes: [] }) },
  });
  assert.match(out, /^tenants {6}3, 2 ready, 1 of them degraded$/m);
});
