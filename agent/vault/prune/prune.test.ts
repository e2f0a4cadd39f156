import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import fc from 'fast-check';
import type { ObjectName } from '../../bucket/bucket.ts';
import { objectAt, parseObjectName, prefixes } from '../../bucket/layout.ts';
import { type ManifestRef, manifestRef, newManifestRef, newPackId } from '../format/object-ids.ts';
import { listSnapshots } from '../history/find-snapshot.ts';
import { seededRandom } from '../testing.ts';
import { History, never } from '../testing-history.ts';
import { loadSnapshot } from '../tree/load-chain.ts';
import { findOrphans } from './orphans.ts';
import { type PrunePorts, Pruner } from './prune.ts';
import type { Retention } from './retention.ts';

const HOUR = 3_600_000;
/** Two hours of everything, then one an hour for a day. */
const retention: Retention = { allMillis: 2 * HOUR, hourlyMillis: 24 * HOUR, dailyMillis: 0 };
const none = new Set<ObjectName>();

function portsOf(history: History, onStep: PrunePorts['onStep'] = () => {}): PrunePorts {
  return { assertHeld: () => {}, clock: history.clock, onStep, report: () => {} };
}

const prune = (history: History, pinned: ReadonlySet<ObjectName> = none, onStep?: PrunePorts['onStep']) =>
  new Pruner(history.vault).prune({ retention, pinned, dryRun: false }, portsOf(history, onStep), never);

/** Snapshots every 20 minutes for 10 hours: what is written in one is seldom in another, and many files stay. */
async function busyDay(): Promise<History> {
  const history = await History.inMemory();
  for (let at = 0; at < 40; at += 1) history.write(`stays/${at}`, `stays ${at}`);
  for (let at = 0; at < 30; at += 1) {
    history.write('changes', `content ${at}`.repeat(200));
    history.remove(`only-${at - 1}`);
    history.write(`only-${at}`, `only ${at}`.repeat(300));
    await history.snapshot();
    history.clock.millis += 19 * 60_000;
  }
  return history;
}

const day = await busyDay();
const intact = day.bucket.copy();
const evening = day.clock.now();
after(() => day.end());

/** The busy day, as it was before anything was removed. */
function theDay(): History {
  day.bucket.objects.clear();
  for (const [name, object] of intact.objects) day.bucket.objects.set(name, object);
  day.bucket.onCall = () => {};
  day.clock.millis = evening;
  return day;
}

/** Asserts that every snapshot that is listed holds what was there. */
async function assertAllHold(history: History): Promise<number> {
  const snapshots = await listSnapshots(history.vault, never);
  for (const ref of snapshots) await history.assertHolds(ref);
  return snapshots.length;
}

test('what the retention no longer keeps goes with its packs, and all that is kept comes back exactly', async () => {
  const history = theDay();
  const before = history.bucket.copy();
  const plan = await new Pruner(history.vault).prune(
    { retention, pinned: none, dryRun: true },
    portsOf(history),
    never,
  );
  assert.deepEqual(history.bucket.names(''), before.names(''), 'a dry run removes nothing');
  const pruned = await prune(history);
  assert.deepEqual(pruned, plan, 'a dry run tells what would be removed');
  assert.equal(await assertAllHold(history), pruned.keptSnapshots);
  assert.equal(pruned.snapshots + pruned.keptSnapshots, 30);
  assert.ok(pruned.snapshots > 5, `${pruned.snapshots} went`);
  const bytes = (names: readonly string[], bucket: typeof before) =>
    names.reduce((sum, name) => sum + (bucket.objects.get(name)?.bytes.length ?? 0), 0);
  assert.equal(
    pruned.bytes,
    bytes(before.names('vault'), before) - bytes(history.bucket.names('vault'), history.bucket),
  );
  assert.equal(pruned.objects, before.objects.size - history.bucket.objects.size);
  for (const ref of (await listSnapshots(history.vault, never)).slice(0, 2)) await history.assertRestores(ref);
  const again = await prune(history);
  assert.deepEqual(
    { ...again, keptSnapshots: 0 },
    { snapshots: 0, objects: 0, bytes: 0, keptSnapshots: 0, unreadable: [], doubtedMillis: 0 },
  );
});

