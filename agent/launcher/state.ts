/**
 * What the launcher does with the one OpenClaw it parents, as a pure state machine.
 *
 *   idle ──start──▶ starting ──spawned──▶ running ──exit 0──▶ asking ──handed over──▶ starting
 *    ▲                 ▲                     │ └──exit 78, first time──▶ mending ──mended──▶ starting
 *    │                 └────── waiting ◀─────┤ (any other end)              └──not mended──▶ failed
 *    │                                       ├──exit 78 again──▶ failed ──start──▶ starting
 *    └── stopping ◀──stop or hold-expired, in any state──────┘
 *
 * An end for want of room on the disk, or the like, says nothing about OpenClaw: it is only waited, and tried again.
 *
 * Each state but idle, running and failed has exactly one effect under way, and each effect ends in exactly one event;
 * a cancelled effect ends in `cancelled`, or in what it did before the cancel reached it.
 */

/** EX_CONFIG: OpenClaw could not start because of its configuration or the version of its databases. */
const EXIT_CONFIGURATION = 78;
/** A process that lived this long was up: what it suffered before no longer counts. */
export const UP_MILLIS = 60_000;

/** What is remembered between processes. */
export type Streak = {
  /** Ends in a row of processes that never lived long enough to count as up. */
  readonly failures: number;
  /** Whether `doctor` was run for this streak. */
  readonly mended: boolean;
};

/** The states. */
export type LauncherState =
  | { readonly state: 'idle' }
  /** `asked`: somebody waits for the outcome, so that a failure is theirs to mend and not ours to repeat. */
  | ({ readonly state: 'starting'; readonly asked: boolean } & Streak)
  | ({ readonly state: 'running'; readonly pid: number; readonly since: number } & Streak)
  | ({ readonly state: 'asking' } & Streak)
  | ({ readonly state: 'mending' } & Streak)
  | ({ readonly state: 'waiting' } & Streak)
  | ({ readonly state: 'stopping'; readonly pid: number | undefined } & Streak)
  | ({ readonly state: 'failed' } & Streak);

/** Set when the machine lacked something, such as room on its disk, and nothing else has failed. */
type Lacking = { readonly lacks?: boolean };

/** What happens to it. `at` is monotonic. */
export type LauncherEvent =
  | { readonly event: 'start' }
  /** A launcher before this one was told to start. */
  | { readonly event: 'resume' }
  | { readonly event: 'spawned'; readonly pid: number; readonly at: number }
  | ({ readonly event: 'not-spawned' } & Lacking)
  | ({ readonly event: 'exited'; readonly code: number; readonly at: number } & Lacking)
  | { readonly event: 'asked'; readonly handedOver: boolean }
  | ({ readonly event: 'mended'; readonly ok: boolean } & Lacking)
  | { readonly event: 'waited' }
  | { readonly event: 'stop' }
  /** Nobody extended the hold (hold.ts): it is stopped, and not started again until somebody says so. */
  | { readonly event: 'hold-expired' }
  | { readonly event: 'cancelled' };

/** What is to be done. */
export type LauncherEffect =
  /** Wait until nobody holds the state, then start OpenClaw: ends in `spawned` or `not-spawned`. */
  | { readonly effect: 'spawn' }
  /** Ask OpenClaw's database whether the process that ended wants to be started again: ends in `asked`. */
  | { readonly effect: 'ask' }
  /** Run `doctor`: ends in `mended`. */
  | { readonly effect: 'mend' }
  /** Wait the backoff of this attempt, counted from 0: ends in `waited`. */
  | { readonly effect: 'wait'; readonly attempt: number }
  /** Drain and end the process, which ends in `exited`. */
  | { readonly effect: 'drain'; readonly pid: number }
  /** Give up what is under way. */
  | { readonly effect: 'cancel' };

/** A state and what is to be done on entering it. */
export type Step = { readonly state: LauncherState; readonly effect?: LauncherEffect };

/** What a launcher begins with. */
export const idle: LauncherState = { state: 'idle' };

/** Whether `start` may be asked now. */
export function canStart({ state }: LauncherState): boolean {
  return state === 'idle' || state === 'failed';
}

