/** The launcher's dead man's switch with real processes. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { LauncherState } from '@opencrane/proto/opencrane/v1/launcher_pb.ts';
import { bootClock } from './boot-clock.ts';
import type { HoldTime } from './hold.ts';
import { gone, isAlive, LauncherHome } from './testing.ts';

const homes: LauncherHome[] = [];

after(() => {
  for (const home of homes) home.remove();
});

async function makeHome(): Promise<LauncherHome> {
  const home = await LauncherHome.make();
  homes.push(home);
  return home;
}

function holdFor(millis: number): HoldTime {
  return { until: bootClock.monotonic() + millis, drainMillis: 500 };
}

describe('with a process each', { concurrency: true }, () => {
  test('a hold that is extended lets it run, one that is not ends it, and only a start starts it again', async () => {
    const home = await makeHome();
    const pids = await home.start('gentle', holdFor(3_000));
    for (let extended = 0; extended < 6; extended += 1) {
      await home.client.hold(holdFor(3_000));
      await sleep(600); // the first hold is long over by the end
    }
    assert.equal((await home.client.status()).pid, BigInt(pids[0] ?? 0));
    assert.equal(home.terminations, 0);
    const { lastExit, starts } = await home.reached(LauncherState.IDLE);
    assert.deepEqual([lastExit?.code, home.terminations, starts], [0, 1, 1n], 'it had time to end in an orderly way');
    await gone(pids);
    await home.client.hold(holdFor(60_000));
    assert.equal((await home.client.status()).state, LauncherState.IDLE);
    await home.start('gentle', holdFor(60_000));
  });

  test('what does not end by itself is killed; what is withdrawn is killed without being asked', async () => {
    const home = await makeHome();
    await home.start('stubborn', holdFor(2_500));
    const { lastExit } = await home.reached(LauncherState.IDLE);
    assert.deepEqual([lastExit?.signal, home.terminations], ['SIGKILL', 1]);
    const pids = await home.start('gentle', holdFor(60_000));
    await home.client.hold(holdFor(0));
    assert.equal((await home.reached(LauncherState.IDLE)).lastExit?.signal, 'SIGKILL');
    assert.equal(home.terminations, 1);
    await gone(pids);
  });

  test('a launcher that stands still keeps nobody alive: OpenClaw ends itself, busy or not, and what it started', async () => {
    const home = await makeHome();
    const pids = await home.start('busy', holdFor(3_000));
    home.signalLauncher('SIGSTOP');
    await gone(pids);
    home.signalLauncher('SIGCONT');
    assert.equal((await home.reached(LauncherState.IDLE)).lastExit?.signal, 'SIGKILL');
  });

  test('a launcher that wakes up after the hold kills at once what could not end itself', async () => {
    const home = await makeHome();
    const pids = await home.start('gentle', holdFor(3_000));
    const [pid = 0] = pids;
    home.signalLauncher('SIGSTOP');
    process.kill(pid, 'SIGSTOP');
    await sleep(3_100);
    assert.ok(isAlive(pid), 'it stands still');
    home.signalLauncher('SIGCONT');
    assert.equal((await home.reached(LauncherState.IDLE)).lastExit?.signal, 'SIGKILL');
    assert.equal(home.terminations, 0);
    await gone(pids);
  });

  test('after kill -9 of the launcher the next one starts nothing that had a hold, and what had none', async () => {
    const home = await makeHome();
    const [pid = 0] = await home.start('gentle', holdFor(60_000));
    home.signalLauncher('SIGKILL');
    await gone([pid]);
    await home.launch();
    const status = await home.client.status();
    assert.deepEqual([status.state, status.starts], [LauncherState.IDLE, 0n]);
    const [next = 0] = await home.start('gentle');
    home.signalLauncher('SIGKILL');
    await gone([next]);
    await home.launch();
    await home.reached(LauncherState.RUNNING);
  });
});
