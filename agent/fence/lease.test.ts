import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Generation } from '../bucket/bucket.ts';
import {
  type Attempt,
  type Decision,
  decide,
  type Found,
  type Held,
  isHeldFor,
  type Lease,
  type Loss,
  onConflict,
  onRead,
  onReadBack,
  onRelease,
  onSent,
  onTime,
  onWritten,
  type Sighting,
  unknown,
} from './lease.ts';
import { epochOf, holderIdOf, type LeaseRecord } from './lease-record.ts';
import { termsOf } from './terms.ts';

const terms = termsOf(30_000);
const me = holderIdOf('my disk');
const other = holderIdOf('another disk');
const generation = (name: string) => name as Generation; // tests name them

function record(changes: Partial<LeaseRecord> = {}): LeaseRecord {
  const writing = { instance: 'another process', renewal: 1, serial: 1 };
  return {
    format: 1,
    epoch: epochOf(4),
    holder: other,
    host: 'far',
    ...writing,
    ttlMillis: 30_000,
    released: false,
    ...changes,
  };
}

function found(changes: Partial<LeaseRecord> = {}, name = 'g1'): Found {
  return { record: record(changes), generation: generation(name) };
}

function sighting(at: Found | undefined, floor = 0): Sighting {
  return { found: at, floor: epochOf(floor) };
}

function attempt(renewal: number, sentAt: number, changes: Partial<LeaseRecord> = {}): Attempt {
  return { record: record({ holder: me, instance: 'this process', renewal, ...changes }), sentAt };
}

const held: Held = {
  state: 'held',
  epoch: epochOf(4),
  serial: 1,
  generation: generation('g1'),
  sentAt: 0,
  vouchedAt: undefined,
  restless: false,
  doubted: false,
  releasing: false,
  attempts: [],
};

/** What is decided at once by who has just looked for the first time, at 1,000 ms. */
const firstLooks: readonly { reason: string; seen: Sighting; decision: Decision }[] = [
  {
    reason: 'a new tenant is taken at once',
    seen: sighting(undefined),
    decision: { do: 'write', epoch: epochOf(1), serial: 1, released: false, over: undefined },
  },
  {
    reason: 'a lease that somebody removed may still be held: HEAD says that it was',
    seen: sighting(undefined, 4),
    decision: { do: 'wait', until: 4_000 },
  },
  {
    reason: 'what was handed over is taken at once, under the next epoch',
    seen: sighting(found({ released: true }), 4),
    decision: { do: 'write', epoch: epochOf(5), serial: 2, released: false, over: generation('g1') },
  },
  {
    reason: 'the disk that had it last goes on under its epoch',
    seen: sighting(found({ holder: me }), 4),
    decision: { do: 'write', epoch: epochOf(4), serial: 2, released: false, over: generation('g1') },
  },
  {
    reason: 'the disk that handed it over goes on under its epoch, too: nobody else has had it',
    seen: sighting(found({ holder: me, released: true }), 4),
    decision: { do: 'write', epoch: epochOf(4), serial: 2, released: false, over: generation('g1') },
  },
  {
    reason: 'what another disk has is looked at again',
    seen: sighting(found(), 4),
    decision: { do: 'wait', until: 4_000 },
  },
  {
    reason: 'an old lease that was put back is no proof that nobody holds the tenant',
    seen: sighting(found({ released: true }), 6),
    decision: { do: 'wait', until: 4_000 },
  },
  {
    reason: 'nor is one of this disk',
    seen: sighting(found({ holder: me }), 6),
    decision: { do: 'wait', until: 4_000 },
  },
];

for (const { reason, seen, decision } of firstLooks) {
  test(`at first sight: ${reason}`, () => {
    assert.deepEqual(decide(onRead(unknown, seen, 1_000, me, terms), 1_000, me, terms), decision);
  });
}

