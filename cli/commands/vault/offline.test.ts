import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { create, fromJsonString, type MessageInitShape, toJson } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { processExists } from '@opencrane/kit/lifecycle.ts';
import { VaultCommandSchema, VaultResultSchema, type VaultService } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import type { World } from '../../run.ts';
import { runCli } from '../../testing.ts';

const standIn = fileURLToPath(new URL('../../vault/stand-in.ts', import.meta.url));

/** What the stand-in is told; see there. */
type Script = {
  readonly say: readonly unknown[];
  readonly archive?: readonly Uint8Array[];
  readonly complain?: string;
  readonly exitCode?: number;
  readonly stay?: boolean;
};

const offline = ['--bucket', './bucket', '--key-file', 'tenant.key'];

function temporary(t: TestContext): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'offline-')));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function runOffline(t: TestContext, words: readonly string[], script: Script, world: Partial<World> = {}) {
  const [folder, told] = [temporary(t), temporary(t)];
  const [note, STAND_IN] = [join(told, 'note'), join(told, 'script')];
  const all = {
    ...script,
    say: script.say.map((word) => (typeof word === 'string' ? word : JSON.stringify(word))),
    archive: script.archive?.map((piece) => Buffer.from(piece).toString('base64')),
    note,
  };
  writeFileSync(STAND_IN, JSON.stringify(all));
  const ran = await runCli(
    [...words, ...offline],
    {},
    {
      folder,
      environment: { ...process.env, STAND_IN },
      offlineVault: [process.execPath, standIn],
      connect: () => Promise.reject(new Error('no coordinator is needed')),
      ...world,
    },
  );
  return { ...ran, folder, note: () => (existsSync(note) ? readFileSync(note, 'utf8') : '') };
}

type Result = NonNullable<MessageInitShape<typeof VaultResultSchema>['result']>;

function resultWord(result: Result) {
  return { result: toJson(VaultResultSchema, create(VaultResultSchema, { result })) };
}

const snapshot = { sequence: 41n, takenAtMillis: 1_789_000_000_000n, reason: 'change', openclawVersion: '2026.9.6' };
const older = { ...snapshot, sequence: 12n, clockMillis: 1_823_560_000_000n };
const prunedResult = {
  snapshots: 2n,
  objects: 5n,
  bytes: 7_000n,
  keptSnapshots: 40n,
  notes: ['399 days in which there was no snapshot do not count yet'],
};
const newest = { choice: { case: 'newest', value: true } } as const;

/** Each verb: what is typed, what the program is told to do, what it answers, and the same answer through a coordinator. */
const notStored = [
  { kind: 'left_out', path: '{cache,tmp}/', why: 'made anew' },
  { kind: 'unread', path: 'workspace/bucket', why: 'it may not be read' },
  { kind: 'outside', path: '/srv/second', why: 'agent second works there' },
];

