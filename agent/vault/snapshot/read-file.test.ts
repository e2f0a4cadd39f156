import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { findSnapshot } from '../history/find-snapshot.ts';
import { seededRandom } from '../testing.ts';
import { isFile } from '../tree/entries.ts';
import { loadSnapshot } from '../tree/load-chain.ts';
import { whyTooLong } from './read-file.ts';
import { never, TestState } from './testing.ts';

const states: TestState[] = [];
after(() => {
  for (const state of states) state.end();
});
async function newState(): Promise<TestState> {
  const state = await TestState.make();
  states.push(state);
  return state;
}

const noise = seededRandom('content');
const GIB = 1024n ** 3n;
const none = { calls: undefined, why: 'there is no library' } as const;
const looks = [
  {
    reason: 'a file that is all there is read, however long',
    size: 900n * GIB,
    blocks: (900n * GIB) / 512n,
    isRead: true,
  },
  { reason: 'holes that cost seconds are read', size: 16n * GIB, blocks: 0n, isRead: true },
  { reason: 'holes that cost minutes are not', size: 17n * GIB, blocks: 8n, isRead: false },
  { reason: 'nor what is longer than a number of JavaScript counts', size: 2n ** 62n, blocks: 8n, isRead: false },
];
for (const { reason, size, blocks, isRead } of looks) {
  test(`where nobody tells where content lies: ${reason}`, () =>
    assert.equal(whyTooLong({ size, blocks }, none) === undefined, isRead));
}

/** A file of so many bytes, with content at these places. */
function sparse(path: string, bytes: number, content: Readonly<Record<number, string | Buffer>>): void {
  const file = openSync(path, 'w');
  try {
    ftruncateSync(file, bytes);
    for (const [at, some] of Object.entries(content)) writeSync(file, Buffer.from(some), 0, some.length, Number(at));
  } finally {
    closeSync(file);
  }
}

const TIB = 1024 ** 4;
const KIB = 1024;

/** What a file takes on the disk. */
function onDisk(path: string): number {
  return statSync(path).blocks * 512;
}

test('a file of 4 TiB with some content in the middle is stored, restored with its holes, and told in few words', async () => {
  const state = await newState();
  sparse(join(state.root, 'sparse'), 4 * TIB, { 0: 'begin', [2 * TIB + 100]: 'middle', [4 * TIB - 3]: 'end' });
  writeFileSync(join(state.root, 'beside'), 'content');
  const snapshotter = await state.open();
  const taken = await snapshotter.snapshot({ reason: 'change', openclawVersion: null }, never);
  assert.ok(taken);
  assert.deepEqual(taken.unread, []);
  assert.ok(taken.changedBytes < 1024 * KIB, `${taken.changedBytes} bytes of content`);
  assert.ok(taken.bytesUploaded < 64 * KIB, `${taken.bytesUploaded} bytes in the bucket`);
  const restored = join(await state.restore(taken.manifest), 'sparse');
  assert.equal(statSync(restored).size, 4 * TIB);
  assert.ok(onDisk(restored) <= onDisk(join(state.root, 'sparse')), `${onDisk(restored)} bytes on the disk`);
  for (const [at, some] of [
    [0, 'begin'],
    [2 * TIB + 100, 'middle'],
    [4 * TIB - 3, 'end'],
  ] as const)
    assert.equal(readAt(restored, at, some.length), some);
  assert.equal(
    statSync(restored, { bigint: true }).mtimeNs,
    statSync(join(state.root, 'sparse'), { bigint: true }).mtimeNs,
  );
});

test('holes that are shorter than what is read at once are holes again, too', async () => {
  const state = await newState();
  const content = Object.fromEntries(Array.from({ length: 20 }, (_, at) => [at * 256 * KIB, 'content']));
  sparse(join(state.root, 'sparse'), 5 * 1024 * KIB, content);
  const { manifest } = (await state.take(await state.open())) ?? assert.fail();
  const restored = join(await state.restore(manifest), 'sparse');
  assert.ok(onDisk(restored) <= 25 * 4 * KIB, `${onDisk(restored)} bytes on the disk`);
  await state.assertNewestIsNow();
});

