/**
 * What the agent does next, as a pure function of what is so and what is wanted.
 *
 *   nothing serves ──runtime offered──▶ first runtime ──▶ config rendered ──▶ started ──▶ at rest
 *   at rest ──offer of a new digest──▶ applied (or refused; what served serves on) ──▶ at rest
 *   cut off in an upgrade ──▶ resumed before anything else
 *   nothing served yet, and its config refused ──▶ not started; another config, or another runtime, waited for
 *   launcher away ──▶ waited for
 *
 * One step at a time; after each the situation is looked at anew.
 */
import type { Digest } from '@opencrane/kit/digest.ts';

/** The kinds this agent can apply. */
export type AppliedKind = 'runtime' | 'config';

/** What serves of a kind. */
export type Serving = { readonly revision: bigint; readonly digest: Digest };

/** What is offered of a kind. */
export type Offered = Serving & { readonly nonce: string };

/** An offer that failed; the same digest under another nonce is an order to try again. */
export type Refused = {
  readonly digest: Digest;
  readonly nonce: string;
  /** Digest of the runtime that served when a config was refused: another one may take it. */
  readonly under?: Digest | undefined;
};

/** Everything a decision depends on. */
export type Situation = {
  readonly upgradeCutOff: boolean;
  readonly serving: { readonly [K in AppliedKind]?: Serving };
  readonly offered: { readonly [K in AppliedKind]?: Offered };
  readonly refused: { readonly [K in AppliedKind]?: Refused };
  /** Something serves whose receipt waits until OpenClaw was seen with it. */
  readonly unproven: boolean;
  /** As the launcher tells. `failed`: it gave up starting OpenClaw by itself. `unknown`: it is not there to tell. */
  readonly openclaw: 'unknown' | 'stopped' | 'running' | 'failed';
  /** Whether OpenClaw was ever started on this disk. */
  readonly everStarted: boolean;
  /** False after a drain command, until the next restart command. */
  readonly wantedRunning: boolean;
  readonly restartRequested: boolean;
  /** Somebody wants the state exchanged, for which OpenClaw has to be down. */
  readonly exchangeRequested: boolean;
};

/** The next step. */
export type Step =
  | { readonly do: 'resume-upgrade' }
  | { readonly do: 'apply'; readonly kind: AppliedKind }
  /** The digest serves already; only its revision is new. */
  | { readonly do: 'note'; readonly kind: AppliedKind }
  /** Also awaits that one which runs is ready. */
  | { readonly do: 'start' }
  | { readonly do: 'restart' }
  | { readonly do: 'exchange' }
  | { readonly do: 'stop' }
  | { readonly do: 'wait'; readonly for: string };

/** Decides the next step. Runtime goes before config: a config is checked by the version it is for. */
export function decide(situation: Situation): Step {
  if (situation.serving.runtime === undefined) return decideFirstRuntime(situation);
  if (situation.openclaw === 'unknown') return { do: 'wait', for: 'the launcher' };
  if (situation.upgradeCutOff) return { do: 'resume-upgrade' };
  if (situation.exchangeRequested) return { do: 'exchange' };
  return situation.openclaw === 'running' ? decideRunning(situation) : decideDown(situation);
}

function decideFirstRuntime(situation: Situation): Step {
  if (isPending(situation, 'runtime')) return { do: 'apply', kind: 'runtime' };
  const why = situation.refused.runtime
    ? 'another runtime: the offered one failed'
    : 'the coordinator to offer a runtime';
  return { do: 'wait', for: why };
}

/** While OpenClaw is down a new config costs no restart, and config or runtime may be what mends it. */
function decideDown(situation: Situation): Step {
  const { openclaw, wantedRunning, restartRequested } = situation;
  if (!wantedRunning) return { do: 'wait', for: 'a restart, after the drain' }; // an offer is proven by a start, so it waits
  if (isPending(situation, 'config')) return applyOrNote(situation, 'config');
  if (isFirstConfigRefused(situation)) return { do: 'wait', for: 'another configuration: the offered one was refused' };
  if (openclaw === 'failed' && isPending(situation, 'runtime')) return applyOrNote(situation, 'runtime');
  if (restartRequested) return { do: 'restart' };
  return openclaw === 'stopped' ? { do: 'start' } : { do: 'wait', for: 'an offer that mends OpenClaw' };
}

function decideRunning(situation: Situation): Step {
  if (!situation.wantedRunning) return { do: 'stop' };
  if (situation.restartRequested) return { do: 'restart' };
  if (situation.unproven) return { do: 'start' };
  if (isPending(situation, 'runtime')) return applyOrNote(situation, 'runtime');
  if (isPending(situation, 'config')) return applyOrNote(situation, 'config');
  return { do: 'wait', for: 'a change' };
}

/** Whether an offer asks for something: a new digest that was not refused, or a new revision of what serves. */
function isPending({ serving, offered, refused }: Situation, kind: AppliedKind): boolean {
  const offer = offered[kind];
  if (offer === undefined) return false;
  const served = serving[kind];
  if (served?.digest === offer.digest) return served.revision !== offer.revision;
  const failed = refused[kind];
  if (failed?.digest !== offer.digest || failed.nonce !== offer.nonce) return true;
  return kind === 'config' && !standsUnder(failed, serving.runtime);
}

/** Whether the refusal of a config still says something: it was the judgement of the version that serves now. */
export function standsUnder({ under }: Refused, runtime: Serving | undefined): boolean {
  return under === undefined || under === runtime?.digest;
}

/**
 * A tenant is not started for the first time without what its admins want of it. (One that served before starts with
 * what served: a tenant that boots is worth more than its newest configuration.)
 */
function isFirstConfigRefused({ everStarted, serving, refused }: Situation): boolean {
  if (everStarted) return false;
  return serving.config === undefined && refused.config !== undefined && standsUnder(refused.config, serving.runtime);
}

function applyOrNote({ serving, offered }: Situation, kind: AppliedKind): Step {
  return serving[kind]?.digest === offered[kind]?.digest ? { do: 'note', kind } : { do: 'apply', kind };
}
