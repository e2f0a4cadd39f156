import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Generation } from '../bucket/bucket.ts';
import {
  deadlineOf,
  decide,
  type Found,
  type Held,
  isHeldFor,
  type Lease,
  mayServe,
  onRead,
  onRelease,
  onTime,
  outageSince,
  type Sighting,
  unknown,
} from './lease.ts';
import { epochOf, holderIdOf, type LeaseRecord } from './lease-record.ts';
import { termsOf } from './terms.ts';
import { onGranted, onVouched, question } from './witness.ts';

const mine = { id: 'w', outageMillis: 900_000 };
const terms = termsOf(30_000, mine);
const me = holderIdOf('my disk');
const generation = (name: string) => name as Generation; // tests name them
const holding = { epoch: epochOf(4), serial: 7 };

const held: Held = {
  state: 'held',
  ...holding,
  generation: generation('g1'),
  sentAt: 0,
  vouchedAt: undefined,
  restless: false,
  doubted: false,
  releasing: false,
  attempts: [],
};

/** Another's record, vouched for unless changed. */
function found(changes: Partial<LeaseRecord> = {}, name = 'g1'): Found {
  const writing = { host: 'far', instance: 'another process', renewal: 1, ttlMillis: 30_000, released: false };
  const witness = { id: 'its witness', outageMillis: 900_000, vouchMillis: 20_000 };
  const record: LeaseRecord = {
    format: 1,
    ...holding,
    holder: holderIdOf('another disk'),
    ...writing,
    witness,
    ...changes,
  };
  return { record, generation: generation(name) };
}

function sighting(at: Found | undefined, floor = 4): Sighting {
  return { found: at, floor: epochOf(floor) };
}

/** A watcher that looked at these times. */
function watched(looks: readonly [number, Sighting][]): Lease {
  return looks.reduce<Lease>((lease, [at, seen]) => onRead(lease, seen, at, me, terms), unknown);
}

const asksOfHolders: readonly { reason: string; lease: Lease; now: number; asks: 'vouch' | number }[] = [
  { reason: 'right after a renewal it asks nothing', lease: held, now: 4_999, asks: 5_000 },
  { reason: 'and then so early that the lease may rest', lease: held, now: 5_000, asks: 'vouch' },
  {
    reason: 'vouched for, it asks again a fifth of a vouch later',
    lease: { ...held, vouchedAt: 10_500 },
    now: 15_499,
    asks: 15_500,
  },
  { reason: 'and again', lease: { ...held, vouchedAt: 10_500 }, now: 15_500, asks: 'vouch' },
  {
    reason: 'a renewal is as good as a vouch',
    lease: { ...held, sentAt: 20_000, vouchedAt: 19_500 },
    now: 24_999,
    asks: 25_000,
  },
  {
    reason: 'what met another generation may have been our own, so it is asked about all the same',
    lease: { ...held, doubted: true },
    now: 10_500,
    asks: 'vouch',
  },
  {
    reason: 'one that hands over has no OpenClaw to be vouched for',
    lease: onRelease(held),
    now: 12_000,
    asks: Number.POSITIVE_INFINITY,
  },
];

for (const { reason, lease, now, asks } of asksOfHolders) {
  test(`a holder: ${reason}`, () => {
    const expected = asks === 'vouch' ? { ask: 'vouch', holding, of: terms.witness } : { ask: 'nothing', until: asks };
    assert.deepEqual(question(lease, now, terms), expected);
  });
}

/** When a holder that sent its last renewal at 0 sends the next one, with a ttl of 30 s. */
const renewals: readonly { reason: string; lease: Held; at: number }[] = [
  { reason: 'nobody vouches: a third of the ttl later', lease: held, at: 10_000 },
  { reason: 'a vouch spares it until the next one is late', lease: { ...held, vouchedAt: 60_000 }, at: 66_500 },
  { reason: 'at once, when the bucket failed', lease: { ...held, vouchedAt: 60_000, restless: true }, at: 10_000 },
  { reason: 'an old vouch spares it nothing', lease: { ...held, vouchedAt: 1_000 }, at: 10_000 },
  { reason: 'a fifth of an outage’s time at most', lease: { ...held, vouchedAt: 179_000 }, at: 180_000 },
  {
    reason: 'one that was sent and has no answer is sent again: the bucket may be away',
    lease: { ...held, vouchedAt: 60_000, attempts: [{ record: found().record, sentAt: 10_000 }] },
    at: 10_000,
  },
];

for (const { reason, lease, at } of renewals) {
  test(`renewed: ${reason}`, () => {
    assert.deepEqual(decide(lease, at - 1, me, terms), { do: 'wait', until: at });
    assert.equal(decide(lease, at, me, terms).do, 'write');
  });
}

