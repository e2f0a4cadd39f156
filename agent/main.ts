/**
 * The agent: the sidecar of one tenant's OpenClaw. Everything is constructed here, and nowhere else.
 *
 *   lock ▶ launcher view ▶ observer ▶ converge loop ▶ config watch ▶ stream to the coordinator     (stopped in the reverse order)
 *
 * OpenClaw is the launcher's child: it serves on when this process ends, and the next agent takes it up.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from '@opencrane/kit/atomic-file.ts';
import { systemClock as clock } from '@opencrane/kit/clock.ts';
import { exitCodeOf, OpenCraneError, toOpenCraneError } from '@opencrane/kit/errors.ts';
import { Lifecycle, runUntilSignal } from '@opencrane/kit/lifecycle.ts';
import { createLogger, type Logger } from '@opencrane/kit/logging.ts';
import { takeProcessLock } from '@opencrane/kit/process-lock.ts';
import type { Command } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import type { Progress } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import type { ReportProgress } from './appliers/applier.ts';
import { ConfigApplier } from './config/config-applier.ts';
import { ConfigFiles } from './config/config-files.ts';
import { ConfigWatch } from './config/config-watch.ts';
import { Converger } from './converge/converger.ts';
import { helloOf } from './converge/hello.ts';
import { ReceiptWriter } from './converge/receipts.ts';
import { ServingRecordFile } from './converge/serving-record.ts';
import { faultPoint } from './fault-point.ts';
import { tenantFolders } from './folders.ts';
import { Observer } from './health/observer.ts';
import { LauncherClient } from './launcher/client.ts';
import { runOpenClaw } from './openclaw/command.ts';
import { commandEnvironment, gatewayProcess } from './openclaw/environment.ts';
import { connectGateway } from './openclaw/gateway-client.ts';
import { probeAll, probeStartup } from './openclaw/probes.ts';
import { InstalledRuntimes } from './runtime/installed-runtimes.ts';
import { KeptStates } from './runtime/kept-states.ts';
import { preflight } from './runtime/preflight.ts';
import { RuntimeApplier } from './runtime/runtime-applier.ts';
import { UpgradeJournal } from './runtime/upgrade-journal.ts';
import { UpgradeRunner } from './runtime/upgrade-runner.ts';
import { type AgentSettings, readAgentSettings } from './settings.ts';
import { writeShim } from './shim/write-shim.ts';
import { CoordinatorLink } from './stream/coordinator-link.ts';
import { ReceiptLog } from './stream/receipt-log.ts';
import { LauncherView, openclawState, processSeen } from './supervise/launcher-view.ts';
import { OpenClaw } from './supervise/openclaw.ts';
import { createReporter } from './supervise/progress.ts';
import { UpdateRequests } from './supervise/update-requests.ts';

const VERSION = '0.1.0';
const random = Math.random;

async function start(settings: AgentSettings, lifecycle: Lifecycle, log: Logger): Promise<void> {
  const folders = tenantFolders(settings.data);
  const port = settings.gatewayPort;
  const instanceId = randomUUID();
  await mkdir(folders.agent, { recursive: true, mode: 0o700 });
  takeProcessLock(folders.agentLock, `the agent of ${settings.tenant}`); // until this process ends
  await writeFileAtomically(folders.agentPid, `${process.pid}\n`);
  await writeShim(folders);

  const record = await ServingRecordFile.open(folders.serving);
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
    onCommand: (command) => carryOut(command, converger),
    clock,
    random,
    newId: randomUUID,
    log,
  });
  const launcher = new LauncherClient(folders);
  const view = new LauncherView(launcher);
  const openclaw = new OpenClaw({
    launcher,
    process: gatewayProcess(folders, port, process.env),
    render: (signal) => config.renderForBoot(signal),
    startup: (signal) => probeStartup(port, { signal, timeoutMillis: 2_000 }),
    connect: async (signal) => connectGateway({ port, token: await readToken(), signal }),
    timeouts: { readyMillis: settings.readyTimeoutMillis, drainMillis: settings.drainMillis },
    clock,
  });

  const blobs = { read: link.readBlob.bind(link) };
  const installed = new InstalledRuntimes(settings.runtimes, { blobs, clock, random });
  const config = new ConfigApplier({
    files: new ConfigFiles(folders),
    openclaw: {
      running: async () => (await openclaw.running()) !== undefined,
      wasStarted: () => openclaw.wasStarted(),
      connect: (signal) => openclaw.connect(signal),
      restart: (reason, whileStopped, signal) => openclaw.restart(reason, whileStopped, signal),
    },
    command: async (args, changed, signal) =>
      runOpenClaw({
        runtimeDirectory: await runtimeInCharge(),
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
  /** The runtime that checks configurations: what an upgrade is about to start, else what runs, else what serves. */
  const runtimeInCharge = async () => {
    const upgrade = journal.entry?.upgrade;
    if (upgrade?.phase === 'forward') return upgrade.plan.to.directory;
    const { started } = await launcher.status();
    const serving = record.current.runtime;
    return serving === undefined ? (started?.runtimeDirectory ?? '') : installed.directory(serving.bundleDigest);
  };

  const journal = await UpgradeJournal.open(folders.journal);
  const kept = new KeptStates(folders.kept);
  const onStep = (step: string) => faultPoint(step);
  const timeouts = {
    readyMillis: settings.readyTimeoutMillis,
    soakMillis: settings.soakMillis,
    drainMillis: settings.drainMillis,
  };
  const runner = new UpgradeRunner({ openclaw, kept, journal, state: folders.state, timeouts, clock, onStep });
  const runtime = new RuntimeApplier({
    installed,
    kept,
    journal,
    runner,
    preflight: async (directory, state, signal) =>
      preflight({ tmp: folders.tmp, environment: await commandsEnvironment() }, directory, state, signal),
    state: folders.state,
    serving: () => record.current.runtime,
    clock,
    newId: randomUUID,
    onStep,
    log,
  });

  const updates = new UpdateRequests({
    serving: () => record.current,
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
    probe: (signal) => probeAll(port, { signal }),
    process: () => processSeen(view.status),
    drained: () => record.current.drained,
    config: () => ({ drift: watch.seen?.drift ?? [], effectiveDigest: watch.seen?.effectiveDigest ?? '' }),
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
      start: (progress, signal) => startServing(record, installed, openclaw, progress, signal),
      stop: (why) => openclaw.stop(why),
    },
    receipts: new ReceiptWriter({ record, send: (receipt) => link.sendReceipt(receipt), clock, newId: randomUUID }),
    report: (operation) => createReporter(operation, report, clock),
    settled(offer, outcome) {
      updates.settled(offer, outcome);
      watch.look();
    },
    doing: (what) => observer.doing(what),
    clock,
    random,
    log,
  });
  view.listen({
    changed() {
      observer.look();
      converger.wake();
    },
    update: (request) => void updates.take(request),
  });

  await lifecycle.start(link);
  await lifecycle.start(view);
  await lifecycle.start(observer);
  await lifecycle.start({ name: 'updates', stop: () => updates.stop() });
  await lifecycle.start(converger);
  await lifecycle.start(watch);
  log.info({ pid: process.pid, serving: record.current.runtime?.version ?? 'nothing yet' }, 'agent ready');
}

