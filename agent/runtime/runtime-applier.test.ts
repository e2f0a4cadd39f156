import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { ManualClock } from '@opencrane/kit/clock.ts';
import { digestOf } from '@opencrane/kit/digest.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { createLogger } from '@opencrane/kit/logging.ts';
import { OfferSchema } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { InstalledRuntimes } from './installed-runtimes.ts';
import { KeptStates } from './kept-states.ts';
import type { Preflight } from './ports.ts';
import { readAnswer } from './preflight.ts';
import { RuntimeApplier } from './runtime-applier.ts';
import { bundleOf, FakeBlobs, FolderArchive, tarOf, temporaryFolder } from './testing.ts';
import { UpgradeJournal } from './upgrade-journal.ts';
import { UpgradeRunner } from './upgrade-runner.ts';

const folder = temporaryFolder();
after(() => folder.remove());
let count = 0;
const bundle = bundleOf(tarOf([{ path: 'lib/node_modules/openclaw/openclaw.mjs', content: 'run' }]));
const log = createLogger({ program: 'test', level: 'silent' });
const MINUTE = 60_000;

/** A tenant that serves `serving` on a state of which `preflight` tells whether a version can open it. */
async function tenant(options: {
  serving?: string;
  preflight?: (state: string) => Preflight['verdict'];
  requireRoom?: () => void;
}) {
  count += 1;
  const data = join(folder.path, `${count}`);
  const state = join(data, 'state');
  await mkdir(state, { recursive: true });
  const blobs = new FakeBlobs(bundle);
  const clock = new ManualClock(100 * MINUTE);
  const installed = new InstalledRuntimes(join(data, 'runtimes'), { blobs, clock, random: () => 0 });
  await mkdir(join(state, 'state'), { recursive: true });
  const archive = new FolderArchive(`${data}-archive`, state);
  const kept = new KeptStates({
    folder: join(data, 'kept'),
    copy: join(data, 'kept-copy.json'),
    tmp: join(data, 'tmp'),
    archive,
  });
  const journal = await UpgradeJournal.open(join(data, 'journal.json'));
  const calls: string[] = [];
  let running: { pid: number; version: string; directory: string } | undefined = {
    pid: 1,
    version: options.serving ?? '',
    directory: installed.directory(digestOf(options.serving ?? '')),
  };
  const openclaw = {
    running: async () => running,
    stop: async () => {
      calls.push('stop');
      clock.advance(2500);
      running = undefined;
    },
    start: async (directory: string, version: string) => {
      calls.push(`start ${version}`);
      running = { pid: 2, version, directory };
    },
    waitReady: async () => clock.advance(6000),
  };
  const timeouts = { readyMillis: 1, soakMillis: 0, drainMillis: 1 };
  const runner = new UpgradeRunner({
    ...{ openclaw, kept, journal, state, timeouts, clock },
    exchange: (work) => work(),
    onStep: () => {},
  });
  const { serving } = options;
  const applier = new RuntimeApplier({
    installed,
    kept,
    journal,
    runner,
    state,
    clock,
    log,
    preflight: async (_runtime, path) => ({
      verdict: options.preflight?.(path) ?? 'exact',
      message: 'schema 18, not 17',
    }),
    serving: () =>
      serving === undefined ? undefined : { version: serving, bundleDigest: digestOf(serving), bundleBytes: 1 },
    requireRoom: options.requireRoom ?? (() => {}),
    newId: () => 'now',
    onStep: () => {},
  });
  const offer = (restoreKeptState = false) =>
    create(OfferSchema, {
      kind: Kind.RUNTIME,
      revision: 3n,
      digest: digestOf('offer'),
      nonce: 'n',
      payload: {
        case: 'runtime',
        value: { version: '2', bundleDigest: blobs.digest, bundleBytes: BigInt(bundle.length), restoreKeptState },
      },
    });
  const apply = (restoreKeptState?: boolean) =>
    applier.apply(offer(restoreKeptState), () => {}, new AbortController().signal);
  return { applier, apply, kept, state, calls, journal };
}

test('the first runtime is only made ready: the boot goes on with it', async () => {
  const { apply, calls, journal } = await tenant({});
  assert.deepEqual(await apply(), { state: 'applied', effect: 'start', downtimeMillis: 0 });
  assert.deepEqual(calls, []);
  assert.equal(journal.entry, undefined);
});

