/** What the launcher said last, kept current by watching it; the agent's only knowledge of the process. */
import type { Part } from '@opencrane/kit/lifecycle.ts';
import { LauncherState, type LauncherStatus, type ShimUpdate } from '@opencrane/proto/opencrane/v1/launcher_pb.ts';
import type { ProcessSeen } from '../health/openclaw-standing.ts';
import type { LauncherEvent } from '../launcher/client.ts';

/** Follows the launcher; reconnects by itself when the launcher was restarted. */
interface LauncherEvents {
  watch(signal: AbortSignal): AsyncIterable<LauncherEvent>;
}

/** Who wants to know. */
type LauncherListeners = {
  /** The status is another one, or unknown because the launcher does not answer. */
  readonly changed: () => void;
  readonly update: (request: ShimUpdate) => void;
};

/** The watch, as a part of the agent. */
export class LauncherView implements Part {
  readonly name = 'launcher view';
  readonly #events: LauncherEvents;
  readonly #abort = new AbortController();
  #listeners: LauncherListeners = { changed: () => {}, update: () => {} };
  #status: LauncherStatus | undefined;
  #following: Promise<void> | undefined;

  constructor(events: LauncherEvents) {
    this.#events = events;
  }

  /** Set before `start`; there is one listener, the agent's core. */
  listen(listeners: LauncherListeners): void {
    this.#listeners = listeners;
  }

  start(): void {
    this.#following = this.#follow();
  }

  async stop(): Promise<void> {
    this.#abort.abort('the agent stops');
    await this.#following;
  }

  /** What the launcher said last; undefined until it has spoken. */
  get status(): LauncherStatus | undefined {
    return this.#status;
  }

  async #follow(): Promise<void> {
    for await (const told of this.#events.watch(this.#abort.signal)) {
      switch (told.event) {
        case 'status':
          this.#take(told.status);
          break;
        case 'update':
          this.#listeners.update(told.update);
          break;
        case 'lost':
          this.#take(undefined);
          break;
      }
    }
  }

  #take(status: LauncherStatus | undefined): void {
    this.#status = status;
    this.#listeners.changed();
  }
}

/** The launcher's status as the health tree wants it. */
export function processSeen(status: LauncherStatus | undefined): ProcessSeen | undefined {
  if (status === undefined) return undefined;
  const { state, pid, lastExit, failures, sinceMillis, nextTryMillis } = status;
  return {
    state: stateName(state),
    pid: Number(pid),
    sinceAt: Number(sinceMillis),
    ...(lastExit && { exit: { code: lastExit.code, signal: lastExit.signal, output: lastExit.output } }),
    failures,
    nextTryAt: Number(nextTryMillis),
  };
}

function stateName(state: LauncherState): ProcessSeen['state'] {
  switch (state) {
    case LauncherState.RUNNING:
      return 'running';
    case LauncherState.STOPPING:
      return 'stopping';
    case LauncherState.RESTARTING:
      return 'restarting';
    case LauncherState.FAILED:
      return 'failed';
    default:
      return 'idle';
  }
}

/** The launcher's status as a decision wants it. One that is on its way counts as running: it is waited for, not started again. */
export function openclawState(status: LauncherStatus | undefined): 'unknown' | 'stopped' | 'running' | 'failed' {
  if (status === undefined) return 'unknown';
  switch (status.state) {
    case LauncherState.RUNNING:
    case LauncherState.STOPPING:
    case LauncherState.RESTARTING:
      return 'running';
    case LauncherState.FAILED:
      return 'failed';
    default:
      return 'stopped';
  }
}