test('killed at any step, every snapshot that is listed is whole, and the next pruning comes to the same', async () => {
  const history = theDay();
  const steps: string[] = [];
  await prune(history, none, (step) => void steps.push(step));
  const wanted = history.bucket.names('');
  assert.deepEqual(
    [...new Set(steps)],
    ['prune:planned', 'prune:manifest', 'prune:manifests', 'prune:pack', 'prune:done'],
  );
  for (let kill = 0; kill < steps.length; kill += 1) {
    theDay();
    let step = 0;
    const die = () => {
      if (step++ >= kill) throw new Error('killed'); // those under way at once die as well
    };
    await assert.rejects(prune(history, none, die), { message: 'killed' });
    await assertAllWhole(history);
    await prune(history);
    assert.deepEqual(history.bucket.names(''), wanted, `killed at step ${kill}, ${steps[kill]}`);
  }
});

test('the newest and the pinned ones stay, and so does what they descend from', async () => {
  const history = theDay();
  const pinned = history.taken[7]?.ref;
  assert.ok(pinned);
  const nothing = { allMillis: 0, hourlyMillis: 0, dailyMillis: 0 };
  const request = { retention: nothing, pinned: new Set([pinned.name]), dryRun: false };
  const { keptSnapshots } = await new Pruner(history.vault).prune(request, portsOf(history), never);
  const left = (await listSnapshots(history.vault, never)).map(({ sequence }) => sequence);
  assert.equal(left.length, keptSnapshots);
  assert.ok(left.includes(pinned.sequence) && left.includes(30));
  assert.ok(left.length <= pinned.depth + 1 + (history.taken[29]?.ref.depth ?? 0) + 1, `${left.length} are left`);
  await assertAllHold(history);
});

test('a clock that has jumped 400 days ahead removes nothing that a right one would not, before the next snapshot and after it', async () => {
  const right = theDay();
  await prune(right);
  const left = right.bucket.names(prefixes.manifest);
  const history = theDay();
  const later = {
    ...retention,
    allMillis: retention.allMillis - 6 * HOUR,
    hourlyMillis: retention.hourlyMillis - 6 * HOUR,
  };
  await new Pruner(history.vault).prune({ retention: later, pinned: none, dryRun: false }, portsOf(history), never);
  const leftAfterSixHours = history.bucket.names(prefixes.manifest);
  assert.ok(left.length > leftAfterSixHours.length && leftAfterSixHours.length > 1);

  theDay();
  history.clock.millis += 400 * 24 * HOUR;
  const { doubtedMillis } = await prune(history);
  assert.deepEqual(history.bucket.names(prefixes.manifest), leftAfterSixHours);
  assert.ok(doubtedMillis > 399 * 24 * HOUR);

  const ahead = await busyDay();
  ahead.clock.millis += 400 * 24 * HOUR;
  ahead.write('changes', 'by a clock that is ahead');
  await ahead.snapshot();
  await prune(ahead);
  assert.deepEqual(
    (await listSnapshots(ahead.vault, never)).map(({ sequence }) => sequence),
    [...leftAfterSixHours.map((name) => manifestRef(parseObjectName(name))?.sequence), 31],
  );
  ahead.end();
});

test('what a snapshot left that was cut off goes once it is behind the head, and not before', async () => {
  const history = await History.inMemory();
  history.write('file', 'first');
  await history.snapshot();
  const cutAt = async (step: string, content: string) => {
    history.write('file', content);
    history.onStep = (at) => {
      if (at === step) throw new Error('killed');
    };
    await assert.rejects(history.snapshot());
    history.onStep = () => {};
    history.restart();
  };
  const clean = history.bucket.names('').length;
  await cutAt('snapshot:pack', 'second');
  await cutAt('snapshot:manifest', 'third');
  await prune(history);
  assert.equal(history.bucket.names('').length, clean + 3, 'it may be a snapshot that is being written');
  history.write('file', 'fourth');
  await history.snapshot();
  const pruned = await prune(history);
  assert.deepEqual({ objects: pruned.objects, snapshots: pruned.snapshots }, { objects: 3, snapshots: 0 });
  assert.equal(history.bucket.names('').length, clean + 2);
  await assertAllHold(history);
  history.end();
});

test('of two manifests of one number, of which nobody can tell which is a snapshot, both stay', async () => {
  const history = await History.inMemory();
  for (const content of ['a', 'b', 'c']) {
    history.write('file', content);
    await history.snapshot();
  }
  const [, second, third] = history.taken.map(({ ref }) => ref);
  assert.ok(second && third);
  const object = history.bucket.objects.get(second.name);
  assert.ok(object);
  const rival = newManifestRef(second, seededRandom('rival'));
  history.bucket.put(rival.name, object.bytes); // does not open under this name
  history.bucket.objects.delete(third.name);
  history.bucket.objects.delete(history.bucket.names(prefixes.manifest).at(-1) ?? '');
  const { orphans } = await orphansAndNames(history, third);
  assert.deepEqual([...orphans], []);
  history.end();
});