/** The next state. An event that means nothing in a state changes nothing. */
export function step(state: LauncherState, event: LauncherEvent): Step {
  switch (event.event) {
    case 'start':
    case 'resume':
      return canStart(state) ? spawning({ failures: 0, mended: false }, event.event === 'start') : { state };
    case 'stop':
      return onStop(state);
    case 'hold-expired':
      return state.state === 'failed' ? { state } : onStop(state); // a failure stays to be seen
    case 'exited':
      return onExited(state, event);
    default:
      return state.state === 'stopping' ? onEndedWhileStopping(state, event) : onEnded(state, event);
  }
}

function onStop(state: LauncherState): Step {
  switch (state.state) {
    case 'idle':
    case 'failed':
      return { state: idle };
    case 'stopping':
      return { state };
    case 'running':
      return {
        state: { ...streak(state), state: 'stopping', pid: state.pid },
        effect: { effect: 'drain', pid: state.pid },
      };
    default:
      return { state: { ...streak(state), state: 'stopping', pid: undefined }, effect: { effect: 'cancel' } };
  }
}

function onExited(state: LauncherState, { code, at, lacks }: Extract<LauncherEvent, { event: 'exited' }>): Step {
  if (state.state === 'stopping') return { state: idle };
  if (state.state !== 'running') return { state };
  const wasUp = at - state.since >= UP_MILLIS;
  const next = wasUp ? { failures: 0, mended: false } : streak(state);
  if (code === 0) return { state: { ...next, state: 'asking' }, effect: { effect: 'ask' } };
  if (code !== EXIT_CONFIGURATION || lacks === true) return waiting(next);
  if (next.mended) return { state: { ...failed(next), state: 'failed' } };
  return { state: { ...failed(next), state: 'mending' }, effect: { effect: 'mend' } };
}

/** The end of an effect that was not cancelled. */
function onEnded(state: LauncherState, event: LauncherEvent): Step {
  switch (`${state.state} ${event.event}`) {
    case 'starting spawned':
    case 'starting not-spawned':
      return onStarted(state, event);
    case 'asking asked':
      return event.event === 'asked' && event.handedOver ? spawning(streak(state)) : waiting(streak(state));
    case 'mending mended': {
      const { ok, lacks } = event.event === 'mended' ? event : { ok: false, lacks: false };
      if (ok) return spawning({ ...streak(state), mended: true });
      return lacks === true ? waiting(streak(state)) : { state: { ...streak(state), state: 'failed' } };
    }
    case 'waiting waited':
      return spawning(streak(state));
    default:
      return { state };
  }
}

function onStarted(state: LauncherState, event: LauncherEvent): Step {
  if (event.event === 'spawned') {
    return { state: { ...streak(state), state: 'running', pid: event.pid, since: event.at } };
  }
  const asked = state.state === 'starting' && state.asked;
  if (!asked) return waiting(streak(state));
  // Whoever asked hears of it, and asks again.
  return event.event === 'not-spawned' && event.lacks === true
    ? { state: idle }
    : { state: { ...failed(streak(state)), state: 'failed' } };
}

/** The end of the effect that a stop cancelled, or of one that was quicker than the cancel. */
function onEndedWhileStopping(state: Extract<LauncherState, { state: 'stopping' }>, event: LauncherEvent): Step {
  if (state.pid !== undefined) return { state }; // a process is being drained: only its exit counts
  if (event.event !== 'spawned') return { state: idle };
  return { state: { ...state, pid: event.pid }, effect: { effect: 'drain', pid: event.pid } };
}

function spawning(next: Streak, asked = false): Step {
  return { state: { ...next, state: 'starting', asked }, effect: { effect: 'spawn' } };
}

function waiting(next: Streak): Step {
  return { state: { ...failed(next), state: 'waiting' }, effect: { effect: 'wait', attempt: next.failures } };
}

function failed(next: Streak): Streak {
  return { ...next, failures: next.failures + 1 };
}

function streak(state: LauncherState): Streak {
  if (state.state === 'idle') return { failures: 0, mended: false };
  return { failures: state.failures, mended: state.mended };
}
