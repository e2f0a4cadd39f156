/** OpenCrane, its home and its tenants in a folder with a name that URLs, shells and lists of paths read in their own way. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startCoordinator } from '../fixtures/coordinator-process.ts';
import { processesOf } from '../fixtures/processes.ts';
import { awaitTenant } from '../fixtures/tenants.ts';
import { addTinyOpenClaw, pinTinyOpenClaw, tinyVersion } from '../fixtures/tiny-openclaw.ts';

const repository = join(import.meta.dirname, '../..');

// Two are left out: Node itself loads no module from below a folder with a backslash, and a PATH cannot name one with a colon.
const names = ['c#1', `100%41? a "b" 'c' $HOME \`d\` ünïcødé\nsecond line;`];

for (const name of names) {
  test(`a clone in a folder named ${JSON.stringify(name)}: OpenClaw starts, its commands run, and it stops`, async () => {
    const root = mkdtempSync(join(tmpdir(), 'oc-'));
    const clone = join(root, name);
    for (const part of ['agent', 'coordinator', 'kit', 'proto']) {
      cpSync(join(repository, part), join(clone, part), {
        recursive: true,
        filter: (path) => !/node_modules/.test(path),
      });
    }
    cpSync(join(repository, 'package.json'), join(clone, 'package.json'));
    symlinkSync(join(repository, 'node_modules'), join(clone, 'node_modules'));
    const home = join(clone, '.opencrane');
    mkdirSync(home);
    const main = join(clone, 'coordinator', 'main.ts');
    const coordinator = await startCoordinator(home, {}, { admin: 0, agents: 0 }, main);
    try {
      await addTinyOpenClaw(home);
      await pinTinyOpenClaw(coordinator.clients);
      await coordinator.clients.tenants.createTenant({ name: 'jente' });
      await awaitTenant(
        coordinator.clients,
        'jente',
        'serving',
        ({ status }) => status?.openclawVersion === tinyVersion,
      );
      const shim = join(home, 'tenants', 'jente', 'bin', 'openclaw');
      const ran = spawnSync(shim, ['config', 'validate'], { encoding: 'utf8' });
      assert.equal(ran.stdout, '{"valid":true}\n', ran.stderr);
    } finally {
      assert.equal(await coordinator.stop(), 0);
    }
    assert.deepEqual(processesOf(clone), []);
    rmSync(root, { recursive: true });
  });
}
