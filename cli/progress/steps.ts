/**
 * The steps of something that takes long, put together from what is heard of its progress. Pure.
 *
 * What is heard has gaps (only the newest word of a tenant is kept) and may come twice, from two streams; the steps
 * never go back: an older word about a step that is over changes nothing.
 */

/** What is heard; the part of protobuf's Progress that matters here. */
export type Heard = {
  readonly operation: string;
  readonly step: string;
  readonly message: string;
  readonly doneBytes: bigint;
  readonly totalBytes: bigint;
  readonly elapsedMillis: bigint;
  readonly finished: boolean;
  readonly error: string;
};

/** One step. */
export type Step = {
  readonly operation: string;
  readonly name: string;
  readonly message: string;
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** When it began and was last heard of, in milliseconds since the operation began. */
  readonly began: number;
  readonly last: number;
  readonly state: 'running' | 'done' | 'failed';
  /** Why it failed. */
  readonly error: string;
};

/** The steps with what was heard now. */
export function hear(steps: readonly Step[], heard: Heard): readonly Step[] {
  const current = steps.at(-1);
  const elapsed = Number(heard.elapsedMillis);
  const sameOperation = current?.operation === heard.operation;
  if (current === undefined || !sameOperation || current.state !== 'running') {
    if (isStale(steps, heard, elapsed)) return steps;
    return [...closed(steps, current?.last ?? 0), begun(heard, sameOperation ? elapsed : 0)];
  }
  if (elapsed < current.last) return steps;
  if (heard.finished || heard.step === current.name) return [...steps.slice(0, -1), continued(current, heard)];
  return [...closed(steps, elapsed), begun(heard, elapsed)];
}

/** The steps when it is known that all of them are over, so long after the last news of them. */
export function allDone(steps: readonly Step[], sinceMillis: number): readonly Step[] {
  return closed(steps, (steps.at(-1)?.last ?? 0) + sinceMillis);
}

/** Whether what was heard last says more than what was heard before: a word that comes again does not. */
export function isNews(steps: readonly Step[], before: readonly Step[]): boolean {
  return steps.length !== before.length || steps.at(-1)?.last !== before.at(-1)?.last;
}

/** A word about an operation that is over, unless it is about a later step of it or a new run of it. */
function isStale(steps: readonly Step[], heard: Heard, elapsed: number): boolean {
  const before = steps.findLast((step) => step.operation === heard.operation);
  if (before === undefined) return heard.finished && heard.error === '';
  return heard.finished || (elapsed <= before.last && elapsed > 0 && heard.step === before.name);
}

function begun(heard: Heard, began: number): Step {
  const { operation, step: name } = heard;
  const empty = { operation, name, message: '', doneBytes: 0, totalBytes: 0, error: '' };
  return continued({ ...empty, began, last: began, state: 'running' }, heard);
}

function continued(step: Step, heard: Heard): Step {
  return {
    ...step,
    message: heard.message || step.message,
    doneBytes: Math.max(step.doneBytes, Number(heard.doneBytes)),
    totalBytes: Math.max(step.totalBytes, Number(heard.totalBytes)),
    last: Math.max(step.last, Number(heard.elapsedMillis)),
    state: heard.finished ? (heard.error === '' ? 'done' : 'failed') : 'running',
    error: heard.error,
  };
}

function closed(steps: readonly Step[], at: number): readonly Step[] {
  const current = steps.at(-1);
  if (current?.state !== 'running') return steps;
  return [...steps.slice(0, -1), { ...current, state: 'done', last: Math.max(current.last, at) }];
}
