import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { ManualClock } from '@opencrane/kit/clock.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { toConnectError } from '@opencrane/kit/grpc/status.ts';
import type { WatchTenantsResponseSchema } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import type { RestoreVaultRequest, VaultService } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import { type FakeServices, runCli } from '../../testing.ts';

/** Snapshots 39 to 41, ten minutes from each other, the newest twelve minutes old. */
const now = 1_789_000_000_000;
const minute = 60_000;
const snapshots = [12, 22, 32].map((ago, index) => ({
  sequence: BigInt(41 - index),
  takenAtMillis: BigInt(now - ago * minute),
}));
const listSnapshots: ServiceImpl<typeof VaultService>['listSnapshots'] = ({ list }) => {
  const before = list?.beforeSequence ?? 0n;
  const older = snapshots.filter(({ sequence }) => before === 0n || sequence < before);
  const page = older.slice(0, list?.limit || 100);
  return { list: { snapshots: page, more: page.length < older.length } };
};

/** A coordinator that notes what it is to restore. */
function restoring() {
  const asked: RestoreVaultRequest[] = [];
  const services: FakeServices = {
    vault: {
      listSnapshots,
      restoreVault(request) {
        asked.push(request);
        const before = { sequence: 42n, takenAtMillis: BigInt(now) };
        return {
          restored: { snapshot: snapshots[0], folder: '/data/state', files: 3n, downtimeMillis: 3_400n, before },
        };
      },
    },
  };
  return { asked, services, clock: new ManualClock(now) };
}

test('a restore in the place of the state says what is lost, asks, and restores the very snapshot it spoke of', async () => {
  const { asked, services, clock } = restoring();
  const questions: string[] = [];
  const ask = async (question: string) => {
    questions.push(question);
    return ' jente\n';
  };
  const ran = await runCli(['vault', 'restore', '--tenant', 'jente'], services, { ask, clock });
  assert.equal(ran.exitCode, 0, ran.errors);
  assert.equal(
    questions.join(),
    'the state of jente is replaced with snapshot 41 of 2026-09-10 00:14:40Z: the last 12 minutes are lost to it. Type its name to go on: ',
  );
  assert.deepEqual(
    asked.map(({ restore }) => [restore?.snapshot?.choice, restore?.path, restore?.into]),
    [[{ case: 'sequence', value: 41n }, '', '']],
  );
  assert.match(ran.out, /✔ snapshot 41 of .* is in \/data\/state: 3 files, 0 B; OpenClaw was not ready for 3\.4 s\n/);
  assert.match(ran.out, /opencrane vault restore --tenant jente --snapshot 42\n$/);
});

const refusals = [
  { reason: 'another name', ask: async () => 'mees', says: /not confirmed; nothing was changed/ },
  { reason: 'nobody to be asked', ask: undefined, says: /nobody can be asked here[\s\S]*say --yes/ },
] as const;

for (const { reason, ask, says } of refusals) {
  test(`${reason}: nothing is restored`, async () => {
    const { asked, services, clock } = restoring();
    const ran = await runCli(['vault', 'restore', '--tenant', 'jente'], services, { ask, clock });
    assert.deepEqual([ran.exitCode, asked], [5, []]);
    assert.match(ran.errors, says);
  });
}

test('with --yes it says what is lost and goes on; a program gets only the result', async () => {
  const { asked, services, clock } = restoring();
  const words = ['vault', 'restore', '--tenant', 'jente', '--yes', '--snapshot', '40', '--path', 'agents/main'];
  const people = await runCli(words, services, { clock });
  assert.match(
    people.out,
    /^agents\/main of the state of jente is replaced with snapshot 40 .* the last 22 minutes are lost/,
  );
  const program = await runCli([...words, '--json'], services, { clock });
  assert.equal(JSON.parse(program.out).folder, '/data/state');
  assert.deepEqual(
    asked.map(({ restore }) => [restore?.snapshot?.choice.value, restore?.path]),
    [
      [40n, 'agents/main'],
      [40n, 'agents/main'],
    ],
  );
});

test('as of a time, what is typed without a zone is said with it', async () => {
  const { asked, services, clock } = restoring();
  const at = new Date(now - 25 * minute);
  const local = new Date(at.getTime() - at.getTimezoneOffset() * minute).toISOString().slice(0, 19);
  const ran = await runCli(['vault', 'restore', '--tenant', 'jente', '--yes', '--at', local], services, { clock });
  assert.match(ran.out, new RegExp(`^as of ${local}[+-]\\d\\d:\\d\\d\n`));
  assert.equal(asked[0]?.restore?.snapshot?.choice.value, 39n);
});