test('where nobody tells where content lies, such a file is named, and all else is stored at once', async () => {
  const state = await newState();
  sparse(join(state.root, 'sparse'), 4 * TIB, {});
  writeFileSync(join(state.root, 'beside'), 'content');
  const snapshotter = await state.open({ loadCalls: async () => none });
  const taken = await snapshotter.snapshot({ reason: 'change', openclawVersion: null }, never);
  assert.deepEqual(taken?.unread, [
    {
      path: 'sparse',
      why: 'it is sparse: 4096.0 GiB long, of which 0.0 GiB are on the disk; holes of more than 16.0 GiB are not read, because the system cannot be asked where they are (there is no library)',
    },
  ]);
  assert.deepEqual(readdirSync(await state.restore(taken.manifest)), ['beside']);
});

test('room that was reserved and never written to is not read', async () => {
  const state = await newState();
  execFileSync('fallocate', ['-l', '2G', join(state.root, 'reserved')]);
  const snapshotter = await state.open();
  const taken = await snapshotter.snapshot({ reason: 'change', openclawVersion: null }, never);
  assert.ok(taken && taken.changedBytes <= 256 * KIB, 'the look at its first bytes is taken for content');
  const { tree } = await loadSnapshot(
    state.vault,
    (await findSnapshot(state.vault, { by: 'newest' })) ?? assert.fail(),
  );
  const entry = tree.entries.get('reserved');
  assert.ok(isFile(entry) && entry.chunks.length <= 1, 'what was never written to has no chunks');
});

test('a name for a device or file system that cannot tell is read as it is', async () => {
  const state = await newState();
  sparse(join(state.root, 'sparse'), 8 * 1024 * KIB, { [4 * 1024 * KIB]: 'content' });
  const refuse = () => {
    throw Object.assign(new Error('EINVAL: lseek'), { code: 'EINVAL' });
  };
  const calls = { nextContent: refuse, nextHole: refuse, setTime: refuse, setTimeAt: refuse };
  await state.take(await state.open({ loadCalls: async () => ({ calls }) }));
  await state.assertNewestIsNow();
});

test('whatever is written to a file with holes, and punched out of it, comes back, and a look at all finds the same', async () => {
  const edit = fc.record({
    do: fc.constantFrom('write', 'write', 'punch', 'truncate' as const),
    at: fc.nat(40).map((blocks) => blocks * 100 * KIB),
    bytes: fc.integer({ min: 1, max: 700 * KIB }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(edit, { minLength: 1, maxLength: 4 }), { minLength: 2, maxLength: 5 }),
      async (steps) => {
        const state = await TestState.make();
        try {
          const path = join(state.root, 'file');
          sparse(path, 9 * 1024 * KIB, {});
          const snapshotter = await state.open();
          for (const edits of steps) {
            for (const { do: what, at, bytes } of edits) {
              if (what === 'truncate') truncateSync(path, at + bytes);
              else if (what === 'punch')
                execFileSync('fallocate', ['--punch-hole', '-o', `${at}`, '-l', `${bytes}`, path]);
              else {
                const file = openSync(path, 'r+');
                writeSync(file, noise(bytes), 0, bytes, at);
                closeSync(file);
              }
            }
            await state.take(snapshotter);
            await state.assertNewestIsNow();
            assert.ok(onDisk(join(state.lastTarget, 'file')) <= onDisk(path) + 256 * KIB, 'holes are holes again');
            rmSync(state.beside('seen.jsonl'), { force: true });
            assert.equal(
              await state.take(await state.open(), 'change'),
              undefined,
              'the same for one that looks at all',
            );
          }
        } finally {
          state.end();
        }
      },
    ),
    { numRuns: 15 },
  );
});

function readAt(path: string, at: number, bytes: number): string {
  const file = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(bytes);
    readSync(file, buffer, 0, bytes, at);
    return buffer.toString('utf8');
  } finally {
    closeSync(file);
  }
}

test('a file that is deleted while it is read is let go', async () => {
  const state = await newState();
  const path = join(state.root, 'large');
  writeFileSync(path, '');
  truncateSync(path, 8 * 1024 ** 3); // zeros: they are read, and packed to nothing
  const snapshotter = await state.open({ loadCalls: async () => none });
  state.onStep = (step) => {
    if (step === 'snapshot:captured') setImmediate(() => rmSync(path));
  };
  const taken = await snapshotter.snapshot({ reason: 'change', openclawVersion: null }, never);
  assert.ok(taken);
  assert.deepEqual(readdirSync(await state.restore(taken.manifest)), [], 'it was read to its end');
});
