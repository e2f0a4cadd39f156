/**
 * The whole life of a tenant whose bucket is a real GCS Fuse mount, with a network that answers late: first boot, drain,
 * and a boot on an empty machine from the mount and the key alone, its OpenClaw's bundle included.
 */

import assert from 'node:assert/strict';
import { globSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isReady } from '@opencrane/cli/tenants/readiness.ts';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import { Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { conversation, signedIn, takeTurn } from '../fixtures/conversation.ts';
import { startCoordinator } from '../fixtures/coordinator-process.ts';
import { startGcsServer } from '../fixtures/gcs/gcs-server.ts';
import { mountGcsfuse } from '../fixtures/gcs/gcsfuse-mount.ts';
import { startToxiproxy } from '../fixtures/gcs/toxiproxy.ts';
import { loseDisk } from '../fixtures/lost-disk.ts';
import { ModelStandIn } from '../fixtures/model-stand-in/model-stand-in.ts';
import { processesOf } from '../fixtures/processes.ts';
import { removeHome, seededHome } from '../fixtures/seeded-home.ts';
import { awaitTenant, readyTenant, set, settled, tenantScope } from '../fixtures/tenants.ts';

const gcs = await startGcsServer();
const toxiproxy = await startToxiproxy();

after(async () => {
  if (!('skip' in toxiproxy)) await toxiproxy.stop();
  if (!('skip' in gcs)) await gcs.stop();
});

for (const millis of [20, 50]) {
  test(`a tenant lives on a mount whose every request takes ${millis} ms more`, async (t) => {
    if ('skip' in gcs) return t.skip(gcs.skip);
    if ('skip' in toxiproxy) return t.skip(toxiproxy.skip);
    const way = await toxiproxy.way(gcs.port);
    await way.delay(millis);
    const mount = await mountGcsfuse(way.url, await gcs.bucket());
    if ('skip' in mount) return t.skip(mount.skip);
    mkdirSync(join(mount.path, 'jente')); // the agent makes none: where nothing is mounted it would fill the disk
    const model = await ModelStandIn.listen();
    const home = await seededHome();
    const environment = { OPENCRANE_BUCKETS: join(mount.path, '{tenant}') };
    const timed = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
      const began = performance.now();
      const done = await work();
      t.diagnostic(`${what}: ${((performance.now() - began) / 1_000).toFixed(1)} s`);
      return done;
    };

    let coordinator = await startCoordinator(home, environment);
    t.after(async () => {
      await coordinator.stop();
      await model.close();
      await mount.unmount();
      assert.deepEqual(processesOf(home), []);
      removeHome(home);
    });
    await timed('first boot', () => readyTenant(coordinator, 'jente'));
    const revision = await set(coordinator.clients, tenantScope('jente'), model.configuration());
    await settled(coordinator.clients, 'jente', Kind.CONFIG, revision);
    await signedIn(coordinator.clients, 'jente', (gateway) => takeTurn(gateway, 'remember the heron'));
    const bundles = join(mount.path, 'jente', 'runtime', '*.tar.zst');
    await awaitFact('the bundle is in the bucket', () => globSync(bundles).length === 1);
    assert.equal(await timed('drain', () => coordinator.stop()), 0);

    loseDisk(home, 'jente');
    for (const folder of ['runtimes', 'blobs']) {
      rmSync(join(home, folder)); // a link to the seed
      mkdirSync(join(home, folder));
    }
    coordinator = await startCoordinator(home, environment);
    await timed('boot on an empty machine', () => awaitTenant(coordinator.clients, 'jente', 'back', isReady));
    assert.match(await signedIn(coordinator.clients, 'jente', (gateway) => conversation(gateway)), /heron/);
    assert.equal(await coordinator.stop(), 0);
  });
}
