/** A change of the configuration on its way to OpenClaw: what every way of bringing it there shares. */
import type { JsonObject } from '@opencrane/kit/canonical-json.ts';
import type { Clock } from '@opencrane/kit/clock.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { ConfigFiles } from './config-files.ts';
import { answers, type Respelled } from './drift.ts';
import { awaitInEffect } from './in-effect.ts';
import type { ConfiguredOpenClaw } from './ports.ts';
import { type RunCommand, validateCandidate } from './validate.ts';

/** What a push needs. */
export type PushPorts = {
  readonly files: ConfigFiles;
  readonly openclaw: ConfiguredOpenClaw;
  readonly command: RunCommand;
  readonly clock: Clock;
  readonly timeouts: PushTimeouts;
};

/** How long OpenClaw may take to serve with a change. */
export type PushTimeouts = { readonly hotMillis: number; readonly restartMillis: number };

/** The change: managed documents before and after. */
export type Change = {
  readonly digest: string;
  readonly previous: JsonObject;
  readonly document: JsonObject;
  readonly respelled: readonly Respelled[];
  /** What the user's part is taken from when the live file cannot be used. */
  readonly lastGood: JsonObject;
};

/** What a push took. */
export type Pushed = {
  readonly effect: 'none' | 'hot' | 'restart';
  readonly downtimeMillis: number;
  readonly respelled: readonly Respelled[];
};

/** Has OpenClaw validate a document; throws `invalid_argument` with its message and path. */
export async function validated({ command, files }: PushPorts, wanted: JsonObject, signal: AbortSignal): Promise<void> {
  const verdict = await validateCandidate(command, files, wanted, signal);
  if (!verdict.valid)
    throw new OpenCraneError('invalid_argument', 'config_invalid', verdict.message, { field: verdict.path });
}

/** Waits until OpenClaw serves with the change; resolves with how long it could not be reached. */
export function inEffect(
  ports: PushPorts,
  change: Change,
  timeoutMillis: number,
  signal: AbortSignal,
): Promise<number> {
  const wanted = (parsed: object) => answers(change.document, parsed as JsonObject, change.respelled); // JSON, from the wire
  return awaitInEffect({ openclaw: ports.openclaw, clock: ports.clock, timeoutMillis, wanted }, signal);
}