/** Looks at these times and sees these records; then what is decided. */
const watches: readonly {
  reason: string;
  looks: readonly [number, Sighting][];
  now: number;
  decision: Decision['do'];
}[] = [
  {
    reason: 'unchanged for its ttl × 1.1 on our clock, it is taken',
    looks: [
      [0, sighting(found())],
      [32_000, sighting(found())],
    ],
    now: 33_000,
    decision: 'write',
  },
  {
    reason: 'a millisecond before that it is not',
    looks: [
      [0, sighting(found())],
      [32_000, sighting(found())],
    ],
    now: 32_999,
    decision: 'wait',
  },
  {
    reason: 'any renewal begins the wait anew',
    looks: [
      [0, sighting(found())],
      [32_000, sighting(found({ renewal: 2 }, 'g2'))],
    ],
    now: 34_999,
    decision: 'wait',
  },
  {
    reason: 'the wait is the holder’s ttl and not ours',
    looks: [
      [0, sighting(found({ ttlMillis: 300_000 }))],
      [300_000, sighting(found({ ttlMillis: 300_000 }))],
    ],
    now: 302_000,
    decision: 'wait',
  },
  {
    reason: 'who watched nothing but slept has waited: the write shows whether it is unchanged',
    looks: [[0, sighting(found())]],
    now: 3_600_000,
    decision: 'write',
  },
  {
    reason: 'a removed lease that stays away is taken after our own ttl',
    looks: [
      [0, sighting(undefined, 4)],
      [32_000, sighting(undefined, 4)],
    ],
    now: 33_000,
    decision: 'write',
  },
  {
    reason: 'while it waits it looks again',
    looks: [[0, sighting(found())]],
    now: 3_000,
    decision: 'look',
  },
];

for (const { reason, looks, now, decision } of watches) {
  test(`watching: ${reason}`, () => {
    let lease: Lease = unknown;
    for (const [at, seen] of looks) lease = onRead(lease, seen, at, me, terms);
    assert.equal(decide(lease, now, me, terms).do, decision);
  });
}

test('a take-over is one epoch past the record and past HEAD', () => {
  const waiting = onRead(unknown, sighting(found(), 9), 0, me, terms);
  const decision = decide(waiting, 40_000, me, terms);
  assert.deepEqual(decision, { do: 'write', epoch: epochOf(10), serial: 2, released: false, over: generation('g1') });
});

test('a claim that came through counts from when it was sent', () => {
  const claim = attempt(1, 1_000);
  const claimed = onWritten(
    onSent(onRead(unknown, sighting(undefined), 0, me, terms), claim),
    claim,
    generation('g1'),
    3_900,
    terms,
  );
  assert.deepEqual(claimed, { ...held, sentAt: 1_000 });
});

const renewals: readonly { reason: string; sentAt: number; answeredAt: number; heldUntil: number | 'lost' }[] = [
  {
    reason: 'a renewal counts from when it was sent, or a slow answer would stretch the lease',
    sentAt: 10_000,
    answeredAt: 13_000,
    heldUntil: 27_500,
  },
  { reason: 'an answer on the last moment is one', sentAt: 10_000, answeredAt: 17_499, heldUntil: 27_500 },
  {
    reason: 'an answer after the time to give up revives nothing',
    sentAt: 10_000,
    answeredAt: 17_500,
    heldUntil: 'lost',
  },
];

for (const { reason, sentAt, answeredAt, heldUntil } of renewals) {
  test(reason, () => {
    const renewal = attempt(2, sentAt);
    const waiting = onTime(onSent(held, renewal), answeredAt, terms);
    const lease = onWritten(waiting, renewal, generation('g2'), answeredAt, terms);
    if (heldUntil === 'lost') return assert.deepEqual(lease, { state: 'lost', loss: 'expired', by: undefined });
    assert.equal(isHeldFor(lease, 0, heldUntil - 1, terms), true);
    assert.equal(isHeldFor(lease, 0, heldUntil, terms), false);
  });
}

test('it renews after a third of the ttl, again and again when that fails, until it gives up', () => {
  assert.deepEqual(decide(held, 0, me, terms), { do: 'wait', until: 10_000 });
  const renew: Decision = { do: 'write', epoch: epochOf(4), serial: 2, released: false, over: generation('g1') };
  const tried = onSent(onSent(held, attempt(2, 10_000)), attempt(3, 14_000));
  assert.deepEqual(decide(tried, 15_000, me, terms), renew);
  assert.equal(onTime(tried, 17_499, terms), tried);
  assert.equal(decide(onTime(tried, 17_500, terms), 17_500, me, terms).do, 'end');
});