const verbs: readonly {
  readonly words: readonly string[];
  readonly command: NonNullable<MessageInitShape<typeof VaultCommandSchema>['command']>;
  readonly result: Result;
  readonly online: Partial<ServiceImpl<typeof VaultService>>;
  readonly exitCode: number;
}[] = [
  {
    words: ['vault', 'list', '--limit', '2', '--before', '50'],
    command: { case: 'list', value: { limit: 2, beforeSequence: 50n } },
    result: { case: 'list', value: { snapshots: [snapshot, older], notStored } },
    online: { listSnapshots: () => ({ list: { snapshots: [snapshot, older], notStored } }) },
    exitCode: 0,
  },
  {
    words: ['vault', 'restore', '--snapshot', '41', '--path', 'agents/main', '--into', '/away/main'],
    command: {
      case: 'restore',
      value: { snapshot: { choice: { case: 'sequence', value: 41n } }, path: 'agents/main', into: '/away/main' },
    },
    result: { case: 'restored', value: { snapshot, folder: '/away/main', files: 3n, bytes: 5_000n } },
    online: { restoreVault: () => ({ restored: { snapshot, folder: '/away/main', files: 3n, bytes: 5_000n } }) },
    exitCode: 0,
  },
  {
    words: ['vault', 'verify'],
    command: { case: 'verify', value: {} },
    result: { case: 'verified', value: { snapshots: 9n, bytes: 1_000_000n } },
    online: { verifyVault: () => ({ verified: { snapshots: 9n, bytes: 1_000_000n } }) },
    exitCode: 0,
  },
  {
    words: ['vault', 'prune', '--dry-run', '--retention', 'all=6h,hourly=2d,daily=14d'],
    command: { case: 'prune', value: { dryRun: true, retention: 'all=6h,hourly=2d,daily=14d' } },
    result: { case: 'pruned', value: prunedResult },
    online: { pruneVault: () => ({ pruned: prunedResult }) },
    exitCode: 0,
  },
  {
    words: ['vault', 'diff', '12', '2026-09-12T14:00Z'],
    command: {
      case: 'compare',
      value: {
        from: { choice: { case: 'sequence', value: 12n } },
        to: { choice: { case: 'atMillis', value: 1_789_221_600_000n } },
      },
    },
    result: {
      case: 'difference',
      value: { from: older, to: snapshot, entries: [{ path: 'a', change: 'added', toBytes: 7n }] },
    },
    online: {
      diffSnapshots: () => ({
        difference: { from: older, to: snapshot, entries: [{ path: 'a', change: 'added', toBytes: 7n }] },
      }),
    },
    exitCode: 1,
  },
];

for (const { words, command, result, online, exitCode } of verbs) {
  test(`${words.join(' ')}: the program gets bucket, key file and command, and the same is printed as online`, async (t) => {
    for (const json of [[], ['--json']]) {
      const ran = await runOffline(t, [...words, ...json], { say: [resultWord(result)] });
      assert.deepEqual([ran.exitCode, ran.errors], [exitCode, '']);
      const through = await runCli([...words, ...json, '--tenant', 'jente'], { vault: online });
      const ways = (text: string) => text.replaceAll(offline.join(' '), '--tenant jente');
      assert.deepEqual([ways(ran.out), ran.exitCode], [through.out, through.exitCode]);
      const noted = JSON.parse(ran.note());
      assert.equal(noted.folder, ran.folder, 'what is typed as a relative path is one from here');
      const [, bucket, , keyFile, , sent, ...rest] = noted.words;
      assert.deepEqual([bucket, keyFile, rest], ['./bucket', 'tenant.key', []]);
      assert.deepEqual(fromJsonString(VaultCommandSchema, sent), create(VaultCommandSchema, { command }));
    }
  });
}

test('the list ends with what is not in the snapshots, the worst first', async () => {
  const ran = await runCli(['vault', 'list', '--tenant', 'jente'], {
    vault: { listSnapshots: () => ({ list: { snapshots: [snapshot], notStored } }) },
  });
  const [, ...lines] = ran.out.slice(ran.out.indexOf('not protected') - 1).split('\n');
  assert.deepEqual(lines, [
    'not protected, because it lies outside of the state:',
    '  /srv/second: agent second works there',
    'not stored, because it cannot be read (what an earlier snapshot has of it is kept):',
    '  workspace/bucket: it may not be read',
    'left out of every snapshot:',
    '  {cache,tmp}/: made anew',
    '',
  ]);
});

const failures = [
  { reason: 'a key that is another one', code: 'permission_denied', exitCode: 4 },
  { reason: 'a bucket that is away', code: 'unavailable', exitCode: 6 },
  { reason: 'a snapshot that is not there', code: 'not_found', exitCode: 3 },
  { reason: 'a bucket that is damaged', code: 'data_loss', exitCode: 1 },
];