test('a snapshot that is not there is found out before anybody is asked', async () => {
  const { asked, services, clock } = restoring();
  const ask = () => Promise.reject(new Error('asked'));
  for (const choice of [
    ['--snapshot', '7'],
    ['--at', '2020-01-01T00:00Z'],
  ]) {
    const ran = await runCli(['vault', 'restore', '--tenant', 'jente', ...choice], services, { ask, clock });
    assert.equal(ran.exitCode, 3);
    assert.match(ran.errors, /opencrane vault list --tenant jente/);
  }
  assert.deepEqual(asked, []);
});

test('a restore into a folder takes nothing away, so nothing is asked', async () => {
  const { asked, services } = restoring();
  const ran = await runCli(['vault', 'restore', '--tenant', 'jente', '--into', '/tmp/side'], services);
  assert.equal(ran.exitCode, 0, ran.errors);
  assert.deepEqual([asked[0]?.restore?.into, asked[0]?.restore?.snapshot?.choice.case], ['/tmp/side', 'newest']);
});

const wrongUses = [
  { reason: 'no vault', words: ['list'], says: /no vault is named[\s\S]*either --tenant NAME, or --bucket ADDRESS/ },
  {
    reason: 'two vaults',
    words: ['list', '--tenant', 'x', '--bucket', 'y', '--key-file', 'z'],
    says: /both a tenant and/,
  },
  { reason: 'a tenant with a key', words: ['list', '--tenant', 'x', '--key-file', 'z'], says: /both a tenant and/ },
  { reason: 'a bucket without its key', words: ['list', '--bucket', 'y'], says: /no file with its key/ },
  { reason: 'a key without its bucket', words: ['list', '--key-file', 'z'], says: /and no bucket/ },
  { reason: 'a time that is none', words: ['verify', '--tenant', 'x', '--at', 'noon'], says: /"noon" is no time/ },
  {
    reason: 'a time and a number',
    words: ['verify', '--tenant', 'x', '--at', '2026-09-12', '--snapshot', '3'],
    says: /both a time and a number/,
  },
  { reason: 'a number that is none', words: ['verify', '--tenant', 'x', '--snapshot', 'first'], says: /snapshot: / },
  { reason: 'a snapshot before the first', words: ['verify', '--tenant', 'x', '--snapshot', '0'], says: /snapshot: / },
  { reason: 'a page that is too long', words: ['list', '--tenant', 'x', '--limit', '1001'], says: /limit: / },
  { reason: 'half a comparison', words: ['diff', '3', '--tenant', 'x'], says: /missing required argument 'to'/ },
  { reason: 'a comparison with words', words: ['diff', '3', 'now', '--tenant', 'x'], says: /neither the number of/ },
  { reason: 'an export to nowhere', words: ['export', '--tenant', 'x'], says: /output: say --output FILE/ },
  {
    reason: 'a folder of this machine for an agent elsewhere',
    words: ['restore', '--tenant', 'x', '--into', 'here'],
    says: /write the whole path/,
  },
] as const;

for (const { reason, words, says } of wrongUses) {
  test(`${reason} is wrong use`, async () => {
    const ran = await runCli(['vault', ...words], {});
    assert.deepEqual([ran.exitCode, ran.out], [2, '']);
    assert.match(ran.errors, says);
  });
}

test('a list tells how to see more', async () => {
  const ran = await runCli(['vault', 'list', '--tenant', 'jente', '--limit', '2'], { vault: { listSnapshots } });
  assert.match(ran.out, /^SNAPSHOT +TAKEN[\s\S]*\n +41 [\s\S]*\n +40 /);
  assert.match(ran.out, /older ones: opencrane vault list --tenant jente --before 40\n$/);
});