test('without a witness a holder asks nobody', () => {
  assert.equal(question(held, 20_000, termsOf(30_000)).ask, 'nothing');
});

const asksOfWatchers: readonly {
  reason: string;
  looks: readonly [number, Sighting][];
  asks: { epoch: number; serial: number; of: string } | 'nothing';
}[] = [
  {
    reason: 'a record that was seen unchanged for half its ttl',
    looks: [
      [0, sighting(found())],
      [15_000, sighting(found())],
    ],
    asks: { ...holding, of: 'its witness' },
  },
  {
    reason: 'not a moment before',
    looks: [
      [0, sighting(found())],
      [14_999, sighting(found())],
    ],
    asks: 'nothing',
  },
  {
    reason: 'who could not look knows nothing of the holder: it may be the bucket that is away',
    looks: [[0, sighting(found())]],
    asks: 'nothing',
  },
  {
    reason: 'a renewal begins the wait anew',
    looks: [
      [0, sighting(found())],
      [10_000, sighting(found({ serial: 8 }, 'g2'))],
      [20_000, sighting(found({ serial: 8 }, 'g2'))],
    ],
    asks: 'nothing',
  },
  {
    reason: 'nobody vouches for it, so nobody is asked',
    looks: [
      [0, sighting(found({ witness: undefined }))],
      [20_000, sighting(found({ witness: undefined }))],
    ],
    asks: 'nothing',
  },
  {
    reason: 'a lease that somebody removed may have been any of HEAD’s epoch',
    looks: [
      [0, sighting(undefined)],
      [15_000, sighting(undefined)],
    ],
    asks: { epoch: 4, serial: Number.MAX_SAFE_INTEGER, of: 'w' },
  },
  {
    reason: 'so may one that was put back',
    looks: [
      [0, sighting(found(), 6)],
      [15_000, sighting(found(), 6)],
    ],
    asks: { epoch: 6, serial: Number.MAX_SAFE_INTEGER, of: 'its witness' },
  },
  {
    reason: 'HEAD’s epoch has moved: somebody lives whom the record does not name',
    looks: [
      [0, sighting(found(), 5)],
      [14_000, sighting(found(), 6)],
      [16_000, sighting(found(), 6)],
    ],
    asks: 'nothing',
  },
];

for (const { reason, looks, asks } of asksOfWatchers) {
  test(`a watcher ${asks === 'nothing' ? 'does not ask' : 'asks'}: ${reason}`, () => {
    const asked = question(watched(looks), 100_000, terms);
    if (asks === 'nothing') return assert.equal(asked.ask, 'nothing');
    assert.ok(asked.ask === 'grant');
    const { epoch, serial } = asked.holding;
    assert.deepEqual({ epoch, serial, of: asked.of.id }, asks);
  });
}

test('once granted it asks no more, and the first answer counts', () => {
  const waiting = watched([
    [0, sighting(found())],
    [15_000, sighting(found())],
  ]);
  const granted = onGranted(onGranted(waiting, generation('g1'), 16_000), generation('g1'), 17_000);
  assert.equal(granted.state === 'taken' && granted.grantedAt, 16_000);
  assert.equal(question(granted, 20_000, terms).ask, 'nothing');
  assert.equal(onGranted(waiting, generation('g0'), 16_000), waiting, 'an answer about another record is none');
});

/** From when on another's lease is free, having been seen first at 0. */
const freedoms: readonly { reason: string; record: Partial<LeaseRecord>; grantedAt?: number; freeAt: number }[] = [
  { reason: 'nobody vouches: its ttl × 1.1', record: { witness: undefined }, freeAt: 33_000 },
  { reason: 'granted: a vouch × 1.1 after that', record: {}, grantedAt: 16_000, freeAt: 38_000 },
  { reason: 'not granted: an outage × 1.1', record: {}, freeAt: 990_000 },
  {
    reason: 'a grant does not shorten the ttl',
    record: { witness: { id: 'w', outageMillis: 900_000, vouchMillis: 2_000 } },
    grantedAt: 16_000,
    freeAt: 33_000,
  },
];

for (const { reason, record, grantedAt, freeAt } of freedoms) {
  test(`a lease is free after: ${reason}`, () => {
    const seen = sighting(found(record));
    let lease = watched([[0, seen]]);
    if (grantedAt !== undefined) lease = onGranted(lease, generation('g1'), grantedAt);
    const lookedAt = freeAt - 1;
    lease = onRead(lease, seen, lookedAt, me, terms);
    const waiting = decide(lease, lookedAt, me, terms);
    assert.equal(waiting.do === 'wait' && Math.round(waiting.until), freeAt);
    assert.equal(decide(lease, freeAt + 1, me, terms).do, 'write');
  });
}