for (const { reason, code, exitCode } of failures) {
  test(`${reason}: exit code ${exitCode}, and the error in words`, async (t) => {
    const error = { code, reason: 'r', message: 'what went wrong', field: 'vault/x', mend: 'do this' };
    const people = await runOffline(t, ['vault', 'list'], { say: [{ error }], exitCode: 9 });
    assert.deepEqual([people.exitCode, people.out], [exitCode, '']);
    assert.equal(people.errors, 'error: what went wrong\n   at: vault/x\n mend: do this\n');
    const program = await runOffline(t, ['vault', 'list', '--json'], { say: [{ error }], exitCode: 9 });
    assert.deepEqual(JSON.parse(program.errors), { error });
  });
}

test('progress is shown as lines, and not to programs', async (t) => {
  const progress = (step: string, doneBytes: string) => ({
    progress: { operation: 'vault', step, message: `doing ${step}`, doneBytes, totalBytes: '2000000' },
  });
  const say = [
    progress('read', '1'),
    progress('check', '5'),
    resultWord({ case: 'verified', value: { snapshots: 1n } }),
  ];
  const people = await runOffline(t, ['vault', 'verify'], { say });
  assert.match(people.out, /^… read +1 B of 2\.0 MB .*doing read\n✔ read[\s\S]*✔ check[\s\S]*all is well/);
  const program = await runOffline(t, ['vault', 'verify', '--json'], { say });
  assert.deepEqual(JSON.parse(program.out), { snapshots: '1' });
});

test('what fails is said once when no step had begun, and at its step when one had', async (t) => {
  const error = { code: 'unavailable', reason: 'r', message: 'the bucket is away' };
  const ended = { progress: { operation: 'vault', finished: true, error: error.message } };
  const before = await runOffline(t, ['vault', 'verify'], { say: [ended, { error }] });
  assert.deepEqual([before.out, before.errors], ['', 'error: the bucket is away\n']);
  const begun = { progress: { operation: 'vault', step: 'read' } };
  const during = await runOffline(t, ['vault', 'verify'], { say: [begun, ended, { error }] });
  assert.match(during.out, /^… read.*\n✘ read.*the bucket is away\n$/);
});

test('without a folder to restore into, and without a state, the program is not even started', async (t) => {
  const restore = await runOffline(t, ['vault', 'restore'], { say: [] });
  assert.deepEqual([restore.exitCode, restore.note()], [2, '']);
  assert.match(restore.errors, /--into FOLDER/);
  const take = await runOffline(t, ['vault', 'snapshot'], { say: [] });
  assert.deepEqual([take.exitCode, take.note()], [2, '']);
  assert.match(take.errors, /--tenant NAME/);
});

test('a folder to restore into is one from here', async (t) => {
  const result = resultWord({ case: 'restored', value: { snapshot } });
  const ran = await runOffline(t, ['vault', 'restore', '--into', 'state'], { say: [result] });
  const { restore } = JSON.parse(JSON.parse(ran.note()).words[5]);
  assert.deepEqual(restore, { snapshot: { newest: true }, into: join(ran.folder, 'state') });
});

const archive = [Buffer.alloc(300_000, 'a'), Buffer.alloc(7, 'b')];
const exported = resultWord({ case: 'exported', value: { snapshot, files: 2n, bytes: 300_007n } });

test('an export goes into a file, while words come on another descriptor', async (t) => {
  const say = [{ progress: { operation: 'vault', step: 'send' } }, exported];
  const ran = await runOffline(t, ['vault', 'export', '--output', 'a.tar', '--path', 'agents'], { say, archive });
  assert.deepEqual([ran.exitCode, ran.errors], [0, '']);
  assert.match(ran.out, /✔ send[\s\S]*✔ snapshot 41 of .* is in a\.tar: 2 files, 300\.0 KB\n$/);
  assert.ok(readFileSync(join(ran.folder, 'a.tar')).equals(Buffer.concat(archive)));
  const { words } = JSON.parse(ran.note());
  assert.deepEqual(words.slice(-2), ['--output', '-']);
  assert.deepEqual(
    fromJsonString(VaultCommandSchema, words[5]),
    create(VaultCommandSchema, { command: { case: 'export', value: { snapshot: newest, path: 'agents' } } }),
  );
});