test('held for how long is asked of the time to give up, not of the time to live', () => {
  assert.equal(isHeldFor(held, 5_000, 12_000, terms), true);
  assert.equal(isHeldFor(held, 6_000, 12_000, terms), false);
});

/** A renewal (2) of which no answer came, then one (3) that met another generation; what is read back. */
const readBacks: readonly { reason: string; found: Found | undefined; lease: Lease | Loss }[] = [
  {
    reason: 'the one whose answer was lost came through: held from when that was sent',
    found: found({ holder: me, instance: 'this process', renewal: 2 }, 'g2'),
    lease: { ...held, generation: generation('g2'), sentAt: 10_000 },
  },
  {
    reason: 'the other one did, and the conflict was the answer to its double',
    found: found({ holder: me, instance: 'this process', renewal: 3 }, 'g2'),
    lease: { ...held, generation: generation('g2'), sentAt: 14_000 },
  },
  { reason: 'another disk has taken it', found: found({ epoch: epochOf(5) }, 'g2'), lease: 'taken' },
  { reason: 'another process with this disk’s id: a copy', found: found({ holder: me }, 'g2'), lease: 'copied' },
  { reason: 'nothing is there: somebody removed it', found: undefined, lease: 'removed' },
];

for (const { reason, found: at, lease } of readBacks) {
  test(`read back: ${reason}`, () => {
    const doubted = onConflict(onSent(onSent(held, attempt(2, 10_000)), attempt(3, 14_000)));
    assert.equal(decide(doubted, 14_100, me, terms).do, 'read-back');
    assert.equal(isHeldFor(doubted, 0, 14_100, terms), false, 'what is doubted is not surely held');
    const next = onReadBack(doubted, at, 14_200, me, terms);
    assert.deepEqual(next.state === 'lost' ? next.loss : next, lease);
  });
}

test('a claim whose answer was lost is found by the next look', () => {
  const claim = attempt(1, 1_000);
  const sent = onConflict(onSent(onRead(unknown, sighting(undefined), 0, me, terms), claim));
  assert.equal(decide(sent, 2_000, me, terms).do, 'look');
  const lease = onRead(sent, sighting({ record: claim.record, generation: generation('g1') }), 2_000, me, terms);
  assert.deepEqual(lease, { ...held, sentAt: 1_000 });
});

test('a claim that is found too late to be held is made again at once, under its epoch', () => {
  const claim = attempt(1, 1_000);
  const sent = onSent(onRead(unknown, sighting(undefined), 0, me, terms), claim);
  const lease = onRead(sent, sighting({ record: claim.record, generation: generation('g1') }), 20_000, me, terms);
  assert.deepEqual(decide(lease, 20_000, me, terms), {
    do: 'write',
    epoch: epochOf(4),
    serial: 2,
    released: false,
    over: generation('g1'),
  });
});

test('a release is written at once, makes others wait no longer, and is the end', () => {
  const releasing = onRelease(held);
  assert.equal(isHeldFor(releasing, 0, 0, terms), false);
  assert.deepEqual(decide(releasing, 1, me, terms), {
    do: 'write',
    epoch: epochOf(4),
    serial: 2,
    released: true,
    over: generation('g1'),
  });
  const release = attempt(2, 1, { released: true });
  const released = onWritten(onSent(releasing, release), release, generation('g2'), 100, terms);
  assert.deepEqual(released, { state: 'released' });
  assert.equal(decide(released, 100, me, terms).do, 'end');
});

test('a renewal that comes through before the release does not end it: it is written over that', () => {
  const renewal = attempt(2, 10_000);
  const releasing = onConflict(onRelease(onSent(held, renewal)));
  const lease = onReadBack(releasing, { record: renewal.record, generation: generation('g2') }, 11_000, me, terms);
  assert.deepEqual(decide(lease, 11_000, me, terms), {
    do: 'write',
    epoch: epochOf(4),
    serial: 2,
    released: true,
    over: generation('g2'),
  });
});

/** What may happen to a lease, drawn freely; `of` picks one of the attempts that were made. */
type Happening =
  | { readonly what: 'step' | 'conflict' | 'release' }
  | { readonly what: 'answered' | 'found'; readonly of: number; readonly generation: number }
  | { readonly what: 'found-other'; readonly epoch: number; readonly mine: boolean; readonly generation: number }
  | { readonly what: 'passes'; readonly millis: number };

