/** The launcher and an OpenClaw, with no agent: what the launcher does on its own. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { after, afterEach, before, test } from 'node:test';
import { tenantFolders } from '@opencrane/agent/folders.ts';
import { LauncherClient } from '@opencrane/agent/launcher/client.ts';
import { launcherSocket } from '@opencrane/agent/launcher/socket.ts';
import { writeShim } from '@opencrane/agent/shim/write-shim.ts';
import { takeProcessLock } from '@opencrane/kit/process-lock.ts';
import { awaitFact } from '@opencrane/kit/testing/await-fact.ts';
import { LauncherState } from '@opencrane/proto/opencrane/v1/launcher_pb.ts';
import { LauncherHome } from '../fixtures/launcher-process.ts';
import { openclawRuntime } from '../fixtures/openclaw-runtime.ts';
import { gatewaysOf, isAlive, processesOf } from '../fixtures/processes.ts';
import { versions } from '../fixtures/runtime-seed.ts';

let home: LauncherHome;
let launcher: ChildProcess;

before(async () => {
  home = await LauncherHome.make(await openclawRuntime(versions.current), versions.current);
  await writeShim(home.folders);
  launcher = await home.launcher();
});

after(async () => {
  launcher.kill('SIGTERM'); // nothing when the last test passed
  await exitOf(launcher);
  await home.remove();
});

afterEach((context) => {
  if ('passed' in context && !context.passed) process.stderr.write(home.launcherLog().slice(-4_000));
});

test('a second launcher is refused, and says why', async () => {
  const second = home.spawnLauncher();
  assert.deepEqual(await exitOf(second), [5, null]);
  assert.match(home.launcherLog(), /the launcher of jente is already running/);
});

test('OpenClaw starts, lets a client in and takes a turn', async () => {
  const pid = await home.startOpenClaw();
  const { version } = await home.ready();
  assert.equal(version, versions.current);
  assert.deepEqual(
    gatewaysOf(home.folders.data).map((gateway) => gateway.pid),
    [pid],
    'one process, the one the launcher started',
  );
  const gateway = await home.gateway();
  try {
    assert.ok(gateway.hello.auth.scopes.includes('operator.admin'));
    const { runId } = await gateway.chatSend('main', 'Are you there?', 'turn-1');
    assert.equal((await gateway.agentWait(runId, 60_000)).status, 'ok');
    const { messages } = await gateway.chatHistory('main');
    assert.match(JSON.stringify(messages), /The stand-in answers/);
  } finally {
    await gateway.close();
  }
});

test('the token is in its file and in no other of ours', () => {
  const secret = readFileSync(home.folders.gatewayToken, 'utf8');
  assert.equal(readFileSync(home.folders.started, 'utf8').includes(secret), false);
  assert.equal(statSync(home.folders.started).mode & 0o777, 0o600);
  assert.equal(home.launcherLog().includes(secret), false);
  assert.equal(statSync(launcherSocket(home.folders)).mode & 0o777, 0o600);
});

test('a second start is refused while one runs', async () => {
  await assert.rejects(home.startOpenClaw(), { code: 'failed_precondition', reason: 'openclaw_runs' });
});

test('the shim becomes OpenClaw: its output, its exit code, its arguments', async () => {
  const version = await shim('--version');
  assert.deepEqual([version.code, version.output.includes(versions.current)], [0, true], version.output);
  const unknown = await shim('no-such-command', '--flag with spaces');
  assert.notEqual(unknown.code, 0);
});

test('an update that no agent is there to do is refused within seconds', async () => {
  const { code, output } = await shim('update');
  assert.equal(code, 6);
  assert.match(output, /no agent is there/);
});

test('an update goes to the agent that watches, and its answers come back in order', async () => {
  const watching = new AbortController();
  const answering = (async () => {
    for await (const event of home.client.watch(watching.signal)) {
      if (event.event !== 'update') continue;
      const { requestId, version } = event.update;
      await home.client.answerUpdate(requestId, { progress: { step: 'unpack', message: `of ${version}` } });
      await home.client.answerUpdate(requestId, { finished: true, exitCode: 5, message: 'pinned by somebody' });
    }
  })();
  const { code, output } = await shim('update', '--tag', '2026.9.5');
  watching.abort();
  await answering;
  assert.equal(code, 5);
  assert.match(output, /unpack: of 2026\.9\.5\n.*pinned by somebody/s);
});

test('kill -9 of OpenClaw: the launcher starts it again', async () => {
  const before = Number((await home.client.status()).pid);
  process.kill(before, 'SIGKILL');
  const status = await awaitFact('another OpenClaw runs', async () => {
    const seen = await home.client.status();
    return seen.pid !== 0n && Number(seen.pid) !== before && seen;
  });
  assert.equal(status.lastExit?.signal, 'SIGKILL');
  assert.equal(status.failures, 1);
  await home.ready();
});

test('a restart that OpenClaw asks for is done at once, and is no failure', async () => {
  const before = await home.client.status();
  process.kill(Number(before.pid), 'SIGUSR2'); // what `openclaw gateway restart` sends
  const status = await awaitFact('another OpenClaw runs', async () => {
    const seen = await home.client.status();
    return seen.pid !== 0n && seen.pid !== before.pid && seen;
  });
  assert.equal(status.lastExit?.code, 0);
  assert.equal(status.lastExit?.restartRequested, true);
  assert.equal(status.failures, before.failures);
  await home.ready();
});

test('kill -9 of the launcher: OpenClaw ends, and the next launcher brings it back', async () => {
  const pid = Number((await home.client.status()).pid);
  launcher.kill('SIGKILL');
  await exitOf(launcher);
  launcher = await home.launcher(); // while the old OpenClaw may still be there
  const status = await awaitFact('another OpenClaw runs', async () => {
    const seen = await home.client.status();
    return seen.state === LauncherState.RUNNING && seen;
  });
  assert.notEqual(Number(status.pid), pid);
  assert.equal(isAlive(pid), false);
  assert.equal(status.started?.version, versions.current);
  await home.ready();
  assert.equal(gatewaysOf(home.folders.data).length, 1);
});

test('a drain waits for the turn that runs, and takes no new one', async () => {
  const release = home.model.hold();
  const gateway = await home.gateway();
  const called = home.model.nextCall();
  const { runId } = await gateway.chatSend('main', 'Take your time', 'turn-2');
  await called;
  const ended = gateway.agentWait(runId, 60_000); // asked before the drain, which lets no new question in
  let stopped = false;
  const stopping = home.client.stop('a test', 60_000).finally(() => {
    stopped = true;
  });
  await awaitFact('no new turn is taken', () =>
    gateway.chatSend('main', 'One more', 'turn-3').then(
      () => false,
      () => true,
    ),
  );
  assert.equal(stopped, false);
  release();
  assert.equal((await ended).status, 'ok');
  const exit = await stopping;
  assert.equal(exit?.code, 0);
  await gateway.closed;
});

test('stopped on purpose, it stays stopped when the launcher is restarted', async () => {
  launcher.kill('SIGKILL');
  await exitOf(launcher);
  launcher = await home.launcher();
  const status = await home.client.status();
  assert.equal(status.state, LauncherState.IDLE);
  assert.deepEqual(gatewaysOf(home.folders.data), []);
});

test('a turn that outlasts the budget is cut off', async () => {
  await home.startOpenClaw();
  await home.ready();
  const release = home.model.hold();
  const gateway = await home.gateway();
  const called = home.model.nextCall();
  await gateway.chatSend('main', 'For ever', 'turn-4');
  await called;
  const begun = performance.now();
  const exit = await home.client.stop('a test', 8_000);
  const millis = performance.now() - begun;
  release();
  await gateway.close();
  assert.equal(exit?.signal, 'SIGKILL');
  assert.ok(millis >= 8_000 && millis < 16_000, `stopped after ${millis} ms`);
  assert.match(home.launcherLog(), /turns still run in the last minute of the budget/);
});

test('a launcher that is not there is unavailable, and says so', async () => {
  const nobody = new LauncherClient(tenantFolders(`${home.folders.data}/nobody`));
  await assert.rejects(nobody.status(), { code: 'unavailable', reason: 'launcher_unreachable' });
});

test('a runtime that is not there is an error of the start', async () => {
  const start = home.client.start({ runtimeDirectory: '/nowhere', version: '1', environment: {}, arguments: [] });
  await assert.rejects(start, { code: 'failed_precondition', reason: 'runtime_missing' });
});

test('told to end, the launcher drains what runs (here after a process that was cut off), and leaves nothing behind', async () => {
  await home.startOpenClaw();
  await home.ready();
  launcher.kill('SIGTERM');
  assert.deepEqual(await exitOf(launcher), [0, null]);
  assert.match(readFileSync(home.folders.openclawLog, 'utf8').slice(-2_000), /completed cleanly/);
  assert.deepEqual(processesOf(home.folders.data), [], 'no process is left');
  assert.equal(existsSync(launcherSocket(home.folders)), false, 'no socket is left');
  takeProcessLock(home.folders.launcherLock, 'a test').release();
  takeProcessLock(home.folders.gatewayLock, 'a test').release();
});

test('a configuration that OpenClaw cannot start with fails, in its own words, after one doctor', async () => {
  launcher = await home.launcher(); // the last test, because OpenClaw puts an earlier file back over one that lost what doctor added
  home.configure({ gateway: { mode: 'local', bind: 'lan', auth: { mode: 'none' } } });
  await home.startOpenClaw();
  const status = await awaitFact('the launcher has given up', async () => {
    const seen = await home.client.status();
    return seen.state === LauncherState.FAILED && seen;
  });
  assert.equal(status.lastExit?.code, 78);
  assert.equal(home.launcherLog().match(/ran doctor/g)?.length, 1);
  assert.match(status.lastExit?.output ?? '', /auth/i);
  await home.client.stop('a test', 1_000);
  assert.equal((await home.client.status()).state, LauncherState.IDLE);
});

/** How a child ended. */
function exitOf(child: ChildProcess): Promise<[number | null, NodeJS.Signals | null]> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return Promise.resolve([child.exitCode, child.signalCode]);
  }
  return new Promise((resolve) => child.once('exit', (code, signal) => resolve([code, signal])));
}

/** Runs `openclaw` as the tenant's shell does. */
async function shim(...args: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(home.folders.shim, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, output };
}