test('damage is shown object by object with the way out, and is exit code 1', async () => {
  const vault: FakeServices['vault'] = {
    verifyVault: () => ({
      verified: {
        snapshots: 9n,
        damaged: [
          {
            name: 'vault/packs/7',
            reason: 'object_short',
            message: 'ends after 3 of 9 bytes',
            sequences: [1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n],
          },
        ],
        newestWhole: { sequence: 38n, takenAtMillis: 1_000n },
        more: true,
      },
    }),
  };
  const ran = await runCli(['vault', 'verify', '--tenant', 'jente'], { vault });
  assert.equal(ran.exitCode, 1);
  assert.match(ran.out, /✘ 1 or more objects are damaged: 9 snapshots/);
  assert.match(ran.out, /vault\/packs\/7 +object_short +1, 2, 3, 4, 5, 6 and 2 more +ends after 3 of 9 bytes/);
  assert.match(ran.out, /opencrane vault restore --tenant jente --snapshot 38 --into FOLDER\n$/);
  const program = await runCli(['vault', 'verify', '--tenant', 'jente', '--json'], { vault });
  assert.deepEqual([program.exitCode, JSON.parse(program.out).damaged[0].name], [1, 'vault/packs/7']);
});

test('differences are shown as diff has them, and are exit code 1', async () => {
  const entries = [
    { path: 'a', change: 'added', toBytes: 1_000n },
    { path: 'b', change: 'removed', fromBytes: 2_000n },
    { path: 'c', change: 'changed', fromBytes: 1n, toBytes: 2n },
    { path: 'd', change: 'changed', fromBytes: 5n, toBytes: 5n },
  ];
  const difference = { from: snapshots[2], to: snapshots[0], entries, more: true };
  const vault = { diffSnapshots: () => ({ difference }) };
  const ran = await runCli(['vault', 'diff', '39', '41', '--tenant', 'jente'], { vault });
  assert.equal(ran.exitCode, 1);
  assert.deepEqual(ran.out.split('\n').slice(1), [
    '+ a  1.0 KB',
    '- b  2.0 KB',
    '~ c  1 B → 2 B',
    '~ d  5 B',
    '… and more',
    '',
  ]);
});

type Change = MessageInitShape<typeof WatchTenantsResponseSchema>;

function progress(operation: string, step: string, elapsedMillis: bigint): Change {
  return { tenant: { name: 'jente', status: { progress: { operation, step, elapsedMillis } } } };
}

test('how far a long call is comes from the tenant’s own progress, of the vault only', async () => {
  const watched = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  const services: FakeServices = {
    tenants: {
      async *watchTenants({ name }, { signal }) {
        assert.equal(name, 'jente');
        yield progress('boot', 'unpack', 1n);
        yield progress('vault', 'read', 10n);
        yield progress('vault', 'check', 900n);
        watched.resolve();
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        closed.resolve();
      },
    },
    vault: {
      async verifyVault() {
        await watched.promise;
        await new Promise(setImmediate);
        return { verified: { snapshots: 1n } };
      },
    },
  };
  const ran = await runCli(['vault', 'verify', '--tenant', 'jente'], services);
  await closed.promise;
  const steps = ran.out.split('\n').filter((line) => line.startsWith('jente'));
  assert.deepEqual(
    steps.map((line) => line.split(/\s+/).slice(1, 3).join(' ')),
    ['… read', '✔ read', '… check', '✔ check'],
  );
  assert.match(ran.out, /all is well/);
});

test('what goes wrong with the watching is no reason for the call to fail', async () => {
  const services: FakeServices = {
    tenants: {
      // biome-ignore lint/correctness/useYield: it fails before it has anything to say
      async *watchTenants() {
        throw new Error('no more streams');
      },
    },
    vault: { pruneVault: () => ({ pruned: { snapshots: 1n, keptSnapshots: 2n } }) },
  };
  const ran = await runCli(['vault', 'prune', '--tenant', 'jente'], services);
  assert.deepEqual([ran.exitCode, ran.errors], [0, '']);
});

test('Ctrl-C ends the waiting, and says who goes on', async () => {
  const interrupt = new AbortController();
  const services: FakeServices = {
    vault: {
      async takeSnapshot(_, { signal }) {
        const gone = new Promise((resolve) => signal.addEventListener('abort', resolve));
        interrupt.abort();
        await gone;
        return {};
      },
    },
  };
  const interrupts = { signal: interrupt.signal, onAgain() {} };
  const ran = await runCli(['vault', 'snapshot', '--tenant', 'jente'], services, { interrupts });
  assert.equal(ran.exitCode, 130);
  assert.equal(ran.errors, 'the agent of jente goes on with it: opencrane tenant watch jente\n');
});

