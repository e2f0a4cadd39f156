import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ComponentState } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { type VaultSeen, vaultStanding } from './vault-component.ts';

const { HEALTHY, STARTING, DEGRADED } = ComponentState;
type Kept = Extract<VaultSeen, { state: 'kept' }>;
const kept = (
  unsavedMillis: number,
  trouble = '',
  unread: Kept['unread'] = [],
  overdueMillis = unsavedMillis,
  pruneTrouble = '',
): Kept => ({ state: 'kept', unsavedMillis, overdueMillis, trouble, unread, slow: [], pruneTrouble });

const slow = (path: string, forMillis: number) => ({
  path,
  doneBytes: 1.5 * 1024 ** 3,
  totalBytes: 120 * 1024 ** 3,
  forMillis,
});

const rows: { reason: string; seen: VaultSeen; state: ComponentState; message: string }[] = [
  { reason: 'within the goal there is nothing to say', seen: kept(4_999), state: HEALTHY, message: '' },
  {
    reason: 'past the goal the true value is told, in steps',
    seen: kept(9_999),
    state: HEALTHY,
    message: '5 s of changes are not in the bucket yet',
  },
  {
    reason: 'a bucket that is away is told with its reason and in minutes',
    seen: kept(184_000, 'it answers 503'),
    state: DEGRADED,
    message: '3 min of changes are not in the bucket yet: it answers 503',
  },
  {
    reason: 'serving on the coordinator’s word is told from when to when, and what is at stake',
    seen: {
      ...kept(184_000, 'the lease is not surely held for long enough'),
      outage: {
        sinceAt: Date.UTC(2026, 8, 9, 12, 31, 20),
        untilAt: Date.UTC(2026, 8, 9, 12, 42, 30),
        newestAgeMillis: 190_000,
      },
    },
    state: DEGRADED,
    message:
      "the bucket has not answered since 12:31 UTC: the tenant serves on the coordinator's word, until 12:42 UTC at the latest; the newest snapshot is 3 min old; 3 min of changes are not in the bucket yet",
  },
  {
    reason: 'with nothing to save it is as bad: what comes cannot be saved',
    seen: { ...kept(0), outage: { sinceAt: 0, untilAt: 660_000, newestAgeMillis: undefined } },
    state: DEGRADED,
    message:
      "the bucket has not answered since 00:00 UTC: the tenant serves on the coordinator's word, until 00:11 UTC at the latest; there is no snapshot yet",
  },
  {
    reason: 'a loss is told with the two commands that end it',
    seen: { ...kept(0), loss: { tenant: 'jente', lost: '120 of 130 files', last: 58, full: 57 } },
    state: DEGRADED,
    message:
      'most of the state is gone since snapshot 58: 120 of 130 files; to go back: opencrane vault restore --tenant jente --snapshot 57 (snapshot 58 is later, and has less); if it was meant: opencrane vault snapshot --tenant jente --accept-loss',
  },
  {
    reason: 'while OpenClaw starts no snapshot is due, and there is nothing to complain about',
    seen: kept(25_000, '', [], 1_000),
    state: HEALTHY,
    message: '25 s of changes are not in the bucket yet',
  },
  {
    reason: 'trouble that cost nothing yet is not told',
    seen: kept(1_000, 'it answers 503'),
    state: HEALTHY,
    message: '',
  },
  {
    reason: 'a snapshot that lacks something says so, however new it is',
    seen: kept(0, '', [{ path: 'workspace/a', why: 'it may not be read' }]),
    state: DEGRADED,
    message: 'not stored, because it cannot be read: workspace/a (it may not be read)',
  },
  {
    reason: 'a name of 5 KB is cut to what fits a status, and of many only a few are named',
    seen: kept(
      0,
      '',
      ['a'.repeat(5_000), 'b', 'c', 'd', 'e'].map((path) => ({ path, why: 'i/o error (EIO)' })),
    ),
    state: DEGRADED,
    message:
      `not stored, because it cannot be read: ${'a'.repeat(40)}…${'a'.repeat(39)} (i/o error (EIO)), ` +
      'b (i/o error (EIO)), c (i/o error (EIO)) and 2 more',
  },
  {
    reason: 'a file that takes long is named with how far it is; for a few seconds more that is no complaint',
    seen: { ...kept(0), slow: [slow('workspace/video.mp4', 7_000), slow('a', 1_000)] },
    state: HEALTHY,
    message: 'takes long to store: workspace/video.mp4 (1.50 of 120.00 GiB read, for 5 s)',
  },
  {
    reason: 'the newest snapshot is not all of the state until it is whole',
    seen: { ...kept(0), slow: [slow('workspace/video.mp4', 400_000)] },
    state: DEGRADED,
    message: 'takes long to store: workspace/video.mp4 (1.50 of 120.00 GiB read, for 6 min)',
  },
  {
    reason: 'a folder outside of the state is told by itself',
    seen: kept(0, '', [{ path: '/srv/x', why: 'agent second works there, outside of the state' }]),
    state: DEGRADED,
    message: 'not protected: /srv/x (agent second works there, outside of the state)',
  },
  {
    reason: 'pruning that fails again and again lets the bucket grow without end',
    seen: { ...kept(0), pruneTrouble: 'it answers 403' },
    state: DEGRADED,
    message: 'old snapshots are not removed: it answers 403',
  },
  {
    reason: 'a kernel that does not tell of changes costs a few seconds, and is told',
    seen: { ...kept(0), unwatched: 'all inotify instances are in use' },
    state: HEALTHY,
    message: 'changes are found by looking every few seconds: all inotify instances are in use',
  },
  {
    reason: 'what a restore could not bring back as it was is told, and is no complaint',
    seen: { ...kept(0), notes: ['1 of 2 hard links are copies', 'times are less exact'] },
    state: HEALTHY,
    message: '1 of 2 hard links are copies; times are less exact',
  },
  {
    reason: 'a lease that another holds is waited for',
    seen: { state: 'waiting', why: 'host-a writes' },
    state: STARTING,
    message: 'host-a writes',
  },
];

for (const { reason, seen, state, message } of rows) {
  test(reason, () => assert.deepEqual(vaultStanding(seen), { state, message }));
}
