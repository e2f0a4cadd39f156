/** The tenant's OpenClaw as the agent steers it: through the launcher, believed only when its own probes say so. */
import type { Clock } from '@opencrane/kit/clock.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { type Exit, LauncherState } from '@opencrane/proto/opencrane/v1/launcher_pb.ts';
import { faultPoint } from '../fault-point.ts';
import type { LauncherClient } from '../launcher/client.ts';
import type { HoldTime } from '../launcher/hold.ts';
import type { OpenClawProcess } from '../openclaw/environment.ts';
import type { GatewayClient } from '../openclaw/gateway-client.ts';
import type { Startup } from '../openclaw/probes.ts';
import type { OpenClawControl, RunningOpenClaw } from '../runtime/ports.ts';
import { openclawState } from './launcher-view.ts';

/** What the launcher does when told. */
type LauncherOrders = Pick<LauncherClient, 'start' | 'stop' | 'status'>;

/** What is needed to steer it. */
export type OpenClawPorts = {
  readonly launcher: LauncherOrders;
  readonly process: OpenClawProcess;
  /** For how long what is started may run; throws when the lease on the tenant is not held. */
  readonly hold: () => HoldTime;
  /** Lays the managed configuration over what the state holds; called before every start. */
  readonly render: (signal: AbortSignal) => Promise<void>;
  /**
   * Called before a start, with true, and when it has come to its end, good or bad, with false: nobody may hold the databases or
   * exchange the state meanwhile. Throws when OpenClaw must not be started.
   */
  readonly starting: (isStarting: boolean) => Promise<void>;
  /** Throws where an OpenClaw that is stopped would not come up again. */
  readonly requireRoom: () => void;
  /** Asks `/startupz`; throws while nothing answers. */
  readonly startup: (signal: AbortSignal) => Promise<Startup>;
  /** Signs in to the gateway. */
  readonly connect: (signal: AbortSignal) => Promise<GatewayClient>;
  readonly timeouts: { readonly readyMillis: number; readonly drainMillis: number };
  readonly clock: Clock;
};

/** Between two looks at `/startupz` while OpenClaw starts. It takes 5 to 8 s, so this adds little to a boot. */
const PROBE_EVERY_MILLIS = 150;

/** Steers OpenClaw; what it offers to the runtime and to the configuration. */
export class OpenClaw implements OpenClawControl {
  readonly #ports: OpenClawPorts;

  constructor(ports: OpenClawPorts) {
    this.#ports = ports;
  }

  async running(): Promise<RunningOpenClaw | undefined> {
    const { pid, started, state } = await this.#ports.launcher.status();
    if (state !== LauncherState.RUNNING || started === undefined) return undefined;
    return { pid: Number(pid), version: started.version, directory: started.runtimeDirectory };
  }

