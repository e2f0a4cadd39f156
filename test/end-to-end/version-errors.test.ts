/** Versions that cannot be had: a clear error to the caller before the tenant is touched. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Code, ConnectError } from '@connectrpc/connect';
import { ErrorInfoSchema } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { type CoordinatorProcess, startCoordinator } from '../fixtures/coordinator-process.ts';
import { removeHome, seededHome } from '../fixtures/seeded-home.ts';
import { readyTenant, tenantScope } from '../fixtures/tenants.ts';

let coordinator: CoordinatorProcess;
before(async () => {
  coordinator = await startCoordinator(await seededHome());
  await readyTenant(coordinator, 'jente');
});
after(async () => {
  await coordinator.stop();
  removeHome(coordinator.home);
});

const cases = [
  {
    reason: 'a version nobody published',
    version: '2099.1.1',
    code: Code.NotFound,
    info: 'runtime_version_unknown',
    says: /2099\.1\.1/,
  },
  {
    reason: 'a version whose install needs git over ssh: npm’s own words reach the caller',
    version: '2026.3.13',
    code: Code.FailedPrecondition,
    info: 'runtime_install_failed',
    says: /git/,
  },
] as const;

for (const { reason, version, code, info, says } of cases) {
  test(reason, async () => {
    const { runtimes, tenants } = coordinator.clients;
    const before = (await tenants.getTenant({ name: 'jente' })).tenant?.status;
    await assert.rejects(runtimes.pinRuntime({ scope: tenantScope('jente'), version }), (thrown) => {
      assert.ok(thrown instanceof ConnectError);
      assert.equal(thrown.code, code);
      assert.match(thrown.rawMessage, says);
      assert.equal(thrown.findDetails(ErrorInfoSchema)[0]?.reason, info);
      return true;
    });
    const now = (await tenants.getTenant({ name: 'jente' })).tenant?.status;
    assert.equal(now?.gatewayPid, before?.gatewayPid, 'the same process serves');
    const { pins } = await runtimes.listRuntimes({});
    assert.deepEqual(pins, [], 'nothing was pinned');
  });
}