test('an export to standard output leaves nothing else there', async (t) => {
  const pieces: Uint8Array[] = [];
  const out = { write: (data: string | Uint8Array) => pieces.push(Buffer.from(data as Uint8Array)) };
  for (const json of [[], ['--json']]) {
    pieces.length = 0;
    const say = [{ progress: { operation: 'vault', step: 'send' } }, exported];
    const ran = await runOffline(t, ['vault', 'export', '--output', '-', ...json], { say, archive }, { out });
    assert.ok(Buffer.concat(pieces).equals(Buffer.concat(archive)));
    if (json.length === 0) assert.match(ran.errors, /✔ send[\s\S]*is written: 2 files/);
    else assert.equal(JSON.parse(ran.errors).bytes, '300007');
  }
});

test('an archive that is shorter than what was sent is an error, and no file', async (t) => {
  const say = [exported];
  const ran = await runOffline(t, ['vault', 'export', '--output', 'a.tar'], { say, archive: archive.slice(1) });
  assert.equal(ran.exitCode, 1);
  assert.match(ran.errors, /7 bytes of the archive came, 300007 were sent/);
  assert.deepEqual(readdirSync(ran.folder), []);
});

test('an export that fails in the middle says why, and leaves no file', async (t) => {
  const error = { code: 'data_loss', reason: 'object_missing', message: 'vault/packs/3 is missing' };
  const ran = await runOffline(t, ['vault', 'export', '--output', 'a.tar'], { say: [{ error }], archive });
  assert.deepEqual([ran.exitCode, ran.errors], [1, 'error: vault/packs/3 is missing\n']);
  assert.deepEqual(readdirSync(ran.folder), []);
});

test('when the archive cannot be written any more, the program is ended', async (t) => {
  const script = { say: [exported], archive: Array.from({ length: 40 }, () => Buffer.alloc(100_000)) };
  const ran = await runOffline(t, ['vault', 'export', '--output', '/dev/full'], script);
  assert.equal(ran.exitCode, 5);
  assert.match(ran.errors, /writing \/dev\/full: ENOSPC/);
  assert.equal(processExists(JSON.parse(ran.note()).pid), false);
});

const silences = [
  {
    reason: 'one that dies is shown with its last words',
    script: { say: [''], complain: 'Segmentation fault', exitCode: 3 },
    says: /ended with exit code 3 and did not say what came of it:\n\s+\| Segmentation fault/,
  },
  {
    reason: 'one that says something else is not understood',
    script: { say: ['hello'] },
    says: /reading what the vault program said, "hello"/,
  },
  {
    reason: 'one that answers another question is not believed',
    script: { say: [resultWord({ case: 'pruned', value: {} })] },
    says: /answered "pruned" where "list" was due/,
  },
];

for (const { reason, script, says } of silences) {
  test(`${reason}`, async (t) => {
    const ran = await runOffline(t, ['vault', 'list'], script);
    assert.deepEqual([ran.exitCode, ran.out], [70, '']);
    assert.match(ran.errors, says);
  });
}

test('one that is not there is named', async (t) => {
  const ran = await runOffline(t, ['vault', 'list'], { say: [] }, { offlineVault: ['/nonexistent/node'] });
  assert.equal(ran.exitCode, 70);
  assert.match(ran.errors, /starting \/nonexistent\/node: .*ENOENT/);
});

test('Ctrl-C ends the program, and nothing more is said', async (t) => {
  const interrupt = new AbortController();
  const out = {
    write(text: string | Uint8Array) {
      if (String(text).includes('waiting')) interrupt.abort();
    },
  };
  const interrupts = { signal: interrupt.signal, onAgain() {} };
  const ran = await runOffline(t, ['vault', 'verify'], { say: [], stay: true }, { interrupts, out });
  assert.deepEqual([ran.exitCode, ran.errors], [130, '']);
  assert.match(ran.note(), /ended by SIGTERM$/);
});

