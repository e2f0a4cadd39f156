/**
 * What OpenCrane and its tests depend on of OpenClaw, as one suite that runs on the real one and on the stand-in. The
 * same code asserts of both; what one of them does not do is a failure of its test file.
 *
 *   older state ──migrated──▶ one gateway serves ──▶ restarts ──▶ a drain ──▶ refused by the older version
 *   beside it: starts that are refused, each in a folder of its own
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import { ModelStandIn } from '../fixtures/model-stand-in/model-stand-in.ts';
import type { OpenClawKind } from '../fixtures/openclaw-under-test.ts';
import { versions } from '../fixtures/runtime-seed.ts';
import { SmallDisk } from '../fixtures/small-disk.ts';
import { commandBehaviours } from './command-behaviours.ts';
import { drainBehaviours } from './drain-behaviours.ts';
import { fileBehaviours } from './file-behaviours.ts';
import { assertOutlivesFullDisk, assertStartsOnceThereIsRoom } from './full-disk-behaviours.ts';
import { lookupBehaviours } from './lookup-behaviours.ts';
import { patchBehaviours } from './patch-behaviours.ts';
import { probeBehaviours } from './probe-behaviours.ts';
import { RawGateway } from './raw-gateway.ts';
import { restartBehaviours } from './restart-behaviours.ts';
import { assertRefused, refusedStarts } from './start-behaviours.ts';
import { Subject } from './subject.ts';
import { turnBehaviours } from './turn-behaviours.ts';
import { assertMigrated, assertRefusedByOlder, makeOlderState, preflight } from './version-behaviours.ts';
import type { Behaviour, World } from './world.ts';

/** For one behaviour. The real one takes seconds on a quiet machine, and minutes on one that is not. */
const MOST_MILLIS = 400_000;

/** Registers the suite for one of the two. */
export function contractSuite(kind: OpenClawKind): void {
  describe(`OpenClaw, ${kind}: one gateway from a state of the version before to its end`, {
    timeout: 15 * 60_000,
  }, () => {
    let world: World;

    before(async () => {
      world = await makeWorld(kind);
    });
    after(async () => {
      await world.subject.remove();
      await world.model.close();
    });

    const behaves = (behaviours: readonly Behaviour[]) => {
      for (const { reason, holds } of behaviours) test(reason, { timeout: MOST_MILLIS }, () => holds(world));
    };

    test('preflight: the version before knows its own state, the newer one would migrate it', async () => {
      const [own, newer] = await Promise.all([
        preflight(world.subject, versions.previous, 'own.sqlite'),
        preflight(world.subject, versions.current, 'older.sqlite'),
      ]);
      assert.deepEqual(own, { code: 0, status: 'exact', targetVersion: 17, foundVersion: 17 });
      assert.deepEqual(newer, { code: 0, status: 'migration-required', targetVersion: 18, foundVersion: 17 });
    });
    test('while it starts it says so, and lets nobody in', { timeout: MOST_MILLIS }, () => assertStarts(world));
    test('a state of the version before is migrated, and a copy from before is kept', () =>
      assertMigrated(world.subject));
    behaves(probeBehaviours);
    behaves(patchBehaviours);
    behaves(lookupBehaviours);
    behaves(turnBehaviours);
    behaves(fileBehaviours);
    describe('commands beside it', { concurrency: 2 }, () => {
      for (const { reason, holds } of commandBehaviours) {
        test(reason, { timeout: MOST_MILLIS }, () => holds(world.subject));
      }
    });
    test('a second gateway on the same state is refused with 78', { timeout: MOST_MILLIS }, () =>
      assertOneOwner(world),
    );
    for (const { reason, holds } of restartBehaviours) {
      test(reason, { timeout: MOST_MILLIS }, async () => {
        try {
          await holds(world);
        } finally {
          await serveAgain(world); // for the behaviours that come after
        }
      });
    }
    behaves(drainBehaviours);
    test(
      'the version before refuses a state of the newer one: by its database with 78, by its configuration with 1',
      {
        timeout: MOST_MILLIS,
      },
      () => assertRefusedByOlder(world.subject),
    );
  });

  describe(`OpenClaw, ${kind}: a disk without room`, { concurrency: 2 }, () => {
    const rows = {
      'on a full disk it lives on, and turns end well when there is room': assertOutlivesFullDisk,
      'a start on a full disk ends with 78, and begins when there is room': assertStartsOnceThereIsRoom,
    };
    for (const [reason, holds] of Object.entries(rows)) {
      test(reason, { timeout: MOST_MILLIS }, async (t) => {
        const disk = SmallDisk.mount(300 * 1024 ** 2);
        if ('skip' in disk) return t.skip(disk.skip);
        t.after(() => disk.unmount());
        await holds(kind, disk);
      });
    }
  });

  describe(`OpenClaw, ${kind}: starts that are refused`, { concurrency: 2 }, () => {
    for (const row of refusedStarts) {
      test(`${row.reason}: it ends with ${row.code}`, { timeout: MOST_MILLIS }, async (t) => {
        const subject = await Subject.make(kind);
        t.after(() => subject.remove());
        await assertRefused(subject, row);
      });
    }
  });
}