  /** Whether it was ever started for this tenant, so that there is something to start again. */
  async wasStarted(): Promise<boolean> {
    return (await this.#ports.launcher.status()).started !== undefined;
  }

  /** Whether nothing runs and the launcher will start nothing by itself. */
  async isDown(): Promise<boolean> {
    return openclawState(await this.#ports.launcher.status()) === 'stopped';
  }

  connect(signal: AbortSignal): Promise<GatewayClient> {
    return this.#ports.connect(signal);
  }

  async stop(reason: string, budgetMillis: number = this.#ports.timeouts.drainMillis): Promise<void> {
    await this.#ports.launcher.stop(reason, budgetMillis);
    await this.#ports.starting(false);
  }

  async start(runtimeDirectory: string, version: string): Promise<void> {
    const { starting, render, process, launcher, hold, timeouts } = this.#ports;
    try {
      await starting(true); // before anything is written into the state
      await render(AbortSignal.timeout(timeouts.readyMillis));
      const { environment, arguments: argv } = process;
      const order = { runtimeDirectory, version, environment: { ...environment }, arguments: [...argv] };
      await launcher.start(order, hold());
    } catch (cause) {
      await starting(false);
      throw cause;
    }
    faultPoint('openclaw:started');
  }

  /** Starts a version and waits, as long as it may take, until it is ready; one that runs already is only waited for. */
  async startReady(runtimeDirectory: string, version: string, signal: AbortSignal): Promise<void> {
    const running = await this.running();
    if (running?.version !== version) await this.start(runtimeDirectory, version);
    await this.waitReady(version, this.#within(signal));
  }

  /** One drained restart of what runs; while it is down, `whileStopped`. */
  async restart(
    reason: string,
    whileStopped: () => Promise<void>,
    signal: AbortSignal,
  ): Promise<{ readonly downtimeMillis: number }> {
    const { launcher, clock, requireRoom } = this.#ports;
    const { started, state } = await launcher.status();
    if (started === undefined) throw nothingToRestart();
    if (state === LauncherState.RUNNING) requireRoom();
    const began = clock.monotonic();
    await this.stop(reason);
    await whileStopped();
    await this.start(started.runtimeDirectory, started.version);
    await this.waitReady(started.version, this.#within(signal));
    return { downtimeMillis: clock.monotonic() - began };
  }

  /** Whether the gateway that answers is the launcher's process: anything may listen on a port, and probes ask for no token. */
  async #isOurs(pid: bigint, signal: AbortSignal): Promise<boolean> {
    try {
      const gateway = await this.#ports.connect(signal);
      try {
        return BigInt((await gateway.systemInfo()).pid) === pid;
      } finally {
        await gateway.close();
      }
    } catch {
      return false; // still starting, or somebody else's; the wait goes on until it ends
    }
  }

  /** The signal, and a timeout that says what was waited for. */
  #within(signal: AbortSignal): AbortSignal {
    return AbortSignal.any([signal, AbortSignal.timeout(this.#ports.timeouts.readyMillis)]);
  }

  async waitReady(version: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#untilReady(version, signal);
    } finally {
      await this.#ports.starting(false);
    }
  }

  async #untilReady(version: string, signal: AbortSignal): Promise<void> {
    const { launcher, startup, clock } = this.#ports;
    const { starts } = await launcher.status();
    for (;;) {
      if (signal.aborted) throw notReady(version, signal.reason);
      const status = await launcher.status();
      // Asked, not watched: what the view shows may be from before the start.
      if (status.starts > starts || status.state !== LauncherState.RUNNING)
        throw gatewayExited(version, status.lastExit);
      const seen = await startup(signal).catch(() => undefined);
      if (seen?.started && (await this.#isOurs(status.pid, signal))) {
        if (seen.version === version) return;
        throw wrongVersion(version, seen.version);
      }
      await clock.sleep(PROBE_EVERY_MILLIS, signal).catch(() => {});
    }
  }
}

function gatewayExited(version: string, exit: Exit | undefined): OpenCraneError {
  const how = exit?.signal ? `was ended by ${exit.signal}` : `exited with code ${exit?.code ?? 'unknown'}`;
  const words = exit?.output.trim() ?? '';
  return new OpenCraneError(
    'failed_precondition',
    'gateway_exited',
    `OpenClaw ${version} ${how}${words && `: ${words}`}`,
    {
      mend: 'its own last words above say why; the whole log is `opencrane tenant logs`',
    },
  );
}

function wrongVersion(wanted: string, seen: string): OpenCraneError {
  return new OpenCraneError(
    'failed_precondition',
    'gateway_other_version',
    `the gateway that answers is ${seen}, not ${wanted}`,
    {
      mend: 'another OpenClaw may hold the tenant’s port; stop it',
    },
  );
}

function nothingToRestart(): OpenCraneError {
  return new OpenCraneError('failed_precondition', 'never_started', 'restarting OpenClaw: it was never started', {
    mend: 'wait for the first boot',
  });
}

/** Why waiting ended: it took too long, or whoever waited stopped waiting. */
function notReady(version: string, reason: unknown): unknown {
  const tookTooLong = reason instanceof DOMException && reason.name === 'TimeoutError';
  if (!tookTooLong) return new DOMException(`waiting for OpenClaw ${version} was given up`, 'AbortError');
  return new OpenCraneError(
    'deadline_exceeded',
    'gateway_not_ready',
    `OpenClaw ${version} runs and does not become ready`,
    { cause: reason, mend: 'see what it waits for in `opencrane tenant logs`' },
  );
}
