import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, readdir, rename, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { type Clock, systemClock } from '@opencrane/kit/clock.ts';
import { takeProcessLock } from '@opencrane/kit/process-lock.ts';
import fc from 'fast-check';
import { bucketSuite } from './bucket.suite.ts';
import { DirectoryBucket } from './directory-bucket.ts';
import { isObjectName, parseObjectName } from './layout.ts';
import { hangingWriter, OtherProcess, WRITTEN_BYTES, writer } from './testing.ts';

const folder = mkdtempSync(join(tmpdir(), 'opencrane-bucket-'));
after(() => rmSync(folder, { recursive: true }));
let count = 0;

async function empty(): Promise<string> {
  count += 1;
  const path = join(folder, `${count}`);
  await mkdir(path);
  return path;
}

const open = (path: string, clock: Clock = systemClock) => new DirectoryBucket(path, { clock, random: Math.random });
const name = parseObjectName;
const text = (content: string) => new TextEncoder().encode(content);

bucketSuite(
  'a local folder',
  async () => ({
    async empty() {
      const path = await empty();
      return { open: () => open(path) };
    },
    end: async () => undefined,
  }),
  { many: 3000 },
);

test('what people and cut-off writers left beside the objects goes with them, links without what they lead to', async () => {
  const path = await empty();
  const elsewhere = await empty();
  await writeFile(join(elsewhere, 'precious'), 'kept');
  await open(path).create(name('vault/packs/1'), text('x'));
  for (const made of ['uploads/été à Paris', '~drafts', 'an old layout'])
    await mkdir(join(path, made), { recursive: true });
  await writeFile(join(path, 'uploads/été à Paris/no object’s name'), 'a person’s own');
  await writeFile(join(path, '~drafts/half'), 'of a writer that was killed');
  await writeFile(Buffer.concat([Buffer.from(join(path, 'an old layout/')), Buffer.from([0xff])]), 'no UTF-8');
  await symlink(elsewhere, join(path, 'uploads/link'));
  assert.equal((await open(path).erase([])).objects, 5);
  assert.deepEqual(await readdir(path), []);
  assert.deepEqual(await readdir(elsewhere), ['precious']);
});

test('a writer killed in the middle leaves no object; its draft goes when it is an hour old', async () => {
  const path = await empty();
  const other = hangingWriter(path);
  assert.equal(await other.heard(), 'in the middle');
  await other.kill();
  const bucket = open(path);
  assert.equal(await bucket.info(name('half')), undefined);
  assert.deepEqual(await Array.fromAsync(bucket.list('')), []);
  const drafts = () => readdir(join(path, '~drafts'));
  assert.equal((await drafts()).length, 1);

  await bucket.create(name('half'), text('whole'));
  assert.equal((await drafts()).length, 1, 'another process may still be writing it');
  const later = open(path, { ...systemClock, now: () => Date.now() + 3_700_000 });
  await later.create(name('b'), text('x'));
  assert.deepEqual(await drafts(), []);
  assert.deepEqual((await bucket.read(name('half')))?.bytes, Buffer.from('whole'));
});

test('killed at any moment, a writer leaves whole objects only, and all that it was told are there', async () => {
  const path = await empty();
  for (const kills of [1, 4, 9, 16]) {
    const other = writer(path);
    let heard = '';
    for (let i = 0; i < kills; i += 1) heard = await other.heard();
    await other.kill();
    const found = await Array.fromAsync(open(path).list('many/'));
    assert.deepEqual(
      found.filter(({ bytes }) => bytes !== WRITTEN_BYTES),
      [],
    );
    const [, ended] = /^ends (\d+)$/.exec(heard) ?? [];
    if (ended !== undefined) assert.ok(found.some((object) => object.name === `many/${ended}`));
    for (const object of found) await open(path).delete(object.name);
  }
});

