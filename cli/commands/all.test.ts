import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { nameOf } from '../command.ts';
import { type FakeServices, runCli } from '../testing.ts';
import { commands } from './all.ts';
import { type Use, uses } from './testing-uses.ts';

/** The vault of that tenant. */
const vault: FakeServices['vault'] = {
  listSnapshots: () => ({ list: { snapshots: [{ sequence: 41n, takenAtMillis: 1_000n }], more: true } }),
  takeSnapshot: () => ({ taken: { snapshot: { sequence: 42n } } }),
  restoreVault: () => ({ restored: { snapshot: { sequence: 41n }, folder: '/state', before: { sequence: 43n } } }),
  verifyVault: () => ({ verified: { snapshots: 3n } }),
  pruneVault: () => ({ pruned: { snapshots: 1n, keptSnapshots: 3n } }),
  diffSnapshots: () => ({ difference: { from: { sequence: 1n }, to: { sequence: 2n } } }),
  async *exportSnapshot() {
    yield {};
    yield { part: { case: 'data', value: new Uint8Array(7) } };
    yield { part: { case: 'exported', value: { files: 1n, bytes: 7n } } };
  },
};

/** A coordinator with one tenant that has answered everything. */
const services: FakeServices = {
  tenants: {
    createTenant: ({ name }) => ({ tenant: { name } }),
    getTenant: ({ name }) => ({ tenant: { name } }),
    listTenants: () => ({ tenants: [{ name: 'jente' }] }),
    deleteTenant: () => ({ retainedAt: '/kept' }),
    restartTenant: () => ({}),
    async *watchTenants() {
      yield { tenant: { name: 'jente' }, snapshotComplete: true };
    },
    async *readTenantLogs() {
      yield { lines: ['one', 'two'] };
    },
    getTenantAccess: () => ({ url: 'http://gateway', token: 'secret', shellDirectory: '/tmp' }),
  },
  config: {
    getConfig: () => ({
      layer: { document: { a: 1 }, revision: 7n },
      merged: { a: 1 },
      origins: { a: 'organisation' },
    }),
    updateConfig: () => ({ layer: { revision: 8n }, changed: true }),
    replaceConfig: () => ({ changed: false }),
    listConfigHistory: () => ({
      revisions: [
        { revision: 8n, scope: { scope: { case: 'organisation', value: true } }, document: { a: 2 } },
        { revision: 7n, scope: { scope: { case: 'organisation', value: true } }, document: { a: 1 } },
      ],
    }),
  },
  runtimes: {
    listRuntimes: () => ({ runtimes: [{ version: '2026.9.6' }] }),
    async *buildRuntime() {
      yield { progress: { operation: 'build', step: 'download' } };
      yield { runtime: { version: '2026.9.6' } };
    },
    pinRuntime: () => ({ revision: { revision: 9n } }),
    unpinRuntime: () => ({ revision: { revision: 10n } }),
    listRuntimeHistory: () => ({ revisions: [{ revision: 9n, version: '2026.9.6' }] }),
  },
  audit: { listAudit: () => ({ entries: [{ id: 1n, action: 'tenant.create' }] }) },
  vault,
  events: {
    async *watchEvents() {
      yield {};
      yield { event: { id: 1n, reason: 'TenantReady' } };
    },
  },
};

const folder = mkdtempSync(join(tmpdir(), 'opencrane-commands-'));
after(() => rmSync(folder, { recursive: true }));
const standIn = fileURLToPath(new URL('../vault/stand-in.ts', import.meta.url));

/** Where a use runs. */
function worldOf({ result }: Use) {
  const script = { say: [JSON.stringify({ result })], note: join(folder, 'note') };
  writeFileSync(join(folder, 'script'), JSON.stringify(script));
  const environment = { EDITOR: 'true', PATH: process.env['PATH'], STAND_IN: join(folder, 'script') };
  return { environment, folder, offlineVault: [process.execPath, standIn] };
}

test('no two commands have one name', () => {
  const names = commands.map(nameOf);
  assert.deepEqual(names, [...new Set(names)]);
});

for (const command of commands) {
  const name = nameOf(command);

  test(`${name}: help has a summary, examples of its own, --json and the exit codes`, async () => {
    assert.ok(command.summary.length > 10);
    assert.ok(command.examples.length > 0);
    for (const example of command.examples) assert.match(example.command, new RegExp(`(^| )opencrane ${name}( |$)`));
    const { exitCode, out, errors } = await runCli([...name.split(' '), '--help'], services);
    assert.equal(exitCode, 0);
    assert.equal(errors, '');
    for (const wanted of ['--json', 'Exit codes:', ...command.examples.map((example) => example.command)]) {
      assert.ok(out.includes(wanted), `${wanted} is not in\n${out}`);
    }
  });

  if (name === 'start') continue; // it starts processes: test/end-to-end

  test(`${name} --json writes JSON and nothing else`, async () => {
    const use = uses[name];
    assert.ok(use, 'a use of every command is in the table');
    const ran = await runCli([...name.split(' '), ...use.words, '--json'], services, worldOf(use));
    assert.deepEqual({ exitCode: ran.exitCode, errors: ran.errors }, { exitCode: 0, errors: '' });
    const documents = use.documents === 'lines' ? ran.out.trimEnd().split('\n') : [ran.out];
    for (const document of documents) assert.doesNotThrow(() => JSON.parse(document), `not JSON: ${document}`);
  });

  test(`${name} says something to people`, async () => {
    const words = [
      ...name.split(' '),
      ...(uses[name]?.words ?? []),
      ...(name === 'tenant shell' ? ['--', 'true'] : []),
    ];
    const ran = await runCli(words, services, worldOf(uses[name] ?? { words: [] }));
    assert.equal(ran.exitCode, 0, ran.errors);
    if (name === 'tenant shell') return; // what ran in it speaks for itself
    assert.notEqual(ran.out.trim(), '');
    assert.throws(() => JSON.parse(ran.out));
  });
}
