/** The tenant's OpenClaw as the agent steers it: through the launcher, believed only when its own probes say so. */
import type { Clock } from '@opencrane/kit/clock.ts';
import { isAbort, OpenCraneError } from '@opencrane/kit/errors.ts';
import { type Exit, LauncherState } from '@opencrane/proto/opencrane/v1/launcher_pb.ts';
import type { LauncherClient } from '../launcher/client.ts';
import type { OpenClawProcess } from '../openclaw/environment.ts';
import type { Startup } from '../openclaw/probes.ts';
import type { OpenClawControl, RunningOpenClaw } from '../runtime/ports.ts';
import type { LauncherView } from './launcher-view.ts';

/** What the launcher does when told. */
type LauncherOrders = Pick<LauncherClient, 'start' | 'stop' | 'status'>;

/** What is needed to steer it. */
export type OpenClawPorts = {
  readonly launcher: LauncherOrders;
  readonly view: LauncherView;
  readonly process: OpenClawProcess;
  /** Asks `/startupz`; throws while nothing answers. */
  readonly startup: (signal: AbortSignal) => Promise<Startup>;
  readonly clock: Clock;
};

/** Between two looks at `/startupz` while OpenClaw starts. It takes 5 to 8 s, so this adds little to a boot. */
const PROBE_EVERY_MILLIS = 150;

/** Steers OpenClaw. */
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

  async stop(reason: string, budgetMillis: number): Promise<void> {
    await this.#ports.launcher.stop(reason, budgetMillis);
  }

  async start(runtimeDirectory: string, version: string): Promise<void> {
    const { environment, arguments: argv } = this.#ports.process;
    await this.#ports.launcher.start({
      runtimeDirectory,
      version,
      environment: { ...environment },
      arguments: [...argv],
    });
  }

  async waitReady(version: string, signal: AbortSignal): Promise<void> {
    const { launcher, startup, clock } = this.#ports;
    const { starts } = await launcher.status();
    const ended = new AbortController();
    const either = AbortSignal.any([signal, ended.signal]);
    const watching = this.#untilEnded(starts, either).then((exit) => exit && ended.abort(gatewayExited(version, exit)));
    try {
      for (;;) {
        either.throwIfAborted();
        const seen = await startup(either).catch(() => undefined);
        if (seen?.started && seen.version === version) return;
        if (seen?.started && seen.version !== '') throw wrongVersion(version, seen.version);
        await clock.sleep(PROBE_EVERY_MILLIS, either);
      }
    } catch (cause) {
      if (ended.signal.aborted && isAbort(cause)) throw ended.signal.reason;
      throw cause;
    } finally {
      ended.abort();
      await watching;
    }
  }

  /** Resolves with how the process ended, or undefined when the signal fires first. */
  async #untilEnded(starts: bigint, signal: AbortSignal): Promise<Exit | undefined> {
    const { view } = this.#ports;
    while (!signal.aborted) {
      const { status } = view;
      const gone = status !== undefined && (status.starts > starts || status.state !== LauncherState.RUNNING);
      if (gone && status.starts >= starts) return status.lastExit;
      await view.changed(signal);
    }
    return undefined;
  }
}

function gatewayExited(version: string, exit: Exit): OpenCraneError {
  const how = exit.signal ? `was ended by ${exit.signal}` : `exited with code ${exit.code}`;
  const words = exit.output.trim();
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
