import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { type Clock, ManualClock } from '@opencrane/kit/clock.ts';
import { digestOf } from '@opencrane/kit/digest.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { OfferSchema } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { KeptStates } from './kept-states.ts';
import type { OpenClawControl, RunningOpenClaw } from './ports.ts';
import { FolderArchive, temporaryFolder } from './testing.ts';
import { begin } from './upgrade.ts';
import { type JournalEntry, UpgradeJournal } from './upgrade-journal.ts';
import { UpgradeRunner } from './upgrade-runner.ts';

const folder = temporaryFolder();
after(() => folder.remove());
let count = 0;
const runtime = (version: string) => ({ version, bundleDigest: digestOf(version), directory: `/runtimes/${version}` });
const offer = create(OfferSchema, { kind: Kind.RUNTIME, revision: 7n, digest: digestOf('offer'), nonce: 'n' });

/** Each sleep passes at once, and moves the time on. */
class QuickClock extends ManualClock implements Clock {
  override async sleep(millis: number, signal?: AbortSignal) {
    signal?.throwIfAborted();
    // The longest waits are deadlines; in these tests only `never` lets one pass.
    if (millis >= 1000)
      return new Promise<void>((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
    this.advance(millis);
  }
}

type Behaviour = 'good' | 'exits' | 'never' | 'dies-in-soak';

/** OpenClaw and its launcher: they outlive the agent, write the state on start, and complain when two would run. */
class FakeOpenClaw implements OpenClawControl {
  process: RunningOpenClaw | undefined;
  readonly starts: string[] = [];
  behaviour: Behaviour = 'good';
  readonly #state: string;
  #looks = 0;

  constructor(state: string) {
    this.#state = state;
  }

  async running() {
    if (this.behaviour === 'dies-in-soak' && this.process?.version === '2') {
      this.#looks += 1;
      if (this.#looks > 2) this.process = undefined;
    }
    return this.process;
  }

  async stop() {
    this.process = undefined;
  }

  async start(directory: string, version: string) {
    assert.equal(this.process, undefined, 'two must never run on one state');
    this.starts.push(version);
    const database = join(this.#state, 'openclaw.sqlite');
    const schema = await readFile(database, 'utf8');
    assert.ok(Number(schema) <= Number(version), `${version} opened a state of ${schema}`);
    await writeFile(database, version);
    this.process = { pid: this.starts.length, version, directory };
  }

  async waitReady(version: string, signal: AbortSignal) {
    if (version === '2' && this.behaviour === 'exits') {
      this.process = undefined;
      throw new OpenCraneError('failed_precondition', 'gateway_exited', 'OpenClaw 2 exited with code 1: no such thing');
    }
    if (version === '2' && this.behaviour === 'never') {
      return new Promise<void>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
      });
    }
    if (this.process?.version !== version)
      throw new OpenCraneError('failed_precondition', 'gateway_exited', 'nothing runs');
  }
}

async function tenant(behaviour: Behaviour = 'good') {
  count += 1;
  const data = join(folder.path, `${count}`);
  const state = join(data, 'state');
  await mkdir(state, { recursive: true });
  await writeFile(join(state, 'openclaw.sqlite'), '1');
  const openclaw = new FakeOpenClaw(state);
  await openclaw.start('/runtimes/1', '1');
  openclaw.behaviour = behaviour;
  const clock = new QuickClock(1_000_000);
  const archive = new FolderArchive(`${data}-archive`, state);
  const kept = new KeptStates({
    folder: join(data, 'kept'),
    copy: join(data, 'kept-copy.json'),
    tmp: `${data}-tmp`,
    archive,
  });
  const keptAs = async (id: string) => {
    const stored = (await kept.list()).find((each) => each.id === id)?.stored ?? '';
    return readFile(join(archive.path(stored), 'openclaw.sqlite'), 'utf8');
  };
  const steps: string[] = [];
  /** A new agent process on the same disk, killed at `killAt`. */
  const agent = async (killAt?: string) => {
    const journal = await UpgradeJournal.open(join(data, 'journal.json'));
    const killed = Promise.withResolvers<void>();
    const onStep = (step: string) => {
      steps.push(step);
      if (step !== killAt) return;
      killed.resolve();
      return new Promise<void>(() => {}); // what kill -9 is to the code that runs: nothing after it
    };
    const signal = new AbortController();
    const timeouts = { readyMillis: behaviour === 'never' ? 900 : 180_000, soakMillis: 990, drainMillis: 1 };
    const runner = new UpgradeRunner({
      ...{ openclaw, kept, journal, state, timeouts, clock, onStep },
      exchange: (work) => work(),
    });
    return { journal, runner, signal: signal.signal, killed: killed.promise };
  };
  const schema = () => readFile(join(state, 'openclaw.sqlite'), 'utf8');
  return { data, state, openclaw, kept, keptAs, agent, steps, schema };
}

const entry = (restoreId: string | null = null): JournalEntry => ({
  upgrade: begin({ id: 'kept-1', from: runtime('1'), to: runtime('2'), restoreId }),
  offer,
  stoppedAtMillis: null,
  readyAtMillis: null,
});
const quiet = () => {};

test('a good upgrade: stopped, kept, started, and the offer is remembered with its outcome', async () => {
  const { agent, openclaw, keptAs, schema, data } = await tenant();
  const { runner, journal, signal } = await agent();
  const ended = await runner.run(entry(), quiet, signal);
  assert.equal(ended.upgrade.phase, 'applied');
  assert.equal(openclaw.process?.version, '2');
  assert.equal(await schema(), '2');
  assert.equal(await keptAs('kept-1'), '1');
  const again = await UpgradeJournal.open(join(data, 'journal.json'));
  assert.deepEqual(again.entry, ended);
  await journal.clear();
  assert.equal((await UpgradeJournal.open(join(data, 'journal.json'))).entry, undefined);
});

const bad: readonly { behaviour: Behaviour; reason: string; says: RegExp }[] = [
  { behaviour: 'exits', reason: 'gateway_exited', says: /no such thing/ },
  { behaviour: 'never', reason: 'gateway_not_ready', says: /not ready within 0.9 s/ },
  { behaviour: 'dies-in-soak', reason: 'gateway_exited', says: /ended within the 0.99 s/ },
];

for (const { behaviour, reason, says } of bad) {
  test(`a version that ${behaviour}: code and state go back, and the reason is told`, async () => {
    const { agent, openclaw, schema, data } = await tenant(behaviour);
    const { runner, signal } = await agent();
    const { upgrade } = await runner.run(entry(), quiet, signal);
    assert.equal(upgrade.phase === 'failed' && upgrade.failure.reason, reason);
    assert.match(upgrade.phase === 'failed' ? upgrade.failure.message : '', says);
    assert.equal(openclaw.process?.version, '1');
    assert.equal(await schema(), '1');
    assert.deepEqual((await readdir(data)).sort(), ['journal.json', 'kept', 'state']);
  });
}

test('a downgrade with a kept state: that state serves, the newer one is kept', async () => {
  const { agent, openclaw, kept, keptAs, state, schema } = await tenant();
  await kept.keep({ id: 'kept-0', version: '1', atMillis: 1 }, new AbortController().signal);
  await openclaw.stop();
  await writeFile(join(state, 'openclaw.sqlite'), '3');
  const { runner, signal } = await agent();
  const down = begin({ id: 'kept-1', from: runtime('3'), to: runtime('1'), restoreId: 'kept-0' });
  const { upgrade } = await runner.run({ ...entry(), upgrade: down }, quiet, signal);
  assert.equal(upgrade.phase, 'applied');
  assert.equal(openclaw.process?.version, '1');
  assert.equal(await schema(), '1');
  assert.equal(await keptAs('kept-1'), '3');
});

test('an agent that stops in the middle leaves the journal for the next', async () => {
  const { agent, openclaw } = await tenant('never');
  const first = await agent();
  const stopping = new AbortController();
  const run = first.runner.run(entry(), (step) => step === 'gate' && stopping.abort(), stopping.signal);
  await assert.rejects(run, { name: 'AbortError' });
  openclaw.behaviour = 'good';
  const next = await agent();
  assert.ok(next.journal.entry);
  const { upgrade } = await next.runner.resume(next.journal.entry, quiet, next.signal);
  assert.equal(upgrade.phase, 'applied');
});

test('a way back that is barred is not given up: it throws, and goes on when tried again', async () => {
  const { agent, openclaw, schema } = await tenant('exits');
  const { runner, journal, signal } = await agent();
  const start = openclaw.start.bind(openclaw);
  let refusals = 1;
  openclaw.start = async (directory, version) => {
    if (version === '1' && refusals-- > 0) throw new OpenCraneError('unavailable', 'launcher_gone', 'no launcher');
    await start(directory, version);
  };
  await assert.rejects(runner.run(entry(), quiet, signal), { reason: 'launcher_gone' });
  assert.ok(journal.entry);
  const { upgrade } = await runner.resume(journal.entry, quiet, signal);
  assert.equal(upgrade.phase === 'failed' && upgrade.failure.reason, 'gateway_exited');
  assert.equal(await schema(), '1');
});

const forwardSteps = ['stop', 'keep', 'start', 'gate', 'soak'].flatMap((step) => [
  `upgrade:${step}`,
  `upgrade:${step}:done`,
]);
const backSteps = ['stop', 'restore', 'start', 'gate'].flatMap((step) => [
  `upgrade:back-${step}`,
  `upgrade:back-${step}:done`,
]);

/** Runs until the kill, then resumes in a new agent; the launcher and OpenClaw live on. */
async function killedAt(step: string, behaviour: Behaviour) {
  const world = await tenant(behaviour);
  const first = await world.agent(step);
  const run = first.runner.run(entry(), quiet, first.signal).then(() => assert.fail(`${step} was never reached`));
  await Promise.race([first.killed, run]);
  const next = await world.agent();
  assert.ok(next.journal.entry, 'the journal says what was under way');
  const { upgrade } = await next.runner.resume(next.journal.entry, quiet, next.signal);
  return { ...world, upgrade };
}

for (const step of forwardSteps) {
  test(`killed at ${step} of a good upgrade: the next agent brings it to its end`, async () => {
    const { upgrade, openclaw, schema, keptAs } = await killedAt(step, 'good');
    assert.equal(upgrade.phase, 'applied');
    assert.equal(openclaw.process?.version, '2');
    assert.equal(await schema(), '2');
    assert.equal(await keptAs('kept-1'), '1');
  });
}

for (const step of backSteps) {
  test(`killed at ${step} of the way back: the next agent goes back all the way`, async () => {
    const { upgrade, openclaw, schema } = await killedAt(step, 'exits');
    assert.equal(upgrade.phase === 'failed' && upgrade.failure.reason, 'gateway_exited');
    assert.equal(openclaw.process?.version, '1');
    assert.equal(await schema(), '1');
  });
}
