/**
 * The agent: the sidecar of one tenant's OpenClaw. Everything is constructed here, and nowhere else.
 *
 *   lock ▶ stream to the coordinator ▶ launcher view ▶ observer ▶ fence ▶ residence ▶ converge loop ▶ config watch
 *                                                                                     (stopped in the reverse order)
 *
 * OpenClaw is the launcher's child: it serves on when this process ends, and the next agent takes it up.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock as clock } from '@opencrane/kit/clock.ts';
import { exitCodeOf, toOpenCraneError } from '@opencrane/kit/errors.ts';
import { Lifecycle, runUntilSignal } from '@opencrane/kit/lifecycle.ts';
import { writeLastWords } from '@opencrane/kit/log-output.ts';
import { createLogger, type Logger } from '@opencrane/kit/logging.ts';
import { takeProcessLock } from '@opencrane/kit/process-lock.ts';
import { callThisMachineDirectly } from '@opencrane/kit/proxy.ts';
import { writeSmallFile } from '@opencrane/kit/small-file.ts';
import type { Progress } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { StartTurn } from './arbiter/start-turn.ts';
import { StateArbiter } from './arbiter/state-arbiter.ts';
import { openBucket } from './bucket/open-bucket.ts';
import { BundleKeeper } from './bundles/bundle-keeper.ts';
import { BundleShelf } from './bundles/bundle-shelf.ts';
import { ConfigApplier } from './config/config-applier.ts';
import { ConfigFiles } from './config/config-files.ts';
import { ConfigWatch } from './config/config-watch.ts';
import { carryOut } from './converge/commands.ts';
import { Converger } from './converge/converger.ts';
import { helloOf } from './converge/hello.ts';
import { ReceiptWriter } from './converge/receipts.ts';
import { ServingRecordFile } from './converge/serving-record.ts';
import { startServing } from './converge/start-serving.ts';
import { requireRoom } from './disk-room.ts';
import { faultPoint } from './fault-point.ts';
import { tenantFolders } from './folders.ts';
import { Observer } from './health/observer.ts';
import { LauncherClient } from './launcher/client.ts';
import { runOpenClaw } from './openclaw/command.ts';
import { commandEnvironment, gatewayProcess } from './openclaw/environment.ts';
import { connectGateway } from './openclaw/gateway-client.ts';
import { probeAll, probeStartup } from './openclaw/probes.ts';
import { AgentRecords } from './residence/agent-records.ts';
import { composeResidence } from './residence/compose.ts';
import { writeLineage } from './residence/lineage.ts';
import { sightsOf } from './residence/sights.ts';
import { StateDoubt } from './residence/state-doubt.ts';
import { isUndisturbed } from './residence/undisturbed.ts';
import { vaultArchive } from './residence/vault-archive.ts';
import { VaultOrders } from './residence/vault-orders.ts';
import { composeRuntime } from './runtime/compose.ts';
import { InstalledRuntimes } from './runtime/installed-runtimes.ts';
import { type AgentSettings, readAgentSettings } from './settings.ts';
import { writeShim } from './shim/write-shim.ts';
import { CoordinatorLink } from './stream/coordinator-link.ts';
import { ReceiptLog } from './stream/receipt-log.ts';
import { WitnessCalls } from './stream/witness-calls.ts';
import { LauncherView, openclawState, processSeen } from './supervise/launcher-view.ts';
import { OpenClaw } from './supervise/openclaw.ts';
import { createReporter } from './supervise/progress.ts';
import { UpdateRequests } from './supervise/update-requests.ts';

const VERSION = '0.1.0';
/** The platform looks whether we live by trying our lock. */
const LOCK_PATIENCE_MILLIS = 500;
/** A gateway that is well answers within milliseconds, and one that works hard within a second. */
const PROBE_MILLIS = 3_000;
const random = Math.random;

