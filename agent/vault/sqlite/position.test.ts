import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Continuation, continuationOf, type FilesNow, type Position, parsePosition } from './position.ts';

const file = { device: '1', inode: '2', bytes: '4096', modified: '100', changed: '100', settled: true };
const written = { ...file, modified: '200', changed: '200' };
const wal = { inode: '7', salt1: 10, salt2: 20, frame: 5, checksum: [1, 2] as const };
const since: Position = { format: 1, file, pageBytes: 4096, pages: 1, wal };
const now = { inode: '7', salt1: 10, salt2: 20, pageBytes: 4096 };

const atFrameZero: Position = { ...since, wal: { ...wal, frame: 0 } };
const alone: Position = { ...since, wal: null };

const cases: readonly { reason: string; since: Position; now: FilesNow; how: Continuation['how'] }[] = [
  { reason: 'the same generation goes on', since, now: { file: written, wal: now }, how: 'continues' },
  {
    reason: 'one restart counts the first salt up',
    since,
    now: { file: written, wal: { ...now, salt1: 11, salt2: 99 } },
    how: 'restarted',
  },
  {
    reason: 'the salt wraps',
    since: { ...since, wal: { ...wal, salt1: 0xffffffff } },
    now: { file: written, wal: { ...now, salt1: 0, salt2: 99 } },
    how: 'restarted',
  },
  {
    reason: 'of two restarts, the generation between is gone',
    since,
    now: { file: written, wal: { ...now, salt1: 12, salt2: 99 } },
    how: 'lost',
  },
  {
    reason: 'a connection that did not restart it itself may write the header with random salts',
    since,
    now: { file: written, wal: { ...now, salt1: 4711, salt2: 99 } },
    how: 'lost',
  },
  {
    reason: 'the same first salt by chance is no continuation',
    since,
    now: { file: written, wal: { ...now, salt2: 21 } },
    how: 'lost',
  },
  {
    reason: 'another WAL, whatever its salts',
    since,
    now: { file: written, wal: { ...now, inode: '8' } },
    how: 'lost',
  },
  {
    reason: 'frames that were in a WAL that is gone may never have come into the file',
    since,
    now: { file, wal: undefined },
    how: 'lost',
  },
  { reason: 'another database', since, now: { file: { ...file, inode: '3' }, wal: now }, how: 'lost' },
  { reason: 'another disk', since, now: { file: { ...file, device: '3' }, wal: now }, how: 'lost' },
  { reason: 'another page size', since, now: { file: written, wal: { ...now, pageBytes: 8192 } }, how: 'lost' },
  { reason: 'a file alone that nobody wrote', since: alone, now: { file, wal: undefined }, how: 'begins' },
  { reason: 'its first WAL since', since: alone, now: { file, wal: now }, how: 'begins' },
  {
    reason: 'frames of that WAL may be in the file and overwritten',
    since: alone,
    now: { file: written, wal: now },
    how: 'lost',
  },
  { reason: 'a file alone that was written', since: alone, now: { file: written, wal: undefined }, how: 'lost' },
  {
    reason: 'times that were not past yet prove nothing',
    since: { ...alone, file: { ...file, settled: false } },
    now: { file, wal: undefined },
    how: 'lost',
  },
  {
    reason: 'a generation without frames yet goes on, even if the file was written',
    since: atFrameZero,
    now: { file: written, wal: now },
    how: 'continues',
  },
  {
    reason: 'a generation without frames that was restarted, with nothing taken into the file',
    since: atFrameZero,
    now: { file, wal: { ...now, salt1: 11 } },
    how: 'begins',
  },
  {
    reason: 'a generation of which no frame was seen can’t be read on',
    since: atFrameZero,
    now: { file: written, wal: { ...now, salt1: 11 } },
    how: 'lost',
  },
];

for (const { reason, since, now, how } of cases) test(reason, () => assert.equal(continuationOf(since, now).how, how));

test('a position survives JSON, and nothing else is taken for one', () => {
  assert.deepEqual(parsePosition(JSON.parse(JSON.stringify(since))), since);
  assert.deepEqual(parsePosition(JSON.parse(JSON.stringify(alone))), alone);
  for (const other of [undefined, null, 'x', {}, { ...since, format: 2 }, { ...since, wal: { ...wal, frame: -1 } }])
    assert.equal(parsePosition(other), undefined);
});