async function makeWorld(kind: OpenClawKind): Promise<World> {
  const [subject, model] = [await Subject.make(kind), await ModelStandIn.listen()];
  await makeOlderState(subject);
  subject.write(subject.configuration(model.configuration()));
  // Both are there once it has started; what comes before does not look at them.
  return { subject, model, gateway: undefined as never, client: undefined as never };
}

async function serveAgain(world: World): Promise<void> {
  await world.subject.kill();
  world.gateway = await world.subject.started();
  world.client = await world.subject.signIn();
}

/** Starts it, and looks all the while; again when it was too quick to be seen. */
async function assertStarts(world: World): Promise<void> {
  const { subject } = world;
  await awaitFact(
    'it is seen while it starts',
    async () => {
      world.gateway = subject.start();
      const seen = await watchStart(subject, world.gateway.output);
      if (seen.refusal === undefined || seen.startup === undefined) {
        world.gateway.kill('SIGTERM');
        await world.gateway.ended;
        return false;
      }
      const { uptimeMs, pendingReason, ...startup } = JSON.parse(seen.startup);
      assert.deepEqual(startup, { ok: false, status: 'starting', version: versions.current });
      assert.deepEqual([typeof uptimeMs, typeof pendingReason], ['number', 'string']);
      const { code, message, retryable } = seen.refusal;
      assert.deepEqual([code, message, retryable], ['UNAVAILABLE', 'gateway starting; retry shortly', true]);
      assert.deepEqual(seen.closed, { code: 1013, reason: 'gateway starting' });
      return true;
    },
    { withinMillis: MOST_MILLIS },
  );
  world.client = await subject.signIn();
}

/** What was seen of a gateway until it had started. */
type Start = {
  readonly startup?: string;
  readonly refusal?: { readonly code: string; readonly message: string; readonly retryable?: boolean };
  readonly closed?: { readonly code: number; readonly reason: string };
};

async function watchStart(subject: Subject, output: () => string): Promise<Start> {
  let seen: Start = {};
  await awaitFact(
    'it has started',
    async () => {
      const startup = await subject.page('/startupz');
      if (startup.status === 200) return true;
      seen = { ...seen, startup: startup.text };
      if (seen.refusal !== undefined) return false;
      const gateway = new RawGateway(subject.port);
      const answer = await gateway.signIn(subject.token);
      if (answer.ok) await gateway.close();
      else seen = { ...seen, refusal: answer.error, closed: await gateway.closed };
      return false;
    },
    { everyMillis: 10, withinMillis: MOST_MILLIS },
  ).catch((cause) => {
    throw new Error(`it did not start: ${output().slice(-1_500)}`, { cause });
  });
  return seen;
}

/** Its words differ between versions; a launcher goes by the code. */
async function assertOneOwner({ subject }: World): Promise<void> {
  const second = subject.startBeside();
  assert.deepEqual(await second.ended, { code: 78, signal: null }, second.output().slice(-1_000));
  assert.equal((await subject.page('/startupz')).status, 200, 'the first serves on');
}