async function start(
  settings: AgentSettings,
  lifecycle: Lifecycle,
  onLost: (why: unknown) => void,
  log: Logger,
): Promise<void> {
  const folders = tenantFolders(settings.data);
  const port = settings.gatewayPort;
  const instanceId = randomUUID();
  await mkdir(folders.agent, { recursive: true, mode: 0o700 });
  takeProcessLock(folders.agentLock, `the agent of ${settings.tenant}`, LOCK_PATIENCE_MILLIS); // until this process ends
  await writeSmallFile(folders.agentPid, `${process.pid}\n`);
  await writeShim(folders);

  const record = await ServingRecordFile.open(folders);
  const receiptLog = ReceiptLog.open(folders.receipts);
  await lifecycle.start({ name: 'receipt log', stop: () => receiptLog.close() });
  const readToken = async () => (await readFile(folders.gatewayToken, 'utf8')).trim();
  const commandsEnvironment = async () => commandEnvironment(folders, port, await readToken(), process.env);

  const link = new CoordinatorLink({
    address: settings.coordinator,
    tokenFile: settings.tokenFile,
    hello: () => helloOf(settings.tenant, instanceId, VERSION, record.current),
    receiptLog,
    onOffer: (offer) => converger.offer(offer),
    onCommand: (command) => carryOut(command, { converger, vault: orders.carryOut.bind(orders) }),
    clock,
    random,
    newId: randomUUID,
    log,
  });
  const witness = new WitnessCalls({ address: settings.coordinator, tokenFile: settings.tokenFile });
  const launcher = new LauncherClient(folders);
  const view = new LauncherView(launcher);
  const arbiter = new StateArbiter({
    seen: () =>
      sightsOf({
        isUndisturbed: isUndisturbed({ process: processSeen(view.status), startedPid: observer.startedPid }),
        isUpgrading: journal.entry !== undefined,
        isInDoubt: doubt.is,
      }),
    clock,
  });
  const startTurn = new StartTurn(arbiter, settings.readyTimeoutMillis);
  const doubt = new StateDoubt(async (restoring) => {
    const { vault } = await residing.residence.atHome();
    await writeLineage(folders.lineage, { vault: vault.keys.vaultId, epoch: residing.fence.epoch, restoring });
  });
  const openclaw = new OpenClaw({
    launcher,
    async starting(is) {
      if (!is) return startTurn.end();
      await startTurn.take();
      residing.residence.assertStateThere();
      await records.copyIntoState();
    },
    hold: () => residing.fence.hold,
    process: gatewayProcess(folders, port, process.env),
    render: (signal) => config.renderForBoot(signal),
    requireRoom: () => requireRoom(folders.state),
    startup: (signal) => probeStartup(port, { signal, timeoutMillis: 2_000 }),
    connect: async (signal) => connectGateway({ port, token: await readToken(), signal }),
    timeouts: { readyMillis: settings.readyTimeoutMillis, drainMillis: settings.drainMillis },
    clock,
  });

  const bucket = openBucket(settings.bucket, { clock, random, newId: randomUUID });
  const shelf = new BundleShelf({ bucket, coordinator: { read: link.readBlob.bind(link) }, onStep: faultPoint, log });
  const installed = new InstalledRuntimes(settings.runtimes, { blobs: shelf, clock, random });
  const configFiles = new ConfigFiles(folders);
  const config = new ConfigApplier({
    files: configFiles,
    openclaw: {
      running: async () => (await openclaw.running()) !== undefined,
      wasStarted: () => openclaw.wasStarted(),
      isDown: () => openclaw.isDown(),
      connect: (signal) => openclaw.connect(signal),
      restart: (reason, whileStopped, signal) => openclaw.restart(reason, whileStopped, signal),
    },
    command: async (args, changed, signal) =>
      runOpenClaw({
        runtimeDirectory: await upgrading.inCharge(),
        arguments: args,
        environment: { ...(await commandsEnvironment()), ...changed },
        folder: folders.tmp,
        signal,
      }),
    clock,
    timeouts: { hotMillis: 30_000, restartMillis: settings.readyTimeoutMillis },
    gatewayPort: port,
    log,
  });
  const upgrading = await composeRuntime({
    timeouts: {
      readyMillis: settings.readyTimeoutMillis,
      soakMillis: settings.soakMillis,
      drainMillis: settings.drainMillis,
    },
    folders,
    installed,
    openclaw,
    requireRoom: () => requireRoom(folders.state),
    exchange: (work) => arbiter.during('exchange', { signal: new AbortController().signal }, work),
    archive: vaultArchive({ residence: () => residing.residence, onStep: faultPoint, clock }),
    serving: () => record.current.runtime,
    started: async () => (await launcher.status()).started?.runtimeDirectory,
    commandsEnvironment,
    log,
  });
  const { runtime, journal, kept, pinned } = upgrading;
  const records = new AgentRecords({ serving: record, config: configFiles, kept, journal, log });

  const updates = new UpdateRequests({
    serving: () => record.current.runtime,
    ask: (version, signal) => link.requestRuntime(version, signal),
    answer: (requestId, response) => launcher.answerUpdate(requestId, response),
    log,
  });
  const report = (progress: Progress) => {
    link.reportProgress(progress);
    updates.progress(progress);
  };
  const observer = new Observer({
    agentVersion: VERSION,
    tenantFolder: folders.data,
    gatewayUrl: `http://127.0.0.1:${port}`,
    probe: (signal) => probeAll(port, { signal, timeoutMillis: PROBE_MILLIS }),
    process: () => processSeen(view.status),
    drained: () => record.current.drained,
    vault: () => residing.residence.seen,
    config: () => ({
      drift: watch.seen?.drift ?? [],
      effectiveDigest: watch.seen?.effectiveDigest ?? '',
      unwatched: watch.unwatched,
    }),
    onStarted: () => arbiter.changed(),
    onRoom: () => converger.wake(),
    readyMillis: settings.readyTimeoutMillis,
    report: (health) => link.reportHealth(health),
    clock,
    log,
  });
  const watch = new ConfigWatch({
    file: join(folders.state, 'openclaw.json'),
    config,
    mayImpose: async () => journal.entry === undefined && openclawState(view.status) === 'running',
    report: () => observer.lookAndReport(),
    clock,
    log,
  });
  const converger = new Converger({
    record,
    appliers: { runtime, config },
    upgrade: {
      cutOff: () => runtime.cutOff(),
      resume: (progress, signal) => runtime.resume(progress, signal),
      forget: () => runtime.forget(),
    },
    openclaw: {
      state: () => openclawState(view.status),
      everStarted: () => view.status?.started !== undefined,
      start: (progress, signal) => startServing(record, installed, openclaw, progress, signal),
      stop: (why) => openclaw.stop(why),
      requireRoom: () => requireRoom(folders.state),
      restart: (why, whileStopped, signal) => openclaw.restart(why, whileStopped, signal),
    },
    receipts: new ReceiptWriter({ record, send: (receipt) => link.sendReceipt(receipt), clock, newId: randomUUID }),
    report: (operation) => createReporter(operation, report, clock),
    settled(offer, outcome) {
      updates.settled(offer, outcome);
      watch.look();
    },
    doing(what) {
      observer.doing(what);
      arbiter.changed();
    },
    trouble: (why) => observer.trouble(why),
    clock,
    random,
    log,
  });
  const bundles = new BundleKeeper({
    shelf,
    settled: () => (journal.entry === undefined ? record.current.runtime : undefined),
    before: async () => [record.current.previousBundle ?? []].flat(),
    clock,
    random,
    log,
  });
  const residing = await composeResidence({
    settings,
    bucket,
    folders,
    launcher,
    witness,
    instance: instanceId,
    openclawVersion: () => record.current.runtime?.version ?? null,
    arbiter,
    records,
    pinned,
    onChange: () => observer.look(),
    report: createReporter('residence', report, clock),
    onLost,
    log,
  });
  const orders = new VaultOrders({
    ...residing,
    arbiter,
    doubt,
    retention: settings.retention,
    pinned,
    folders,
    exchange: (work, signal) => converger.exchange(work, signal),
    sendArchive: (commandId, pieces) => link.sendArchive(commandId, pieces),
    report: () => createReporter('vault', report, clock),
    onStep: faultPoint,
    newId: randomUUID,
    clock,
  });
  view.listen({
    changed() {
      arbiter.changed();
      observer.look();
      converger.wake();
    },
    update: (request) => void updates.take(request),
  });

  await lifecycle.start(link);
  await lifecycle.start({ name: 'witness', stop: () => witness.close() });
  await lifecycle.start(view);
  await lifecycle.start(observer);
  await residing.start(lifecycle);
  await lifecycle.start({ name: 'vault orders', stop: () => orders.stop() });
  await lifecycle.start({ name: 'updates', stop: () => updates.stop() });
  await residing.residence.atHome();
  link.tellState(); // the hello was said before it was known
  await lifecycle.start(bundles);
  await lifecycle.start(converger);
  await lifecycle.start(watch);
  log.info({ pid: process.pid, serving: record.current.runtime?.version ?? 'nothing yet' }, 'agent ready');
}

async function main(): Promise<void> {
  callThisMachineDirectly();
  const settings = readAgentSettings(process.env);
  const log = createLogger({ program: 'agent', level: settings.logLevel }).child({ tenant: settings.tenant });
  const lifecycle = new Lifecycle(log);
  const lost = Promise.withResolvers<never>();
  const started = start(settings, lifecycle, lost.reject, log).then(() => new Promise<never>(() => {}));
  const ending = await runUntilSignal(lifecycle, Promise.race([started, lost.promise]));
  if ('failure' in ending) throw ending.failure;
  log.info(ending, 'agent stopped; OpenClaw serves on');
}

try {
  await main();
} catch (thrown) {
  const error = toOpenCraneError(thrown, 'running the agent');
  writeLastWords(`agent: ${error.message}${error.mend && `\n  to mend it: ${error.mend}`}`);
  process.exitCode = exitCodeOf(error);
}