test('a record that was renewed after the grant is not granted', () => {
  const granted = onGranted(watched([[0, sighting(found())]]), generation('g1'), 16_000);
  const renewed = onRead(granted, sighting(found({ serial: 8 }, 'g2')), 17_000, me, terms);
  assert.equal(renewed.state === 'taken' && renewed.grantedAt, undefined);
  assert.notEqual(decide(renewed, 60_000, me, terms).do, 'write');
});

test('a vouch counts from when it was asked for: OpenClaw may start and run on, and HEAD be written', () => {
  const vouched = onVouched(held, holding, 10_500);
  assert.equal(onTime(vouched, 23_499, terms), vouched);
  assert.equal(mayServe(vouched, 23_499, terms), true);
  assert.equal(isHeldFor(vouched, 0, 23_499, terms), true);
  assert.equal(vouched.state === 'held' && deadlineOf(vouched, terms), 28_500);
  assert.equal(mayServe(vouched, 23_500, terms), false);
  assert.equal(onTime(vouched, 23_500, terms).state, 'lost');
});

test('a bucket that has not answered for long is away: OpenClaw runs on, and HEAD is not written', () => {
  const away: Held = { ...held, vouchedAt: 15_000, attempts: [{ record: found().record, sentAt: 10_000 }] };
  assert.deepEqual([outageSince(away, 17_499, terms), isHeldFor(away, 0, 17_499, terms)], [undefined, true]);
  assert.deepEqual([outageSince(away, 17_500, terms), isHeldFor(away, 0, 17_500, terms)], [10_000, false]);
  assert.equal(mayServe(away, 17_500, terms), true);
});

test('what is doubted or being handed over starts nothing, whoever vouches', () => {
  assert.equal(mayServe({ ...held, vouchedAt: 10_500, doubted: true }, 11_000, terms), false);
  assert.equal(mayServe(onRelease({ ...held, vouchedAt: 10_500 }), 11_000, terms), false);
});

test('a late answer to an older question shortens nothing; one about another epoch is none', () => {
  const vouched = onVouched(onVouched(held, holding, 13_500), holding, 10_500);
  assert.equal(vouched.state === 'held' && vouched.vouchedAt, 13_500);
  const another = { epoch: epochOf(3), serial: 7 };
  assert.equal(onVouched(held, another, 13_500), held);
});

test('however often it is vouched for, a holder ends before who cannot ask takes over', () => {
  let lease: Lease = held;
  let now = 0;
  for (; lease.state === 'held'; now += 500) {
    const asked = question(lease, now, terms);
    if (asked.ask === 'vouch') lease = onVouched(lease, asked.holding, now);
    assert.ok(lease.state === 'held' && deadlineOf(lease, terms) <= 675_000);
    lease = onTime(lease, now, terms);
  }
  assert.equal(now - 500, 670_000, 'OpenClaw has 5 s to end');
});

/** A watcher to which things happen, and what it may know of them. */
class Watcher {
  lease: Lease = unknown;
  now = 0;
  #version = 0;
  #since = 0;
  #grantedAt: number | undefined;

  grant(of: number): void {
    this.lease = onGranted(this.lease, generation(`g${of}`), this.now);
    if (this.lease.state === 'taken' && of === this.#version) this.#grantedAt ??= this.now;
  }

  look(version = this.#version): void {
    if (version !== this.#version || this.lease.state === 'unknown') {
      this.#version = version;
      this.#since = this.now;
      this.#grantedAt = undefined;
    }
    this.lease = onRead(this.lease, sighting(found({}, `g${version}`)), this.now, me, terms);
  }

  /** Whether it may take over now, by what has happened. */
  get isFree(): boolean {
    const unvouched = this.#grantedAt === undefined ? this.#since + 990_000 : this.#grantedAt + 22_000;
    return this.now >= Math.max(this.#since + 33_000, unvouched);
  }
}

test('in any order of looks and grants: never taken before the ttl, and a vouch since the grant or an outage, have gone by', () => {
  const anyEvent = fc.record({
    millis: fc.nat(40_000),
    what: fc.constantFrom('look', 'grant', 'another'),
    of: fc.nat(2),
  });
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 40 }), (events) => {
      const watcher = new Watcher();
      for (const { millis, what, of } of events) {
        watcher.now += millis;
        if (what === 'grant') watcher.grant(of);
        else watcher.look(what === 'another' ? of : undefined);
        if (watcher.lease.state === 'unknown') continue;
        const takes = decide(watcher.lease, watcher.now, me, terms).do === 'write';
        assert.equal(takes, watcher.isFree);
      }
    }),
    { numRuns: 500 },
  );
});
