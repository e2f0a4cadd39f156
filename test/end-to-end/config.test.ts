/** The agent’s configuration and an OpenClaw: hot and restart keys, refusals, the user's own edits, drift. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import type { ConfigSeen } from '@opencrane/agent/config/config-applier.ts';
import { ConfigWatch } from '@opencrane/agent/config/config-watch.ts';
import type { JsonObject } from '@opencrane/kit/canonical-json.ts';
import { systemClock } from '@opencrane/kit/clock.ts';
import { digestOfJson } from '@opencrane/kit/digest.ts';
import { createLogger } from '@opencrane/kit/logging.ts';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import { configAgent } from '../fixtures/config-agent.ts';
import { LauncherHome } from '../fixtures/launcher-process.ts';
import { openclawRuntime } from '../fixtures/openclaw-runtime.ts';
import { processesOf } from '../fixtures/processes.ts';
import { versions } from '../fixtures/runtime-seed.ts';

let home: LauncherHome;
let launcher: ChildProcess;
let agent: ReturnType<typeof configAgent>;

const first: JsonObject = { logging: { level: 'info' }, agents: { defaults: { timeoutSeconds: 700 } } };

before(async () => {
  home = await LauncherHome.make(await openclawRuntime(versions.current), versions.current);
  launcher = await home.launcher();
  agent = configAgent(home);
});

after(async () => {
  await home.client.stop('the end of the test', 10_000);
  launcher.kill('SIGTERM');
  await new Promise((resolve) => launcher.once('exit', resolve));
  assert.deepEqual(processesOf(home.folders.data), [], 'no process is left');
  await home.remove();
});

const pid = async () => Number((await home.client.status()).pid);
const live = () => readFileSync(agent.files.live, 'utf8');

/** A value that OpenClaw runs with, by its own word. */
async function effective(...path: string[]): Promise<unknown> {
  return signedIn(async (gateway) => {
    const { config } = await gateway.configGet();
    return path.reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], config);
  });
}

async function signedIn<T>(work: (gateway: Awaited<ReturnType<typeof home.gateway>>) => Promise<T>): Promise<T> {
  const gateway = await home.gateway();
  try {
    return await work(gateway);
  } finally {
    await gateway.close();
  }
}

const edit = (patch: object) =>
  signedIn(async (gateway) => gateway.configPatch(patch, (await gateway.configGet()).hash));

test('before OpenClaw runs, a document it would refuse is refused, and one it takes is written', async () => {
  const before = live();
  const refused = await agent.apply({ ...first, noSuchSection: { key: 1 } });
  assert.deepEqual(refused, {
    state: 'failed',
    reason: 'config_invalid',
    message: '<root>: Unrecognized key: "noSuchSection"',
    path: '',
  });
  assert.equal(live(), before);
  assert.deepEqual(await agent.apply(first), { state: 'applied', effect: 'start', downtimeMillis: 0 });
  assert.equal(statSync(agent.files.live).mode & 0o777, 0o600);
  await agent.start();
  assert.equal(await effective('agents', 'defaults', 'timeoutSeconds'), 700);
});

test('a hot key: same process, read back from OpenClaw', async () => {
  const before = await pid();
  const outcome = await agent.apply({ ...first, logging: { level: 'debug' } });
  assert.deepEqual(outcome, { state: 'applied', effect: 'hot', downtimeMillis: 0 });
  assert.equal(await effective('logging', 'level'), 'debug');
  assert.equal(await pid(), before);
});

test('the same document again does nothing', async () => {
  const before = live();
  const outcome = await agent.apply({ ...first, logging: { level: 'debug' } });
  assert.deepEqual(outcome, { state: 'applied', effect: 'none', downtimeMillis: 0 });
  assert.equal(live(), before);
});

test('a value that OpenClaw refuses: its message, its path, nothing touched', async () => {
  const [before, process] = [live(), await pid()];
  const outcome = await agent.apply({ ...first, agents: { defaults: { timeoutSeconds: 'soon' } } });
  assert.deepEqual(outcome, {
    state: 'failed',
    reason: 'config_invalid',
    message: 'agents.defaults.timeoutSeconds: Invalid input: expected number, received string',
    path: 'agents.defaults.timeoutSeconds',
  });
  assert.equal(live(), before);
  assert.equal(await pid(), process);
});

test('an unknown key is refused with its name', async () => {
  const before = live();
  const outcome = await agent.apply({ ...first, noSuchSection: { key: 1 } });
  assert.equal(outcome.state, 'failed');
  assert.match(outcome.state === 'failed' ? outcome.message : '', /noSuchSection/);
  assert.equal(live(), before);
});

test('lists shrink, sections go, and what the user has beside them stays', async () => {
  await edit({ agents: { defaults: { maxConcurrent: 3 } }, messages: { ackReaction: 'x' } });
  const providers = (...ids: string[]) => ({
    'my.provider': {
      baseUrl: 'http://127.0.0.1:9/v1',
      api: 'openai-completions',
      apiKey: 'a-secret-that-answers-hide',
      models: ids.map((id) => ({ id, name: id })),
    },
  });
  const wide = await agent.apply({ ...first, models: { providers: providers('one', 'two') } });
  assert.equal(wide.state, 'applied', JSON.stringify(wide));
  const narrow = await agent.apply({ ...first, models: { providers: providers('three') } });
  assert.equal(narrow.state, 'applied', JSON.stringify(narrow));
  assert.deepEqual(
    ((await effective('models', 'providers', 'my.provider', 'models')) as { id: string }[]).map(({ id }) => id),
    ['three'],
  );
  const none = await agent.apply(first);
  assert.equal(none.state, 'applied', JSON.stringify(none));
  assert.equal(live().includes('my.provider'), false);
  assert.equal(await effective('agents', 'defaults', 'maxConcurrent'), 3);
  assert.equal(await effective('messages', 'ackReaction'), 'x');
});