test('among processes too, one creates, and one replaces', async () => {
  const path = await empty();
  const program = `
    say('ready');
    for (let line = await said(); line; line = await said()) {
      const [verb, name, generation] = line.split(' ');
      const body = Buffer.from(String(process.pid));
      say(verb === 'create' ? await bucket.create(name, body) : await bucket.replace(name, body, generation));
    }
  `;
  const others = Array.from({ length: 4 }, () => new OtherProcess(path, program));
  try {
    for (const other of others) assert.equal(await other.heard(), 'ready');
    const all = async (order: string) => {
      for (const other of others) other.say(order);
      return Promise.all(others.map((other) => other.heard()));
    };
    for (let round = 0; round < 10; round += 1) {
      const created = (await all(`create round-${round}`)).filter((result) => result !== 'exists');
      assert.equal(created.length, 1, `round ${round}: ${created.length} created`);
      const replaced = (await all(`replace round-${round} ${created[0]}`)).filter((result) => result !== 'conflict');
      assert.equal(replaced.length, 1, `round ${round}: ${replaced.length} replaced`);
    }
  } finally {
    for (const other of others) await other.kill();
  }
});

test('writings differ though the clock stands still: by chance when they are new, by counting when they replace', async () => {
  const path = await empty();
  const clock = { ...systemClock, now: () => 1_800_000_000_000 };
  let drawn = 0;
  const chance = () => {
    drawn += 1;
    return drawn / 1000;
  };
  const seen = new Set<string>();
  for (let i = 0; i < 20; i += 1) {
    const bucket = new DirectoryBucket(path, { clock, random: i < 10 ? chance : () => 0 });
    const generation = i < 10 ? await anew(bucket) : await replaced(bucket);
    assert.ok(!seen.has(generation), `writing ${i}`);
    seen.add(generation);
  }
});

async function anew(bucket: DirectoryBucket): Promise<string> {
  await bucket.delete(name('a'));
  return bucket.create(name('a'), text('same'));
}

async function replaced(bucket: DirectoryBucket): Promise<string> {
  const current = await bucket.info(name('a'));
  assert.ok(current);
  return bucket.replace(name('a'), text('same'), current.generation);
}

test('a lock that another holds is waited for, but not for ever', async () => {
  const path = await empty();
  const lock = takeProcessLock(join(path, '~lock'), 'a test');
  let now = 0;
  const impatient = {
    ...systemClock,
    monotonic: () => now,
    sleep: async () => {
      now += 10_000;
    },
  };
  const held = { code: 'unavailable', reason: 'bucket_lock' };
  await assert.rejects(open(path, impatient).delete(name('a')), held);
  await assert.rejects(open(path).delete(name('a'), AbortSignal.timeout(20)), { code: 'deadline_exceeded' });
  const waiting = open(path).delete(name('a'));
  lock.release();
  await waiting;
});

test('any files are listed in the order of their whole names', async () => {
  const part = fc.string({ unit: fc.constantFrom('a', 'b', '-', '.', '0', '_'), minLength: 1, maxLength: 3 });
  const any = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
  const some = fc.uniqueArray(any.filter(isObjectName), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(some, fc.nat(5), async (wanted, length) => {
      const files = wanted.filter((one) => !wanted.some((other) => other.startsWith(`${one}/`)));
      const path = await empty();
      for (const file of files) {
        await mkdir(dirname(join(path, file)), { recursive: true });
        await writeFile(join(path, file), 'x');
      }
      const prefix = (files[0] ?? '').slice(0, length);
      const listed = (await Array.fromAsync(open(path).list(prefix))).map((found) => found.name);
      assert.deepEqual(listed, files.filter((file) => file.startsWith(prefix)).toSorted());
    }),
    { numRuns: 60 },
  );
});