const anyHappening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ what: 'step' as const }) },
  fc.constantFrom<Happening>({ what: 'conflict' }, { what: 'release' }),
  fc.record({ what: fc.constantFrom('answered' as const, 'found' as const), of: fc.nat(9), generation: fc.nat(5) }),
  fc.record({
    what: fc.constant('found-other' as const),
    epoch: fc.integer({ min: 1, max: 9 }),
    mine: fc.boolean(),
    generation: fc.nat(5),
  }),
  fc.record({ what: fc.constant('passes' as const), millis: fc.nat(20_000) }),
);

/** A process with its lease, to which things happen in any order, true to the protocol or not. */
class Subject {
  lease: Lease = unknown;
  now = 0;
  readonly attempts: Attempt[] = [];

  happens(happening: Happening): void {
    switch (happening.what) {
      case 'step':
        this.#step();
        break;
      case 'conflict':
        this.lease = onConflict(this.lease);
        break;
      case 'release':
        this.lease = onRelease(this.lease);
        break;
      case 'answered':
      case 'found':
        this.#learns(happening);
        break;
      case 'found-other': {
        const { epoch, mine, generation: name } = happening;
        this.#reads(found({ epoch: epochOf(epoch), holder: mine ? me : other }, `g${name}`));
        break;
      }
      case 'passes':
        this.now += happening.millis;
    }
  }

  #step(): void {
    this.lease = onTime(this.lease, this.now, terms);
    const decision = decide(this.lease, this.now, me, terms);
    if (decision.do !== 'write') return;
    const sent = attempt(this.attempts.length + 1, this.now, {
      epoch: decision.epoch,
      serial: decision.serial,
      released: decision.released,
    });
    this.attempts.push(sent);
    this.lease = onSent(this.lease, sent);
  }

  #learns({ what, of, generation: name }: Extract<Happening, { what: 'answered' | 'found' }>): void {
    const known = this.attempts[of % Math.max(1, this.attempts.length)];
    if (known === undefined) return;
    if (what === 'found') this.#reads({ record: known.record, generation: generation(`g${name}`) });
    else this.lease = onWritten(this.lease, known, generation(`g${name}`), this.now, terms);
  }

  #reads(at: Found): void {
    this.lease =
      this.lease.state === 'held'
        ? onReadBack(this.lease, at, this.now, me, terms)
        : onRead(this.lease, sighting(at, 1), this.now, me, terms);
  }
}

test('in any order of events: held only by an attempt of ours, counted from its send; the end is the end', () => {
  fc.assert(
    fc.property(fc.array(anyHappening, { maxLength: 60 }), (happenings) => {
      const subject = new Subject();
      for (const happening of happenings) {
        const before = subject.lease;
        subject.happens(happening);
        const { lease, attempts, now } = subject;
        if (before.state === 'lost' || before.state === 'released') assert.equal(lease, before);
        if (lease.state !== 'held') continue;
        assert.ok(attempts.some(({ record: { epoch }, sentAt }) => epoch === lease.epoch && sentAt === lease.sentAt));
        assert.ok(!isHeldFor(lease, 0, lease.sentAt + 17_500, terms), 'however late the answer');
        assert.ok(lease.sentAt <= now);
        if (before.state === 'held')
          assert.equal(lease.epoch, before.epoch, 'an epoch is held from its beginning to its end');
      }
    }),
    { numRuns: 500 },
  );
});

test('in any order of events: what is written is one epoch on at most, or its own', () => {
  fc.assert(
    fc.property(fc.array(anyHappening, { maxLength: 60 }), (happenings) => {
      const subject = new Subject();
      let highest = 1;
      for (const happening of happenings) {
        if (happening.what === 'found-other') highest = Math.max(highest, happening.epoch);
        const count = subject.attempts.length;
        subject.happens(happening);
        const sent = subject.attempts[count];
        if (sent !== undefined) assert.ok(sent.record.epoch <= highest + 1);
        highest = Math.max(highest, sent?.record.epoch ?? 0);
      }
    }),
  );
});