test('Ctrl-C before the program is up ends it all the same', async (t) => {
  const interrupts = { signal: AbortSignal.abort(), onAgain() {} };
  const ran = await runOffline(t, ['vault', 'verify'], { say: [], stay: true }, { interrupts });
  assert.deepEqual([ran.exitCode, ran.errors], [130, '']);
});

test('an old archive stays when Ctrl-C ends an export', async (t) => {
  const folder = temporary(t);
  writeFileSync(join(folder, 'a.tar'), 'the one of yesterday');
  const interrupt = new AbortController();
  const out = {
    write(text: string | Uint8Array) {
      if (String(text).includes('waiting')) interrupt.abort();
    },
  };
  const script = { say: [], stay: true, archive };
  const world = { interrupts: { signal: interrupt.signal, onAgain() {} }, out };
  const ran = await runOffline(t, ['vault', 'export', '--output', join(folder, 'a.tar')], script, world);
  assert.deepEqual([ran.exitCode, readdirSync(folder)], [130, ['a.tar']]);
  assert.equal(readFileSync(join(folder, 'a.tar'), 'utf8'), 'the one of yesterday');
});

test('a rotation gets the new key’s file, and says what to do with it', async (t) => {
  const rotated = { oldKey: '0123456789abcdef', newKey: 'fedcba9876543210', generation: 2 };
  const words = ['vault', 'rotate-key', '--new-key-file', 'new.key'];
  const ran = await runOffline(t, words, { say: [{ result: { rotated } }] });
  assert.deepEqual([ran.exitCode, ran.errors], [0, '']);
  assert.match(ran.out, /opens with key fedcba9876543210 and not with 0123456789abcdef\nput new\.key in the place/);
  const sent = ['--bucket', './bucket', '--key-file', 'tenant.key', '--rotate-to', 'new.key'];
  assert.deepEqual(JSON.parse(ran.note()).words, sent);
  const missing = await runOffline(t, ['vault', 'rotate-key'], { say: [] });
  assert.deepEqual([missing.exitCode, missing.note()], [2, '']);
});

test('a recovery says which snapshot is the newest now, and what becomes of the disk', async (t) => {
  const of = { sequence: 41, takenAtMillis: 1_789_214_400_000 };
  const newest = { sequence: 44, takenAtMillis: 1_789_215_000_000 };
  const ran = await runOffline(t, ['vault', 'recover', '--snapshot', '41'], {
    say: [{ result: { recovered: { of, newest, changed: true } } }],
  });
  assert.match(ran.out, /the newest is now snapshot 41 of 2026-09-12 12:00:00Z, as 44\n.*state\.left-behind\n$/);
  assert.deepEqual(JSON.parse(ran.note()).words.slice(-2), ['--recover', '41']);
  const well = await runOffline(t, ['vault', 'recover'], {
    say: [{ result: { recovered: { of, newest: of, changed: false } } }],
  });
  assert.match(well.out, /nothing to mend: the newest is snapshot 41/);
  assert.deepEqual(JSON.parse(well.note()).words.slice(-2), ['--recover', 'newest']);
});

test('a removal is confirmed by the address, and says how much went and what did not', async (t) => {
  const removed = { objects: 12, bytes: 4096, left: true };
  const say = [{ result: { removed } }];
  const ran = await runOffline(t, ['vault', 'delete'], { say }, { ask: async () => './bucket' });
  assert.deepEqual([ran.exitCode, ran.errors], [0, '']);
  assert.match(
    ran.out,
    /removed 12 objects, 4\.1 KB, from \.\/bucket\nwhat is still in it was not put there by an agent/,
  );
  assert.deepEqual(JSON.parse(ran.note()).words, ['--bucket', './bucket', '--key-file', 'tenant.key', '--remove']);
  const refused = await runOffline(t, ['vault', 'delete'], { say }, { ask: async () => 'yes' });
  assert.deepEqual([refused.exitCode, refused.note()], [5, '']);
  const nobody = await runOffline(t, ['vault', 'delete'], { say });
  assert.deepEqual([nobody.exitCode, nobody.note()], [5, '']);
});
