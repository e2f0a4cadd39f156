/** Ends of a gateway that wants another in its place. Each begins with one that runs. */
import assert from 'node:assert/strict';
import { handOver } from './command-behaviours.ts';
import { type Behaviour, patchOf, valueAt, type World } from './world.ts';

/** It ended with 0, and asks for another: once, and for no other process. */
async function assertHandedOver({ subject, gateway, client }: World): Promise<void> {
  assert.deepEqual(await gateway.ended, { code: 0, signal: null });
  assert.equal((await client.closed).code, 1012);
  const first = await handOver(subject, gateway.pid);
  assert.deepEqual({ ...first, reason: '' }, { code: 0, status: 'accepted', reason: '', pid: gateway.pid });
  const second = await handOver(subject, gateway.pid);
  assert.deepEqual([second.code, second.status], [0, 'none']);
}

export const restartBehaviours: readonly Behaviour[] = [
  {
    reason: 'a patch that takes a restart says so; then the gateway ends with 0 and hands over',
    async holds(world) {
      const params = await patchOf(world, { gateway: { controlUi: { basePath: '/assistant' } } });
      const answer = await world.client.get('config.patch', params);
      assert.match(String(answer['changedPaths']), /^gateway\.controlUi(\.basePath)?$/); // which, depends on what was there
      assert.equal(valueAt(answer, 'sentinel.payload.stats.requiresRestart'), true);
      assert.equal(valueAt(world.subject.read(), 'gateway.controlUi.basePath'), '/assistant');
      await assertHandedOver(world);
    },
  },
  {
    reason: 'so it does on SIGUSR2',
    async holds(world) {
      world.gateway.kill('SIGUSR2');
      await assertHandedOver(world);
    },
  },
];