test('an agent that is away is unavailable, with the way to the data without it', async () => {
  const mend = 'read the bucket without it: "opencrane vault list --bucket ADDRESS --key-file FILE"';
  const away = new OpenCraneError('unavailable', 'agent_not_connected', 'the agent of jente is not connected', {
    mend,
  });
  const vault: FakeServices['vault'] = {
    listSnapshots() {
      throw toConnectError(away, 'listing');
    },
  };
  const ran = await runCli(['vault', 'list', '--tenant', 'jente'], { vault });
  assert.deepEqual([ran.exitCode, ran.errors], [6, `error: ${away.message}\n mend: ${mend}\n`]);
});

function temporary(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'online-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** A coordinator that sends an archive of 40 pieces; `end` is its last message. */
function exporting(end?: { readonly files: bigint; readonly bytes: bigint }): { sent: number } & FakeServices {
  const services = {
    sent: 0,
    vault: {
      async *exportSnapshot() {
        yield {};
        for (; services.sent < 40; services.sent += 1) {
          yield { part: { case: 'data', value: new Uint8Array(1_000).fill(services.sent) } } as const;
        }
        if (end) yield { part: { case: 'exported', value: { snapshot: snapshots[0], ...end } } } as const;
        else
          throw toConnectError(new OpenCraneError('unavailable', 'agent_not_connected', 'it went away'), 'exporting');
      },
    },
  };
  return services;
}

test('an export goes into a file', async (t) => {
  const folder = temporary(t);
  const words = ['vault', 'export', '--tenant', 'jente', '--output', 'jente.tar'];
  const ran = await runCli(words, exporting({ files: 2n, bytes: 40_000n }), { folder });
  assert.equal(ran.out, '✔ snapshot 41 of 2026-09-10 00:14:40Z is in jente.tar: 2 files, 40.0 KB\n');
  assert.equal(readFileSync(join(folder, 'jente.tar')).length, 40_000);
});

test('an export that is cut off, or came short, is no file', async (t) => {
  const folder = temporary(t);
  const words = ['vault', 'export', '--tenant', 'jente', '--output', 'jente.tar'];
  const cut = await runCli(words, exporting(), { folder });
  assert.deepEqual([cut.exitCode, cut.errors], [6, 'error: it went away\n']);
  const short = await runCli(words, exporting({ files: 2n, bytes: 40_001n }), { folder });
  assert.equal(short.exitCode, 1);
  assert.match(short.errors, /40000 bytes of the archive came, 40001 were sent/);
  assert.deepEqual(readdirSync(folder), []);
});

test('a pipe that is read slowly is waited for', async () => {
  const services = exporting({ files: 2n, bytes: 40_000n });
  let [taken, waiting] = [0, 0];
  const out = {
    write(data: string | Uint8Array) {
      taken += data.length;
      return false;
    },
    once(_: 'drain', drained: () => void) {
      waiting += 1;
      assert.equal(waiting, 1, 'nothing is written before the pipe has room');
      setImmediate(() => {
        waiting -= 1;
        drained();
      });
    },
  };
  const ran = await runCli(['vault', 'export', '--tenant', 'jente', '--output', '-'], services, { out });
  assert.deepEqual([ran.exitCode, taken], [0, 40_000]);
  assert.match(ran.errors, /^✔ snapshot 41 of .* is written: 2 files, 40\.0 KB\n$/);
});

test('a pipe that nobody reads any more ends the export', async () => {
  const services = exporting({ files: 2n, bytes: 40_000n });
  const interrupt = new AbortController();
  const out = {
    write: () => false,
    once: () => setImmediate(() => interrupt.abort()), // as main.ts does when a stream breaks
  };
  const interrupts = { signal: interrupt.signal, onAgain() {} };
  const ran = await runCli(['vault', 'export', '--tenant', 'jente', '--output', '-'], services, { out, interrupts });
  assert.deepEqual([ran.exitCode, ran.errors], [130, '']);
  assert.ok(services.sent < 40);
});

test('an archive is not for a terminal', async () => {
  const out = { isTTY: true, write: () => true };
  const ran = await runCli(['vault', 'export', '--tenant', 'jente', '--output', '-'], exporting(), { out });
  assert.equal(ran.exitCode, 2);
  assert.match(ran.errors, /nothing for a terminal[\s\S]*--output FILE/);
});
