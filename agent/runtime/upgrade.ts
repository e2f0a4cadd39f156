/**
 * A change of OpenClaw's version as a pure state machine. Every step may be done again after a crash, so a new agent
 * goes on where the old one was killed; what was tried too often, or failed, goes back.
 *
 *   forward   stop ─▶ keep ─▶ (restore) ─▶ start ─▶ gate ─▶ soak ─▶ ended: applied
 *                │       │         │          │        │       │
 *                └───────┴─────────┴── failed ┴────────┴───────┘
 *                                        ▼
 *   back      stop ─▶ (restore) ─▶ start ─▶ gate ─▶ ended: failed, the old version serves with the old state
 *
 * Staging and the preflight come before: they touch nothing, so nothing of them has to be undone.
 */
import type { InstalledRuntime } from './ports.ts';

/** What is to be done. It does not change on the way. */
export type Plan = {
  /** Names the copy of the state that is made in `keep`. */
  readonly id: string;
  readonly from: InstalledRuntime;
  readonly to: InstalledRuntime;
  /** A kept state that is brought back, for a downgrade that the present one forbids. */
  readonly restoreId: string | null;
};

/** A step forward. */
export type ForwardStep = 'stop' | 'keep' | 'restore' | 'start' | 'gate' | 'soak';

/** A step back. */
export type BackStep = 'stop' | 'restore' | 'start' | 'gate';

/** Why it did not work. */
export type Failure = { readonly reason: string; readonly message: string };

/** The machine. `resumes` counts the agents that went on with it. */
export type Upgrade =
  | { readonly phase: 'forward'; readonly step: ForwardStep; readonly plan: Plan; readonly resumes: number }
  | {
      readonly phase: 'back';
      readonly step: BackStep;
      readonly plan: Plan;
      readonly failure: Failure;
      /** The state may hold what the new version wrote. */
      readonly stateTouched: boolean;
    }
  | { readonly phase: 'applied'; readonly plan: Plan }
  | { readonly phase: 'failed'; readonly plan: Plan; readonly failure: Failure };

/** One that still has a step to do. */
export type UnderWay = Extract<Upgrade, { phase: 'forward' | 'back' }>;

const forward: readonly ForwardStep[] = ['stop', 'keep', 'restore', 'start', 'gate', 'soak'];
const back: readonly BackStep[] = ['stop', 'restore', 'start', 'gate'];

/** An agent that was killed this often in one upgrade is more likely killed by it. */
const MOST_RESUMES = 3;

/** Begins. */
export function begin(plan: Plan): UnderWay {
  return { phase: 'forward', step: 'stop', plan, resumes: 0 };
}

/** After the step was done. */
export function onDone(upgrade: UnderWay): Upgrade {
  if (upgrade.phase === 'forward') {
    const { plan } = upgrade;
    const steps = forward.filter((step) => step !== 'restore' || plan.restoreId !== null);
    const next = steps[steps.indexOf(upgrade.step) + 1];
    return next === undefined ? { phase: 'applied', plan } : { ...upgrade, step: next };
  }
  const { plan, failure, stateTouched } = upgrade;
  const steps = back.filter((step) => step !== 'restore' || stateTouched);
  const next = steps[steps.indexOf(upgrade.step) + 1];
  return next === undefined ? { phase: 'failed', plan, failure } : { ...upgrade, step: next };
}

/** After the step failed. Forward it turns back; back, only the last step may fail and end it: the rest is tried again. */
export function onFailed(upgrade: UnderWay, failure: Failure): Upgrade {
  if (upgrade.phase === 'forward') {
    const stateTouched = forward.indexOf(upgrade.step) > forward.indexOf('keep');
    return { phase: 'back', step: 'stop', plan: upgrade.plan, failure, stateTouched };
  }
  if (upgrade.step !== 'gate') return upgrade;
  const message = `${upgrade.failure.message}; then ${upgrade.plan.from.version} did not come up again: ${failure.message}`;
  return { phase: 'failed', plan: upgrade.plan, failure: { ...upgrade.failure, message } };
}

/** When it goes on after the launcher was away. What was started may be gone, so it is started if need be. */
export function onRetried(upgrade: Upgrade): Upgrade {
  if (upgrade.phase === 'forward' && (upgrade.step === 'gate' || upgrade.step === 'soak')) {
    return { ...upgrade, step: 'start' };
  }
  return upgrade.phase === 'back' && upgrade.step === 'gate' ? { ...upgrade, step: 'start' } : upgrade;
}

/** When a new agent finds it on its disk. */
export function onResumed(found: Upgrade): Upgrade {
  const upgrade = onRetried(found);
  if (upgrade.phase !== 'forward') return upgrade;
  const resumes = upgrade.resumes + 1;
  if (resumes <= MOST_RESUMES) return { ...upgrade, resumes };
  const message = `the agent was killed ${resumes} times while it changed the version, last in the step "${upgrade.step}"`;
  return onFailed(upgrade, { reason: 'upgrade_interrupted', message });
}

/** Whether it has come to its end. */
export function hasEnded(upgrade: Upgrade): upgrade is Exclude<Upgrade, UnderWay> {
  return upgrade.phase === 'applied' || upgrade.phase === 'failed';
}