const damages: { reason: string; damage: (history: History, name: ObjectName) => void }[] = [
  { reason: 'flipped', damage: (history, name) => flip(history, name, 60) },
  { reason: 'cut', damage: (history, name) => put(history, name, (bytes) => bytes.subarray(0, 50)) },
  { reason: 'of another vault', damage: (history, name) => flip(history, name, 10) },
  { reason: 'missing', damage: (history, name) => void history.bucket.objects.delete(name) },
];

for (const { reason, damage } of damages) {
  test(`a manifest that is ${reason} may be mended: nothing goes that it, or what descends from it, may need`, async () => {
    const history = theDay();
    // The second of a chain that is kept, so that others descend from it.
    const kept = history.taken.find(({ ref }) => ref.depth >= 3 && ref.sequence > 20)?.ref;
    const broken = history.taken.find(({ ref }) => kept && ref.sequence === kept.sequence - kept.depth + 1)?.ref;
    assert.ok(kept && broken);
    damage(history, broken.name);
    const { unreadable, snapshots } = await prune(history);
    assert.ok(snapshots > 0, 'what can be read is pruned');
    assert.deepEqual(unreadable, reason === 'missing' ? [] : [broken.name]);
    const mended = intact.objects.get(broken.name);
    assert.ok(mended);
    history.bucket.objects.set(broken.name, mended);
    assert.ok((await listSnapshots(history.vault, never)).some(({ name }) => name === broken.name));
    await assertAllHold(history);
    await prune(history);
    await assertAllHold(history);
  });
}

test('a manifest that cannot be read stays, though nobody keeps it', async () => {
  const history = theDay();
  const plan = await new Pruner(history.vault).prune(
    { retention, pinned: none, dryRun: true },
    portsOf(history),
    never,
  );
  const before = history.bucket.names(prefixes.manifest);
  await prune(history);
  const gone = before.filter((name) => !history.bucket.objects.has(name));
  assert.equal(gone.length, plan.snapshots);
  for (const name of gone) {
    theDay();
    flip(history, parseObjectName(name), 60);
    const { unreadable } = await prune(history);
    assert.deepEqual(unreadable, [name]);
    assert.ok(history.bucket.objects.has(name));
    const mended = intact.objects.get(name);
    assert.ok(mended);
    history.bucket.objects.set(name, mended);
    const ref = history.taken.find((one) => one.ref.name === name)?.ref;
    assert.ok(ref);
    await history.assertHolds(ref);
  }
});

test('what a snapshot takes over from before, while pruning goes on, stays', async () => {
  const history = await History.inMemory();
  history.write('comes-again', 'comes again'.repeat(1000));
  history.write('stays', 'stays');
  await history.snapshot();
  history.remove('comes-again');
  await history.snapshot();
  history.clock.millis += 10 * 24 * HOUR;
  await prune(history, none, async (step) => {
    if (step !== 'prune:planned') return;
    history.write('comes-again', 'comes again'.repeat(1000));
    await history.snapshot();
  });
  await assertAllHold(history);
  await prune(history);
  await assertAllHold(history);
  history.end();
});

test('without the lease, without a head, and when the bucket is away nothing is removed', async () => {
  const history = theDay();
  const before = history.bucket.names('');
  const lost = () => {
    throw new OpenCraneError('aborted', 'lease_taken', 'another has it');
  };
  const request = { retention, pinned: none, dryRun: false };
  const pruner = new Pruner(history.vault);
  await assert.rejects(pruner.prune(request, { ...portsOf(history), assertHeld: lost }, never), {
    reason: 'lease_taken',
  });
  const last = history.taken.at(-3)?.ref.name ?? '';
  history.bucket.onCall = (call) => {
    if (call === `read ${last}`) throw new OpenCraneError('unavailable', 'bucket_away', '503');
  };
  await assert.rejects(prune(history), { reason: 'bucket_away' });
  history.bucket.onCall = () => {};
  history.bucket.objects.delete('vault/head');
  await assert.rejects(prune(history), { reason: 'object_missing' });
  assert.deepEqual(
    history.bucket.names(''),
    before.filter((name) => name !== 'vault/head'),
  );
});

