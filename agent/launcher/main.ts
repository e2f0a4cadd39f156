/**
 * The launcher: the parent of a tenant's OpenClaw. It serves LauncherService on a unix socket, outlives the agent,
 * and drains OpenClaw before it ends. Two never run for one tenant.
 */
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { exitCodeOf, toOpenCraneError } from '@opencrane/kit/errors.ts';
import { Lifecycle, runUntilSignal } from '@opencrane/kit/lifecycle.ts';
import { writeLastWords } from '@opencrane/kit/log-output.ts';
import { createLogger } from '@opencrane/kit/logging.ts';
import { takeProcessLock } from '@opencrane/kit/process-lock.ts';
import { callThisMachineDirectly } from '@opencrane/kit/proxy.ts';
import { writeSmallFile } from '@opencrane/kit/small-file.ts';
import { speaksOfLack } from '@opencrane/kit/system-error.ts';
import { isDiskFull } from '../disk-room.ts';
import { faultPoint } from '../fault-point.ts';
import { tenantFolders } from '../folders.ts';
import { killGroup } from '../openclaw/command.ts';
import { bootClock } from './boot-clock.ts';
import { drain } from './drain.ts';
import { spawnGateway } from './openclaw-process.ts';
import { waitForFreeState } from './orphan.ts';
import { consumeRestartHandOver, runDoctor } from './own-commands.ts';
import { processIdentity } from './process-identity.ts';
import { launcherRoutes } from './service.ts';
import { readLauncherSettings } from './settings.ts';
import { socketServer } from './socket-server.ts';
import { readStartRecord, writeStartRecord } from './start-record.ts';
import { Supervisor } from './supervisor.ts';
import { Updates } from './updates.ts';

/** The platform looks whether we live by trying our lock. */
const LOCK_PATIENCE_MILLIS = 500;

async function main(): Promise<void> {
  callThisMachineDirectly();
  const settings = readLauncherSettings(process.env);
  const log = createLogger({ program: 'launcher', level: settings.logLevel }).child({ tenant: settings.tenant });
  const folders = tenantFolders(settings.data);
  mkdirSync(folders.run, { recursive: true, mode: 0o700 });
  takeProcessLock(folders.launcherLock, `the launcher of ${settings.tenant}`, LOCK_PATIENCE_MILLIS); // until this process ends
  await writeSmallFile(folders.launcherPid, `${process.pid}\n`);

  const supervisor = new Supervisor({
    clock: bootClock,
    random: Math.random,
    log,
    waitForFreeState: (recorded, signal) => waitForFreeState(folders.gatewayLock, recorded, bootClock, signal),
    async spawn(order, until) {
      faultPoint('launcher:spawn');
      const spawned = await spawnGateway(folders, order, until);
      faultPoint('launcher:spawned');
      return spawned;
    },
    identify: processIdentity,
    askHandOver: (order, pid, signal) => consumeRestartHandOver(folders, order, pid, log, signal),
    mend: (order, signal) => runDoctor(folders, order, signal),
    drain(order, process, budgetMillis, hurry) {
      faultPoint('launcher:drain');
      return drain({ folders, order, process, budgetMillis, hurry, clock: bootClock, log });
    },
    kill: killGroup,
    saveRecord: (record) => writeStartRecord(folders.started, record),
    // Where the disk is full, OpenClaw's words have no room in its log either.
    lacks: (words) => speaksOfLack(words) || isDiskFull(folders.state),
  });
  const lifecycle = new Lifecycle(log);
  await lifecycle.start(socketServer(folders, launcherRoutes(supervisor, new Updates(randomUUID), log)));
  await lifecycle.start({
    name: 'openclaw',
    async start() {
      const record = await readStartRecord(folders.started);
      if (record !== undefined) supervisor.resume(record);
    },
    stop: (hurry) => supervisor.close(settings.drainMillis, hurry),
  });
  log.info({ pid: process.pid }, 'launcher ready');
  const ending = await runUntilSignal(lifecycle, new Promise<never>(() => {}));
  log.info(ending, 'launcher ended');
}

try {
  await main();
  process.exit(0); // an answer to a caller that hung up must not keep us
} catch (cause) {
  const error = toOpenCraneError(cause, 'running the launcher');
  writeLastWords(`launcher: ${error.message}${error.mend && `\n  to mend it: ${error.mend}`}`);
  process.exit(exitCodeOf(error));
}