/** Starts what serves: the last good version with the last good configuration, coordinator or not. */
async function startServing(
  { current }: ServingRecordFile,
  installed: InstalledRuntimes,
  openclaw: OpenClaw,
  report: ReportProgress,
  signal: AbortSignal,
): Promise<void> {
  if (current.runtime === undefined) return;
  const { directory, version } = await installed.ensure(current.runtime, report, signal);
  report('start', `starting OpenClaw ${version}`);
  faultPoint('boot:start');
  await openclaw.startReady(directory, version, signal);
  report('ready', `OpenClaw ${version} is ready`);
}

function carryOut({ command }: Command, converger: Converger): Promise<void> {
  switch (command.case) {
    case 'restart':
      return converger.restart();
    case 'drain':
      return converger.drain();
    default:
      throw new OpenCraneError('unimplemented', 'command_unknown', 'this agent does not know the command', {
        mend: 'bring the agent to the coordinator’s version',
      });
  }
}

async function main(): Promise<void> {
  const settings = readAgentSettings(process.env);
  const log = createLogger({ program: 'agent', level: settings.logLevel }).child({ tenant: settings.tenant });
  const lifecycle = new Lifecycle(log);
  const failed = start(settings, lifecycle, log).then(() => new Promise<never>(() => {}));
  const ending = await runUntilSignal(lifecycle, failed);
  if ('failure' in ending) throw ending.failure;
  log.info(ending, 'agent stopped; OpenClaw serves on');
}

try {
  await main();
} catch (thrown) {
  const error = toOpenCraneError(thrown, 'running the agent');
  process.stderr.write(`agent: ${error.message}${error.mend && `\n  to mend it: ${error.mend}`}\n`);
  process.exitCode = exitCodeOf(error);
}