test('packs and manifests with names of ours that are not ours, and other objects, are left alone', async () => {
  const history = await History.inMemory();
  history.write('file', 'content');
  await history.snapshot();
  const random = seededRandom('strange');
  const beyond = objectAt({ kind: 'pack', id: newPackId(2, random) });
  const strange = newManifestRef({ sequence: 2, depth: 0, clockMillis: 1 }, random).name;
  for (const name of [beyond, strange, 'vault/packs/other', 'vault/manifests/other', 'uploads/mine'])
    history.bucket.put(name, Buffer.from('strange'));
  const before = history.bucket.names('');
  await prune(history);
  assert.deepEqual(history.bucket.names(''), before);
  history.end();
});

type Step = { readonly do: 'snapshot' | 'cut' | 'prune' | 'wait'; readonly at: number };
const step: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom('snapshot', 'snapshot', 'snapshot', 'cut', 'prune', 'wait'),
  at: fc.nat(60),
});

test('whatever is written, cut off, pruned and killed: what is listed is whole, and comes back as it was', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 45 }), async (steps) => {
      const history = await History.inMemory();
      history.write('stays', 'stays');
      await history.snapshot();
      for (const [number, { do: what, at }] of steps.entries()) await perform(history, what, at, number);
      await prune(history);
      await assertAllHold(history);
      assertNoOrphans(history, await namedByAll(history));
      history.end();
    }),
    { numRuns: 5 },
  );
});

async function perform(history: History, what: Step['do'], at: number, number: number): Promise<void> {
  const file = `file-${at % 4}`;
  if (what === 'wait') {
    history.clock.millis += at * 10 * 60_000;
    return;
  }
  if (what === 'prune') {
    let step = 0;
    await prune(history, none, () => {
      if (step++ >= at) throw new Error('killed');
    }).catch((cause: unknown) => assert.match(String(cause), /killed/));
    return assertAllWhole(history);
  }
  // Content comes again, so that chunks are taken over from before.
  history.write(file, `content ${at % 7} `.repeat(50));
  history.write('number', String(number));
  if (what === 'snapshot') return void (await history.snapshot());
  const cut = ['snapshot:pack', 'snapshot:manifest', 'snapshot:packs', 'snapshot:captured'][at % 4];
  history.onStep = (reached) => {
    if (reached === cut) throw new Error('killed');
  };
  await history.snapshot().catch((cause: unknown) => assert.match(String(cause), /killed/));
  history.onStep = () => {};
  if (at % 2 === 0) history.restart();
}

async function assertAllWhole(history: History): Promise<void> {
  const packs = new Set(history.bucket.names(prefixes.pack));
  for (const id of await namedByAll(history)) assert.ok(packs.has(id), `${id} is named`);
}

/** Packs that the listed snapshots' trees name. Throws when one does not load. */
async function namedByAll(history: History): Promise<Set<string>> {
  const named = new Set<string>();
  for (const ref of await listSnapshots(history.vault, never)) {
    const { tree } = await loadSnapshot(history.vault, ref);
    for (let pack = 0; pack < tree.packs.count; pack += 1) {
      named.add(objectAt({ kind: 'pack', id: tree.packs.get(pack).id }));
    }
  }
  return named;
}

function assertNoOrphans(history: History, named: ReadonlySet<string>): void {
  const head = history.taken.at(-1)?.ref.sequence ?? 0;
  const isBehind = (name: string) =>
    Number.parseInt(name.slice(prefixes.pack.length, prefixes.pack.length + 12), 16) <= head;
  assert.deepEqual(
    history.bucket.names(prefixes.pack).filter((name) => isBehind(name) && !named.has(name)),
    [],
  );
}

async function orphansAndNames(history: History, newest: ManifestRef) {
  const refs = history.taken.map(({ ref }) => ref);
  return { orphans: await findOrphans(history.vault, refs, newest) };
}

function put(history: History, name: ObjectName, change: (bytes: Buffer) => Uint8Array): void {
  const object = history.bucket.objects.get(name);
  assert.ok(object);
  history.bucket.put(name, change(Buffer.from(object.bytes)));
}

function flip(history: History, name: ObjectName, at: number): void {
  put(history, name, (bytes) => {
    const place = at < 0 ? bytes.length + at : at;
    bytes.writeUInt8(bytes.readUInt8(place) ^ 1, place);
    return bytes;
  });
}