test('OpenClaw’s own spelling of a managed value is no drift', async () => {
  const outcome = await agent.apply({ ...first, agents: { defaults: { model: 'Anthropic/some-model' } } });
  assert.equal(outcome.state, 'applied', JSON.stringify(outcome));
  assert.match(live(), /"anthropic\/some-model"/);
  assert.deepEqual((await agent.applier.seen())?.drift, []);
  assert.equal((await agent.apply(first)).state, 'applied');
});

test('a restart key: one drained restart, and its downtime', async () => {
  const before = await home.client.status();
  const outcome = await agent.apply({ ...first, gateway: { controlUi: { basePath: '/assistant' } } });
  assert.equal(outcome.state, 'applied', JSON.stringify(outcome));
  assert.equal(outcome.state === 'applied' && outcome.effect, 'restart');
  assert.ok(outcome.state === 'applied' && outcome.downtimeMillis > 0);
  const status = await home.client.status();
  assert.equal(status.starts, before.starts + 1n);
  assert.equal(await effective('gateway', 'controlUi', 'basePath'), '/assistant');
  assert.equal(await effective('agents', 'defaults', 'maxConcurrent'), 3, 'the user’s edit is still there');
});

test('a configuration that is valid and does not start: the old one serves again, with OpenClaw’s last words', async () => {
  const before = live();
  const tls = { enabled: true, autoGenerate: false, certPath: '/nowhere/cert.pem', keyPath: '/nowhere/key.pem' };
  const outcome = await agent.apply({ ...first, gateway: { controlUi: { basePath: '/assistant' }, tls } });
  assert.equal(outcome.state, 'failed');
  assert.equal(outcome.state === 'failed' && outcome.reason, 'config_start_failed');
  assert.match(outcome.state === 'failed' ? outcome.message : '', /gateway tls: cert\/key missing/);
  assert.equal(await effective('gateway', 'controlUi', 'basePath'), '/assistant');
  assert.equal(live(), before);
});

test('what OpenCrane needs itself cannot be offered away', async () => {
  const outcome = await agent.apply({ gateway: { port: 1 } });
  assert.equal(outcome.state === 'failed' && outcome.reason, 'config_path_reserved');
  assert.equal(outcome.state === 'failed' && outcome.path, 'gateway.port');
});

test('a user’s edit of a managed path shows as drift and is put back; a free one is let be', async () => {
  const document = { ...first, gateway: { controlUi: { basePath: '/assistant' } } };
  const reported: ConfigSeen[] = [];
  const watch = new ConfigWatch({
    file: agent.files.live,
    config: agent.applier,
    mayImpose: agent.openclaw.running,
    report: async (seen) => void reported.push(seen),
    clock: systemClock,
    log: createLogger({ program: 'test', level: 'silent' }),
  });
  watch.start();
  try {
    const undrifted = { drift: [], effectiveDigest: digestOfJson(document) };
    await awaitFact('it is known what is in effect', () => reported.length > 0);
    assert.deepEqual(reported, [undrifted]);
    await edit({ agents: { defaults: { timeoutSeconds: 5, maxConcurrent: 2 } } });
    await awaitFact('drift came and went', () => reported.length === 3);
    assert.deepEqual(reported[1]?.drift, ['agents.defaults.timeoutSeconds']);
    assert.notEqual(reported[1]?.effectiveDigest, undrifted.effectiveDigest);
    assert.deepEqual(reported[2], undrifted);
    assert.equal(await effective('agents', 'defaults', 'timeoutSeconds'), 700);
    assert.equal(await effective('agents', 'defaults', 'maxConcurrent'), 2);
    // Behind OpenClaw's back too, and with the comments of a person.
    const text = live().replace('"timeoutSeconds": 700', '// longer\n"timeoutSeconds": 900');
    writeFileSync(agent.files.live, text);
    await awaitFact('drift came and went', () => reported.length === 5);
    assert.equal(await effective('agents', 'defaults', 'timeoutSeconds'), 700);
  } finally {
    await watch.stop();
  }
});

test('a file that a user broke does not keep an admin from pushing', async () => {
  const document = { ...first, gateway: { controlUi: { basePath: '/assistant' } } };
  writeFileSync(agent.files.live, '{ this is not a configuration');
  const outcome = await agent.apply({ ...document, logging: { level: 'warn' } });
  assert.equal(outcome.state, 'applied', JSON.stringify(outcome));
  assert.equal(await effective('logging', 'level'), 'warn');
  assert.equal(await effective('agents', 'defaults', 'maxConcurrent'), 2, 'from the last good file');
  assert.equal(readFileSync(`${agent.files.live}.unusable`, 'utf8'), '{ this is not a configuration');
});

test('a boot lays the managed configuration over a file that drifted while OpenClaw was down', async () => {
  await home.client.stop('the test edits the file', 10_000);
  writeFileSync(agent.files.live, live().replace('"level": "warn"', '"level": "trace"'));
  await agent.start();
  assert.equal(await effective('logging', 'level'), 'warn');
});

test('no candidate and no draft is left', () => {
  assert.deepEqual(
    [...readdirSync(home.folders.config), ...readdirSync(home.folders.state)].filter((name) =>
      /candidate|draft|attempt/.test(name),
    ),
    [],
  );
});
