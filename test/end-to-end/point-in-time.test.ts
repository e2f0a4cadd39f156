/** Three states of the real OpenClaw at three times: each comes back exactly, from the bucket and the key alone. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isReady } from '@opencrane/cli/tenants/readiness.ts';
import { Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { conversation, signedIn, takeTurn } from '../fixtures/conversation.ts';
import { type CoordinatorProcess, startCoordinator } from '../fixtures/coordinator-process.ts';
import { ModelStandIn } from '../fixtures/model-stand-in/model-stand-in.ts';
import { processesOf } from '../fixtures/processes.ts';
import { removeHome, seededHome } from '../fixtures/seeded-home.ts';
import { awaitTenant, readyTenant, set, settled, tenantScope } from '../fixtures/tenants.ts';
import { printTree } from '../fixtures/tree-print.ts';

const cli = join(import.meta.dirname, '../../cli/main.ts');
const into = mkdtempSync(join(tmpdir(), 'opencrane-restored-'));
let coordinator: CoordinatorProcess;
let model: ModelStandIn;

before(async () => {
  model = await ModelStandIn.listen();
  coordinator = await startCoordinator(await seededHome());
  await readyTenant(coordinator, 'jente');
  const revision = await set(coordinator.clients, tenantScope('jente'), model.configuration());
  await settled(coordinator.clients, 'jente', Kind.CONFIG, revision);
});

after(async () => {
  await coordinator.stop();
  await model.close();
  assert.deepEqual(processesOf(coordinator.home), []);
  removeHome(coordinator.home);
  rmSync(into, { recursive: true, force: true });
});

const data = () => join(coordinator.home, 'tenants', 'jente');

/** The CLI with nothing but the bucket and the key; resolves with its JSON. */
function vault(...words: string[]): unknown {
  const way = ['--bucket', join(data(), 'openclaw'), '--key-file', join(data(), 'key', 'tenant.key'), '--json'];
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, 'vault', ...words, ...way], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

test('each of three states is restored exactly, whatever came after', async () => {
  const states: { readonly at: number; readonly prints: Map<string, string> }[] = [];
  for (const number of [1, 2, 3]) {
    await signedIn(coordinator.clients, 'jente', (gateway) => takeTurn(gateway, `number ${number}.`));
    const uploads = join(data(), 'state', 'workspace', 'uploads');
    mkdirSync(uploads, { recursive: true });
    writeFileSync(join(uploads, `${number}.bin`), Buffer.alloc(300_000, `upload ${number}`));
    rmSync(join(uploads, `${number - 1}.bin`), { force: true });
    assert.equal(await coordinator.stop(), 0);
    states.push({ at: Date.now(), prints: printTree(join(data(), 'state')) });
    coordinator = await startCoordinator(coordinator.home);
    await awaitTenant(coordinator.clients, 'jente', 'back', isReady);
  }
  for (const [index, { at, prints }] of states.entries()) {
    const folder = join(into, String(index));
    vault('restore', '--at', new Date(at).toISOString(), '--into', folder);
    assert.deepEqual(printTree(folder), prints, `state ${index + 1}`);
    assert.ok([...prints.keys()].some((path) => path.endsWith(`uploads/${index + 1}.bin`)));
    assert.ok(
      [...prints.values()].some((print) => print.includes('database')),
      'databases are compared',
    );
  }
});

test('in the place of the state: what was said later is gone, what was said before is there', async () => {
  const { list } = await coordinator.clients.vault.listSnapshots({ tenant: 'jente' });
  const first = list?.snapshots.toReversed().find(({ reason }) => reason === 'drain');
  assert.ok(first, 'a snapshot was taken at the first drain');
  await coordinator.clients.vault.restoreVault({
    tenant: 'jente',
    restore: { snapshot: { choice: { case: 'sequence', value: first.sequence } } },
  });
  await awaitTenant(coordinator.clients, 'jente', 'back', isReady);
  const said = await signedIn(coordinator.clients, 'jente', (gateway) => conversation(gateway));
  assert.match(said, /number 1\./);
  assert.doesNotMatch(said, /number [23]\./);
});