test('what people put there is none of the agent’s: other names, links, pipes', async () => {
  const path = await empty();
  await mkdir(join(path, 'uploads'));
  await writeFile(join(path, 'uploads', 'a picture.jpg'), 'x');
  await writeFile(join(path, 'uploads', 'notes.txt'), 'x');
  await symlink('/etc', join(path, 'uploads', 'folder'));
  await symlink('/etc/passwd', join(path, 'uploads', 'file'));
  assert.equal(spawnSync('mkfifo', [join(path, 'uploads', 'pipe')]).status, 0);
  const bucket = open(path);
  assert.deepEqual(
    (await Array.fromAsync(bucket.list('uploads/'))).map((found) => found.name),
    ['uploads/notes.txt'],
  );
  for (const other of ['uploads/file', 'uploads/pipe']) {
    assert.equal(await bucket.read(name(other)), undefined, other);
    assert.equal(await bucket.info(name(other)), undefined, other);
    assert.equal(await bucket.create(name(other), text('x')), 'exists', other);
  }
  const refused = { code: 'failed_precondition', reason: 'bucket_shape' };
  await assert.rejects(bucket.read(name('uploads/folder/passwd')), refused);
  await assert.rejects(bucket.create(name('uploads/folder/new'), text('x')), refused);
  await assert.rejects(Array.fromAsync(bucket.list('uploads/folder/')), refused);
  await assert.rejects(bucket.create(name('uploads/notes.txt/more'), text('x')), refused);
});

test('a folder that is not there is a missing bucket, not an empty one', async () => {
  const path = join(await empty(), 'nothing');
  const missing = { code: 'not_found', reason: 'bucket_missing' };
  await assert.rejects(open(path).read(name('a')), missing);
  await assert.rejects(open(path).create(name('a'), text('x')), missing);
  await assert.rejects(Array.fromAsync(open(path).list('')), missing);
  await assert.rejects(open(path).delete(name('a')), missing);
});

/** A small file system of its own, or why there is none. */
async function smallDisk(context: { skip(why: string): void }): Promise<string | undefined> {
  const path = await empty();
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', path]);
  if (mounted.status === 0) return path;
  context.skip(`mounting a small disk needs root on Linux: ${mounted.stderr}`);
  return undefined;
}

test('a full disk is said to be full, and nothing half is left on it', async (context) => {
  const path = await smallDisk(context);
  if (path === undefined) return;
  try {
    const bucket = open(path);
    const generation = await bucket.create(name('vault/head'), text('one'));
    assert.ok(generation !== 'exists');
    const large = new Uint8Array(8_000_000);
    const full = { code: 'resource_exhausted', reason: 'bucket_full' };
    await assert.rejects(bucket.create(name('vault/packs/a'), large), full);
    await assert.rejects(bucket.replace(name('vault/head'), large, generation), full);
    assert.deepEqual(await readdir(join(path, '~drafts')), []);
    assert.deepEqual((await bucket.read(name('vault/head')))?.bytes, Buffer.from('one'));
    assert.notEqual(await bucket.create(name('vault/packs/a'), large.subarray(0, 3_000_000)), 'exists');
  } finally {
    spawnSync('umount', ['-l', path]);
  }
});

test('a disk that may only be read is denied, and one that went away is not taken for an empty one', async (context) => {
  const path = await smallDisk(context);
  if (path === undefined) return;
  const bucket = open(path);
  try {
    await bucket.create(name('a'), text('one'));
    assert.equal(spawnSync('mount', ['-o', 'remount,ro', path]).status, 0);
    const denied = { code: 'permission_denied', reason: 'bucket_access_denied' };
    await assert.rejects(bucket.create(name('b'), text('x')), denied);
    await assert.rejects(bucket.delete(name('a')), denied);
    assert.deepEqual((await bucket.read(name('a')))?.bytes, Buffer.from('one'));
  } finally {
    spawnSync('umount', ['-l', path]);
  }
  const moved = { code: 'unavailable', reason: 'bucket_moved' };
  await assert.rejects(bucket.read(name('a')), moved);
  await assert.rejects(bucket.info(name('a')), moved);
  await assert.rejects(bucket.create(name('b'), text('x')), moved);
  await assert.rejects(Array.fromAsync(bucket.list('')), moved);
  assert.deepEqual(await readdir(path), []);
});

test('an object moved back from a copy of the folder is the object it was', async () => {
  const path = await empty();
  const bucket = open(path);
  const generation = await bucket.create(name('vault/head'), text('one'));
  assert.equal(spawnSync('cp', ['-a', path, `${path}-copy`]).status, 0);
  await rename(path, `${path}-old`);
  await rename(`${path}-copy`, path);
  assert.equal((await open(path).info(name('vault/head')))?.generation, generation);
});