test('an upgrade is measured from the stop to ready, and stays in the journal until its outcome is recorded', async () => {
  const { apply, applier, calls } = await tenant({ serving: '1', preflight: () => 'migrates' });
  assert.deepEqual(await apply(), { state: 'applied', effect: 'switch', downtimeMillis: 8500 });
  assert.deepEqual(calls, ['stop', 'start 2']);
  assert.equal(applier.cutOff(), true);
  const again = await applier.resume(() => {}, new AbortController().signal);
  assert.deepEqual(again?.outcome, { state: 'applied', effect: 'switch', downtimeMillis: 8500 });
  assert.equal(again?.offer.revision, 3n);
  assert.deepEqual(calls, ['stop', 'start 2'], 'nothing is done twice');
  await applier.forget();
  assert.equal(applier.cutOff(), false);
});

test('on a full disk OpenClaw is not stopped for another version: neither would start there', async () => {
  const full = () => {
    throw new OpenCraneError('resource_exhausted', 'disk_full', 'the disk is full', { mend: 'free some space' });
  };
  const { apply, calls, journal } = await tenant({ serving: '1', requireRoom: full });
  const message = 'the disk is full; free some space';
  assert.deepEqual(await apply(), { state: 'failed', reason: 'disk_full', message, path: '' });
  assert.deepEqual(calls, []);
  assert.equal(journal.entry, undefined);
});

const newer = (state: string) => (state.includes('kept') ? 'exact' : 'incompatible');

test('a downgrade that the state forbids is refused, with what was kept and what it would cost', async () => {
  const { apply, kept, calls } = await tenant({ serving: '3', preflight: newer });
  await kept.keep({ id: 'before', version: '2', atMillis: 63 * MINUTE }, new AbortController().signal);
  const outcome = await apply();
  assert.equal(outcome.state === 'failed' && outcome.reason, 'downgrade_needs_kept_state');
  const message = outcome.state === 'failed' ? outcome.message : '';
  assert.match(message, /the state of 2 from 1970-01-01 01:03 UTC \(the last 37 minutes would be lost\)/);
  assert.match(message, /schema 18, not 17/);
  assert.deepEqual(calls, [], 'what serves was not touched');
});

test('with the loss accepted it is done', async () => {
  const { apply, kept, calls } = await tenant({ serving: '3', preflight: newer });
  await kept.keep({ id: 'before', version: '2', atMillis: 1 }, new AbortController().signal);
  assert.equal((await apply(true)).state, 'applied');
  assert.deepEqual(calls, ['stop', 'start 2']);
  assert.deepEqual(
    (await kept.list()).map(({ id }) => id),
    ['now', 'before'],
    'the state it left is kept too',
  );
});

test('a downgrade for which nothing fitting was kept says so, loss accepted or not', async () => {
  const { apply, kept } = await tenant({ serving: '3', preflight: () => 'incompatible' });
  await kept.keep({ id: 'before', version: '3', atMillis: 1 }, new AbortController().signal);
  const outcome = await apply(true);
  assert.equal(outcome.state === 'failed' && outcome.reason, 'downgrade_forbidden');
});

// As `openclaw database preflight --json` of 2026.9.5 and 2026.9.6 printed it.
const answers: readonly { reason: string; stdout: string; verdict: Preflight['verdict'] }[] = [
  {
    reason: 'its own schema',
    stdout: '{"targetVersion":18,"foundVersion":18,"status":"exact","requiresWrite":false}',
    verdict: 'exact',
  },
  {
    reason: 'an older schema',
    stdout: '{"targetVersion":18,"foundVersion":17,"status":"migration-required","requiresWrite":true}',
    verdict: 'migrates',
  },
  {
    reason: 'a newer schema',
    stdout: '{"targetVersion":17,"foundVersion":18,"status":"incompatible","requiresWrite":false}',
    verdict: 'incompatible',
  },
  { reason: 'a version without the command', stdout: 'error: unknown command', verdict: 'unknown' },
];
for (const { reason, stdout, verdict } of answers) {
  test(`preflight: ${reason}`, () => assert.equal(readAnswer(stdout, '').verdict, verdict));
}
